"""The launcher and the `reelsmith` command with the real services: what a user sees, and what is left behind."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jsonschema
import pytest

from client import analysis
from deploy.local import identity, state
from tests import suites

SOURCE = pathlib.Path("real") / "man_talking_10s_h264_datastreams.mp4"
SHORT = ("--count", "1", "--min", "3", "--max", "6")
COMMAND = (sys.executable, "-m", "client")
RUN_TIMEOUT_S = 240  # a private suite starts, and a job runs, on two busy cores


def environment(tmp_path: pathlib.Path, **more: str) -> dict[str, str]:
    """An environment in which no suite of this machine is found, and whose processes can be told from others."""
    temporary = tmp_path / "temporary"
    temporary.mkdir(exist_ok=True)
    own = {"REELSMITH_HOME": str(tmp_path / "home"), "TMPDIR": str(temporary), "COLUMNS": "200"}
    return {**os.environ, **own, "REELSMITH_DISCOVERY": "static", **more}


def reelsmith(
    tmp_path: pathlib.Path, *arguments: object, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=tmp_path,
        env=env or environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_TIMEOUT_S,
    )


def left(tmp_path: pathlib.Path) -> list[str]:
    """Command lines of living processes that were started in an environment of this test."""
    mark = f"TMPDIR={tmp_path / 'temporary'}".encode()
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is not ours to look at
            if mark in (folder / "environ").read_bytes().split(b"\0") and identity.of(int(folder.name)).started:
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def until(condition, timeout_s: float = 60.0) -> None:
    """Waits until something is so."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


@pytest.fixture
def source(media_dir: pathlib.Path) -> pathlib.Path:
    """A short video of a man who talks."""
    return (media_dir / SOURCE).resolve()


def test_status_shows_every_service(suite, tmp_path):
    """All five kinds of processes serve, and the exit code says so."""
    result = reelsmith(tmp_path, "status", "--gateway", suite.gateway)
    assert 0 == result.returncode, result.stdout + result.stderr
    for name in ("analyzer", "config", "exporter", "gateway", "jobs"):
        assert suite.address(name) in result.stdout


def test_clip_with_a_private_suite_leaves_clips_and_nothing_else(source, tmp_path):
    """One command, no suite before, none after; clips, pictures, manifests and the report in the folder."""
    result = reelsmith(tmp_path, "clip", source, *SHORT, "--preset", "tiktok", "--out", "out", "--json")
    assert 0 == result.returncode, result.stderr
    document = json.loads(result.stdout)
    folder = tmp_path / document["folder"]
    assert {"final_output", "images", "metadata"} == {path.name for path in folder.iterdir()}
    for path in (document["clips"][0]["video"], document["clips"][0]["thumbnail"], document["report"]):
        assert (tmp_path / path).stat().st_size > 0
    assert ([], []) == (left(tmp_path), list((tmp_path / "temporary").iterdir()))


def test_clip_of_a_text_file_says_why(media_dir, suite, tmp_path):
    """A file that is no video ends with its reason on one line, and exit code 1."""
    text = media_dir / "malformed" / "text_file.mp4"
    result = reelsmith(tmp_path, "clip", text, "--gateway", suite.gateway)
    assert (1, "", False) == (result.returncode, result.stdout, "Traceback" in result.stderr)
    assert "INVALID_ARGUMENT" in result.stderr


@pytest.mark.slow
def test_source_that_may_not_be_read_by_path_is_uploaded(source, tmp_path):
    """A suite that reads from other folders only gets the file over the wire, and the clip is made."""
    with suites.running(tmp_path / "suite", env={"REELSMITH_SOURCE_ROOTS": str(tmp_path / "elsewhere")}) as suite:
        result = reelsmith(tmp_path, "clip", source, *SHORT, "--gateway", suite.gateway, "--json")
        assert 0 == result.returncode, result.stderr
        listed = json.loads(reelsmith(tmp_path, "jobs", "list", "--json", "--gateway", suite.gateway).stdout)
    assert ["upload:"] == [job["spec"]["source_uri"][:7] for job in listed]


def test_analyze_writes_the_documented_document(source, suite, tmp_path):
    """The file satisfies the schema and has something in it."""
    result = reelsmith(tmp_path, "analyze", source, "--json", "a.json", *SHORT, "--gateway", suite.gateway)
    assert 0 == result.returncode, result.stderr
    document = json.loads((tmp_path / "a.json").read_text())
    jsonschema.validate(document, analysis.SCHEMA)
    assert (309, 30.0, 480, 320) == tuple(
        document["video"][name] for name in ("frame_count", "frame_rate", "width", "height")
    )
    assert document["proposals"][0]["terms"]
    assert document["timings"]["total_s"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_private_run_leaves_no_process(source, tmp_path, number):
    """Ctrl-C and kill -9 of the command take the private suite along, workers included."""
    child = subprocess.Popen(
        [*COMMAND, "clip", str(source), *SHORT],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: "done in" in child.stderr.readline())
    assert left(tmp_path)
    child.send_signal(number)
    child.communicate(timeout=60)
    assert (-signal.SIGKILL if number == signal.SIGKILL else 130) == child.returncode
    until(lambda: not left(tmp_path), timeout_s=40)


def test_killed_services_come_back(tmp_path):
    """kill -9 of every service: the launcher brings each back, on its port, and the suite serves again."""
    with suites.running(tmp_path / "suite") as suite:
        before = {item["name"]: item for item in suite.processes()}
        for item in before.values():
            os.kill(item["pid"], signal.SIGKILL)
        until(lambda: all(item["restarts"] > 0 for item in suite.processes()))
        until(lambda: 0 == reelsmith(tmp_path, "status", "--gateway", suite.gateway).returncode)
        assert {name: item["address"] for name, item in before.items()} == {
            item["name"]: item["address"] for item in suite.processes()
        }


MOTION = ('"motion": 2.5,', '"motion": 2.75,')


def test_configuration_is_changed_from_the_command(suite, tmp_path):
    """Set, get, history and rollback work on the real service; a bad value is refused with its place."""
    service = ("--service", suite.address("config"), "--environment", "development")
    first = json.loads(reelsmith(tmp_path, "config", "get", "analyzer.weights.motion", *service).stdout)
    changed = reelsmith(tmp_path, "config", "set", "analyzer.weights.motion", "2.5", "--comment", "louder", *service)
    assert (0, True) == (changed.returncode, "version" in changed.stdout), changed.stderr
    assert 2.5 == json.loads(reelsmith(tmp_path, "config", "get", "analyzer.weights.motion", *service).stdout)
    refused = reelsmith(tmp_path, "config", "set", "analyzer.weights.motion", "-1", *service)
    assert (1, 1) == (refused.returncode, refused.stderr.count("-1 is less than 0")), refused.stderr
    versions = json.loads(reelsmith(tmp_path, "config", "history", "--json", *service).stdout)
    assert "louder" == versions[0]["comment"]
    mend = {**environment(tmp_path), "EDITOR": "sed -i s/2.5/2.75/"}
    edited = reelsmith(tmp_path, "config", "edit", *service, env=mend)
    assert ["+", "-"] == sorted(line[0] for line in edited.stdout.splitlines() if line[1:].strip() in MOTION)
    spoiled = reelsmith(tmp_path, "config", "edit", *service, env={**mend, "EDITOR": "sed -i s/2.75/-1/"})
    kept = pathlib.Path(spoiled.stderr.split("what was written is in ")[1].split()[0])
    assert (1, True) == (spoiled.returncode, '"motion": -1' in kept.read_text())
    kept.unlink()
    assert "2.75" in reelsmith(tmp_path, "config", "diff", "0", *service).stdout
    back = reelsmith(tmp_path, "config", "rollback", "0", *service)
    assert 0 == back.returncode, back.stderr
    assert first == json.loads(reelsmith(tmp_path, "config", "get", "analyzer.weights.motion", *service).stdout)


@pytest.mark.slow
def test_secrets_and_their_record_are_kept_from_the_command(suite, tmp_path):
    """A value comes back byte for byte, and every step is on record."""
    service = ("--service", suite.address("config"))
    file = tmp_path / "value"
    file.write_bytes(b"\x00one\n")
    assert 0 == reelsmith(tmp_path, "config", "secrets", "set", "door/key", "--file", file, *service).returncode
    assert 0 == reelsmith(tmp_path, "config", "secrets", "rotate", *service).returncode
    assert "\x00one\n" == reelsmith(tmp_path, "config", "secrets", "get", "door/key", *service).stdout
    listed = json.loads(reelsmith(tmp_path, "config", "secrets", "list", "--json", *service).stdout)
    assert [("door/key", "1")] == [(item["name"], item["version"]) for item in listed]
    assert 0 == reelsmith(tmp_path, "config", "secrets", "delete", "door/key", *service).returncode
    gone = reelsmith(tmp_path, "config", "secrets", "get", "door/key", *service)
    assert (1, True) == (gone.returncode, "there is no secret door/key" in gone.stderr)
    found = json.loads(reelsmith(tmp_path, "config", "audit", "list", "--count", "5", "--json", *service).stdout)
    assert ["AccessSecret", "DeleteSecret", "AccessSecret", "RotateKeys", "SetSecret"] == [
        event["action"] for event in found
    ]
    said = reelsmith(tmp_path, "config", "audit", "verify", *service)
    head = said.stdout.split()[-1]
    assert 0 == reelsmith(tmp_path, "config", "audit", "verify", "--head", head, *service).returncode
    exported = tmp_path / "events.jsonl"
    assert 0 == reelsmith(tmp_path, "config", "audit", "export", exported, *service).returncode
    assert found[0] == json.loads(exported.read_text().splitlines()[0])


def test_suite_with_consul_has_an_agent_of_its_own(require_tool, tmp_path):
    """Where the program is there, an agent runs on free ports, is restarted when it dies, and goes with the suite."""
    binary = require_tool("consul")
    with suites.running(tmp_path / "suite", env={"REELSMITH_DISCOVERY": "auto", "REELSMITH_CONSUL": binary}) as suite:
        assert "consul" == suite.state["discovery"]
        listed = json.loads(reelsmith(tmp_path, "status", "--json", "--gateway", suite.gateway).stdout)
        assert ("consul", True) == (listed["discovery"], listed["serving"])
        (agent,) = suite.processes("consul")
        os.kill(agent["pid"], signal.SIGKILL)
        until(lambda: suite.processes("consul")[0]["restarts"] == 1)
        until(lambda: 0 == reelsmith(tmp_path, "status", "--gateway", suite.gateway).returncode)
        everything = [process.identity for process in state.read(tmp_path / "suite").processes]
    assert [] == [who for who in everything if who.alive()]


@pytest.mark.timeout(600)
def test_demo_makes_clips_of_the_sample_film(tmp_path):
    """From nothing to clips: the film, a suite, clips, pictures, manifests, the report; then no process."""
    result = reelsmith(tmp_path, "demo", "--out", "out")
    assert 0 == result.returncode, result.stderr
    (folder,) = (path for path in (tmp_path / "out").iterdir() if path.is_dir())
    clips = sorted(path.name for path in (folder / "final_output").iterdir())
    assert clips[:1] == ["clip-01.mp4"]
    for name in clips:
        assert str(folder / "final_output" / name) in result.stdout
    assert (folder / "metadata" / "report.html").exists()
    assert [] == left(tmp_path)
