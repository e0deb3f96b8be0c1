"""A real Consul agent for tests, which can be killed and started again."""

import asyncio
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator

import httpx

from chassis import testing

START_TIMEOUT_S = 90.0  # an agent elects itself in two to three seconds; a busy machine takes longer


class Agent:
    """One development agent on ports of its own.

    Args:
        binary: The program.
        folder: For its data and its log.
    """

    def __init__(self, binary: str, folder: pathlib.Path) -> None:
        self._ports = {name: testing.free_port() for name in ("http", "server", "serf-lan", "serf-wan")}
        self._command = [binary, "agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", "-log-level=warn"]
        self._command += [f"-{name}-port={port}" for name, port in self._ports.items()]
        self._command += ["-dns-port=-1", "-grpc-port=-1", "-node=test", "-hcl=disable_update_check = true"]
        self._folder = folder  # also where it runs: it would read a folder `services` as its own configuration
        self._log = folder / "consul.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port of its HTTP interface: the value of CONSUL_HTTP_ADDR."""
        return f"127.0.0.1:{self._ports['http']}"

    async def start(self) -> None:
        """Starts it and waits until it leads.

        Raises:
            ChildProcessError: It ended instead.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder)  # noqa: S603, ASYNC220
        await testing.wait_until(self._leads, START_TIMEOUT_S, f"the agent leads (see {self._log})")

    def kill(self) -> None:
        """Ends it with no chance to say goodbye; what it knew is lost."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    async def passing(self, service: str) -> list[str]:
        """Ids of the instances whose check passes."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://{self.address}/v1/health/service/{service}", params={"passing": "1"})
        return sorted(entry["Service"]["ID"] for entry in answer.json())

    async def _leads(self) -> bool:
        if self._process.poll() is not None:
            raise ChildProcessError(f"the agent has ended with {self._process.returncode} (see {self._log})")
        async with httpx.AsyncClient(trust_env=False) as client:
            with contextlib.suppress(httpx.HTTPError):  # it is not up yet
                answer = await client.get(f"http://{self.address}/v1/status/leader", timeout=1)
                return answer.is_success and ":" in answer.text
        return False


def find() -> str | None:
    """Where the Consul program is; None without."""
    return os.environ.get("REELSMITH_CONSUL") or shutil.which("consul")


@contextlib.asynccontextmanager
async def agent(binary: str, folder: pathlib.Path) -> AsyncIterator[Agent]:
    """An agent that runs inside the block."""
    running = Agent(binary, folder)
    await running.start()
    try:
        yield running
    finally:
        await asyncio.to_thread(running.kill)
