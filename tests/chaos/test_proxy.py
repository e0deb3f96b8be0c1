"""Eight ways to spoil a connection: calls end in time, with the right answer or a word of why there is none."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator

import pytest

from chassis import client, discovery, errors, member, outgoing, testing
from chassis.testing import echo
from tests.chaos import proxy

DEADLINE_S = 2.0  # of a call
LATE_S = 20.0  # beyond it nothing is excused: a busy machine needs seconds, a hang has no end
HEALED_S = 60.0  # for the first good answer after healing; on a machine that does nothing else it takes less than one
AWHILE_S = 3.0  # longer than all that a control waits for


@pytest.fixture
async def link() -> AsyncIterator[proxy.Proxy]:
    """A proxy in front of an echo service."""
    async with testing.serving([echo.service()]) as running, proxy.Proxy(running.address) as between:
        yield between


@contextlib.asynccontextmanager
async def connect(address: str, policy: client.Policy | None = None) -> AsyncIterator[echo.EchoStub]:
    """A stub of the echo service at an address."""
    async with client.Clients(discovery.StaticRegistry({"echo": [address]}), policy=policy) as clients:
        await clients.ready("echo")
        yield echo.EchoStub(clients.channel("echo"))


async def outcome(stub: echo.EchoStub, number: int) -> str:
    """How one call ends: answered, refused in our words, or wrong."""
    begin_s = time.monotonic()
    try:
        answer = await stub.Read(echo.Echo(number=number), timeout=DEADLINE_S)
    except (errors.Unavailable, errors.DeadlineExceeded, errors.Cancelled):
        ended = "refused"
    else:
        ended = "answered" if answer.number == number else f"wrong: {answer.number} instead of {number}"
    waited_s = time.monotonic() - begin_s
    return ended if waited_s < DEADLINE_S + LATE_S else f"hung for {waited_s:.0f} s"


async def answers(stub: echo.EchoStub) -> None:
    """Waits for a good answer."""

    async def answered() -> bool:
        return "answered" == await outcome(stub, 7)

    await testing.wait_until(answered, HEALED_S, "a good answer")


@pytest.mark.parametrize("toxic", proxy.Toxic, ids=lambda toxic: toxic.name)
async def test_calls_through_a_spoiled_connection_end_in_time(link: proxy.Proxy, toxic: proxy.Toxic) -> None:
    """None hangs, none is answered wrong, and all are answered once it has healed."""
    async with connect(link.address) as stub:
        await answers(stub)
        link.poison(toxic)
        ended = await asyncio.gather(*(outcome(stub, number) for number in range(10)))
        assert set(ended) <= {"answered", "refused"}
        assert link.passed, "the toxic touched nothing"
        link.heal()
        await answers(stub)


PINGS = {"grpc.keepalive_time_ms", "grpc.http2.ping_timeout_ms"}


def pinging(monkeypatch: pytest.MonkeyPatch, **pings: int) -> None:
    """Connections made from now on send pings as said, or none."""
    kept = tuple((name, value) for name, value in member.OPTIONS if name not in PINGS)
    monkeypatch.setattr(member, "OPTIONS", (*kept, *((f"grpc.{name}", value) for name, value in pings.items())))


async def stream(link: proxy.Proxy, monkeypatch: pytest.MonkeyPatch, **pings: int) -> asyncio.Task[object]:
    """A watch whose connection is dead without anybody being told; what its reader gets."""
    pinging(monkeypatch, **pings)

    async def read() -> None:
        async with connect(link.address) as stub:
            async for _ in stub.Watch(echo.Echo(delay_s=0.2), timeout=300):
                heard.set()

    heard = asyncio.Event()
    reading = asyncio.create_task(read())
    await asyncio.wait_for(heard.wait(), 60)
    link.bury()
    return reading


async def test_stream_over_a_dead_connection_ends_by_pings(link: proxy.Proxy, monkeypatch) -> None:
    """Nothing says that the other side is gone, but it answers no ping."""
    reading = await stream(link, monkeypatch, **{"keepalive_time_ms": 500, "http2.ping_timeout_ms": 500})
    with pytest.raises(errors.Unavailable):
        await asyncio.wait_for(reading, 120)


async def test_stream_over_a_dead_connection_hangs_without_pings(link: proxy.Proxy, monkeypatch) -> None:
    """Control: without them its reader waits for a word that never comes."""
    reading = await stream(link, monkeypatch)
    await asyncio.sleep(AWHILE_S)
    assert not reading.done()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.parametrize("endless", [False, True])
async def test_call_over_a_dead_connection_ends_by_its_deadline_alone(
    link: proxy.Proxy, monkeypatch: pytest.MonkeyPatch, endless: bool
) -> None:
    """Without pings only the deadline ends it; control: without that it waits for ever."""
    pinging(monkeypatch)
    async with connect(link.address, dataclasses.replace(client.Policy(), hedging=False)) as stub:
        await answers(stub)
        link.poison(proxy.Toxic.BLACKHOLE)
        if endless:
            arguments = outgoing.Outgoing.arguments.fget
            monkeypatch.setattr(
                outgoing.Outgoing, "arguments", property(lambda self: arguments(self) | {"timeout": None})
            )
        calling = asyncio.create_task(outcome(stub, 3))
        done, _ = await asyncio.wait([calling], timeout=DEADLINE_S + AWHILE_S if endless else LATE_S)
        assert bool(done) is not endless
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
