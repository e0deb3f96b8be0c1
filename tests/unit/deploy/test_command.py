"""The launcher as a user runs it, over fake services that only know how to be healthy."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from deploy.local import identity, plan, state

FAKE = pathlib.Path(__file__).with_name("fake_service.py")
MAIN = """
import os, runpy, sys
sys.argv = ["fake", "--name", {name!r}, "--port", os.environ["REELSMITH_{upper}_PORT"], "--journal", {journal!r}]
runpy.run_path({fake!r}, run_name="__main__")
"""


@pytest.fixture
def environment(tmp_path):
    """An environment in which the modules of the services are fakes."""
    root = tmp_path / "fakes"
    for service, _, module in plan.SERVICES:
        folder = root.joinpath(*module.split("."))
        folder.mkdir(parents=True)
        text = MAIN.format(name=service, upper=service.upper(), journal=str(tmp_path / "journal"), fake=str(FAKE))
        (folder / "__main__.py").write_text(text)
        (folder / "__init__.py").touch()
    (root / "services" / "__init__.py").touch()
    return {**os.environ, "PYTHONPATH": str(root), "REELSMITH_DISCOVERY": "static"}


@pytest.fixture
def launch(tmp_path, environment):
    """Runs a command of the launcher on one home; stops what is left at the end."""
    home = tmp_path / "home"

    def run(verb: str, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "deploy.local", verb, "--home", str(home), *arguments]
        # Not in the folder of the real services, which `-m` would prefer to the fakes.
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=90
        )

    yield run
    run("down", "--grace", "1")


def suite_of(tmp_path: pathlib.Path) -> state.Suite:
    """What the launcher wrote down."""
    return state.read(tmp_path / "home")


def until(condition, timeout_s: float = 20.0) -> None:
    """Waits until something is so."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def identities(suite: state.Suite) -> list[identity.Identity]:
    """Every process of a suite, the launcher included."""
    return [suite.launcher, *(process.identity for process in suite.processes)]


def test_suite_goes_up_and_down(launch, tmp_path):
    """Up returns when all serve; status says so; down leaves no process and no state."""
    up = launch("up", "--detach", "--ephemeral-ports", "--analyzers", "2")
    assert 0 == up.returncode, up.stderr
    suite = suite_of(tmp_path)
    assert f"suite serves: gateway {suite.gateway}, discovery static" in up.stdout
    conditions = json.loads(launch("status", "--json").stdout)["conditions"]
    assert dict.fromkeys(["config", "analyzer", "analyzer-2", "exporter", "jobs", "gateway"], "serving") == conditions
    down = launch("down")
    assert (0, True) == (down.returncode, "stopped the suite" in down.stdout)
    assert [] == [who for who in identities(suite) if who.alive()]
    assert suite_of(tmp_path) is None
    assert ["gateway", "jobs"] == (tmp_path / "journal").read_text().split()[:2]


def test_second_up_reports_the_running_suite(launch, tmp_path):
    """In the background the wish is fulfilled already; in the foreground it cannot be."""
    launch("up", "--detach", "--ephemeral-ports")
    before = suite_of(tmp_path)
    again, here = launch("up", "--detach", "--ephemeral-ports"), launch("up", "--ephemeral-ports")
    assert (0, 1) == (again.returncode, here.returncode)
    assert f"suite already runs: gateway {before.gateway}" in again.stdout
    assert before.launcher == suite_of(tmp_path).launcher


def test_killed_launcher_takes_its_suite_along(launch, tmp_path):
    """kill -9 of the launcher leaves nothing, and the next up starts anew."""
    launch("up", "--detach", "--ephemeral-ports")
    first = suite_of(tmp_path)
    first.launcher.signal(signal.SIGKILL)
    until(lambda: not any(who.alive() for who in identities(first)))
    assert 0 == launch("up", "--detach", "--ephemeral-ports").returncode
    assert first.launcher != suite_of(tmp_path).launcher


def test_down_spares_processes_that_are_not_ours(launch, tmp_path):
    """A state file whose pids now belong to others kills nobody."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        entry = state.Process("jobs", "jobs", stranger.pid, "another time", "127.0.0.1:1", "", "", 0)
        launcher = identity.Identity(stranger.pid, "another time")
        (tmp_path / "home").mkdir()
        state.write(tmp_path / "home", state.Suite("serving", "127.0.0.1:1", "static", "", launcher, (entry,)))
        assert "nothing runs" in launch("down").stdout
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_down_stops_what_outlived_its_launcher(launch, tmp_path):
    """Processes that are provably those written down are stopped even with no launcher left."""
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    who = identity.of(orphan.pid)
    entry = state.Process("jobs", "jobs", who.pid, who.started, "127.0.0.1:1", "", "", 0)
    (tmp_path / "home").mkdir()
    gone = identity.Identity(99_999_999, "long ago")
    state.write(tmp_path / "home", state.Suite("serving", "127.0.0.1:1", "static", "", gone, (entry,)))
    assert "stopped the suite" in launch("down").stdout
    assert -signal.SIGTERM == orphan.wait(timeout=60)


def test_failed_start_names_the_process(launch, tmp_path):
    """The message has the last lines of the process that does not come up, and no suite is left."""
    (tmp_path / "fakes" / "services" / "jobs" / "__main__.py").write_text("raise SystemExit('no space for the queue')")
    up = launch("up", "--detach", "--ephemeral-ports")
    assert 1 == up.returncode
    assert "jobs died 3 times while starting" in up.stderr
    assert "no space for the queue" in up.stderr
    assert "Traceback" not in up.stderr
    assert [] == [who for who in identities(suite_of(tmp_path)) if who.alive()]


def test_suite_on_a_leash_ends_with_its_parent(launch, tmp_path, environment):
    """A suite that belongs to a run stops, in order, when that run is killed."""
    code = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-m', 'deploy.local', *sys.argv[1:], '--leash', str(os.getpid())])\n"
        "time.sleep(60)"
    )
    arguments = ["up", "--home", str(tmp_path / "home"), "--ephemeral-ports"]
    parent = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    )
    until(lambda: (suite := suite_of(tmp_path)) is not None and suite.phase == "serving")
    suite = suite_of(tmp_path)
    parent.kill()
    parent.wait()
    until(lambda: not any(who.alive() for who in identities(suite)))
    assert "gateway" == (tmp_path / "journal").read_text().split()[0]


def test_agent_of_its_own_lives_with_the_suite(launch, tmp_path, environment, require_tool):
    """Where the Consul program is there, the suite has an agent on free ports, which is restarted when it dies."""
    environment.update(REELSMITH_DISCOVERY="auto", REELSMITH_CONSUL=require_tool("consul"))
    environment.pop("CONSUL_HTTP_ADDR", None)
    up = launch("up", "--detach", "--ephemeral-ports")
    assert (0, True) == (up.returncode, "discovery consul" in up.stdout), up.stderr
    agent = suite_of(tmp_path).processes[0]
    assert ("consul", suite_of(tmp_path).consul) == (agent.service, agent.address)
    agent.identity.signal(signal.SIGKILL)
    until(lambda: suite_of(tmp_path).processes[0].restarts == 1)
    until(lambda: "serving" == json.loads(launch("status", "--json").stdout)["conditions"]["consul"])
    suite = suite_of(tmp_path)
    launch("down")
    assert [] == [who for who in identities(suite) if who.alive()]


@pytest.mark.parametrize("arguments", [["sideways"], ["up", "--analyzers", "0"], ["up", "--exporters", "many"]])
def test_wrong_usage_exits_with_two(arguments):
    """What cannot be meant is refused."""
    result = subprocess.run([sys.executable, "-m", "deploy.local", *arguments], capture_output=True, check=False)
    assert 2 == result.returncode
