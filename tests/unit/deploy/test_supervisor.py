"""Fake processes are started, watched, restarted and stopped for real."""

import asyncio
import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from chassis import errors
from deploy.local import identity, leash, log, plan, ports, process, state, supervisor

FAKE = pathlib.Path(__file__).with_name("fake_service.py")
STATIC = plan.Discovery("static")


def fake(home: pathlib.Path, name: str, *vices: str) -> plan.Program:
    """A fake service."""
    (port,) = ports.free(1)
    command = (sys.executable, str(FAKE), "--name", name, "--port", str(port), "--journal", str(home / "journal"))
    return plan.Program(name, name.partition("-")[0], (*command, *vices), port)


def options(home: pathlib.Path, **changes) -> plan.Options:
    """Options with short waits."""
    return plan.Options(home, **{"grace_s": 5.0, "start_timeout_s": 20.0, **changes})


@contextlib.asynccontextmanager
async def running(home: pathlib.Path, *programs: plan.Program, **changes):
    """A supervisor whose programs serve."""
    suite = supervisor.Supervisor(options(home, **changes), programs, STATIC)
    try:
        await suite.start()
        yield suite
    finally:
        await suite.stop()


async def until(condition, timeout_s: float = 15.0) -> None:
    """Waits until something is so."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.05)


async def test_started_suite_is_written_down(tmp_path):
    """When everything serves, the state says so, with living processes."""
    async with running(tmp_path, fake(tmp_path, "jobs"), fake(tmp_path, "gateway")) as suite:
        written = state.read(tmp_path)
        assert ("serving", suite.members[1].program.address) == (written.phase, written.gateway)
        assert [True, True] == [entry.identity.alive() for entry in written.processes]
        assert identity.own() == written.launcher


async def test_stop_goes_from_the_gateway_inwards(tmp_path):
    """The gateway stops before jobs, jobs before the workers."""
    names = ("analyzer", "jobs", "gateway")
    async with running(tmp_path, *(fake(tmp_path, name) for name in names)):
        pass
    assert ["gateway", "jobs", "analyzer"] == (tmp_path / "journal").read_text().split()


async def test_killed_process_is_started_again(tmp_path):
    """A process that dies is back, on its port, and counted."""
    async with running(tmp_path, fake(tmp_path, "jobs")) as suite:
        first = state.read(tmp_path).processes[0].identity
        first.signal(signal.SIGKILL)
        await until(lambda: (entry := state.read(tmp_path).processes[0]).restarts == 1 and entry.identity.alive())
        assert first != state.read(tmp_path).processes[0].identity
        await asyncio.wait_for(suite._ready(suite.members[0]), timeout=60)


async def test_crash_loop_slows_down(tmp_path, monkeypatch):
    """A process that keeps dying is started less and less often."""
    starts = []
    begin = process.start

    async def counted(*arguments):
        starts.append(time.monotonic())
        return await begin(*arguments)

    monkeypatch.setattr(process, "start", counted)
    suite = supervisor.Supervisor(options(tmp_path), [fake(tmp_path, "jobs", "--broken")], STATIC)
    keeper = asyncio.create_task(suite._keep(suite.members[0]))
    await until(lambda: len(starts) >= 5)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    await suite.stop()
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps[0] >= 0.1
    assert gaps[3] >= 0.8


async def test_broken_process_is_named_with_its_last_lines(tmp_path):
    """A suite that cannot start says which process, and what it said last."""
    with pytest.raises(errors.Unavailable, match=r"(?s)exporter died 3 times.*cannot read the model file"):
        async with running(tmp_path, fake(tmp_path, "jobs"), fake(tmp_path, "exporter", "--broken")):
            pass


async def test_sick_process_ends_the_wait(tmp_path):
    """A process that never serves is named when the time is up."""
    with pytest.raises(errors.Unavailable, match="jobs does not serve after 3 s"):
        async with running(tmp_path, fake(tmp_path, "jobs", "--sick"), start_timeout_s=3.0):
            pass


async def test_stubborn_process_is_killed_after_the_grace(tmp_path):
    """A process that ignores SIGTERM is gone all the same."""
    async with running(tmp_path, fake(tmp_path, "jobs", "--stubborn"), grace_s=0.5):
        who = state.read(tmp_path).processes[0].identity
    assert not who.alive()
    assert "ignored" in (tmp_path / "logs" / "jobs.log").read_text()


async def test_stop_during_start_leaves_nothing(tmp_path):
    """A suite that is stopped while it starts leaves no process."""
    suite = supervisor.Supervisor(options(tmp_path), [fake(tmp_path, "jobs", "--sick")], STATIC)
    start = asyncio.create_task(suite.start())
    await until(lambda: (written := state.read(tmp_path)) is not None and written.processes[0].pid != 0)
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    await suite.stop()
    assert not state.read(tmp_path).processes[0].identity.alive()


async def test_process_runs_on_when_its_log_cannot_be_written(tmp_path, monkeypatch):
    """A full disk loses log lines, not the process: its output is still taken."""

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.RollingFile, "write", full)
    talker = "import sys\nfor _ in range(40): sys.stdout.write('x' * 65536)\nsys.exit(5)"
    child = await process.start([sys.executable, "-c", talker], {}, tmp_path / "talker.log")
    assert 5 == await asyncio.wait_for(child.wait(), timeout=60)


PARENT = """
import asyncio, pathlib, sys, time
from deploy.local import process
async def main():
    child = await process.start([sys.executable, "-c", "import time; time.sleep(60)"], {}, pathlib.Path(sys.argv[1]))
    print(child.identity.pid, flush=True)
    time.sleep(60)
asyncio.run(main())
"""


def orphan_of_killed_parent(tmp_path: pathlib.Path) -> identity.Identity:
    """A child whose parent was killed."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    time.sleep(0.5)  # the leash is taken a moment after the start
    who = identity.of(child)
    assert who.alive()
    parent.kill()
    parent.communicate()
    return who


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux signals the death of a parent")
async def test_child_dies_with_a_killed_launcher(tmp_path):
    """kill -9 of the launcher takes its children along."""
    who = orphan_of_killed_parent(tmp_path)
    await until(lambda: not who.alive())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux signals the death of a parent")
async def test_child_without_leash_survives(tmp_path, monkeypatch):
    """Control: without the leash the child would live on."""
    loose = tmp_path / "loose.py"
    loose.write_text("import os, sys\nos.execv(sys.argv[2], sys.argv[2:])\n")
    monkeypatch.setattr(
        sys.modules[__name__],
        "PARENT",
        PARENT.replace("async def", f"process.leash.__file__ = {str(loose)!r}\nasync def"),
    )
    who = orphan_of_killed_parent(tmp_path)
    await asyncio.sleep(0.5)
    assert who.alive()
    assert who.signal(signal.SIGKILL)


def test_leash_refuses_a_parent_that_has_ended():
    """A program whose launcher died before the leash was taken does not start."""
    command = [
        sys.executable,
        "-I",
        "-S",
        leash.__file__,
        "1" if os.getpid() != 1 else "2",
        sys.executable,
        "-c",
        "print(1)",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ("", True) == (result.stdout, "has ended" in result.stderr)
