"""Bytes that are no message are the caller's fault, and are told so like any other."""

from collections.abc import AsyncIterator

import grpc
import pytest
from grpc import aio

from chassis import errors, testing
from chassis.interceptors import around
from chassis.testing import echo

JUNK = {"cut": b"\x0a\x05ab", "no text": b"\x0a\x02\xff\xfe", "endless": b"\xff" * 20, "groups": b"\x0b" * 200}
KINDS = {
    name: f"{'stream' if requests else 'unary'}_{'stream' if answers else 'unary'}"
    for name, (_, requests, answers) in echo.METHODS.items()
}


@pytest.fixture
async def channel() -> AsyncIterator[aio.Channel]:
    """A plain channel to a served echo service."""
    async with testing.serving([echo.service()]) as running, aio.insecure_channel(running.address) as opened:
        yield opened


async def refusal(channel: aio.Channel, name: str, *sent: bytes) -> errors.Error:
    """How a call with these requests ends."""

    async def requests() -> AsyncIterator[bytes]:
        for item in sent:
            yield item

    function = getattr(channel, KINDS[name])(f"/{echo.FULL_NAME}/{name}")
    call = function(requests() if KINDS[name].startswith("stream") else sent[0], timeout=60)
    ended = _drained(call) if KINDS[name].endswith("stream") else call
    with pytest.raises(aio.AioRpcError) as caught:
        await ended
    return errors.from_rpc(caught.value)


async def _drained(call: aio.UnaryStreamCall) -> None:
    async for _ in call:
        pass


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("name", echo.METHODS)
async def test_bytes_that_are_no_message_are_refused(channel: aio.Channel, name: str, junk: str) -> None:
    """Whatever the kind of the method."""
    error = await refusal(channel, name, JUNK[junk])
    assert (grpc.StatusCode.INVALID_ARGUMENT, "UNREADABLE_REQUEST") == (error.code, error.reason)


async def test_bytes_that_are_no_message_end_a_stream(channel: aio.Channel) -> None:
    """Also after messages that were."""
    error = await refusal(channel, "Mirror", echo.Echo(number=1).SerializeToString(), b"\xff")
    assert (grpc.StatusCode.INVALID_ARGUMENT, "UNREADABLE_REQUEST") == (error.code, error.reason)


async def test_bytes_that_are_no_message_are_a_mystery_to_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: left to gRPC they are UNKNOWN, with the name of a Python class."""
    monkeypatch.setattr(around, "_reading", lambda deserialize: deserialize)
    async with testing.serving([echo.service()]) as running, aio.insecure_channel(running.address) as opened:
        error = await refusal(opened, "Read", JUNK["cut"])
    assert error.code is grpc.StatusCode.UNKNOWN
    assert "<class" in error.message
