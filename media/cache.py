"""What was computed before, by a key that says all that it depends on: in memory, on disk, and where machines share.

An entry on disk carries the hash of what is in it and is written whole or not at all. One that is damaged is removed
and computed again. Nothing depends on an entry being there, or on a disk that can be written.
"""

import asyncio
import collections
import contextlib
import dataclasses
import enum
import hashlib
import logging
import os
import pathlib
import re
import threading
import time
import weakref
import zlib
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

import cachetools
import prometheus_client

from media import errors, folders

MAGIC = b"reelsmith-cache/1\n"
KEY = re.compile(r"[0-9a-f]{64}")
COMPRESSION = 1  # documents of numbers shrink to a fifth with the fastest setting, and to little less with the slowest
LEFT_OVER_S = 3600.0  # what is written takes seconds: older halves are of processes that died
ENTRY_BYTES_MAX = 1 << 30  # unpacked: what claims more is damaged

Policy = Literal["lru", "lfu", "fifo", "ttl"]

ANSWERS = prometheus_client.Counter(
    "reelsmith_cache_answers_total", "Questions to a cache by where the answer came from.", ["cache", "origin"]
)
DAMAGED = prometheus_client.Counter(
    "reelsmith_cache_damaged_total", "Entries that were not what was written, and were removed.", ["cache"]
)
SIZE = prometheus_client.Gauge("reelsmith_cache_disk_bytes", "Size of all entries on disk.", ["cache"])

logger = logging.getLogger(__name__)


class Origin(enum.StrEnum):
    """Where an answer came from."""

    MEMORY = "memory"
    DISK = "disk"
    SHARED = "shared"
    MADE = "made"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Where entries are, how many bytes of them, and which ones go first.

    Attributes:
        folder: Folder on disk; may be shared by several processes.
        disk_bytes_max: Bytes on disk, packed.
        memory_bytes_max: Bytes in memory, unpacked; 0 for none.
        policy: Which entries go first where there is no room: those used least recently (`lru`) or least often
            (`lfu`), the oldest (`fifo`), or the oldest and all that are older than `ttl_s` (`ttl`).
        ttl_s: Age in seconds at which an entry goes under `ttl`.
    """

    folder: pathlib.Path
    disk_bytes_max: int
    memory_bytes_max: int = 64 << 20
    policy: Policy = "lru"
    ttl_s: float = 30 * 86400.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Held:
    """A value, and when it was made, as file times count it."""

    value: bytes
    made_s: float


class Tier(Protocol):
    """Entries that other machines have too, packed; it answers that there is none where it cannot be reached."""

    async def get(self, key: str) -> tuple[bytes, float] | None:
        """An entry and its age in seconds."""

    async def put(self, key: str, content: bytes) -> None:
        """Keeps an entry."""

    async def drop(self, key: str) -> None:
        """Removes an entry that is damaged."""


class Cache:
    """Answers from what was computed before, or computes.

    Args:
        name: What is in it, for metrics.
        settings: Where and how much.
        shared: What machines share; None for nothing.
    """

    def __init__(self, name: str, settings: Settings, shared: Tier | None = None) -> None:
        self._name, self._settings, self._shared = name, settings, shared
        settings.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._root = settings.folder.resolve()
        self._memory = _table(settings, settings.memory_bytes_max, lambda held: len(held.value))
        self._sizes = _table(settings, settings.disk_bytes_max, int)  # bytes on disk by key
        self._thread = threading.Lock()  # around both tables: they are used in threads
        # One computes, the others wait for it; the locks live as long as somebody holds them.
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        with contextlib.suppress(OSError):  # of a disk that cannot be written nothing can be swept
            folders.sweep(self._root, LEFT_OVER_S, time.time())
        with self._thread:
            self._look()

    async def through(self, key: str, make: Callable[[], Awaitable[bytes]]) -> tuple[bytes, Origin]:
        """The value of a key, computed where it is not known; who asks meanwhile waits for it.

        Args:
            key: 64 hexadecimal digits: a hash of all that the value depends on.
            make: Computes the value; what it raises is passed on, and remembered by nobody.
        """
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            value, origin = await asyncio.to_thread(self.get, key)
            if value is None and self._shared is not None:
                value, origin = await self._take_over(key, self._shared)
            if value is None:
                value = await make()
                content = await asyncio.to_thread(self.put, key, value)
                if self._shared is not None:
                    await self._shared.put(key, content)
        ANSWERS.labels(self._name, origin.value).inc()
        return value, origin

    def get(self, key: str) -> tuple[bytes | None, Origin]:
        """The value of a key, and where it was; None and MADE where it is not known."""
        with self._thread:
            held = self._memory.get(key)
            if held is not None and not self._too_old(held.made_s):
                self._used(key)
                return held.value, Origin.MEMORY
        held = self._read(key)
        if held is None:
            return None, Origin.MADE
        with self._thread:
            self._used(key)
            self._remember(key, held)
        return held.value, Origin.DISK

    async def _take_over(self, key: str, shared: Tier) -> tuple[bytes | None, Origin]:
        """The value that another machine computed, which is kept here from now on, as old as it is."""
        found = await shared.get(key)
        if found is None:
            return None, Origin.MADE
        try:
            value = await asyncio.to_thread(_unpacked, found[0])
        except (zlib.error, ValueError) as failure:
            logger.warning("a shared entry of the cache of %s is damaged and is removed: %s", self._name, failure)
            DAMAGED.labels(self._name).inc()
            await shared.drop(key)
            return None, Origin.MADE
        await asyncio.to_thread(self.put, key, value, time.time() - found[1])
        return value, Origin.SHARED

    def put(self, key: str, value: bytes, made_s: float | None = None) -> bytes:
        """Keeps a value. Without room on disk it is kept in memory only: nothing depends on it.

        Args:
            key: Its key.
            value: The value.
            made_s: When it was made, as file times count it; now by default.

        Returns:
            The value as it is packed.
        """
        content = MAGIC + hashlib.sha256(value).digest() + zlib.compress(value, COMPRESSION)
        with self._thread:
            self._remember(key, _Held(value, time.time() if made_s is None else made_s))
            try:
                if len(content) <= self._settings.disk_bytes_max:
                    with folders.replacing(self._root, _path(key)) as file:
                        file.write(content)
                    if made_s is not None:
                        os.utime(self._root / _path(key), (made_s, made_s))
                    self._note(key, len(content))
                self._look()
            except (OSError, errors.MediaError) as failure:
                logger.warning("an entry of the cache of %s is not kept on disk: %s", self._name, failure)
        return content

    def _read(self, key: str) -> _Held | None:
        """The value on disk; None where there is none, or none that is whole."""
        path = _path(key)
        try:
            with folders.open_file(self._root, path) as file:
                made_s = os.fstat(file.fileno()).st_mtime
                if self._too_old(made_s):
                    self._forget(key)
                    return None
                content = file.read()
            return _Held(_unpacked(content), made_s)
        except errors.NotThere:
            return None
        except (OSError, errors.MediaError) as failure:  # says nothing of what is in it
            logger.warning("an entry of the cache of %s cannot be read: %s", self._name, failure)
            return None
        except (zlib.error, ValueError) as failure:
            logger.warning("an entry of the cache of %s is damaged and is removed: %s", self._name, failure)
            DAMAGED.labels(self._name).inc()
            self._forget(key)
            return None

    def _forget(self, key: str) -> None:
        with self._thread:
            self._sizes.pop(key, None)
            self._memory.pop(key, None)
            self._remove(key)

    def _too_old(self, modified_s: float) -> bool:
        return self._settings.policy == "ttl" and time.time() - modified_s > self._settings.ttl_s

    def _used(self, key: str) -> None:
        """Notes a use, also for the next start."""
        self._sizes.get(key)
        if self._settings.policy == "lru":
            with contextlib.suppress(OSError):  # another process had no room for it, or the disk cannot be written
                os.utime(self._root / _path(key))

    def _remember(self, key: str, held: _Held) -> None:
        if len(held.value) <= self._settings.memory_bytes_max:
            self._memory[key] = held

    def _note(self, key: str, size_bytes: int) -> None:
        """Counts an entry on disk; those that the policy forgets for it are removed."""
        before = set(self._sizes)
        self._sizes[key] = size_bytes
        for gone in before - set(self._sizes):
            self._remove(gone)

    def _look(self) -> None:
        """Counts what other processes wrote, the oldest first, and removes what is too old or has no place."""
        found = sorted(_entries(self._root))
        there = {key for _, key, _ in found}
        young = [entry for entry in found if not self._too_old(entry[0])]
        for key in set(self._sizes) - {key for _, key, _ in young}:
            self._sizes.pop(key, None)
        self._forget_old()
        for _, key, size_bytes in young:
            if key not in self._sizes and size_bytes <= self._settings.disk_bytes_max:
                self._note(key, size_bytes)
        for key in there - set(self._sizes):
            self._remove(key)
        SIZE.labels(self._name).set(self._sizes.currsize)

    def _forget_old(self) -> None:
        """Under `ttl`, values in memory go by when they were made, not by when they came there."""
        if self._settings.policy == "ttl":
            held = [(key, self._memory.get(key)) for key in list(self._memory)]
            for key in [key for key, one in held if one is not None and self._too_old(one.made_s)]:
                self._memory.pop(key, None)

    def _remove(self, key: str) -> None:
        with contextlib.suppress(OSError):  # another process was faster, or the disk cannot be written
            os.unlink(self._root / _path(key))


def _table(settings: Settings, bytes_max: int, size: Callable[[object], int]) -> cachetools.Cache:
    """A table that forgets by the policy; nothing fits into one of no bytes."""
    kinds = {"lru": cachetools.LRUCache, "lfu": cachetools.LFUCache, "fifo": cachetools.FIFOCache}
    if settings.policy == "ttl":
        return cachetools.TTLCache(max(1, bytes_max), settings.ttl_s, getsizeof=size)
    return kinds[settings.policy](max(1, bytes_max), getsizeof=size)


def _path(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is no key of a cache")
    return f"{key[:2]}/{key}"


def _unpacked(content: bytes) -> bytes:
    begin = len(MAGIC) + hashlib.sha256().digest_size
    if not content.startswith(MAGIC):
        raise ValueError("it does not begin as an entry does")
    unpacking = zlib.decompressobj()
    value = unpacking.decompress(content[begin:], ENTRY_BYTES_MAX)
    if not unpacking.eof or hashlib.sha256(value).digest() != content[len(MAGIC) : begin]:
        raise ValueError("its content is not what was written")
    return value


def _entries(root: pathlib.Path) -> list[tuple[float, str, int]]:
    """When each entry was used last, its key and its size."""
    found: list[tuple[float, str, int]] = []
    waiting = collections.deque([root])
    while waiting:  # bounded: two levels of folders
        folder = waiting.popleft()
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if folder == root and entry.is_dir(follow_symlinks=False):
                    waiting.append(pathlib.Path(entry.path))
                elif KEY.fullmatch(entry.name):
                    with contextlib.suppress(FileNotFoundError):  # another process removed it
                        info = entry.stat(follow_symlinks=False)
                        found.append((info.st_mtime, entry.name, info.st_size))
    return found
