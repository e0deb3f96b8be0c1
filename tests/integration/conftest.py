"""Real processes of the suite for tests, and a generic client."""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis import testing

START_TIMEOUT_S = 120  # a loaded machine starts a Python process with gRPC in seconds, a very busy one in many


@contextlib.asynccontextmanager
async def channel_of(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """A plain channel with connections of its own: none waits out the back-off of another."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield channel


@dataclasses.dataclass
class Process:
    """One process of the suite, `python -m MODULE`; it can be stopped and started again on the same port."""

    module: str
    port: int
    environment: dict[str, str]
    log: pathlib.Path
    running: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Starts it."""
        with self.log.open("ab") as log:
            environment = {**os.environ, **self.environment}
            self.running = subprocess.Popen([sys.executable, "-m", self.module], env=environment, stderr=log)

    async def start(self) -> None:
        """Starts it and waits until it serves."""
        self.launch()
        await self.until(serving=True)

    async def until(self, *, serving: bool) -> None:
        """Waits until it serves, or does not."""

        async def reached() -> bool:
            assert self.running.poll() is None, self.log.read_text()
            return await self.serves() == serving

        await testing.wait_until(reached, START_TIMEOUT_S, f"{self.module} serving: {serving}")

    async def serves(self) -> bool:
        """Whether it says that it serves."""
        async with channel_of(self.address) as channel:
            with contextlib.suppress(grpc.aio.AioRpcError):
                answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
                return answer.status == health_pb2.HealthCheckResponse.SERVING
        return False

    def stop(self, number: signal.Signals) -> None:
        """Sends a signal and waits for the end."""
        self.running.send_signal(number)
        self.running.wait(30)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Finds ports that nobody listens on."""

    return testing.free_port


@pytest.fixture
def new_process(tmp_path: pathlib.Path, free_port: Callable[[], int]) -> Iterator[Callable[..., Process]]:
    """Makes processes, not yet started; whatever runs at the end is killed."""
    made: list[Process] = []

    def make(module: str, **environment: str) -> Process:
        port, name = free_port(), module.rpartition(".")[2]
        own = {
            "REELSMITH_DISCOVERY": "static",
            "REELSMITH_LAME_DUCK_S": "0.1",
            "REELSMITH_HEALTH_INTERVAL_S": "0.2",
            "REELSMITH_STATE_DIR": str(tmp_path / f"{name}-{port}"),
            "REELSMITH_SESSIONS_ROOT": str(tmp_path),
            f"REELSMITH_{name.upper()}_PORT": str(port),
        }
        made.append(Process(module, port, {**own, **environment}, tmp_path / f"{name}-{port}.log"))
        return made[-1]

    yield make
    for process in made:
        if process.running and process.running.poll() is None:
            process.stop(signal.SIGKILL)


@pytest.fixture
def connect() -> Callable[[str], contextlib.AbstractAsyncContextManager[grpc.aio.Channel]]:
    """Opens plain channels, as any client does."""
    return channel_of


@pytest.fixture
def buf_curl(require_tool):
    """Runs `buf curl`, a client that knows only an address; returns what it prints, to its end or to a mark."""
    beside = pathlib.Path(sys.executable).parent / "buf"
    program = str(beside) if beside.exists() else require_tool("buf")

    async def run(address: str, *arguments: str, until: bytes = b"") -> bytes:
        *flags, path = arguments
        command = [program, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *flags, f"http://{address}{path}"]
        running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(30):
                return await (running.stdout.readuntil(until) if until else running.stdout.read())
        finally:
            with contextlib.suppress(ProcessLookupError):
                running.terminate()
            await running.wait()

    return run
