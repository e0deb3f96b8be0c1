"""Runs tasks on untrusted media in shut-in children, each of which can be killed alone.

    workers = Pool(PoolSettings(workers=2, preload=("services.analyzer.tasks:warm",)))
    async with workers:
        result = await workers.run("services.analyzer.tasks:measure", {"range": None}, inputs={"source": file})

A task is a function `task(request, files, report)` that returns something JSON can say, or that and arrays by name.
It runs where no file can be opened and no module imported: what it needs comes as an input or by preloading.
Cancelling the caller kills the child at once.
"""

import asyncio
import collections
import contextlib
import dataclasses
import itertools
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from media import errors, sandbox, warm, wire, zygote

logger = logging.getLogger(__name__)

Files = zygote.Files
Report = Callable[[Mapping[str, Any]], None]

START_TIMEOUT_S = 30.0  # from an order to its child; forking takes milliseconds
STARTS_MAX = 2  # a warm process found dead or stuck is replaced once per call
END_TIMEOUT_S = 10.0  # from a killed child to the word of its end


class TaskFailed(RuntimeError):
    """A task ended by an exception that it should not raise: a bug of ours, with the child's traceback."""


# How a task that gave no result is counted: the first that fits.
OUTCOMES: dict[type[BaseException], str] = {
    errors.Busy: "refused",
    errors.WorkerLost: "lost",
    errors.MediaError: "failed",
    Exception: "bug",
}


@dataclasses.dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many children, and how much each may use.

    Attributes:
        workers: Children that run side by side.
        queue_limit: Calls that may wait; more are refused as `errors.Busy`.
        memory_bytes: Address space of a child on top of the warm process.
        cpu_s: Processor time of a child.
        output_max_bytes: Largest file that a child may write.
        result_max_bytes: Largest answer that is taken from a child.
        preload: Modules, or functions as `module:function`, that the warm process loads and calls before it forks.
        opening: A function, as `module:function`, that each child calls before it is shut in: it opens a device, and
            reads nothing of the task. Its children get the weaker box that a device needs. None if empty.
    """

    workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    queue_limit: int = 64
    memory_bytes: int = 2 << 30
    cpu_s: int = 24 * 3600
    output_max_bytes: int = 64 << 30
    result_max_bytes: int = 512 << 20
    preload: Sequence[str] = ()
    opening: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a task gave.

    Attributes:
        value: As the task returned it, through JSON.
        arrays: Arrays by name; not writable.
        cpu_s: Processor time that the child used.
        memory_peak_bytes: Largest resident memory of the child.
    """

    value: Any
    arrays: dict[str, np.ndarray]
    cpu_s: float
    memory_peak_bytes: int


class Pool:
    """A bounded number of children; use as an async context manager."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.workers)
        self._surplus = 0  # places that are to go as soon as they are free: the pool was made smaller
        self._waiting = 0
        self._busy = 0
        self._ids = itertools.count(1)
        self._closed = False
        self._parent: warm.Warm | None = None
        self._warming = asyncio.Lock()
        self._protections: list[sandbox.Protection] = []
        self.ended: collections.Counter[tuple[str, str]] = collections.Counter()  # by task and outcome
        self.cpu_s: collections.Counter[str] = collections.Counter()  # seconds by task, of those with a result

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

    def resize(self, workers: int, queue_limit: int) -> None:
        """Changes how many children may run and how many calls may wait; what runs or waits stays.

        Args:
            workers: Children that run side by side.
            queue_limit: Calls that may wait for one.
        """
        self._surplus += self._settings.workers - workers
        self._settings = dataclasses.replace(self._settings, workers=workers, queue_limit=queue_limit)
        while self._surplus < 0:  # bounded by the number of workers
            self._surplus += 1
            self._slots.release()

    def protections(self) -> list[sandbox.Protection]:
        """The protections around the children, and which of them are in force."""
        return list(self._protections)

    async def __aenter__(self) -> "Pool":
        try:
            await self.run("media.pool:_nothing", {})  # warms up, and finds out which protections hold
        except BaseException:
            await self.__aexit__()
            raise
        for item in self._protections:
            level = logging.INFO if item.active else logging.WARNING
            logger.log(level, "workers: %s is %s: %s", item.name, "on" if item.active else "OFF", item.detail)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._closed = True
        if self._parent is not None:
            await self._parent.close()

    async def run(
        self,
        task: str,
        request: Any,
        *,
        inputs: Mapping[str, BinaryIO | int] | None = None,
        outputs: Mapping[str, BinaryIO | int] | None = None,
        deadline_s: float = 3600.0,
        heartbeat_s: float = 60.0,
        on_progress: Report | None = None,
    ) -> Result:
        """Runs a task in a child of its own.

        Args:
            task: The function, as `module:function`; a constant of ours.
            request: Anything JSON can say.
            inputs: Files or descriptors by name; the child reads them from the beginning and cannot write them.
            outputs: Files or descriptors by name; the child writes them from where they stand.
            deadline_s: Wall time after which the child is killed.
            heartbeat_s: Longest silence of the child before it is killed; its progress counts.
            on_progress: Called with each progress.

        Raises:
            errors.Busy: Too many calls wait.
            errors.WorkerLost: The child died, hung or ran out of time or memory.
            errors.MediaError: What the task raised.
            TaskFailed: The task has a bug.
        """
        order = {"task": task, "inputs": list(inputs or {}), "outputs": list(outputs or {}), "box": self._box()}
        order["opening"] = self._settings.opening
        files = [_descriptor(file) for file in (*(inputs or {}).values(), *(outputs or {}).values())]
        with self._tallied(task):
            async with self._slot(), self._child(order, request, files) as (child, reader):
                try:
                    async with asyncio.timeout(deadline_s):
                        result = await self._answer(child, reader, heartbeat_s, on_progress)
                except TimeoutError as error:
                    raise errors.WorkerLost(
                        f"the worker was not done after {deadline_s:g} s and was killed", reason="DEADLINE"
                    ) from error
        self.cpu_s[task] += result.cpu_s
        return result

    @contextlib.contextmanager
    def _tallied(self, task: str) -> Iterator[None]:
        """Notes how a task ended."""
        try:
            yield
        except BaseException as failure:
            outcome = next((name for kind, name in OUTCOMES.items() if isinstance(failure, kind)), "cancelled")
            self.ended[task, outcome] += 1
            raise
        self.ended[task, "ok"] += 1

    def _box(self) -> dict[str, int]:
        settings = self._settings
        return dataclasses.asdict(
            sandbox.Box(
                memory_bytes=settings.memory_bytes,
                cpu_s=settings.cpu_s,
                file_size_max_bytes=settings.output_max_bytes,
                device=bool(settings.opening),
            )
        )

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._slots.locked() and self._waiting >= self._settings.queue_limit:
            raise errors.Busy(f"{self._waiting} calls wait for a worker already")
        self._waiting += 1
        try:
            await self._slots.acquire()
            while self._surplus:  # bounded by what it was made smaller by
                self._surplus -= 1
                await self._slots.acquire()
        finally:
            self._waiting -= 1
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._slots.release()

    async def _warmed(self) -> warm.Warm:
        async with self._warming:
            if self._closed:
                raise errors.WorkerLost("the pool is closed", reason="CLOSED")
            if self._parent is None or not self._parent.alive:
                if self._parent is not None:
                    await self._parent.close()
                self._parent = await warm.Warm.spawn(self._settings.preload)
            return self._parent

    @contextlib.asynccontextmanager
    async def _child(
        self, order: dict[str, Any], request: Any, files: list[int]
    ) -> AsyncIterator[tuple[warm.Child, asyncio.StreamReader]]:
        """A started child and what it says; it is dead when the block ends."""
        with contextlib.ExitStack() as stack:
            body = _written(json.dumps(request, allow_nan=False).encode())
            stack.callback(os.close, body)
            ours, theirs = os.pipe()
            try:
                reader, transport = await _reader(ours)
                stack.callback(transport.close)
                child = await self._started(order, [theirs, body, *files])
            finally:
                os.close(theirs)
            try:
                yield child, reader
            finally:
                child.kill()
                # Files that it wrote are whole, and its memory is free, only when it is gone.
                await asyncio.wait([child.ended], timeout=END_TIMEOUT_S)

    async def _started(self, order: dict[str, Any], descriptors: list[int]) -> warm.Child:
        for attempt in range(1, STARTS_MAX + 1):
            parent = await self._warmed()
            child = parent.start({**order, "id": next(self._ids)}, descriptors)
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    await child.started
            except (errors.WorkerLost, TimeoutError) as error:  # nothing of the task has run: starting again is safe
                await parent.close()
                if attempt == STARTS_MAX:
                    raise errors.WorkerLost("no worker could be started") from error
            else:
                break
        return child

    async def _answer(
        self, child: warm.Child, reader: asyncio.StreamReader, heartbeat_s: float, on_progress: Report | None
    ) -> Result:
        while True:
            try:
                async with asyncio.timeout(heartbeat_s):
                    message = _understood(*await wire.receive(reader, self._settings.result_max_bytes))
            except TimeoutError as error:
                raise errors.WorkerLost(
                    f"the worker was silent for {heartbeat_s:g} s and was killed", reason="SILENT"
                ) from error
            except asyncio.IncompleteReadError:
                raise await _lost(child) from None
            except wire.Malformed as error:
                raise errors.WorkerLost(f"the worker sent {error}") from error
            match message:
                case Result():
                    return message
                case _Progress() if on_progress:
                    on_progress(message.value)
                case _Entered():
                    self._protections = message.protections


@dataclasses.dataclass(frozen=True, slots=True)
class _Entered:
    protections: list[sandbox.Protection]


@dataclasses.dataclass(frozen=True, slots=True)
class _Progress:
    value: Any


def _understood(header: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> _Entered | _Progress | Result:
    """What a child said; raises what it says it raised.

    Raises:
        wire.Malformed: It is nothing that a child of ours would say.
    """
    try:
        match header["kind"]:
            case "entered":
                return _Entered([sandbox.Protection(*item) for item in header["protections"]])
            case "progress":
                return _Progress(header["value"])
            case "result":
                usage = header["usage"]
                return Result(header["value"], arrays, float(usage["cpu_s"]), int(usage["memory_peak_bytes"]))
            case "error":
                metadata = {str(name): str(value) for name, value in header["metadata"].items()}
                raised = errors.BY_NAME[header["error"]](
                    str(header["message"]), reason=str(header["reason"]), metadata=metadata
                )
            case "bug":
                raised = TaskFailed(str(header["traceback"]))
            case _:
                raise wire.Malformed("a message of no known kind")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise wire.Malformed(f"a message that lacks something: {error!r}") from error
    raise raised


def _nothing(request: Any, files: Files, report: Report) -> None:
    """A task that does nothing."""


def _descriptor(file: BinaryIO | int) -> int:
    if isinstance(file, int):
        return file
    file.flush()
    return file.fileno()


def _written(content: bytes) -> int:
    """A descriptor of an unnamed file in memory with this content."""
    descriptor = os.memfd_create("request", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


async def _reader(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    return reader, transport


async def _lost(child: warm.Child) -> errors.WorkerLost:
    """The error that fits how a child ended."""
    await asyncio.wait([child.ended], timeout=END_TIMEOUT_S)
    if not child.ended.done():
        return errors.WorkerLost("the worker closed its end and did not end")
    end = child.ended.result()
    how = signal.Signals(-end.status).name if end.status < 0 else f"exit status {end.status}"
    reason = "DEADLINE" if end.status == -signal.SIGXCPU else "CRASHED"
    metadata = {"status": how, "memory_peak_bytes": str(end.memory_peak_bytes)}
    return errors.WorkerLost(f"the worker died: {how}", reason=reason, metadata=metadata)
