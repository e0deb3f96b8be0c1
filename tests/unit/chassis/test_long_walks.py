"""Breaker, buckets, places and shedding beside models of them, for long walks that fifty tasks take together.

No task waits for a clock: time is a number that the walk moves, and tasks take turns wherever the loop lets them.
"""

import asyncio
import collections
import random
from collections.abc import Awaitable, Callable

import pytest

from chassis import breaker, errors, shedding
from chassis.identity import caller, ledger, limiter, rate
from tests.unit.chassis import test_breaker as alike

TASKS = 50
STEPS = [5_000, pytest.param(200_000, marks=pytest.mark.slow)]
SHARE = 1 / 8  # of the steps of a walk in which time moves on


async def walked(step: Callable[[random.Random], Awaitable[None]], steps: int) -> None:
    """Takes so many steps, fifty tasks at once, in an order that the seed decides."""

    async def walk(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(steps // TASKS):
            await step(chance)

    async with asyncio.TaskGroup() as group:
        for seed in range(TASKS):
            group.create_task(walk(seed))


async def turns(chance: random.Random) -> None:
    """Lets others go first, a few times."""
    for _ in range(chance.randrange(4)):
        await asyncio.sleep(0)


class Bold(breaker.Breaker):
    """Control: lets one trial too many through."""

    def admit(self) -> breaker.Permit | None:
        return super().admit() or (breaker.Permit(self, self._epoch) if self.state is breaker.State.HALF_OPEN else None)


async def beside(kind: type[breaker.Breaker], steps: int) -> set[breaker.State]:
    """Walks a breaker and its model; the states that it was in.

    Raises:
        AssertionError: They differ.
    """
    now_s, model, states = [0.0], alike.Model(), set()
    one = kind(alike.RULES, clock=lambda: now_s[0])

    async def step(chance: random.Random) -> None:
        if chance.random() < SHARE:
            now_s[0] += chance.randrange(1, 60) / 8  # eighths of a second: no rounding disturbs
        failing = int(now_s[0] / 100) % 2  # bad times and good ones
        permit, epoch = one.admit(), model.epoch
        assert model.admit(now_s[0]) == (permit is not None)
        epoch = model.epoch
        if permit is not None:
            await turns(chance)
            failed = None if chance.random() < 0.1 else chance.random() < (0.7 if failing else 0.1)
            permit.end(failed)
            permit.end(not failed)
            model.end(epoch, failed, now_s[0])
        assert model.state == one.state.name
        states.add(one.state)
        await asyncio.sleep(0)

    await walked(step, steps)
    return states


@pytest.mark.parametrize("steps", STEPS)
async def test_breaker_is_its_model_whoever_calls_meanwhile(steps: int) -> None:
    """Calls end in another order than they began, in another state than they began in, and time passes."""
    assert set(breaker.State) == await beside(breaker.Breaker, steps)


async def test_breaker_with_one_trial_too_many_is_found() -> None:
    """Control: a walk of the quick length sees it."""
    with pytest.raises(ExceptionGroup):
        await beside(Bold, 5_000)


@pytest.mark.parametrize("steps", STEPS)
async def test_buckets_are_those_of_tokens(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Twenty buckets that are filled and emptied in the plain way decide the same."""
    now_s, buckets, limit = [0.0], ledger.Local(), rate.Rate(4.0, 16.0)
    monkeypatch.setattr(ledger.time, "monotonic", lambda: now_s[0])
    tokens: dict[str, float] = collections.defaultdict(lambda: limit.burst)
    told = collections.Counter()

    async def step(chance: random.Random) -> None:
        if chance.random() < SHARE:
            passed_s = chance.randrange(1, 40) / 64
            now_s[0] += passed_s
            for name in tokens:
                tokens[name] = min(limit.burst, tokens[name] + passed_s * limit.per_s)
        name, cost = f"bucket-{chance.randrange(20)}", chance.choice((0.25, 1.0, 4.0, 16.0, 17.0))
        enough = cost <= tokens[name]
        wait_s = await buckets.take(name, cost, limit)
        assert enough == (wait_s == 0)
        tokens[name] -= cost if enough else 0
        told[enough] += 1
        await turns(chance)

    await walked(step, steps)
    assert min(told[True], told[False]) > steps / 100


@pytest.mark.parametrize("steps", STEPS)
async def test_places_are_never_more_than_there_are(steps: int) -> None:
    """Of a key and of a tenant; what a plain count refuses is refused, and in the end every place is free."""
    rules = limiter.Rules(
        {
            "limits": {
                "key": {"concurrent_calls_max": 7, "calls_per_s": 1e9, "calls_burst": 1e9},
                "tenant": {"concurrent_calls_max": 20, "calls_per_s": 1e9, "calls_burst": 1e9},
            }
        }
    )
    callers = [
        caller.Caller(caller.Kind.KEY, f"{number:016x}", f"tenant-{number % 2}", caller.Role.EDITOR)
        for number in range(9)
    ]
    one, running, told = limiter.Limiter(ledger.Local()), collections.Counter(), collections.Counter()

    async def step(chance: random.Random) -> None:
        who = chance.choice(callers)
        room = running[who.name] < 7 and running[who.tenant] < 20
        told[room] += 1
        try:
            async with one.admitted(who, rules):
                assert room
                running.update((who.name, who.tenant))
                await turns(chance)
                running.subtract((who.name, who.tenant))
        except errors.ResourceExhausted:
            assert not room
        await asyncio.sleep(0)

    await walked(step, steps)
    assert not one._running
    assert min(told[True], told[False]) > steps / 100


@pytest.mark.parametrize("steps", STEPS)
async def test_limit_keeps_its_bounds_and_returns_every_place(steps: int) -> None:
    """However long answers take, and however they end."""
    now_s, rules = [0.0], shedding.Rules(calls_min=4, calls_max=30)
    one, running, told = shedding.Limiter(rules, clock=lambda: now_s[0]), [0], collections.Counter()

    async def step(chance: random.Random) -> None:
        batch, limit = chance.random() < 0.5, one.limit
        share = rules.batch_share if batch else 1.0
        room = running[0] < max(limit * share, rules.calls_min * share)
        assert room == one.admit(batch=batch)
        told[room] += 1
        if room:
            running[0] += 1
            begin_s = now_s[0]
            await turns(chance)
            now_s[0] += chance.random() / 50
            running[0] -= 1
            one.ended(None if chance.random() < 0.1 else now_s[0] - begin_s)
        assert running[0] == one.running
        assert rules.calls_min <= one.limit <= rules.calls_max
        await asyncio.sleep(0)

    await walked(step, steps)
    assert 0 == one.running
    assert min(told[True], told[False]) > steps / 100
