"""How much callers may ask for: the arithmetic against a plain model, in memory and in a real Redis."""

import asyncio
import math
import subprocess
from collections.abc import Awaitable, Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import errors, testing
from chassis.identity import caller, ledger, limiter, rate

WHO = caller.Caller(caller.Kind.KEY, "0123456789abcdef", "acme", caller.Role.EDITOR)
STEPS = st.lists(st.tuples(st.floats(0, 5), st.sampled_from([0.5, 1.0, 2.0, 11.0])), max_size=60)


@given(STEPS, st.sampled_from([0.5, 2.0, 10.0]), st.sampled_from([1.0, 3.0, 10.0]))
def test_bucket_takes_what_a_bucket_of_tokens_takes(
    steps: list[tuple[float, float]], per_s: float, burst: float
) -> None:
    """Any sequence of pauses and costs is decided as by a bucket that is filled and emptied in the plain way."""
    limit, reached_s, now_s, tokens = rate.Rate(per_s, burst), 0.0, 0.0, burst
    for pause_s, cost in steps:
        now_s, tokens = now_s + pause_s, min(burst, tokens + pause_s * per_s)
        reached_s, wait_s = rate.take(reached_s, now_s, cost, limit)
        if abs(tokens - cost) > 1e-9:  # on the edge the last bit decides
            assert (cost <= tokens) == (wait_s == 0)
        if wait_s == 0:
            tokens = max(0.0, tokens - cost)
        elif math.isfinite(wait_s):
            assert wait_s == pytest.approx((cost - tokens) / per_s, abs=1e-6)


@given(st.floats(0, 1e7))
def test_whole_bucket_is_taken_at_any_time(now_s: float) -> None:
    """However large the clock's number is."""
    assert 0.0 == rate.take(0.0, now_s, 1000, rate.Rate(1000 / 86_400, 1000))[1]


@pytest.fixture(scope="module")
def redis(require_tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis of these tests."""
    port, folder = testing.free_port(), tmp_path_factory.mktemp("redis")
    command = [require_tool("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}/0"
    running.kill()
    running.wait()


async def shared(url: str) -> ledger.Shared:
    """Buckets in that Redis, once it answers."""
    buckets = ledger.Shared(url, timeout_s=20)

    async def answers() -> bool:
        buckets._away_until_s = 0.0
        await buckets.take("ready", 1, rate.Rate(1000, 1000))
        return buckets._away_until_s == 0.0

    await testing.wait_until(answers, what="redis answers")
    return buckets


async def test_processes_share_a_bucket_in_redis(redis: str) -> None:
    """What one takes the others lack, in one bucket of ten; the eleventh is told how long to wait."""
    one, other, slow = await shared(redis), await shared(redis), rate.Rate(0.001, 10)
    waits = await asyncio.gather(*(ledger_.take("shared", 1, slow) for ledger_ in (one, other) for _ in range(8)))
    assert 10 == waits.count(0)
    assert all(0 < wait_s <= 7000 for wait_s in waits if wait_s)
    assert math.inf == await one.take("shared", 11, slow)
    await one.close()
    await other.close()


async def test_processes_alone_take_twice_as_much() -> None:
    """Control: without Redis two processes have two buckets."""
    slow, processes = rate.Rate(0.001, 10), (ledger.Local(), ledger.Local())
    waits = [await process.take("alone", 1, slow) for process in processes for _ in range(8)]
    assert 16 == waits.count(0)


async def test_limits_hold_while_redis_is_away() -> None:
    """Nobody is refused because Redis is down, and nobody gets more than one process allows."""
    buckets = ledger.Shared(f"redis://127.0.0.1:{testing.free_port()}/0")
    waits = [await buckets.take("away", 1, rate.Rate(0.001, 3)) for _ in range(5)]
    assert [0, 0, 0] == waits[:3]
    assert all(wait_s > 0 for wait_s in waits[3:])
    await buckets.close()


async def test_memory_of_buckets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full buckets are forgotten first; the emptiest are kept."""
    monkeypatch.setattr(ledger, "NAMES_MAX", 100)
    buckets = ledger.Local()
    await buckets.take("busy", 10, rate.Rate(0.001, 10))
    for number in range(1000):
        await buckets.take(f"n{number}", 1, rate.Rate(0.001, 10))
    assert len(buckets._reached) <= 100
    assert await buckets.take("busy", 1, rate.Rate(0.001, 10)) > 0


def rules(**key: float) -> limiter.Rules:
    """Limits of each key."""
    return limiter.Rules({"limits": {"key": key}})


async def test_call_too_many_is_told_when_to_come_back() -> None:
    """RESOURCE_EXHAUSTED with the seconds until the next call is allowed."""
    limits = limiter.Limiter(ledger.Local())
    few = rules(calls_per_s=0.5, calls_burst=2)
    for _ in range(2):
        async with limits.admitted(WHO, few):
            pass
    with pytest.raises(errors.ResourceExhausted) as refused:
        async with limits.admitted(WHO, few):
            pass
    assert ("RATE", True) == (refused.value.reason, 1.5 < refused.value.retry_after_s <= 2)


async def entered(limits: limiter.Limiter, allowed: limiter.Rules, work: Callable[[], Awaitable[object]]) -> None:
    """A call that does some work."""
    async with limits.admitted(WHO, allowed):
        await work()


async def test_places_are_given_back() -> None:
    """One call at a time: the second is refused while the first runs, and taken after it, failed or not."""
    limits, one = limiter.Limiter(ledger.Local()), rules(concurrent_calls_max=1)

    async def fail() -> None:
        raise ZeroDivisionError

    async with limits.admitted(WHO, one):
        with pytest.raises(errors.ResourceExhausted, match="has 1 calls running"):
            await entered(limits, one, fail)
    with pytest.raises(ZeroDivisionError):
        await entered(limits, one, fail)
    await entered(limits, one, lambda: asyncio.sleep(0))


async def test_tenant_is_limited_over_all_its_keys() -> None:
    """Two keys of a tenant share its limit, which may be its own; another tenant has its own bucket."""
    limits = limiter.Limiter(ledger.Local())
    own = limiter.Rules({"tenants": {"acme": {"calls_per_s": 0.01, "calls_burst": 2}}})
    second = caller.Caller(caller.Kind.KEY, "1" * 16, "acme", caller.Role.EDITOR)
    other = caller.Caller(caller.Kind.KEY, "2" * 16, "umbrella", caller.Role.EDITOR)
    for who in (WHO, second, other, other, other):
        async with limits.admitted(who, own):
            pass
    with pytest.raises(errors.ResourceExhausted, match="tenant:acme"):
        async with limits.admitted(second, own):
            pass


async def test_uploads_are_counted_in_bytes() -> None:
    """What is allowed in a day may come at once, and not a byte more."""
    limits = limiter.Limiter(ledger.Local())
    quota = limiter.Rules({"limits": {"tenant": {"upload_bytes_per_day": 1000}}})
    await limits.uploaded(WHO, quota, 1000)
    with pytest.raises(errors.ResourceExhausted) as refused:
        await limits.uploaded(WHO, quota, 100)
    assert ("UPLOAD_QUOTA", 8600 < refused.value.retry_after_s <= 8640) == (refused.value.reason, True)


@pytest.mark.parametrize("name", ["calls_per_s", "calls_burst", "concurrent_calls_max"])
@pytest.mark.parametrize("value", [0, -1, "many", None, True, math.inf, math.nan, 10**400])
def test_limit_that_is_no_number_above_zero_is_refused(name: str, value: object) -> None:
    """As soon as it is read, by name: in force it would fail every call of everybody."""
    with pytest.raises(ValueError, match=name):
        limiter.Rules({"limits": {"key": {name: value}}})


def test_no_limit_of_uploads_is_zero() -> None:
    """The one limit that may be nothing; less than that is refused."""
    assert 0 == limiter.Rules({"tenants": {"acme": {"upload_bytes_per_day": 0}}}).tenant("acme").upload_bytes_per_day
    with pytest.raises(ValueError, match="upload_bytes_per_day"):
        limiter.Rules({"tenants": {"acme": {"upload_bytes_per_day": -1}}})
