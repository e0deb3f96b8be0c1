"""What was computed before is not computed again, is what was computed, and takes no more room than it may."""

import asyncio
import errno
import hashlib
import itertools
import os
import pathlib
import random
import time

import pytest
from hypothesis import settings, stateful
from hypothesis import strategies as st

from media import cache, folders

ROOM = 100_000


def key(name: object) -> str:
    """A key."""
    return hashlib.sha256(str(name).encode()).hexdigest()


def noise(name: object, size_bytes: int = 1000) -> bytes:
    """Bytes that cannot be packed, always the same ones for a name."""
    return random.Random(str(name)).randbytes(size_bytes)


def opened(folder: pathlib.Path, **changes: object) -> cache.Cache:
    """A cache in a folder."""
    return cache.Cache("test", cache.Settings(folder, **{"disk_bytes_max": ROOM, **changes}))


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Entries on disk."""
    return [path for path in folder.rglob("*") if path.is_file()]


class Maker:
    """Computes values, and counts how often."""

    def __init__(self, value: bytes = b"value") -> None:
        self.value, self.times = value, 0

    async def __call__(self) -> bytes:
        self.times += 1
        await asyncio.sleep(0.01)
        return self.value


async def test_value_is_computed_once(tmp_path: pathlib.Path) -> None:
    """Then it comes from memory, and after a restart from disk."""
    make, first = Maker(noise(1)), opened(tmp_path)
    assert (noise(1), "made") == await first.through(key(1), make)
    assert (noise(1), "memory") == await first.through(key(1), make)
    second = opened(tmp_path)
    assert (noise(1), "disk") == await second.through(key(1), make)
    assert (noise(1), "memory") == await second.through(key(1), make)
    assert 1 == make.times


async def test_many_who_ask_at_once_wait_for_one(tmp_path: pathlib.Path) -> None:
    """One computes; where that one fails or leaves, the next one does."""
    make, one = Maker(), opened(tmp_path)
    found = await asyncio.gather(*(one.through(key(1), make) for _ in range(50)))
    assert ({b"value"}, 1) == ({value for value, _ in found}, make.times)

    async def fail() -> bytes:
        raise ZeroDivisionError

    failing = asyncio.create_task(one.through(key(2), fail))
    leaving = asyncio.create_task(one.through(key(2), lambda: asyncio.sleep(60)))
    staying = asyncio.create_task(one.through(key(2), make))
    await asyncio.sleep(0.05)
    leaving.cancel()
    with pytest.raises(ZeroDivisionError):
        await failing
    assert (b"value", "made") == await staying


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-3],
        lambda content: content[: len(cache.MAGIC)],
        lambda content: b"",
        lambda content: content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
        lambda content: cache.MAGIC + b"\0" * 32 + content[len(cache.MAGIC) + 32 :],
        lambda content: b"other" + content,
    ],
    ids=["cut", "head", "empty", "flip", "hash", "magic"],
)
async def test_damaged_entry_is_computed_again(tmp_path: pathlib.Path, damage) -> None:
    """Whatever happened to the file, what is given is what was computed; the file is whole again afterwards."""
    await opened(tmp_path).through(key(1), Maker(noise(1)))
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    make = Maker(noise(1))
    assert (noise(1), "made") == await opened(tmp_path).through(key(1), make)
    assert (1, whole) == (make.times, path.read_bytes())


async def test_damage_goes_unseen_without_the_hash(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: an entry that was replaced by another one is believed where only the packing is checked."""
    monkeypatch.setattr(cache.hashlib, "sha256", lambda content=b"": _Constant())
    await opened(tmp_path).through("1" * 64, Maker(noise(1)))
    await opened(tmp_path).through("2" * 64, Maker(noise(2)))
    one, two = sorted(files(tmp_path))
    one.write_bytes(two.read_bytes())
    assert (noise(2), "disk") == await opened(tmp_path).through("1" * 64, Maker(noise(1)))


class _Constant:
    digest_size = 32

    def digest(self) -> bytes:
        return b"\0" * 32


@pytest.mark.parametrize("policy", ["lru", "lfu", "fifo", "ttl"])
def test_disk_and_memory_keep_their_bounds(tmp_path: pathlib.Path, policy: cache.Policy) -> None:
    """Also where two processes share the folder."""
    both = [opened(tmp_path, policy=policy, disk_bytes_max=5000, memory_bytes_max=3000) for _ in range(2)]
    for number in range(15):
        both[number % 2].put(key(number), noise(number))
        assert sum(path.stat().st_size for path in files(tmp_path)) <= 5000
        assert both[number % 2]._memory.currsize <= 3000
    last, _ = both[0].get(key(14))
    assert noise(14) == last


@pytest.mark.parametrize(("policy", "kept"), [("lru", {0, 3, 4}), ("lfu", {0, 3, 4}), ("fifo", {2, 3, 4})])
def test_policy_says_who_goes_first(tmp_path: pathlib.Path, policy: cache.Policy, kept: set[int]) -> None:
    """With room for three, of which the first is used again and again."""
    one = opened(tmp_path, policy=policy, disk_bytes_max=3500, memory_bytes_max=0)
    for number in range(5):
        one.put(key(number), noise(number))
        time.sleep(0.01)
        one.get(key(0))
        if number >= 3:
            one.get(key(3))
    assert kept == {number for number in range(5) if one.get(key(number))[0] is not None}


def test_old_entries_go_under_ttl(tmp_path: pathlib.Path) -> None:
    """By the time of writing, which a restart does not renew."""
    opened(tmp_path, policy="ttl", ttl_s=3600).put(key(1), b"old")
    (path,) = files(tmp_path)
    os.utime(path, (time.time() - 4000,) * 2)
    again = opened(tmp_path, policy="ttl", ttl_s=3600)
    assert (None, []) == (again.get(key(1))[0], files(tmp_path))


def test_entry_goes_by_its_age_from_when_it_was_made(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is by then: one that was read late is not kept in memory for its whole time once more."""
    opened(tmp_path, policy="ttl", ttl_s=3600).put(key(1), b"old")
    (path,) = files(tmp_path)
    os.utime(path, (time.time() - 3000,) * 2)
    late = opened(tmp_path, policy="ttl", ttl_s=3600)
    assert [(b"old", "disk"), (b"old", "memory")] == [late.get(key(1)), late.get(key(1))]
    now_s = time.time() + 1000
    monkeypatch.setattr(cache.time, "time", lambda: now_s)
    late.put(key(2), b"new")
    assert [key(2)] == [path.name for path in files(tmp_path)]
    assert ([key(2)], [key(2)]) == (list(late._memory), list(late._sizes))


def test_old_entry_that_is_asked_for_is_removed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From disk and from memory."""
    one = opened(tmp_path, policy="ttl", ttl_s=3600)
    one.put(key(1), b"old")
    (path,) = files(tmp_path)
    os.utime(path, (time.time() - 10,) * 2)
    now_s = time.time() + 4000
    monkeypatch.setattr(cache.time, "time", lambda: now_s)
    assert (None, []) == (one.get(key(1))[0], files(tmp_path))
    assert (0, 0) == (one._memory.currsize, one._sizes.currsize)


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing; a user who may do anything is not stopped by the modes of files."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("utime", "unlink", "rename", "mkdir"):
        monkeypatch.setattr(os, name, refuse)


async def test_disk_that_became_read_only_still_answers(tmp_path: pathlib.Path, request) -> None:
    """Hits are hits, from disk and from memory; what is damaged there is computed again and again."""
    for number in (1, 2):
        opened(tmp_path).put(key(number), noise(number))
    damaged = tmp_path / key(2)[:2] / key(2)
    damaged.write_bytes(b"")
    (tmp_path / f"{folders.TEMPORARY_PREFIX}1").touch()
    os.utime(tmp_path / f"{folders.TEMPORARY_PREFIX}1", (0, 0))
    request.getfixturevalue("read_only")
    one = opened(tmp_path)
    assert [(noise(1), "disk"), (noise(1), "memory")] == [one.get(key(1)), one.get(key(1))]
    assert (noise(2), "made") == await one.through(key(2), Maker(noise(2)))


def test_entry_that_cannot_be_read_is_not_removed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails says nothing of what is on it: later the entry is there."""
    opened(tmp_path).put(key(1), b"value")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(cache.folders, "open_file", fail)
        assert (None, "made") == opened(tmp_path).get(key(1))
    assert (b"value", "disk") == opened(tmp_path).get(key(1))


def test_full_disk_costs_no_answer(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is kept in memory."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    one = opened(tmp_path)
    monkeypatch.setattr(cache.folders.os, "rename", full)
    one.put(key(1), b"value")
    assert (b"value", "memory") == one.get(key(1))
    assert [] == files(tmp_path)


def test_key_is_no_path(tmp_path: pathlib.Path) -> None:
    """Only the shape of a hash is one."""
    for text in ("../../etc/passwd", "a" * 63, "A" * 64, ""):
        with pytest.raises(ValueError, match="no key"):
            opened(tmp_path).get(text)


class Remembering(stateful.RuleBasedStateMachine):
    """Against the plainest model: what is given for a key is what was computed for it, and room is never exceeded."""

    counter = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.folder = pathlib.Path(os.environ["CACHE_TEST_FOLDER"]) / str(next(self.counter))
        self.one, self.known = opened(self.folder, disk_bytes_max=4000, memory_bytes_max=2500), set[int]()

    @stateful.rule(number=st.integers(0, 7))
    def ask(self, number: int) -> None:
        """Asks; a first answer is never remembered from anywhere."""
        value, origin = asyncio.run(self.one.through(key(number), Maker(noise(number))))
        assert noise(number) == value
        assert number in self.known or origin is cache.Origin.MADE
        self.known.add(number)

    @stateful.rule()
    def restart(self) -> None:
        """Opens it anew."""
        self.one = opened(self.folder, disk_bytes_max=4000, memory_bytes_max=2500)

    @stateful.rule(place=st.integers(0, 7), at=st.integers(0, 900))
    def damage(self, place: int, at: int) -> None:
        """Flips a bit of an entry."""
        if found := sorted(files(self.folder)):
            path = found[place % len(found)]
            content = bytearray(path.read_bytes())
            content[at] ^= 4
            path.write_bytes(content)

    @stateful.invariant()
    def bounded(self) -> None:
        """The files fit."""
        assert sum(path.stat().st_size for path in files(self.folder)) <= 4000


@pytest.fixture(autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_TEST_FOLDER", str(tmp_path_factory.mktemp("cache")))


Remembering.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)


@pytest.mark.usefixtures("_folder")
class TestCacheIsItsModel(Remembering.TestCase):
    """The machine as a test."""
