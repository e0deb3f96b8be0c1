"""Clients that other languages generate from the protos call a suite: probe, submit, watch, read why a call failed.

Generators and libraries come from the registries of each language, as for anybody who writes such a client.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
CLIENTS = pathlib.Path(__file__).parent
BUILD_TIMEOUT_S = 600  # some hundred packages are fetched and compiled, on a machine that does other things too
REQUEST_ID = "interop"  # one for all: the first client makes the job, the others get the same
UNKNOWN = "NOTFOUND reelsmith/JOB_NOT_FOUND"
INVALID = "INVALIDARGUMENT reelsmith/INVALID_FIELD spec.source_uri"

Build = Callable[[pathlib.Path], Sequence[str]]


def run(command: Sequence[str | pathlib.Path], folder: pathlib.Path, **variables: str) -> str:
    """Runs a command in a folder; gives what it prints."""
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S
    )
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    return ended.stdout


def generate(folder: pathlib.Path, plugins: Mapping[str, pathlib.Path], *options: str) -> None:
    """Has protoc and plug-ins write a client of every service into `gen`."""
    (folder / "gen").mkdir()
    files = sorted(path.relative_to(PROTOS).as_posix() for path in (PROTOS / "reelsmith").rglob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", f"-I{PROTOS / 'third_party'}"]
    command += [f"--plugin=protoc-gen-{name}={path}" for name, path in plugins.items()]
    run([*command, *(f"--{name}_out=gen" for name in plugins), *options, *files], folder)


def go(folder: pathlib.Path) -> Sequence[str]:
    """Builds the client in Go."""
    run(["go", "build", "-o", "bin/", "tool"], folder)
    files = [path.relative_to(PROTOS) for path in PROTOS.glob("reelsmith/*/v1/*.proto")]
    plugins = {name: folder / "bin" / f"protoc-gen-{name}" for name in ("go", "go-grpc")}
    options = [
        f"--{name}_opt={option}"
        for name in plugins
        for option in ("module=interop/gen", *(f"M{file}=interop/gen/{file.parent}" for file in files))
    ]
    generate(folder, plugins, *options)
    run(["go", "build", "-o", "client", "."], folder)
    return [str(folder / "client")]


def node(folder: pathlib.Path) -> Sequence[str]:
    """Builds the client in TypeScript."""
    run(["npm", "ci", "--no-audit", "--no-fund"], folder)
    plugins = {"es": folder / "node_modules" / ".bin" / "protoc-gen-es"}
    options = ("--es_opt=target=ts,import_extension=js", f"-I{standard_protos()}")
    more = ("google/rpc/error_details.proto", "google/api/annotations.proto", "google/api/http.proto")
    generate(folder, plugins, *options, *more)
    run(["node_modules/.bin/tsc"], folder)
    return ["node", str(folder / "dist" / "client.js")]


def standard_protos() -> pathlib.Path:
    """Where the package of Google's common protos has them as text."""
    import google.rpc

    return pathlib.Path(next(iter(google.rpc.__path__))).parents[1]


def java(folder: pathlib.Path) -> Sequence[str]:
    """Builds the client in Java."""
    run(["mvn", "-q", "-B", "compile", f"-Dprotos={PROTOS}"], folder)
    run(["mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=classpath", f"-Dprotos={PROTOS}"], folder)
    path = (folder / "classpath").read_text().strip()
    return ["java", "-cp", f"{folder / 'target' / 'classes'}:{path}", "Client"]


def coded(text: str) -> str:
    """What a call was refused with; each language spells the names of codes in its own way."""
    code, _, rest = text.partition(" ")
    return f"{code.upper().replace('_', '')} {rest}"


LANGUAGES: Mapping[str, tuple[str, Build]] = {"go": ("go", go), "node": ("npm", node), "java": ("mvn", java)}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("language", LANGUAGES)
def test_generated_client_makes_a_clip(
    suite, media_dir: pathlib.Path, require_tool, tmp_path: pathlib.Path, language: str
) -> None:
    """It finds the suite serving, probes, makes one clip, and reads reasons and fields from typed details."""
    program, build = LANGUAGES[language]
    require_tool(program)
    folder = tmp_path / language
    shutil.copytree(CLIENTS / language, folder)
    client = build(folder)
    source = (media_dir / "real" / "asl_man_3s_h264.mkv").resolve().as_uri()
    words = [*client, suite.gateway, suite.address("analyzer"), source, REQUEST_ID]
    found = json.loads(run(words, folder))
    assert (UNKNOWN, INVALID) == (coded(found.pop("unknown")), coded(found.pop("invalid")))
    job = found.pop("job")
    assert {"serving": True, "streams": 1, "watched": True, "state": "SUCCEEDED", "clips": 1} == found
    assert suite.session(job).is_dir()
