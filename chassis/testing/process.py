"""A server as a process of its own, to be killed, frozen and drained."""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping

from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis import testing

START_TIMEOUT_S = 120.0  # importing a service takes a second, on a machine that does much else many
STOP_TIMEOUT_S = 60.0  # a drain plus the shutdown of telemetry


@dataclasses.dataclass(slots=True)
class Process:
    """A running module `python -m <module>`.

    Args:
        module: What runs.
        port: Its gRPC port.
        log: File of its output.
        environment: What is set on top of the environment of the test.
    """

    module: str
    port: int
    log: pathlib.Path
    environment: Mapping[str, str]
    popen: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port of its server."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Starts it and waits until it serves.

        Raises:
            ChildProcessError: It ended instead.
        """
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(  # noqa: S603, ASYNC220
                [sys.executable, "-m", self.module],
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )
        await testing.wait_until(self.serves, START_TIMEOUT_S, f"{self.module} serves (see {self.log})")

    async def serves(self) -> bool:
        """Whether it says that it serves.

        Raises:
            ChildProcessError: It has ended.
        """
        if self.popen.poll() is not None:
            raise ChildProcessError(f"{self.module} has ended with {self.popen.returncode} (see {self.log})")
        async with aio.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            with contextlib.suppress(aio.AioRpcError):  # not up, or frozen
                request = health_pb2.HealthCheckRequest()
                answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=1)
                return answer.status == health_pb2.HealthCheckResponse.SERVING
        return False

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self.popen.send_signal(number)

    async def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """The exit status, once it has ended."""
        return await asyncio.to_thread(self.popen.wait, timeout_s)

    def end(self) -> None:
        """Ends it at once, also when it is frozen."""
        if self.popen and self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


@contextlib.asynccontextmanager
async def running(
    service: str, module: str, count: int, folder: pathlib.Path, environment: Mapping[str, str], first_port: int = 0
) -> AsyncIterator[list[Process]]:
    """Instances of one service, gone after the block.

    Args:
        service: Name of the service, as in its settings.
        module: Module that is its process.
        count: How many instances.
        folder: For their logs and state.
        environment: What all of them are told.
        first_port: Port of the first one, where others have to know it before; 0 for any.
    """
    prefix = f"REELSMITH_{service.upper()}"
    processes = []
    for number in range(count):
        port = first_port if first_port and not number else testing.free_port()
        own = {f"{prefix}_PORT": str(port), f"{prefix}_STATE_DIR": str(folder / f"{service}-{number}")}
        processes.append(Process(module, port, folder / f"{service}-{number}.log", {**environment, **own}))
    try:
        await asyncio.gather(*(process.start() for process in processes))
        yield processes
    finally:
        for process in processes:
            process.end()
