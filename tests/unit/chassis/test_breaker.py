"""A breaker opens, rests, tries and closes as its rules say, also against a model, and callers see it do so."""

import asyncio
import random

import pytest
from hypothesis import settings, stateful
from hypothesis import strategies as st

from chassis import breaker, client, discovery, errors, route, testing
from chassis.testing import echo

RULES = breaker.Rules(calls_min=4, failure_share=0.5, window_s=10.0, open_s=5.0, trials=2)


class Model:
    """The same machine over the plain list of everything that ever happened."""

    def __init__(self) -> None:
        self.state, self.since_s, self.epoch = "CLOSED", 0.0, 0
        self.ends: list[tuple[float, bool]] = []  # of calls in the closed state
        self.started = self.passed = 0

    def admit(self, now_s: float) -> bool:
        """Whether a call may be made."""
        if self.state == "OPEN" and now_s - self.since_s >= RULES.open_s:
            self.become("HALF_OPEN", now_s)
        if self.state == "HALF_OPEN" and self.started < RULES.trials:
            self.started += 1
            return True
        return self.state == "CLOSED"

    def end(self, epoch: int, failed: bool | None, now_s: float) -> None:
        """Learns of an end."""
        if epoch != self.epoch:
            return
        if self.state == "HALF_OPEN":
            self.started -= failed is None
            self.passed += failed is False
            if failed or self.passed == RULES.trials:
                self.become("OPEN" if failed else "CLOSED", now_s)
        elif failed is not None:
            self.ends.append((now_s, failed))
            width_s = RULES.window_s / breaker.BUCKETS
            recent = [bad for at_s, bad in self.ends if now_s // width_s - at_s // width_s < breaker.BUCKETS]
            if failed and len(recent) >= RULES.calls_min and sum(recent) >= RULES.failure_share * len(recent):
                self.become("OPEN", now_s)

    def become(self, state: str, now_s: float) -> None:
        """Changes."""
        self.state, self.since_s, self.ends, self.started, self.passed = state, now_s, [], 0, 0
        self.epoch += 1


class Pair(stateful.RuleBasedStateMachine):
    """Breaker and model, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s, self.model = 0.0, Model()
        self.breaker = breaker.Breaker(RULES, clock=lambda: self.now_s)
        self.running: list[tuple[breaker.Permit, int]] = []

    @stateful.rule()
    def call(self) -> None:
        """Asks both."""
        permit = self.breaker.admit()
        assert self.model.admit(self.now_s) == (permit is not None)
        if permit is not None:
            self.running.append((permit, self.model.epoch))

    @stateful.rule(place=st.integers(0, 10**6), failed=st.sampled_from([True, True, False, None]))
    def end(self, place: int, failed: bool | None) -> None:
        """Ends one of the running calls, whenever it began."""
        if self.running:
            permit, epoch = self.running.pop(place % len(self.running))
            permit.end(failed)
            permit.end(not failed)  # only the first word counts
            self.model.end(epoch, failed, self.now_s)

    @stateful.rule(eighths=st.integers(1, 60))
    def wait(self, eighths: int) -> None:
        """Lets time pass, in steps that no rounding disturbs."""
        self.now_s += eighths / 8

    @stateful.invariant()
    def alike(self) -> None:
        """Both stand in the same place."""
        assert self.model.state == self.breaker.state.name


TestBreakerIsItsModel = Pair.TestCase
TestBreakerIsItsModel.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)


async def test_fifty_callers_share_the_trials() -> None:
    """However many ask at once, exactly as many trials are let through, and one failed trial opens it again."""
    now_s = [0.0]
    one = breaker.Breaker(RULES, clock=lambda: now_s[0])
    for _ in range(RULES.calls_min):
        one.admit().end(True)
    assert breaker.State.OPEN is one.state
    for failed, expected in ((True, breaker.State.OPEN), (False, breaker.State.CLOSED)):
        now_s[0] += RULES.open_s
        through: list[breaker.Permit] = []

        async def ask(into: list[breaker.Permit] = through) -> None:
            await asyncio.sleep(random.random() / 100)
            if (permit := one.admit()) is not None:
                into.append(permit)

        await asyncio.gather(*(ask() for _ in range(50)))
        assert RULES.trials == len(through)
        for permit in through:
            permit.end(failed)
        assert expected is one.state


def breaking(**changes: object) -> client.Policy:
    """A policy whose breakers open after four failed calls and rest shortly."""
    return client.Policy(breaking=breaker.Rules(calls_min=4, open_s=0.3, trials=2, **changes))


async def test_failing_method_is_left_alone_and_comes_back(connect) -> None:
    """Calls are refused at once while it rests, other methods pass, and trials bring it back."""
    servicer = echo.EchoServicer()
    async with (
        testing.serving([echo.service(servicer)]) as server,
        connect([server.address], breaking()) as clients,
    ):
        stub = echo.EchoStub(clients.channel("echo"))
        for _ in range(4):
            with pytest.raises(errors.Internal):
                await stub.Read(echo.Echo(text="Internal"))
        before = len(servicer.calls)
        with pytest.raises(errors.Unavailable) as refusal:
            await stub.Read(echo.Echo())
        assert ("CIRCUIT_OPEN", True) == (refusal.value.reason, 0 < refusal.value.retry_after_s <= 0.3)
        assert before == len(servicer.calls)
        assert 7 == (await stub.Put(echo.Echo(number=7))).number
        states = {method.rpartition("/")[2]: one.state.name for _, method, one in clients.breakers()}
        assert {"Read": "OPEN", "Put": "CLOSED"} == states
        await asyncio.sleep(0.35)
        assert [1, 2] == [(await stub.Read(echo.Echo(number=number))).number for number in (1, 2)]
        assert {breaker.State.CLOSED} == {one.state for _, _, one in clients.breakers()}


async def test_failing_method_is_asked_for_ever_without_breaker(connect) -> None:
    """Control: without a breaker every call reaches the server."""
    servicer = echo.EchoServicer()
    async with (
        testing.serving([echo.service(servicer)]) as server,
        connect([server.address], client.Policy(breaking=None)) as clients,
    ):
        for _ in range(10):
            with pytest.raises(errors.Internal):
                await echo.EchoStub(clients.channel("echo")).Read(echo.Echo(text="Internal"))
    assert 10 == len(servicer.calls)


async def test_answers_and_absence_open_no_breaker(connect) -> None:
    """NOT_FOUND is an answer; a server that is not there yet is waited for, not left alone."""
    servicer, port = echo.EchoServicer(), testing.free_port()
    async with connect([f"127.0.0.1:{port}"], breaking()) as clients:
        stub = echo.EchoStub(clients.channel("echo"))
        for _ in range(5):
            with pytest.raises(errors.Unavailable) as absent:
                await stub.Put(echo.Echo(), timeout=0.5)
            assert "CIRCUIT_OPEN" != absent.value.reason
        async with testing.serving([echo.service(servicer)], port=port):
            await stub.Put(echo.Echo(), timeout=20, wait_for_ready=True)
            for _ in range(10):
                with pytest.raises(errors.NotFound):
                    await stub.Put(echo.Echo(text="NotFound"))
    assert 11 == len(servicer.calls)


async def test_impatient_callers_take_nothing_from_others(connect) -> None:
    """Deadlines that the method cannot keep open no breaker; those that it could, do."""
    async with (
        testing.serving([echo.service()]) as server,
        connect([server.address], breaking()) as clients,
    ):
        stub = echo.EchoStub(clients.channel("echo"))
        for timeout_s, state in ((0.2, breaker.State.CLOSED), (1.1, breaker.State.OPEN)):
            calls = (stub.Add(echo.Echo(delay_s=5), timeout=timeout_s) for _ in range(6))
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert {errors.DeadlineExceeded} == {type(outcome) for outcome in outcomes}
            assert [state] == [one.state for _, _, one in clients.breakers()]


async def test_service_without_instances_opens_no_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first instance is called as soon as it is known."""
    monkeypatch.setattr(route, "KNOWN_TIMEOUT_S", 0.05)
    async with client.Clients(discovery.StaticRegistry({}), policy=breaking()) as clients:
        stub = echo.EchoStub(clients.channel("echo"))
        for _ in range(6):
            with pytest.raises(errors.Unavailable, match="no instance"):
                await stub.Put(echo.Echo())
        assert [breaker.State.CLOSED] == [one.state for _, _, one in clients.breakers()]


async def test_patient_caller_waits_for_the_breaker(connect) -> None:
    """A caller that waits for a server is not refused by the rest of its breaker."""
    servicer = echo.EchoServicer()
    async with (
        testing.serving([echo.service(servicer)]) as server,
        connect([server.address], breaking()) as clients,
    ):
        stub = echo.EchoStub(clients.channel("echo"))
        for _ in range(4):
            with pytest.raises(errors.Internal):
                await stub.Read(echo.Echo(text="Internal"))
        assert 5 == (await stub.Read(echo.Echo(number=5), timeout=20, wait_for_ready=True)).number


async def test_stream_is_judged_by_its_first_message(connect) -> None:
    """A stream that begins is a good call, however its reader leaves it; one that fails before is a bad one."""
    async with (
        testing.serving([echo.service()]) as server,
        connect([server.address], breaking()) as clients,
    ):
        stub = echo.EchoStub(clients.channel("echo"))
        for _ in range(4):
            call = stub.Count(echo.Echo(number=1))
            assert 1 == (await call.read()).number
            call.cancel()
        ((_, _, one),) = clients.breakers()
        assert (4, 0) == one.counts
        for _ in range(4):
            with pytest.raises(errors.Internal):
                await stub.Count(echo.Echo(text="Internal")).read()
        assert breaker.State.OPEN is one.state
