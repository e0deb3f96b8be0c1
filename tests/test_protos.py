"""Keeps the committed stubs equal to the protos, and the protos to the house rules."""

import filecmp
import os
import pathlib
import subprocess
import sys

import pytest
from google.protobuf import descriptor_pb2
from reelsmith.analyzer.v1 import analyzer_pb2
from reelsmith.config.v1 import config_pb2
from reelsmith.exporter.v1 import exporter_pb2
from reelsmith.gateway.v1 import gateway_pb2
from reelsmith.jobs.v1 import jobs_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
FILES = (analyzer_pb2, config_pb2, exporter_pb2, gateway_pb2, jobs_pb2)
# Changes that are guarded by an expected version, or that must not be repeated by themselves.
UNMARKED = {
    "reelsmith.config.v1.ConfigService.UpdateConfig",
    "reelsmith.config.v1.ConfigService.RollbackConfig",
    "reelsmith.config.v1.ConfigService.SetSecret",
    "reelsmith.config.v1.ConfigService.AccessSecret",
    "reelsmith.config.v1.ConfigService.DeleteSecret",
    "reelsmith.config.v1.ConfigService.RotateKeys",
    "reelsmith.config.v1.ConfigService.ProposeConfig",
    "reelsmith.config.v1.ConfigService.ApproveProposal",
    "reelsmith.config.v1.ConfigService.RejectProposal",
    "reelsmith.gateway.v1.ClipService.UploadSource",
}


def environment() -> dict[str, str]:
    """The environment with the running interpreter first on the path."""
    return {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def generated(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Generated files below a folder, by relative name."""
    files = [file for pattern in ("*_pb2*.py*", "comments.json") for file in folder.rglob(pattern)]
    return {file.relative_to(folder).as_posix(): file for file in files if file.suffix != ".pyc"}


def differences(fresh: dict[str, pathlib.Path], kept: dict[str, pathlib.Path]) -> list[str]:
    """Names that are on one side only, or whose content differs."""
    same = {name for name in fresh.keys() & kept.keys() if filecmp.cmp(fresh[name], kept[name], shallow=False)}
    return sorted((fresh.keys() | kept.keys()) - same)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Stubs generated now."""
    folder = tmp_path_factory.mktemp("gen")
    subprocess.run(["sh", PROTOS / "generate.sh", folder], check=True, env=environment())
    return folder


def test_committed_stubs_are_fresh(fresh: pathlib.Path) -> None:
    """The committed stubs are what the protos generate."""
    assert [] == differences(generated(fresh), generated(PROTOS / "gen"))


def test_stale_stub_is_found(fresh: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A stub that was edited by hand is found."""
    stale = tmp_path / "stale_pb2.py"
    stale.write_text("# edited\n")
    kept = {**generated(PROTOS / "gen"), "reelsmith/jobs/v1/jobs_pb2.py": stale}
    assert ["reelsmith/jobs/v1/jobs_pb2.py"] == differences(generated(fresh), kept)


def test_protos_pass_buf_lint(require_tool) -> None:
    """The protos follow buf's standard rules, comments on every element included."""
    buf = pathlib.Path(sys.executable).parent / "buf"
    program = str(buf) if buf.exists() else require_tool("buf")
    result = subprocess.run([program, "lint"], cwd=PROTOS, capture_output=True, text=True, check=False)
    assert (0, "") == (result.returncode, result.stdout)


def test_every_method_says_whether_it_may_be_repeated() -> None:
    """Clients retry and hedge by the idempotency level: only the named methods have none."""
    unknown = descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN
    methods = [
        method for file in FILES for service in file.DESCRIPTOR.services_by_name.values() for method in service.methods
    ]
    assert UNMARKED == {method.full_name for method in methods if method.GetOptions().idempotency_level == unknown}
