"""A folder of its own with a manager and fakes that can be killed, started again and asked."""

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar

import grpc
from grpc import aio
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from chassis import testing

SOURCES = [pathlib.Path(__file__).with_name(name) for name in ("disk.c", "clock.c")]
ROOT = pathlib.Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0  # for a manager to come back, on a machine with other work
QUICK = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 20),
         ("grpc.max_reconnect_backoff_ms", 100), ("grpc.use_local_subchannel_pool", 1)]  # fmt: skip
PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED,
           grpc.StatusCode.CANCELLED}  # fmt: skip
T = TypeVar("T")


def built(folder: pathlib.Path) -> pathlib.Path:
    """The library that stands between a process and its disk, and between it and the wall clock."""
    library = folder / "between.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, *SOURCES, "-ldl", "-lpthread"], check=True)
    return library


@dataclasses.dataclass
class Process:
    """A process that the forge made."""

    pid: int
    descriptor: int
    ended: asyncio.Event

    @classmethod
    def watched(cls, pid: int) -> "Process":
        """A process whose end is noticed at once; one that is gone already has ended."""
        process = cls(pid, -1, asyncio.Event())
        try:
            process.descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            process.ended.set()
            return process
        asyncio.get_running_loop().add_reader(process.descriptor, process.bury)
        return process

    def bury(self) -> None:
        """Notes the end."""
        asyncio.get_running_loop().remove_reader(self.descriptor)
        os.close(self.descriptor)
        self.ended.set()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, if it still runs."""
        if not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.descriptor, number)

    async def kill(self) -> None:
        """kill -9, and its end."""
        self.signal(signal.SIGKILL)
        await self.ended.wait()


class Forge:
    """Makes processes; use as an async context manager.

    Args:
        library: What stands between them and their disk; None for nothing.
    """

    def __init__(self, library: pathlib.Path | None = None) -> None:
        self._environment = {**os.environ, **({"LD_PRELOAD": str(library)} if library else {})}
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> "Forge":
        command = [sys.executable, "-m", "tests.chaos.harness.forge"]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env=self._environment, cwd=ROOT
        )
        assert b"ready\n" == await self._process.stdout.readline()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.stdin.close()
        await self._process.wait()

    async def make(self, **order: Any) -> Process:
        """Makes a process as a line of `forge.py` says."""
        async with self._lock:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            if line := await self._process.stdout.readline():
                return Process.watched(int(line))
        print("the forge has ended: no process can be made any more", file=sys.stderr)
        os._exit(2)  # a lane would wait for its manager for ever


HOST = "media.test"  # a source is fetched from there, by a fake that asks nobody


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one life of a process: failpoints, the disk, a protection that is missing."""

    failpoints: str = ""
    disk: tuple[Any, ...] = ()
    sabotage: str = ""


WHOLE = Fault()


class Lane:
    """One manager with its fakes in one folder.

    Args:
        forge: Makes the processes.
        home: The folder.
        fakes: How many fakes.
        sabotage: A protection that every manager of it lacks.
        settings: Further environment of the manager.
        clock: File that moves the wall clock of all its processes, as `clock.c` says; None for a true clock.
    """

    def __init__(
        self,
        forge: Forge,
        home: pathlib.Path,
        fakes: int = 1,
        sabotage: str = "",
        settings: dict[str, str] | None = None,
        clock: pathlib.Path | None = None,
    ) -> None:
        self.home, self.disk = home, home / "disk"
        self._forge, self._sabotage, self._settings = forge, sabotage, settings or {}
        self._clock = str(clock) if clock else ""
        self._ports = [testing.free_port() for _ in range(fakes + 1)]
        self.fakes: list[Process] = []
        self.manager: Process | None = None
        self.starts = 0
        self.deaths: list[float] = []
        self.on_death: list[Callable[[], None]] = []

    async def __aenter__(self) -> "Lane":
        for name in ("sessions", "state"):  # an image of a disk may be there already
            (self.disk / name).mkdir(parents=True, exist_ok=True)
        self.fakes = [await self.fake(number) for number in range(len(self._ports) - 1)]
        self._channel = aio.insecure_channel(f"127.0.0.1:{self._ports[-1]}", options=QUICK)
        self.stub = rpc.JobServiceStub(self._channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
        for process in (*self.fakes, self.manager):
            if process is not None:
                await process.kill()

    @property
    def log(self) -> pathlib.Path:
        """What failpoints did."""
        return self.home / "failpoints.log"

    def address(self, fake: int) -> str:
        """Where a fake listens; its identifier ends with it."""
        return f"127.0.0.1:{self._ports[fake]}"

    def fired(self) -> list[str]:
        """The lines of the log, one for each fault that came: name, hit and action; or what the disk refused."""
        logs = (self.log, self.home / "disk.log")
        return [line for log in logs if log.exists() for line in log.read_text().splitlines()]

    def _environment(self, **more: str) -> dict[str, str]:
        listed = ",".join(f"127.0.0.1:{port}" for port in self._ports[:-1])
        return {
            "REELSMITH_DISCOVERY": "static",
            "REELSMITH_STATIC_REGISTRY": f"analyzer={listed};exporter={listed}",
            "REELSMITH_LAME_DUCK_S": "0",
            "REELSMITH_HEALTH_INTERVAL_S": "0.2",
            "REELSMITH_LOG_LEVEL": "WARNING",
            "REELSMITH_STATE_DIR": str(self.disk / "state"),
            "REELSMITH_SESSIONS_ROOT": str(self.disk),
            "REELSMITH_METRICS_PORT": "0",
            "REELSMITH_JOBS_FETCH_ALLOW": f"http://{HOST}",
            "FAKE_JOURNAL": str(self.home / "journal"),
            **more,
        }

    async def fake(self, number: int, fault: Fault = WHOLE) -> Process:
        """Starts a fake."""
        own = self._faulty(fault, REELSMITH_FAKE_MEDIA_PORT=str(self._ports[number]))
        return await self._forge.make(what="fake", log=str(self.home / f"fake-{number}.log"), **own)

    async def start(self, fault: Fault = WHOLE) -> Process:
        """Starts the manager; the one before has ended."""
        fault = dataclasses.replace(fault, sabotage=fault.sabotage or self._sabotage)
        own = self._faulty(fault, REELSMITH_JOBS_PORT=str(self._ports[-1]), **self._settings)
        self.manager = await self._forge.make(what="jobs", log=str(self.home / "jobs.log"), **own)
        self.starts += 1
        return self.manager

    def _faulty(self, fault: Fault, **environment: str) -> dict[str, Any]:
        armed = {"REELSMITH_FAILPOINTS": fault.failpoints, "REELSMITH_FAILPOINTS_LOG": str(self.log)}
        places = {"LOG": str(self.home / "disk.log"), "ROOT": str(self.disk)}
        disk = [places.get(item, item) for item in fault.disk]
        return {
            "environment": self._environment(**armed, **environment), "disk": disk, "sabotage": fault.sabotage,
            "clock": self._clock,
        }  # fmt: skip

    @contextlib.asynccontextmanager
    async def kept(self, faults: Sequence[Fault] = ()) -> AsyncIterator[None]:
        """Inside the block a manager runs: the first with the first fault, the next one with the next, then whole."""
        await self.start(faults[0] if faults else WHOLE)
        keeper = asyncio.create_task(self._keep(list(faults[1:])))
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self.manager.kill()

    async def _keep(self, faults: list[Fault]) -> None:
        while True:  # until cancelled
            await self.manager.ended.wait()
            self.deaths.append(time.monotonic())
            for look in self.on_death:
                look()
            await self.start(faults.pop(0) if faults else WHOLE)

    async def ask(self, method: Callable[..., Any], request: Any, patience_s: float = PATIENCE_S) -> Any:
        """Calls until the manager is there and takes it: what a user's retries do."""
        end = time.monotonic() + patience_s
        while True:  # bounded by patience
            try:
                return await method(request, timeout=10, wait_for_ready=True)
            except aio.AioRpcError as error:
                if error.code() not in PASSING or time.monotonic() > end:
                    raise
                await asyncio.sleep(0.02)

    async def events(self, job_id: str, patience_s: float = PATIENCE_S) -> list[pb.JobEvent]:
        """Everything that happened to a job, to its end; goes on where a broken stream ended."""
        found: dict[int, pb.JobEvent] = {}
        end = time.monotonic() + patience_s
        while True:  # bounded by patience
            after = max(found, default=0)
            request = pb.WatchJobRequest(id=job_id, after_sequence=after)
            try:
                async for event in self.stub.WatchJob(request, timeout=patience_s, wait_for_ready=True):
                    if event.sequence:
                        found[event.sequence] = event
                return [found[sequence] for sequence in sorted(found)]
            except aio.AioRpcError as error:
                if error.code() not in PASSING or time.monotonic() > end:
                    raise
                await asyncio.sleep(0.02)

    async def submit(self, request_id: str, orders: dict[str, Any] | None = None, **spec: Any) -> pb.Job:
        """Submits a job under a key, as often as it takes."""
        source = self.home / f"source-{request_id}.json"
        if not source.exists():
            source.write_text(json.dumps(orders or {}))
        made = pb.JobSpec(source_uri=source.as_uri(), count=1, duration_min_s=1, duration_max_s=3, **spec)
        return await self.ask(self.stub.SubmitJob, pb.SubmitJobRequest(spec=made, request_id=request_id))

    def finals(self) -> Iterator[pathlib.Path]:
        """Every file under a final name of every session."""
        for folder in ("metadata", "final_output", "images", "scripts"):
            for path in self.disk.glob(f"sessions/*/{folder}/*"):
                if not path.name.startswith(".") and path.name not in ("orders.json", "config.json"):
                    yield path
