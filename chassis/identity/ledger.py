"""Where it is kept how much was taken: in this process, or in Redis for all processes together."""

import logging
import math
import pathlib
import time
from typing import Any, Protocol

from chassis.identity import rate as rates

NAMES_MAX = 10_000  # buckets in memory; those that are full again are forgotten first
TIMEOUT_S = 0.2  # a Redis that is near answers in a millisecond; callers are not kept waiting for one that does not
PAUSE_S = 5.0  # after a failure, before Redis is asked again
PREFIX = "reelsmith:rate:"
SCRIPT = pathlib.Path(__file__).with_name("take.lua")

logger = logging.getLogger(__name__)


class Ledger(Protocol):
    """Keeps buckets by name."""

    async def take(self, name: str, cost: float, rate: rates.Rate) -> float:
        """Takes from a bucket, if there is enough in it.

        Args:
            name: Which bucket.
            cost: How much.
            rate: How much may be taken.

        Returns:
            Seconds to wait until there is enough; 0 where it was taken.
        """

    async def close(self) -> None:
        """Ends connections."""


class Local:
    """Buckets of this process."""

    def __init__(self) -> None:
        self._reached: dict[str, float] = {}

    async def take(self, name: str, cost: float, rate: rates.Rate) -> float:
        """Takes from a bucket of this process."""
        now_s = time.monotonic()
        if name not in self._reached and len(self._reached) >= NAMES_MAX:
            self._forget(now_s)
        self._reached[name], wait_s = rates.take(self._reached.get(name, now_s), now_s, cost, rate)
        return wait_s

    async def close(self) -> None:
        """Has nothing to end."""

    def _forget(self, now_s: float) -> None:
        """Drops full buckets, which are as good as new, and half of the others where that is not enough."""
        left = {name: reached_s for name, reached_s in self._reached.items() if reached_s > now_s}
        if len(left) >= NAMES_MAX:
            left = dict(sorted(left.items(), key=lambda item: item[1])[NAMES_MAX // 2 :])
        self._reached = left


class Shared:
    """Buckets in Redis; while it does not answer, each process counts alone.

    Args:
        url: Of the Redis server.
        timeout_s: How long it may take to answer.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        from redis import asyncio as redis  # only where it is used: it is a large library

        self._redis: Any = redis.Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, decode_responses=True
        )
        self._script = self._redis.register_script(SCRIPT.read_text())
        self._failures = (redis.RedisError, OSError, TimeoutError)
        self._alone = Local()
        self._away_until_s = 0.0

    async def take(self, name: str, cost: float, rate: rates.Rate) -> float:
        """Takes from a bucket that all processes share."""
        if cost > rate.burst:
            return math.inf
        if time.monotonic() < self._away_until_s:
            return await self._alone.take(name, cost, rate)
        try:
            said = await self._script(keys=[f"{PREFIX}{name}"], args=[cost, rate.per_s, rate.burst])
        except self._failures as failure:
            logger.warning("limits are counted by this process alone for %g s: redis: %s", PAUSE_S, failure)
            self._away_until_s = time.monotonic() + PAUSE_S
            return await self._alone.take(name, cost, rate)
        return float(said)

    async def close(self) -> None:
        """Ends the connections."""
        await self._redis.aclose()
