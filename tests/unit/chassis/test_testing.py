"""The parts that other tests stand on: ports of their own, and processes that say that they ended."""

import pathlib
import socket

import pytest

from chassis import testing
from chassis.testing import consul, process


def test_ports_are_given_once() -> None:
    """Ports that nothing listens on yet are not given a second time."""
    count = len(testing.PORTS) // 2
    assert count == len({testing.free_port() for _ in range(count)})


async def test_process_that_ended_is_told_at_once(tmp_path: pathlib.Path) -> None:
    """A process that cannot start is not waited for."""
    started = process.Process("services.absent", testing.free_port(), tmp_path / "log", {})
    with pytest.raises(ChildProcessError, match=r"services\.absent has ended"):
        await started.start()


async def test_agent_that_ended_is_told_at_once(require_tool, tmp_path: pathlib.Path) -> None:
    """An agent whose port is taken fails its start instead of being waited for."""
    agent = consul.Agent(require_tool("consul"), tmp_path)
    taken = ("127.0.0.1", int(agent.address.rpartition(":")[2]))
    with socket.create_server(taken), pytest.raises(ChildProcessError, match="the agent has ended"):
        await agent.start()
