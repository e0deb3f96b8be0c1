"""Starts and stops suites: the launcher in a process of its own, and a private suite for one run."""

import asyncio
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence

from chassis import errors
from client import place

LAUNCHER = (sys.executable, "-m", "deploy.local")
# What is meant for a suite that others use: its agent, and how it finds out who they are.
NOT_PRIVATE = re.compile(r"CONSUL_HTTP_ADDR|REELSMITH_(\w+_)?TLS_\w+|REELSMITH_(GATEWAY_)?IDENTITY")
POLL_S = 0.1  # how often the state file is looked at
GRACE_S = 5.0  # of each stage of the stop; nothing that is worth waiting for runs any more
STOP_TIMEOUT_S = 30.0  # four stages of grace, and some
START_TIMEOUT_S = 120.0  # the launcher itself gives up earlier, with a reason


def launch(arguments: Sequence[str]) -> int:
    """Runs one command of the launcher in the foreground.

    Returns:
        Its exit code.
    """
    child = subprocess.Popen([*LAUNCHER, *arguments])  # noqa: S603 our own module
    while True:  # ended by the launcher, which bounds its own start and stop
        try:
            return child.wait()
        except KeyboardInterrupt:  # Ctrl-C reached the launcher too: it stops in order, and is waited for
            continue


@contextlib.asynccontextmanager
async def private(discovery: str = "static") -> AsyncIterator[place.Place]:
    """A suite of this run's own, on free ports, in a temporary home; gone after the block.

    Args:
        discovery: `static`, or `auto` for a Consul agent of its own where the program is there.

    Raises:
        errors.Unavailable: It did not come up.
    """
    home = pathlib.Path(tempfile.mkdtemp(prefix="reelsmith-"))
    keep = False
    try:
        child = await _start(home, discovery)
        try:
            await _serving(home, child)
            yield _place(home)
        except errors.Error as error:
            keep = error.reason == "SUITE_FAILED"  # the message names its logs
            raise
        finally:
            await _stop(child)
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


async def _start(home: pathlib.Path, discovery: str) -> asyncio.subprocess.Process:
    arguments = ["up", "--home", str(home), "--ephemeral-ports", "--leash", str(os.getpid()), "--grace", f"{GRACE_S:g}"]
    with (home / "launcher.out").open("wb") as file:
        return await asyncio.create_subprocess_exec(
            *LAUNCHER,
            *arguments,
            env=_environment(discovery),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C in the terminal is for this command, which stops the suite when it is done
        )


def _environment(discovery: str) -> dict[str, str]:
    # An agent that others use would mix their processes with ours, and theirs do not know our files.
    alone = {name: value for name, value in os.environ.items() if not NOT_PRIVATE.fullmatch(name)}
    # Nobody is left to look elsewhere when it stops.
    return {"REELSMITH_DISCOVERY": discovery, "REELSMITH_LAME_DUCK_S": "0", **alone}


async def _serving(home: pathlib.Path, child: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while place.state(home).get("phase") != "serving":
                if child.returncode is not None:
                    raise errors.Unavailable(_why(home), reason="SUITE_FAILED")
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise errors.Unavailable(
            f"the private suite does not serve after {START_TIMEOUT_S:g} s", reason="SUITE_FAILED"
        ) from error


def _why(home: pathlib.Path) -> str:
    said = place.state(home).get("error") or (home / "launcher.out").read_text(errors="replace").strip()
    return f"the private suite did not come up: {said or 'its launcher ended without a word'}"


def _place(home: pathlib.Path) -> place.Place:
    written = place.state(home)
    config = next(process["address"] for process in written["processes"] if process["service"] == "config")
    return place.Place(written["gateway"], config, named=True, passing=True)


async def _stop(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
    try:
        await asyncio.wait_for(child.wait(), timeout=STOP_TIMEOUT_S)
    except TimeoutError:
        child.kill()  # its processes are on a leash and go with it
        await child.wait()
