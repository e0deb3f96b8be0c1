"""A cache that fifty tasks ask at once: each value is what was computed for its key, and is computed by one of them."""

import asyncio
import collections
import hashlib
import pathlib
import random
from typing import get_args

import pytest

from media import cache

TASKS, KEYS = 50, 12
STEPS = [400, pytest.param(100_000, marks=pytest.mark.slow)]
DISK_BYTES_MAX, MEMORY_BYTES_MAX = 6_000, 3_000  # less than all values together: some are always forgotten


def key(number: int) -> str:
    """The key of a number."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def value(number: int) -> bytes:
    """What is computed for it: bytes that cannot be packed."""
    return random.Random(number).randbytes(700)


def size_bytes(folder: pathlib.Path) -> int:
    """Of all entries on disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and cache.KEY.fullmatch(path.name))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("policy", get_args(cache.Policy))
async def test_fifty_tasks_get_what_was_computed_once(tmp_path: pathlib.Path, policy: cache.Policy, steps: int) -> None:
    """Under each policy, while entries are damaged and forgotten."""
    settings = cache.Settings(tmp_path, DISK_BYTES_MAX, MEMORY_BYTES_MAX, policy)
    one, making, origins = cache.Cache("test", settings), collections.Counter(), collections.Counter()

    async def ask(chance: random.Random) -> None:
        number = chance.randrange(KEYS)

        async def make() -> bytes:
            making[number] += 1
            assert 1 == making[number], "two compute the same at once"
            await asyncio.sleep(0)
            making[number] -= 1
            return value(number)

        found, origin = await one.through(key(number), make)
        assert value(number) == found
        origins[origin] += 1

    def damage(chance: random.Random) -> None:
        path = tmp_path / cache._path(key(chance.randrange(KEYS)))
        if path.exists():
            path.write_bytes(path.read_bytes()[: chance.randrange(300)])

    async def walk(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(steps // TASKS):
            await ask(chance)
            if chance.random() < 0.05:
                damage(chance)

    async with asyncio.TaskGroup() as group:
        for seed in range(TASKS):
            group.create_task(walk(seed))
    assert size_bytes(tmp_path) <= DISK_BYTES_MAX
    assert {cache.Origin.MEMORY, cache.Origin.DISK, cache.Origin.MADE} == set(origins)
