"""A flood is answered as far as the server can, as fast as ever, and first for those who wait."""

import asyncio
import collections
import heapq
import random

import pytest
from grpc import aio

from chassis import errors, priority, shedding, testing
from chassis.testing import echo

WORKERS, SERVICE_S = 8, 0.02
CAPACITY_PER_S = WORKERS / SERVICE_S
RULES = shedding.Rules(calls_min=4, calls_max=1000)
FREE = shedding.Rules(calls_min=100_000, calls_max=100_000)  # the control: lets everything in


class Account:
    """What became of the calls of a simulation."""

    def __init__(self, answers: list[tuple[bool, float]], refused: int, duration_s: float) -> None:
        latencies = sorted(latency_s for _, latency_s in answers)
        self.p99_s = latencies[int(0.99 * len(latencies))]
        self.late = sum(latency_s > 0.5 for latency_s in latencies)  # after that long, nobody waits any more
        self.goodput_per_s = (len(latencies) - self.late) / duration_s
        self.interactive = sum(not batch for batch, _ in answers) / len(answers)
        self.refused = refused


def simulated(rules: shedding.Rules, load: float, duration_s: float = 20.0, batch_share: float = 0.0) -> Account:
    """A server with some workers and a queue before them, in virtual time, from the sixth second on."""
    chance = random.Random(7)
    now_s = [0.0]
    limiter = shedding.Limiter(rules, clock=lambda: now_s[0])
    waiting: collections.deque[tuple[float, bool]] = collections.deque()
    events: list[tuple[float, int, tuple[float, bool] | None]] = [(0.0, 0, None)]
    busy, refused, number, answers = 0, 0, 0, []
    while events:
        now_s[0], _, ended = heapq.heappop(events)
        number += 1
        if ended is None:
            if now_s[0] < duration_s:
                heapq.heappush(events, (now_s[0] + chance.expovariate(load * CAPACITY_PER_S), number, None))
            batch = chance.random() < batch_share
            if limiter.admit(batch=batch):
                waiting.append((now_s[0], batch))
            else:
                refused += 1
        else:
            busy -= 1
            limiter.ended(now_s[0] - ended[0])
            if now_s[0] > 5:
                answers.append((ended[1], now_s[0] - ended[0]))
        while waiting and busy < WORKERS:
            busy += 1
            number += 1
            heapq.heappush(events, (now_s[0] + SERVICE_S * chance.uniform(0.8, 1.2), number, waiting.popleft()))
    return Account(answers, refused, now_s[0] - 5)


def test_five_times_the_capacity_is_answered_like_the_capacity() -> None:
    """Nine tenths of what it can do, with answers no later than twice those of an idle server."""
    idle, flood = simulated(RULES, 0.5), simulated(RULES, 5.0)
    assert flood.goodput_per_s >= 0.9 * CAPACITY_PER_S
    assert flood.p99_s <= 2 * idle.p99_s
    assert 0 == flood.late


def test_flood_drowns_a_server_that_takes_everything() -> None:
    """Control: without the limit hardly any answer comes in time."""
    assert simulated(FREE, 5.0, duration_s=8.0).goodput_per_s < 0.1 * CAPACITY_PER_S


def test_usual_load_is_never_refused() -> None:
    """At nine tenths of what it can do, with the queues that chance makes, hardly any call is refused."""
    account = simulated(RULES, 0.9)
    assert account.refused < 0.02 * 0.9 * CAPACITY_PER_S * 20


def test_those_who_wait_go_first() -> None:
    """Of a flood that is half batch, nine tenths of the answers go to the other half."""
    assert simulated(RULES, 5.0, batch_share=0.5).interactive >= 0.9


def test_limit_comes_back_when_the_flood_is_over() -> None:
    """A limit that shrank grows again as soon as more places are used."""
    now_s = [0.0]
    limiter = shedding.Limiter(shedding.Rules(calls_min=4, calls_max=100), clock=lambda: now_s[0])

    def window(seconds: float) -> None:
        taken = sum(limiter.admit(batch=False) for _ in range(100))
        now_s[0] += shedding.WINDOW_S
        for _ in range(taken):
            limiter.ended(seconds)

    for seconds in [0.01] * 3 + [0.1] * 30:
        window(seconds)
    low = limiter.limit
    for _ in range(100):
        window(0.01)
    assert low < 15
    assert 50 < limiter.limit


class Chained(echo.EchoServicer):
    """Asks another server in the name of its caller."""

    def __init__(self, below: echo.EchoStub | None = None) -> None:
        super().__init__()
        self.heard: list[bool] = []
        self._below = below

    async def Put(self, request: echo.Echo, context: aio.ServicerContext) -> echo.Echo:
        """Passes the call on."""
        self.heard.append(priority.said(context.invocation_metadata()))
        return await (self._below.Put(request) if self._below else super().Put(request, context))


async def test_priority_is_passed_on(connect) -> None:
    """What the first caller said holds for the calls made on its behalf, and for no other."""
    last = Chained()
    async with testing.serving([echo.service(last)]) as inner, connect([inner.address]) as below:
        first = Chained(echo.EchoStub(below.channel("echo")))
        async with testing.serving([echo.service(first)]) as outer, connect([outer.address]) as clients:
            stub = echo.EchoStub(clients.channel("echo"))
            await stub.Put(echo.Echo(), metadata=((priority.KEY, priority.BATCH),))
            await stub.Put(echo.Echo())
            with priority.within(True):
                await stub.Put(echo.Echo())
    assert [True, False, True] == first.heard == last.heard


@pytest.mark.parametrize(("calls_min", "refused"), [(4, True), (0, False)], ids=["shedding", "control"])
async def test_full_server_refuses_and_says_when_to_come_again(connect, calls_min: int, refused: bool) -> None:
    """Batch first, with RetryInfo; streams and health checks are not counted; without shedding all are answered."""
    changes = {"shed_calls_min": calls_min, "concurrent_calls_max": 4 if calls_min else 1000}
    async with testing.serving([echo.service()], **changes) as running, connect([running.address]) as clients:
        stub = echo.EchoStub(clients.channel("echo"))

        async def ask(batch: bool) -> str:
            try:
                marks = ((priority.KEY, priority.BATCH),) if batch else ()
                await stub.Put(echo.Echo(delay_s=1.0), timeout=20, metadata=marks)
            except errors.ResourceExhausted as refusal:
                return f"{refusal.reason} {refusal.retry_after_s:g}"
            return ""

        batches = [asyncio.create_task(ask(True)) for _ in range(3)]
        await asyncio.sleep(0.3)
        one = asyncio.create_task(ask(False))
        outcomes = [*await asyncio.gather(*batches), await one]
    assert (["", "", "", "OVERLOADED 1"] if refused else [""] * 4) == sorted(outcomes)
    assert "" == outcomes[3], "who waits is let in where batch is not"
