"""Analyses that machines share: a real Redis, two caches with disks of their own, and what is done without it."""

import asyncio
import hashlib
import pathlib
import random
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest
from redis import asyncio as redis_client

from chassis import breaker, testing
from media import cache
from services.analyzer import settings as settings_module
from services.analyzer import shelf


@pytest.fixture(scope="module")
def server(require_tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen]]:
    """A Redis of these tests: its URL and process."""
    port, folder = testing.free_port(), tmp_path_factory.mktemp("redis")
    command = [require_tool("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}/0", running
    running.kill()
    running.wait()


@pytest.fixture
async def redis(server: tuple[str, subprocess.Popen]) -> AsyncIterator[redis_client.Redis]:
    """A connection to it; it is empty."""
    async with redis_client.Redis.from_url(server[0]) as found:

        async def answers() -> bool:
            try:
                return await found.ping()
            except redis_client.RedisError:
                return False

        await testing.wait_until(answers, what="redis answers")
        await found.flushall()
        yield found


def key(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def noise(name: object, size_bytes: int = 1000) -> bytes:
    """Bytes that cannot be packed, always the same ones for a name."""
    return random.Random(str(name)).randbytes(size_bytes)


def shelved(url: str, **changes: object) -> shelf.Shelf:
    """The tier, patient with a slow machine."""
    values = {"bytes_max": 100_000, "policy": "lru", "ttl_s": 3600.0, **changes}
    return shelf.Shelf(shelf.Settings(url, **values), timeout_s=20)


def opened(folder: pathlib.Path, tier: shelf.Shelf, **changes: object) -> cache.Cache:
    """The cache of one machine."""
    return cache.Cache("test", cache.Settings(folder, **{"disk_bytes_max": 1 << 20, **changes}), tier)


class Maker:
    """Computes a value, and counts how often."""

    def __init__(self, value: bytes) -> None:
        self.value, self.times = value, 0

    async def __call__(self) -> bytes:
        self.times += 1
        return self.value


async def test_what_one_machine_computed_another_has(
    server: tuple[str, subprocess.Popen], redis: redis_client.Redis, tmp_path: pathlib.Path
) -> None:
    """From Redis, then from its own memory and disk; packed on the way. Control: without Redis it computes it again."""
    make = Maker(b"a word " * 10_000)
    async with shelf.opened(shelf.Settings(server[0], 1 << 20, "lru", 3600.0)) as tier:
        assert (make.value, "made") == await opened(tmp_path / "one", tier).through(key(1), make)
        two = opened(tmp_path / "two", tier)
        assert ["shared", "memory"] == [(await two.through(key(1), make))[1] for _ in range(2)]
        assert (make.value, "disk") == await opened(tmp_path / "two", tier).through(key(1), make)
    assert await redis.strlen(shelf.PREFIX + key(1)) < len(make.value) / 10
    assert 1 == make.times
    assert "made" == (await opened(tmp_path / "three", None).through(key(1), make))[1]


async def test_damaged_entry_is_made_again_and_replaced(
    server: tuple[str, subprocess.Popen], redis: redis_client.Redis, tmp_path: pathlib.Path
) -> None:
    """Bytes, ends and other things under its name: none comes out, and the next machine has the right one."""
    tier, make = shelved(server[0]), Maker(noise(1))
    await opened(tmp_path / "first", tier).through(key(1), make)
    whole = await redis.get(shelf.PREFIX + key(1))
    for turn, wrong in enumerate([whole[:-1], whole[:40], b"", whole[:60] + b"x" + whole[61:], b"nothing of ours"]):
        await redis.set(shelf.PREFIX + key(1), wrong, px=1_000_000)
        assert (noise(1), "made") == await opened(tmp_path / f"{turn}", tier).through(key(1), make)
        assert (noise(1), "shared") == await opened(tmp_path / f"{turn}-again", tier).through(key(1), make)
    await tier.aclose()


async def kept(redis: redis_client.Redis, names: list[int]) -> list[int]:
    """Which of some entries are there."""
    return [name for name in names if await redis.exists(shelf.PREFIX + key(name))]


@pytest.mark.parametrize(
    ("policy", "left"), [("lru", [0, 3, 4]), ("fifo", [2, 3, 4]), ("ttl", [2, 3, 4]), ("lfu", [0, 1, 4])]
)
async def test_room_is_bounded_and_the_policy_says_which_go(
    server: tuple[str, subprocess.Popen], redis: redis_client.Redis, policy: str, left: list[int]
) -> None:
    """However much is kept, the entries have no more bytes than they may; what is larger than all of it is not kept."""
    tier = shelved(server[0], bytes_max=3500, policy=policy)
    for name in range(3):
        await tier.put(key(name), noise(name))
    uses = {"lru": [0], "lfu": [0, 0, 1]}.get(policy, [0])
    for name in uses:
        assert noise(name) == (await tier.get(key(name)))[0]
    for name in (3, 4):
        await tier.put(key(name), noise(name))
    assert left == await kept(redis, list(range(5)))
    await tier.put(key(4), noise("again", 1200))
    assert 3200 == int(await redis.get(f"{shelf.PREFIX}total"))
    await tier.put(key(9), noise(9, 4000))
    assert left == await kept(redis, list(range(10)))
    await tier.aclose()


async def test_bound_holds_whatever_comes(server: tuple[str, subprocess.Popen], redis: redis_client.Redis) -> None:
    """Random sizes, replaced and used by several at once; the sum that is kept is the sum that is there."""
    tiers, numbers = [shelved(server[0], bytes_max=20_000) for _ in range(4)], random.Random(0)

    async def use(tier: shelf.Shelf) -> None:
        for _ in range(40):
            name = numbers.randrange(30)
            if numbers.random() < 0.3:
                await tier.get(key(name))
            else:
                await tier.put(key(name), noise(name, numbers.randrange(5000)))

    await asyncio.gather(*map(use, tiers))
    sizes = [await redis.strlen(shelf.PREFIX + key(name)) for name in range(30)]
    assert sum(sizes) == int(await redis.get(f"{shelf.PREFIX}total"))
    assert sum(sizes) <= 20_000
    for tier in tiers:
        await tier.aclose()


async def test_entry_is_as_old_as_it_is_everywhere(
    server: tuple[str, subprocess.Popen], redis: redis_client.Redis, tmp_path: pathlib.Path
) -> None:
    """Whoever takes it over keeps it no longer than it has left: how long transcripts stay is a promise."""
    tier, make = shelved(server[0], policy="ttl", ttl_s=1000.0), Maker(noise(1))
    await opened(tmp_path / "one", tier, policy="ttl", ttl_s=1000.0).through(key(1), make)
    assert 0 < await redis.pttl(shelf.PREFIX + key(1)) <= 1_000_000
    await redis.pexpire(shelf.PREFIX + key(1), 400_000)  # 600 s have passed
    await opened(tmp_path / "two", tier, policy="ttl", ttl_s=1000.0).through(key(1), make)
    later = opened(tmp_path / "two", None, policy="ttl", ttl_s=500.0)
    assert (None, "made") == later.get(key(1))
    assert noise(1) == opened(tmp_path / "one", None, policy="ttl", ttl_s=500.0).get(key(1))[0]
    await tier.aclose()


async def test_redis_that_is_away_is_left_alone_and_found_again(
    server: tuple[str, subprocess.Popen], redis: redis_client.Redis, tmp_path: pathlib.Path
) -> None:
    """Every answer comes all the same; after some failures nobody waits for it any more, until it is tried again."""
    closed = f"redis://127.0.0.1:{testing.free_port()}/0"
    tier, now_s = shelved(closed), 1000.0
    tier._breaker = breaker.Breaker(shelf.RULES, clock=lambda: now_s, changed=shelf.STATE.set)
    one, before = opened(tmp_path, tier), shelf.FAILED._value.get()
    for name in range(10):
        assert (noise(name), "made") == await one.through(key(name), Maker(noise(name)))
    assert (3, breaker.State.OPEN) == (shelf.FAILED._value.get() - before, tier._breaker.state)
    assert 2 == shelf.STATE._value.get()
    await tier._redis.aclose()
    tier._redis = redis_client.Redis.from_url(server[0])
    tier._keep.registered_client = tier._take.registered_client = tier._redis
    assert "made" == (await one.through(key("open"), Maker(b"x")))[1]
    assert 0 == await redis.exists(shelf.PREFIX + key("open"))
    now_s += shelf.RULES.open_s + 1
    assert "made" == (await one.through(key("tried"), Maker(b"x")))[1]
    assert (breaker.State.CLOSED, 1) == (tier._breaker.state, await redis.exists(shelf.PREFIX + key("tried")))
    await tier.aclose()


def test_settings_keep_the_address_to_themselves() -> None:
    """A URL with a password is in no representation; none by default."""
    found = settings_module.Settings(cache_redis_url="redis://:geheim@cache:6379/0")
    assert "geheim" not in repr(found) + repr(found.shared)
    assert "redis://:geheim@cache:6379/0" == found.shared.url
    assert "" == settings_module.Settings().shared.url
