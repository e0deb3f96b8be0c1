"""One running process of a suite: started on a leash, its output kept in a log, stopped within bounds."""

import asyncio
import contextlib
import logging
import os
import pathlib
import signal
import sys
from collections.abc import Mapping, Sequence

from deploy.local import identity, leash, log

LOGGER = logging.getLogger(__name__)
LAST_LINES_S = 1.0  # a grandchild may keep the pipe open for ever
CHUNK_BYTES = 64 * 2**10  # what a pipe holds


class Process:
    """A child process. Use `await start(...)`."""

    def __init__(self, child: asyncio.subprocess.Process, log_file: log.RollingFile) -> None:
        self.identity = identity.of(child.pid)
        self._child = child
        self._pump = asyncio.create_task(_pump(child.stdout, log_file))

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._child.returncode

    async def wait(self) -> int:
        """Waits for the end, and until the last line is in the log.

        Returns:
            How it ended, negative for a signal.
        """
        code = await self._child.wait()
        await self._drained()
        return code

    async def stop(self, grace_s: float) -> bool:
        """Asks the process to end, and kills it with its group when it does not.

        Args:
            grace_s: How long it may take.

        Returns:
            Whether it ended by itself.
        """
        self._send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._child.wait(), timeout=grace_s)
        except TimeoutError:
            self.kill()
            await self._child.wait()
            return False
        finally:
            await self._drained()
        return True

    def kill(self) -> None:
        """Kills the process and its group. It is our own unreaped child: its group cannot be another's."""
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    async def _drained(self) -> None:
        await asyncio.wait([self._pump], timeout=LAST_LINES_S)
        self._pump.cancel()

    def _send(self, number: signal.Signals) -> None:
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)


async def start(command: Sequence[str], environment: Mapping[str, str], log_path: pathlib.Path) -> Process:
    """Starts a program in a group of its own, so that a Ctrl-C in the terminal reaches the launcher alone.

    Args:
        command: Program and arguments.
        environment: What is set on top of the launcher's environment.
        log_path: Where its output goes.
    """
    log_file = log.RollingFile(log_path)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", leash.__file__, str(os.getpid())),
        *command,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    return Process(child, log_file)


async def _pump(stream: asyncio.StreamReader, log_file: log.RollingFile) -> None:
    lost = 0
    with contextlib.closing(log_file):
        while data := await stream.read(CHUNK_BYTES):
            try:
                log_file.write(data)
            except OSError as error:  # a full disk: a process whose output nobody takes would stand still
                if not lost:
                    LOGGER.warning("%s cannot be written, lines are lost: %s", log_file.path, error)
                lost += len(data)
