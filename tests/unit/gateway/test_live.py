"""An answer that is a stream: cut where it is not whole, closed when the caller leaves."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from gateway.http import live


class Caller:
    """A caller of an ASGI application who stays, or leaves after so many messages."""

    def __init__(self, stays: int = 1000) -> None:
        self.heard: list[dict] = []
        self._stays = stays
        self._left = asyncio.Event()

    async def receive(self) -> dict:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        self.heard.append(message)
        if len(self.heard) >= self._stays:
            self._left.set()
            await asyncio.sleep(0.01)


async def pieces(count: int, ended: list[bool]) -> AsyncGenerator[bytes, None]:
    """A stream that says when it was closed."""
    try:
        for _ in range(count):
            yield b"12345"
    finally:
        ended.append(True)


@pytest.mark.parametrize(("length", "whole"), [(10, True), (11, False), (None, True)])
async def test_only_a_whole_body_is_ended(length: int | None, whole: bool) -> None:
    """A stream that stops before its length is left without an end, so the server cuts the connection."""
    caller, ended = Caller(), []
    await live.Live(pieces(2, ended), 200, {}, length)({}, caller.receive, caller.send)
    assert whole == (not caller.heard[-1].get("more_body", True))
    assert [True] == ended


async def test_stream_is_closed_when_the_caller_leaves() -> None:
    """A stream without end ends with its caller."""
    caller, ended = Caller(stays=3), []
    async with asyncio.timeout(20):
        await live.Live(pieces(1_000_000, ended), 200, {})({}, caller.receive, caller.send)
    assert [True] == ended
    assert len(caller.heard) < 10
