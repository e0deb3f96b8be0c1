"""Three layers above a backend that always fails: one of them tries again, within one budget."""

import asyncio
import contextlib

import pytest

from chassis import client, errors, route, testing
from chassis.testing import echo

CALLS = 600
LAYERS = 3


class Layer(echo.EchoServicer):
    """Asks the layer below."""

    def __init__(self, below: echo.EchoStub) -> None:
        super().__init__()
        self._below = below

    async def Put(self, request: echo.Echo, context: object) -> echo.Echo:
        """Passes the call on."""
        return await self._below.Put(request)


async def attempts(connect, calls: int, policy: client.Policy, text: str = "Unavailable") -> int:
    """Calls that arrive at the last of several layers, of some that are made to the first."""
    last = echo.EchoServicer()
    async with contextlib.AsyncExitStack() as stack:
        servicer = last
        for _ in range(LAYERS):
            server = await stack.enter_async_context(testing.serving([echo.service(servicer)]))
            clients = await stack.enter_async_context(connect([server.address], policy))
            below = echo.EchoStub(clients.channel("echo"))
            servicer = Layer(below)

        async def call() -> None:
            with contextlib.suppress(errors.Error):
                await below.Put(echo.Echo(text=text), timeout=60)

        gate = asyncio.Semaphore(8)

        async def gated() -> None:
            async with gate:
                await call()

        await asyncio.gather(*(gated() for _ in range(calls)))
    return len(last.calls)


async def test_failing_backend_is_not_stormed_through_three_layers(connect) -> None:
    """All second tries of all layers together stay under a tenth."""
    found = await attempts(connect, CALLS, client.Policy(breaking=None))
    assert CALLS < found <= 1.10 * CALLS


async def test_failing_backend_is_stormed_without_the_budget(connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: where every layer tries as it likes, tries multiply."""
    monkeypatch.setattr(route, "BACKOFF_S", 0.001)
    found = await attempts(connect, 3, client.Policy(breaking=None, budget=False))
    assert found >= 4 * 3


async def test_breaker_shields_a_failing_backend(connect) -> None:
    """With breakers, most of the calls do not arrive at all."""
    assert await attempts(connect, 200, client.Policy()) < 100
