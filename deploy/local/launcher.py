"""Brings a suite up, takes it down, and says how it is."""

import asyncio
import dataclasses
import logging
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from chassis import errors
from deploy.local import certificates, consul, health, identity, log, plan, state, supervisor

LOGGER = logging.getLogger(__name__)
POLL_S = 0.1  # how often the end or the start of another process is looked for
STOP_MARGIN_S = 5.0  # beyond the graces of all stages: what the launcher needs itself
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """One process and whether it serves now."""

    process: state.Process
    condition: str


async def up(options: plan.Options, on_serving: Callable[[state.Suite], None]) -> None:
    """Runs a suite until SIGTERM or SIGINT, then stops it.

    Args:
        options: What the suite is.
        on_serving: Told once, when everything serves.

    Raises:
        errors.AlreadyExists: A launcher already runs in this home.
        errors.Unavailable: A process does not come up, or a port is taken.
    """
    stopping = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    options.home.mkdir(parents=True, exist_ok=True)
    with state.lock(options.home):
        await sweep(options.home, options.grace_s)
        if options.certificates:
            certificates.provide(options.certificates)
        suite = assemble(options, await consul.noticed(os.environ) if not options.ephemeral else os.environ)
        try:
            await _supervise(suite, stopping, on_serving)
        except (errors.Error, OSError) as error:
            suite.record(str(error))
            raise
        state.forget(options.home)


def assemble(options: plan.Options, environment: Mapping[str, str]) -> supervisor.Supervisor:
    """Decides what a suite runs; nothing is started."""
    discovery, agents = consul.choose(environment), ()
    if discovery is None:
        agent = consul.agent(consul.program(environment), options.home)
        discovery, agents = plan.Discovery("consul", agent.address), (agent,)
    return supervisor.Supervisor(options, (*agents, *plan.programs(options, discovery)), discovery)


async def _supervise(
    suite: supervisor.Supervisor, stopping: asyncio.Event, on_serving: Callable[[state.Suite], None]
) -> None:
    async def work() -> None:
        await suite.start()
        on_serving(suite.suite())
        await suite.watch()

    tasks = {asyncio.create_task(work()), asyncio.create_task(stopping.wait())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await suite.stop()


def detach(options: plan.Options, arguments: Sequence[str]) -> state.Suite:
    """Starts a launcher in the background and returns when its suite serves.

    Args:
        options: What the suite is.
        arguments: The command line that says the same, without `--detach`.

    Raises:
        errors.Unavailable: The suite did not come up.
    """
    logs = options.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "deploy.local", *arguments]
    with (logs / "launcher.err").open("wb") as file:
        child = subprocess.Popen(  # noqa: S603 our own module with the arguments of this very command
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file, start_new_session=True
        )
    try:
        while child.poll() is None:  # the child itself gives up after `start_timeout_s`
            suite = state.read(options.home)
            if suite is not None and suite.launcher.pid == child.pid and suite.phase == "serving":
                return suite
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        child.terminate()
        child.wait(timeout=len(plan.STOP_ORDER) * options.grace_s + STOP_MARGIN_S)
        raise
    suite = state.read(options.home)
    ours = suite is not None and suite.launcher.pid == child.pid
    said = log.tail(logs / "launcher.err").removeprefix("reelsmith: ")
    why = suite.error if ours else said
    raise errors.Unavailable(why or "the launcher ended without a word", reason="SUITE_FAILED")


async def down(home: pathlib.Path, grace_s: float) -> bool:
    """Stops the suite of a home: its launcher in order, and whatever a dead launcher left.

    Args:
        home: Folder of the suite.
        grace_s: How long each stage may take.

    Returns:
        Whether anything ran.
    """
    suite = state.read(home)
    if suite is None:
        return False
    ran = suite.launcher.signal(signal.SIGTERM)
    if ran and not await _gone([suite.launcher], len(plan.STOP_ORDER) * grace_s + STOP_MARGIN_S):
        LOGGER.warning("the launcher (process %d) does not stop and is killed", suite.launcher.pid)
        suite.launcher.signal(signal.SIGKILL)
        await _gone([suite.launcher], STOP_MARGIN_S)
    return await sweep(home, grace_s) or ran


async def sweep(home: pathlib.Path, grace_s: float) -> bool:
    """Stops processes that outlived their launcher. Only those that are provably the ones that it wrote down.

    Returns:
        Whether there were any.
    """
    suite = state.read(home)
    if suite is None:
        return False
    left = [process.identity for process in suite.processes if process.identity.signal(signal.SIGTERM)]
    if left and not await _gone(left, grace_s):
        for who in left:
            who.signal(signal.SIGKILL)
        await _gone(left, STOP_MARGIN_S)
    state.forget(home)
    return bool(left)


async def _gone(processes: Sequence[identity.Identity], timeout_s: float) -> bool:
    """Waits until processes have ended; False where some have not in time."""
    clock = asyncio.get_running_loop().time
    end = clock() + timeout_s
    while any(process.alive() for process in processes):
        if clock() >= end:
            return False
        await asyncio.sleep(POLL_S)
    return True


async def status(home: pathlib.Path) -> tuple[state.Suite | None, tuple[Report, ...]]:
    """What was written down about the suite of a home, and how each process is now."""
    suite = state.read(home)
    if suite is None:
        return None, ()
    conditions = await asyncio.gather(*(_condition(process) for process in suite.processes))
    return suite, tuple(map(Report, suite.processes, conditions))


async def _condition(process: state.Process) -> str:
    if not process.identity.alive():
        return "dead"
    asks = consul.leading if process.service == "consul" else health.serving
    return "serving" if await asks(process.health_address or process.address) else "not serving"
