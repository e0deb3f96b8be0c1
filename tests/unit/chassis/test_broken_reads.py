"""Streams whose readers leave in the middle cost no memory."""

import asyncio
import os
import pathlib
from collections.abc import AsyncIterator

import pytest
from grpc import aio

from chassis import channels, client, discovery, testing
from chassis.testing import echo

LENGTH = 100_000  # characters of a message
READERS = 150
GROWTH_MAX_BYTES = READERS * LENGTH // 3


class Talker(echo.EchoServicer):
    """Sends long messages without an end."""

    async def Watch(self, request: echo.Echo, context: aio.ServicerContext) -> AsyncIterator[echo.Echo]:
        """Sends."""
        while True:  # until it is cancelled
            yield echo.Echo(text="x" * LENGTH)
            await asyncio.sleep(0)


def resident_bytes() -> int:
    """Memory of this process."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def leave(stub: echo.EchoStub, count: int) -> None:
    """Reads some messages, and is cancelled while it waits for the next."""

    async def read() -> None:
        async for _ in stub.Watch(echo.Echo()):
            pass

    for _ in range(count):
        reading = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_reader_that_leaves_leaves_no_memory(monkeypatch: pytest.MonkeyPatch, cancelled: bool) -> None:
    """gRPC keeps what arrives for a read that was cancelled for ever; so none is, but for the control."""
    if cancelled:
        monkeypatch.setattr(channels, "_next", lambda call: call.read())
    async with testing.serving([echo.service(Talker())]) as running:
        registry = discovery.StaticRegistry({"echo": [running.address]})
        async with client.Clients(registry) as clients:
            stub = echo.EchoStub(clients.channel("echo"))
            await leave(stub, 20)  # what is allocated once
            before = resident_bytes()
            await leave(stub, READERS)
            assert cancelled == (resident_bytes() - before > GROWTH_MAX_BYTES)
