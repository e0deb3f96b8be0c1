"""Second tries are made where they help, never where they harm, and seldom."""

import asyncio
import contextlib

import pytest

from chassis import client, errors, outgoing, route, testing
from chassis.testing import echo


class Slow(echo.EchoServicer):
    """Never answers in time."""

    async def _answer(self, method: str, request: echo.Echo) -> echo.Echo:
        return await super()._answer(method, echo.Echo(delay_s=30))


class Broken(echo.EchoServicer):
    """Answers everything with UNAVAILABLE."""

    async def _answer(self, method: str, request: echo.Echo) -> echo.Echo:
        return await super()._answer(method, echo.Echo(text="Unavailable"))


class Standby(echo.EchoServicer):
    """Does nothing as long as another instance leads."""

    async def _answer(self, method: str, request: echo.Echo) -> echo.Echo:
        self.calls.append(method)
        raise errors.Unavailable("stands by", reason="NOT_LEADER")


@contextlib.asynccontextmanager
async def pair(connect, first: echo.EchoServicer, second: echo.EchoServicer, policy: client.Policy | None = None):
    """A stub over two instances that are both connected."""
    async with (
        testing.serving([echo.service(first)]) as one,
        testing.serving([echo.service(second)]) as two,
        connect([one.address, two.address], policy) as clients,
    ):
        for _, channel in clients.each("echo"):
            await echo.EchoStub(channel).Sum(_nothing())
        first.calls.clear()
        second.calls.clear()
        yield echo.EchoStub(clients.channel("echo"))


async def _nothing():
    return
    yield


@pytest.mark.parametrize("method", ["Read", "Put"])
async def test_failed_call_is_made_again_elsewhere(connect, method: str) -> None:
    """For methods that only read and for idempotent ones."""
    good = echo.EchoServicer()
    async with pair(connect, Broken(), good) as stub:
        answers = [await getattr(stub, method)(echo.Echo(number=number)) for number in range(10)]
    assert list(range(10)) == [answer.number for answer in answers]
    assert 10 == len(good.calls)


async def test_failed_call_is_not_made_again_when_nothing_is_promised(connect) -> None:
    """A method without idempotency level may have had its effect."""
    broken = Broken()
    async with pair(connect, broken, Broken()) as stub:
        with pytest.raises(errors.Unavailable):
            await stub.Add(echo.Echo())
    assert len(broken.calls) <= 1


async def test_unmarked_call_goes_elsewhere_when_it_never_left(connect) -> None:
    """With nobody listening there, nothing can have happened."""
    good = echo.EchoServicer()
    async with (
        testing.serving([echo.service(good)]) as server,
        connect([f"127.0.0.1:{testing.free_port()}", server.address]) as clients,
    ):
        stub = echo.EchoStub(clients.channel("echo"))
        for _ in range(10):
            await stub.Add(echo.Echo(), timeout=5)
    assert 10 == len(good.calls)


async def test_call_finds_the_leader(connect) -> None:
    """A standby did nothing: the call goes on to the leader, and no budget of second tries is spent."""
    standby, leader = Standby(), echo.EchoServicer()
    async with pair(connect, standby, leader) as stub:
        for _ in range(100):  # more than the budget would bear; the chance that all go to the leader first is nil
            await stub.Add(echo.Echo())
    assert standby.calls
    assert 100 == len(leader.calls)


async def test_call_to_one_chosen_instance_is_tried_once(connect) -> None:
    """Whoever chose the instance decides about a second try."""
    broken = Broken()
    async with testing.serving([echo.service(broken)]) as server, connect([server.address]) as clients:
        ((_, channel),) = clients.each("echo")
        with pytest.raises(errors.Unavailable):
            await echo.EchoStub(channel).Put(echo.Echo())
    assert ["Put"] == broken.calls


@pytest.mark.parametrize("kind", ["NotFound", "InvalidArgument", "Internal"])
async def test_answer_is_not_asked_for_twice(stub: echo.EchoStub, servicer: echo.EchoServicer, kind: str) -> None:
    """Other codes than UNAVAILABLE and CANCELLED are answers."""
    with pytest.raises(errors.Error):
        await stub.Read(echo.Echo(text=kind))
    assert ["Read"] == servicer.calls


async def test_slow_read_is_hedged(connect) -> None:
    """The second instance answers, the first one's handler is cancelled."""
    slow, good = Slow(), echo.EchoServicer()
    async with pair(connect, slow, good) as stub:
        for _ in range(16):  # the chance that none of them goes to the slow one first is 1 in 65,536
            await stub.Read(echo.Echo(), timeout=10)
        assert slow.calls
        await testing.wait_until(lambda: len(slow.calls) == slow.cancelled)


async def test_slow_read_is_not_answered_without_hedging(connect) -> None:
    """Control: the policy switch is what saves the call."""
    async with pair(connect, Slow(), Slow(), client.Policy(hedging=False)) as stub:
        with pytest.raises(errors.DeadlineExceeded):
            await stub.Read(echo.Echo(), timeout=0.5)


async def test_slow_write_is_never_hedged(connect) -> None:
    """Neither an idempotent method nor an unmarked one."""
    one, two = Slow(), Slow()
    async with pair(connect, one, two) as stub:
        for call in (stub.Put, stub.Add):
            with pytest.raises(errors.DeadlineExceeded):
                await call(echo.Echo(), timeout=0.6)
    assert 2 == len(one.calls) + len(two.calls)


async def test_hedges_stay_within_their_budget(connect) -> None:
    """When everything is slow, a tenth more calls are made, and the burst."""
    one, two = Slow(), Slow()
    calls = 60
    async with pair(connect, one, two) as stub:
        tries = (stub.Read(echo.Echo(), timeout=0.4) for _ in range(calls))
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert {errors.DeadlineExceeded} == {type(outcome) for outcome in outcomes}
    assert len(one.calls) + len(two.calls) <= calls * (1 + route.HEDGE_RATIO) + route.HEDGE_BURST


@pytest.mark.parametrize("rescue", [True, False], ids=["rescue", "control"])
async def test_calls_held_by_an_ejected_instance_are_sent_on_without_a_budget(
    connect, monkeypatch: pytest.MonkeyPatch, rescue: bool
) -> None:
    """Three hedges show that it is frozen; the other calls that it holds need no hedge each."""
    monkeypatch.setattr(route, "HEDGE_RATIO", 0.0)
    monkeypatch.setattr(route, "HEDGE_BURST", 3.0)
    if not rescue:
        monkeypatch.setattr(route.Route, "may_hedge", lambda self, call, waiting_for: self._hedges.spend())
    async with pair(connect, Slow(), echo.EchoServicer()) as stub:
        tries = (stub.Read(echo.Echo(), timeout=2) for _ in range(20))
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert rescue == (not any(isinstance(outcome, errors.DeadlineExceeded) for outcome in outcomes))


async def test_retries_stay_within_their_budget(connect) -> None:
    """A service that fails as a whole gets hardly more load than without retries."""
    one, two = Broken(), Broken()
    calls = 300
    async with pair(connect, one, two) as stub:
        for _ in range(calls):
            with pytest.raises(errors.Unavailable):
                await stub.Put(echo.Echo())
    assert len(one.calls) + len(two.calls) <= calls * (1 + route.RETRY_RATIO) + route.RETRY_BURST


async def test_frozen_instance_is_ejected_after_a_few_hedges(connect) -> None:
    """After that, calls do not wait for it any more."""
    slow, good = Slow(), echo.EchoServicer()
    async with pair(connect, slow, good) as stub:
        for _ in range(40):
            await stub.Read(echo.Echo(), timeout=2)
    assert len(slow.calls) <= 8
    assert 40 == len(good.calls)


async def test_stream_that_brought_nothing_is_opened_elsewhere(connect) -> None:
    """Before the first message nobody can tell the difference."""
    good = echo.EchoServicer()
    async with (
        testing.serving([echo.service(good)]) as server,
        connect([f"127.0.0.1:{testing.free_port()}", server.address]) as clients,
    ):
        stub = echo.EchoStub(clients.channel("echo"))
        for _ in range(5):
            assert 1 == (await stub.Count(echo.Echo(number=1)).read()).number


async def test_hedge_delay_follows_the_method() -> None:
    """A method that usually takes 200 ms is not hedged after 30, one that takes 10 ms is hedged early."""
    way = route.Route(_Two(), client.Policy())
    for name, seconds in (("Read", 0.2), ("Put", 0.01)):
        method = outgoing.Method("unary_unary", f"/{echo.FULL_NAME}/{name}", None, None)
        call = outgoing.Outgoing(method, outgoing.Options(), 2.0)
        assert (0.5 if name == "Read" else None) == way.hedge_delay_s(call, [])
        for _ in range(30):
            way.answered(call, _Two.members[0], seconds)
        assert (0.2 if name == "Read" else None) == way.hedge_delay_s(call, [])


class _Two:
    """A source of two members that nobody calls."""

    class _Member:
        failures = ejections = 0

    members = (_Member(), _Member())


def put(*, waits: bool) -> outgoing.Outgoing:
    """A call of an idempotent method, by a caller that waits for a connection or does not."""
    method = outgoing.Method("unary_unary", "/reelsmith.testing.v1.EchoService/Put", None, None)
    return outgoing.Outgoing(method, outgoing.Options(wait_for_ready=waits), 30.0)


@pytest.mark.parametrize("waits", [True, False])
def test_wait_for_a_connection_uses_up_no_try(waits: bool) -> None:
    """A caller that waits for a server through its restart has its tries left when it is back; others have not."""
    way, call = route.Route(route.Fixed(None), client.Policy()), put(waits=waits)
    for tries in range(1, 10):
        way.may_retry(call, route.NeverSent("down"), tries)
    assert waits == way.may_retry(call, errors.Unavailable("died"), 10)


def test_calls_that_never_left_cost_nothing() -> None:
    """Health checks of a dead service leave the calls to it their second tries; failed calls use them up."""
    way = route.Route(route.Fixed(None), client.Policy())
    for _ in range(100):
        way.may_retry(put(waits=False), route.NeverSent("down"), 1)
    assert way.may_retry(put(waits=True), errors.Unavailable("died"), 1)
    for _ in range(100):
        way.may_retry(put(waits=False), errors.Unavailable("died"), 1)
    assert not way.may_retry(put(waits=True), errors.Unavailable("died"), 1)
