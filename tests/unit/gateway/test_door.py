"""The HTTP server alone: it shares a loop, bounds what connections may do, and says when it cannot listen."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from chassis import errors, testing
from gateway import settings
from gateway.http import door

NOWHERE = "unix:/nowhere/grpc.sock"
GET = b"GET /v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a running server that gives a connection a second."""
    own = settings.Settings(http_port=testing.free_port(), http_idle_s=1, http_connections_max=5, drain_s=2)
    async with door.Door(own, NOWHERE):
        yield own.http_port


async def closed(port: int, said: bytes) -> bytes:
    """What the server answers before it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("said", [b"", b"GET /v1/", GET, GET + b"X-Slow: "])
async def test_connection_without_a_request_is_closed(port: int, said: bytes) -> None:
    """Who says nothing, or never ends what they say, holds no place for long."""
    assert b"" == await closed(port, said)


async def test_control_of_the_slow_connection(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the timer of the first request a silent connection stays: the test above can fail."""
    monkeypatch.setattr(door._Protocol, "_wait", lambda self: None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(closed(port, b"GET /v1/"), 3)


async def test_connections_are_bounded(port: int) -> None:
    """Beyond the limit a request is answered 503 at once, and served again when there is room."""
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    assert b" 503 " in (await closed(port, GET + b"Connection: close\r\n\r\n")).splitlines()[0]
    for _, writer in held:
        writer.close()
    await asyncio.sleep(0.2)
    assert b" 200 " in (await closed(port, GET + b"Connection: close\r\n\r\n")).splitlines()[0]


async def test_headers_are_bounded(port: int) -> None:
    """Headers without end are refused."""
    assert b" 400 " in (await closed(port, GET + b"X: " + b"x" * 66_000)).splitlines()[0]


async def test_taken_port_is_said() -> None:
    """A port that another program has is named."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = settings.Settings(http_port=server.getsockname()[1])
        with pytest.raises(errors.Unavailable, match=str(taken.http_port)):
            async with door.Door(taken, NOWHERE):
                pytest.fail("it listens on a port of another")


def test_answers_are_not_delayed() -> None:
    """The listener names its protocol: without it asyncio leaves Nagle's delay on, 40 ms for each answer."""
    with contextlib.closing(door._listener("127.0.0.1", 0)) as listener:
        assert socket.IPPROTO_TCP == listener.proto


@pytest.mark.parametrize(
    ("given", "warned"),
    [({"host": "0.0.0.0", "identity": True}, 1), ({"host": "0.0.0.0", "insecure": True}, 0), ({"identity": True}, 0)],
)
async def test_keys_in_the_open_are_warned_of(
    caplog: pytest.LogCaptureFixture, given: dict[str, object], warned: int
) -> None:
    """Where callers send keys over networks by HTTP, the log says at the start that they can be read."""
    async with door.Door(settings.Settings(http_port=testing.free_port(), **given), NOWHERE):
        pass
    assert warned == sum("is not encrypted" in record.getMessage() for record in caplog.records)
