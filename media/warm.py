"""The service's side of the warm process that starts its children; see `media.zygote` for the other side."""

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from media import errors, zygote

PRELOAD = ("media.pool", "media.source", "media.sink")  # what every task imports
WARM_TIMEOUT_S = 120.0  # a cold start compiles the kernels once
# The children run untrusted code: keys and passwords that the service was given are not for them.
PASSED_VARIABLES = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME")
PASSED_PREFIXES = ("LC_", "PYTHON", "NUMBA_", "CUDA_", "CUPY_", "NVIDIA_")
FIXED_VARIABLES = {
    # Threads started by importing would make forking unsafe, and children must not fight for cores.
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
    # Each thread of a codec would otherwise reserve 64 MiB of the address space that the child is allowed.
    "MALLOC_ARENA_MAX": "4",
}


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """How a child ended.

    Attributes:
        status: Exit status, or minus the number of the signal that killed it.
        memory_peak_bytes: Largest resident memory; 0 where unknown.
    """

    status: int
    memory_peak_bytes: int


@dataclasses.dataclass(slots=True)
class Child:
    """A child; its handle stays valid after its process is gone, so nobody else can be hit.

    Attributes:
        started: Its process number, once it runs.
        ended: How it ended, once it did.
    """

    started: asyncio.Future[int]
    ended: asyncio.Future[End]
    handle: int | None = None

    def kill(self) -> None:
        """Kills it; one that has ended already is left alone."""
        if self.handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def end(self, end: End) -> None:
        """Notes how it ended."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None
        _settle(self.ended, end)
        if not self.started.done():
            self.started.set_exception(errors.WorkerLost("the worker could not be started"))


class Warm:
    """A warm process, as the service sees it."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process, self._control = process, control
        self._children: dict[int, Child] = {}
        self._ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.alive = True
        asyncio.get_running_loop().add_reader(control.fileno(), self._on_message)

    @property
    def process_id(self) -> int:
        """Number of the warm process."""
        return self._process.pid

    @classmethod
    async def spawn(cls, preload: Sequence[str]) -> "Warm":
        """Starts a warm process and waits until it has loaded everything.

        Raises:
            errors.WorkerLost: It died meanwhile; it says why on the error output.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "media.zygote", str(theirs.fileno()), *PRELOAD, *preload,
                pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL, env=_environment(),
            )  # fmt: skip
        ours.setblocking(False)
        warm = cls(process, ours)
        try:
            async with asyncio.timeout(WARM_TIMEOUT_S):
                await warm._ready
        except TimeoutError as error:
            await warm.close()
            raise errors.WorkerLost(f"no worker was warm after {WARM_TIMEOUT_S:g} s", reason="DEADLINE") from error
        except BaseException:
            await warm.close()
            raise
        return warm

    def start(self, order: Mapping[str, Any], descriptors: list[int]) -> Child:
        """Orders a child; `Child.started` tells whether it came to be."""
        loop = asyncio.get_running_loop()
        child = Child(loop.create_future(), loop.create_future())
        message = json.dumps(order).encode()
        if len(message) > zygote.MESSAGE_MAX_BYTES or len(descriptors) > zygote.FILES_MAX:
            raise ValueError(f"an order of {len(message)} bytes with {len(descriptors)} files is too large")
        self._children[order["id"]] = child
        try:
            socket.send_fds(self._control, [message], descriptors)
        except OSError:
            self._on_end()
        return child

    async def close(self) -> None:
        """Kills the process and its children."""
        self._on_end()
        self._control.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()

    def _on_message(self) -> None:
        try:
            message, handles, _, _ = socket.recv_fds(self._control, zygote.MESSAGE_MAX_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            message, handles = b"", []
        if not message:
            self._on_end()
            return
        word = json.loads(message)
        if "ready" in word:
            _settle(self._ready, word["ready"])
        elif "started" in word:
            self._on_started(word, handles[0])
        else:
            self._children.pop(word["ended"]).end(End(word["status"], word["memory_peak_bytes"]))

    def _on_started(self, word: Mapping[str, int], handle: int) -> None:
        child = self._children[word["started"]]
        child.handle = handle
        if child.started.cancelled():
            child.kill()  # nobody waits for it any more
        _settle(child.started, word["pid"])

    def _on_end(self) -> None:
        """The warm process is gone, and the kernel takes its children along."""
        if not self.alive:
            return
        self.alive = False
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        for child in self._children.values():
            child.kill()
            child.end(End(-signal.SIGKILL, 0))
        self._children.clear()
        if not self._ready.done():
            self._ready.set_exception(errors.WorkerLost("the process that starts workers has died"))


def _environment() -> dict[str, str]:
    """Variables of the warm process: what loading modules needs, and nothing that is secret."""
    passed = {name: value for name, value in os.environ.items() if name in PASSED_VARIABLES or _prefixed(name)}
    folders = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)  # it imports what the service would
    return {**passed, **FIXED_VARIABLES, "PYTHONPATH": folders}


def _prefixed(name: str) -> bool:
    return name.startswith(PASSED_PREFIXES)


def _settle(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
