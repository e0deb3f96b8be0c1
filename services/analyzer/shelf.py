"""Analyses that several machines share, in Redis: packed as on disk, bounded, and done without while Redis is away."""

import contextlib
import dataclasses
import logging
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import prometheus_client

from chassis import breaker
from media import cache

TIMEOUT_S = 2.0  # for some megabytes of a Redis that is near; an analysis takes longer
CONNECT_TIMEOUT_S = 0.5
RULES = breaker.Rules(calls_min=3, failure_share=0.5, window_s=60.0, open_s=10.0, trials=1)
FOLDER = pathlib.Path(__file__).parent
PREFIX = "{reelsmith:cache:analyses}:"  # in braces, so that a cluster keeps all of it in one place

FAILED = prometheus_client.Counter(
    "reelsmith_cache_shared_failed_total", "Questions to the cache in Redis that it did not answer."
)
STATE = prometheus_client.Gauge(
    "reelsmith_cache_shared_breaker_state", "Whether Redis is asked: 0 closed, 1 half open, 2 open."
)

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Where Redis is, and how much is kept there.

    Attributes:
        url: Of the server; empty for none.
        bytes_max: Bytes of all entries, packed.
        policy: Which go first where there is no room.
        ttl_s: Age in seconds at which an entry goes, whatever the policy.
    """

    url: str = dataclasses.field(repr=False)
    bytes_max: int
    policy: cache.Policy
    ttl_s: float


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator["Shelf | None"]:
    """What machines share; None where there is no Redis."""
    if not settings.url:
        yield None
        return
    async with contextlib.aclosing(Shelf(settings)) as made:
        yield made


class Shelf:
    """The tier of the cache that lies in Redis; whoever can write there is believed, as with the folder.

    Args:
        settings: Where it is.
        timeout_s: How long an answer may take.
    """

    def __init__(self, settings: Settings, timeout_s: float = TIMEOUT_S) -> None:
        from redis import asyncio as redis  # only where it is used: it is a large library

        self._settings = settings
        self._redis: Any = redis.Redis.from_url(
            settings.url, socket_timeout=timeout_s, socket_connect_timeout=min(timeout_s, CONNECT_TIMEOUT_S)
        )
        self._failures = (redis.RedisError, OSError, TimeoutError)
        self._keep, self._take = (
            self._redis.register_script((FOLDER / name).read_text()) for name in ("keep.lua", "take.lua")
        )
        self._breaker = breaker.Breaker(RULES, changed=STATE.set)

    async def get(self, key: str) -> tuple[bytes, float] | None:
        """The packed value of a key and its age in seconds; None where there is none, or Redis is away."""
        found = await self._asked(self._take, keys=[PREFIX + key, f"{PREFIX}order"], args=[self._settings.policy, key])
        return (found[0], max(0.0, self._settings.ttl_s - found[1] / 1000)) if found else None

    async def put(self, key: str, content: bytes) -> None:
        """Keeps a packed value, unless it would take all of the room."""
        if len(content) > self._settings.bytes_max:
            return
        settings = self._settings
        keys = [PREFIX + key, *(f"{PREFIX}{name}" for name in ("order", "sizes", "total"))]
        limits = [round(settings.ttl_s * 1000), settings.bytes_max, settings.policy]
        await self._asked(self._keep, keys=keys, args=[content, *limits, key, PREFIX])

    async def drop(self, key: str) -> None:
        """Removes an entry that is damaged."""
        await self._asked(self._redis.delete, PREFIX + key)

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._redis.aclose()

    async def _asked(self, call: Any, *given: object, **named: object) -> Any:
        """What Redis answers; None where it does not, or is left alone."""
        permit = self._breaker.admit()
        if permit is None:
            return None
        try:
            answer = await call(*given, **named)
        except self._failures as failure:
            permit.end(True)
            FAILED.inc()
            logger.warning("the cache in redis does not answer, analyses are made or come from here: %s", failure)
            return None
        except BaseException:
            permit.end(None)  # whoever asked has left
            raise
        permit.end(False)
        return answer
