"""Real parts for tests: servers on free ports, a Consul agent, a trace collector, a service that obeys orders."""

import asyncio
import contextlib
import inspect
import itertools
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from chassis import server
from chassis import settings as settings_module

WORKERS_MAX = 16  # of pytest-xdist; each takes ports of its own, for all of them look at the same time
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_MAX
PORTS = range(10_000 + WORKER, 20_000, WORKERS_MAX)  # below those that the kernel gives to outgoing connections
PORT_ATTEMPTS_MAX = 100  # each of them fails only where something listens
_ports = itertools.cycle(random.sample(PORTS, len(PORTS)))  # none twice: what asked before may not listen yet
POLL_S = 0.02  # how often a condition is looked at


def free_port() -> int:
    """A port that was free a moment ago, that nobody else in this process was given, and no outgoing connection gets.

    Raises:
        OSError: None was found.
    """
    for port in itertools.islice(_ports, PORT_ATTEMPTS_MAX):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port after {PORT_ATTEMPTS_MAX} attempts")


def settings(**values: object) -> settings_module.Settings:
    """Settings for a server inside a test: a free port, short drains."""
    return settings_module.Settings(**{"lame_duck_s": 0.0, "drain_s": 1.0, "health_interval_s": 0.1, **values})


@contextlib.asynccontextmanager
async def serving(services: Sequence[server.Service], **values: object) -> AsyncIterator[server.Server]:
    """A running server in this process.

    Args:
        services: What it serves.
        values: Settings that differ from those for tests.
    """
    async with server.Server(settings(**values), services) as running:
        yield running


async def wait_until(condition: Callable[[], bool | Awaitable[bool]], timeout_s: float = 60.0, what: str = "") -> None:
    """Waits until a condition holds.

    Args:
        condition: A function, which may be a coroutine function.
        timeout_s: How long.
        what: What is waited for, for the message.

    Raises:
        TimeoutError: It does not hold in time.
    """
    end_s = time.monotonic() + timeout_s
    while True:  # bounded by the timeout
        holds = condition()
        if await holds if inspect.isawaitable(holds) else holds:
            return
        if time.monotonic() > end_s:
            raise TimeoutError(f"not within {timeout_s} s: {what or inspect.getsource(condition).strip()}")
        await asyncio.sleep(POLL_S)
