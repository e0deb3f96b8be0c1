"""Runs tasks on untrusted media in shut-in children, each of which can be killed alone.

    workers = Pool(PoolSettings(workers=2, preload=("services.analyzer.tasks:warm",)))
    async with workers:
        result = await workers.run("services.analyzer.tasks:measure", {"range": None}, inputs={"source": file})

A task is a function `task(request, files, report)` that returns something JSON can say, or that and arrays by name.
Cancelling the caller kills the child at once.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from media import errors, sandbox, wire, zygote

Files = zygote.Files
Report = Callable[[Mapping[str, Any]], None]

START_TIMEOUT_S = 120.0  # a cold start compiles the kernels once
END_TIMEOUT_S = 10.0  # from a killed child to the word of its end
# Libraries that start threads when imported would make forking unsafe, and children must not fight for cores.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class TaskFailed(RuntimeError):
    """A task ended by an exception that it should not raise: a bug of ours, with the child's traceback."""


@dataclasses.dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many children, and how much each may use.

    Attributes:
        workers: Children that run side by side.
        queue_limit: Calls that may wait; more are refused as `errors.Busy`.
        memory_bytes: Address space of a child on top of the warm process.
        cpu_s: Processor time of a child.
        result_max_bytes: Largest answer that is taken from a child.
        preload: Modules, or functions as `module:function`, that the warm process loads and calls before it forks.
    """

    workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    queue_limit: int = 64
    memory_bytes: int = 2 << 30
    cpu_s: int = 24 * 3600
    result_max_bytes: int = 512 << 20
    preload: Sequence[str] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a task gave.

    Attributes:
        value: As the task returned it, through JSON.
        arrays: Arrays by name.
        cpu_s: Processor time that the child used.
        memory_peak_bytes: Largest resident memory of the child.
    """

    value: Any
    arrays: dict[str, np.ndarray]
    cpu_s: float
    memory_peak_bytes: int


@dataclasses.dataclass(slots=True)
class _Child:
    """A running child; the handle stays valid after its process is gone, so nobody else can be hit."""

    started: asyncio.Future[int]
    ended: asyncio.Future[int]
    handle: int | None = None

    def kill(self) -> None:
        if self.handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def close(self) -> None:
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None


class _Zygote:
    """The service's side of one warm process."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process, self._control = process, control
        self._children: dict[int, _Child] = {}
        self.ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.alive = True
        asyncio.get_running_loop().add_reader(control.fileno(), self._on_message)

    @classmethod
    async def spawn(cls, preload: Sequence[str]) -> "_Zygote":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "media.zygote", str(theirs.fileno()), *preload,
                pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL, env={**os.environ, **ONE_THREAD},
            )  # fmt: skip
        ours.setblocking(False)
        warm = cls(process, ours)
        try:
            await asyncio.wait_for(asyncio.shield(warm.ready), START_TIMEOUT_S)
        except BaseException:
            await warm.close()
            raise
        return warm

    def start(self, order: Mapping[str, Any], descriptors: list[int]) -> _Child:
        loop = asyncio.get_running_loop()
        child = self._children[order["id"]] = _Child(loop.create_future(), loop.create_future())
        try:
            socket.send_fds(self._control, [json.dumps(order).encode()], descriptors)
        except OSError:
            self._on_end()
        return child

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
            self.ready.set_result(word["ready"])
        elif "started" in word:
            self._on_started(word, handles[0])
        else:
            _settle(self._children.pop(word["ended"]).ended, word["status"])

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
        lost = errors.WorkerLost("the process that starts workers has died")
        for child in self._children.values():
            _settle(child.ended, -signal.SIGKILL)
            if not child.started.done():
                child.started.set_exception(lost)
        if not self.ready.done():
            self.ready.set_exception(lost)

    async def close(self) -> None:
        self._on_end()
        self._control.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


def _settle(future: asyncio.Future[int], value: int) -> None:
    if not future.done():
        future.set_result(value)


class Pool:
    """A bounded number of children; use as an async context manager."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.workers)
        self._waiting = 0
        self._busy = 0
        self._ids = itertools.count(1)
        self._zygote: _Zygote | None = None
        self._spawning = asyncio.Lock()
        self._protections: list[sandbox.Protection] = []

    @property
    def workers(self) -> int:
        """Children that may run side by side."""
        return self._settings.workers

    @property
    def busy(self) -> int:
        """Children that run now."""
        return self._busy

    @property
    def waiting(self) -> int:
        """Calls that wait for a child."""
        return self._waiting

    @property
    def queue_limit(self) -> int:
        """Calls that may wait."""
        return self._settings.queue_limit

    def protections(self) -> list[sandbox.Protection]:
        """The protections around the children, and which of them are in force."""
        return list(self._protections)

    async def __aenter__(self) -> "Pool":
        await self.run("media.pool:_nothing", {})  # warms up, and finds out which protections hold
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._zygote is not None:
            await self._zygote.close()

    async def run(
        self,
        task: str,
        request: Any,
        *,
        inputs: Mapping[str, BinaryIO] | None = None,
        outputs: Mapping[str, BinaryIO] | None = None,
        deadline_s: float = 3600.0,
        heartbeat_s: float = 60.0,
        on_progress: Report | None = None,
    ) -> Result:
        """Runs a task in a child of its own.

        Args:
            task: The function, as `module:function`; a constant of ours.
            request: Anything JSON can say.
            inputs: Files that the child reads, by name.
            outputs: Files that the child writes, by name.
            deadline_s: Wall time after which the child is killed.
            heartbeat_s: Longest silence of the child before it is killed; its progress counts.
            on_progress: Called with each progress.

        Raises:
            errors.Busy: Too many calls wait.
            errors.WorkerLost: The child died, hung or ran out of time or memory.
            errors.MediaError: What the task raised.
            TaskFailed: The task has a bug.
        """
        async with self._slot(), asyncio.timeout(None) as deadline:
            order = {"task": task, "inputs": list(inputs or {}), "outputs": list(outputs or {}), "box": self._box()}
            files = [*(inputs or {}).values(), *(outputs or {}).values()]
            async with self._child(order, request, files) as (child, reader):
                deadline.reschedule(asyncio.get_running_loop().time() + deadline_s)
                try:
                    return await self._answer(child, reader, heartbeat_s, on_progress)
                except TimeoutError as error:
                    raise errors.WorkerLost(
                        f"the worker was silent for {heartbeat_s:g} s and was killed", reason="SILENT"
                    ) from error
                except asyncio.CancelledError:
                    if deadline.expired():
                        raise errors.WorkerLost(
                            f"the worker was not done after {deadline_s:g} s and was killed", reason="DEADLINE"
                        ) from None
                    raise

    def _box(self) -> dict[str, int]:
        return dataclasses.asdict(sandbox.Box(memory_bytes=self._settings.memory_bytes, cpu_s=self._settings.cpu_s))

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._slots.locked() and self._waiting >= self._settings.queue_limit:
            raise errors.Busy(f"{self._waiting} calls wait for a worker already")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._slots.release()

    async def _warm(self) -> _Zygote:
        async with self._spawning:
            if self._zygote is None or not self._zygote.alive:
                if self._zygote is not None:
                    await self._zygote.close()
                self._zygote = await _Zygote.spawn(self._settings.preload)
            return self._zygote

    @contextlib.asynccontextmanager
    async def _child(
        self, order: dict[str, Any], request: Any, files: list[BinaryIO]
    ) -> AsyncIterator[tuple[_Child, asyncio.StreamReader]]:
        warm = await self._warm()
        with contextlib.ExitStack() as stack:
            body = stack.enter_context(tempfile.TemporaryFile())
            body.write(json.dumps(request, allow_nan=False).encode())
            body.flush()
            body.seek(0)
            ours, theirs = os.pipe()
            reader, transport = await _reader(ours)
            stack.callback(transport.close)
            try:
                descriptors = [theirs, body.fileno(), *(file.fileno() for file in files)]
                child = warm.start({**order, "id": next(self._ids)}, descriptors)
            finally:
                os.close(theirs)
            try:
                await child.started
                yield child, reader
            finally:
                child.kill()
                child.close()

    async def _answer(
        self, child: _Child, reader: asyncio.StreamReader, heartbeat_s: float, on_progress: Report | None
    ) -> Result:
        while True:
            try:
                async with asyncio.timeout(heartbeat_s):
                    header, arrays = await wire.receive(reader, self._settings.result_max_bytes)
            except asyncio.IncompleteReadError:
                raise await _lost(child) from None
            except wire.Malformed as error:
                raise errors.WorkerLost(f"the worker sent {error}", reason="CRASHED") from error
            match header.get("kind"):
                case "entered":
                    self._protections = [sandbox.Protection(*item) for item in header["protections"]]
                case "progress" if on_progress:
                    on_progress(header["value"])
                case "result":
                    usage = header["usage"]
                    return Result(header["value"], arrays, usage["cpu_s"], int(usage["memory_peak_bytes"]))
                case "error":
                    kind = errors.BY_NAME.get(header["error"], errors.Unreadable)
                    raise kind(header["message"], reason=header["reason"], metadata=header["metadata"])
                case "bug":
                    raise TaskFailed(header["traceback"])


def _nothing(request: Any, files: Files, report: Report) -> None:
    """A task that does nothing."""


async def _reader(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    return reader, transport


async def _lost(child: _Child) -> errors.WorkerLost:
    """The error that fits how a child ended."""
    status = await asyncio.wait_for(asyncio.shield(child.ended), END_TIMEOUT_S)
    how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    reason = "DEADLINE" if status == -signal.SIGXCPU else "CRASHED"
    return errors.WorkerLost(f"the worker died: {how}", reason=reason, metadata={"status": how})
