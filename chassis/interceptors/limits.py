"""Refuses calls beyond what the process can hold: a full house says so at once, it does not queue."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import prometheus_client
from grpc import aio

from chassis import errors, methods, priority, shedding

RETRY_AFTER_S = 1.0  # most calls end within a second
WATCHES_MAX = 256  # of health, and talks about reflection: everybody may open them, and some never end
METHODS_MAX = 1000  # limits are kept per method; a service has tens

REFUSED = prometheus_client.Counter(
    "reelsmith_rpc_server_refused_total",
    "Calls refused for want of room, by method and priority.",
    ["method", "priority"],
)
LIMIT = prometheus_client.Gauge(
    "reelsmith_rpc_server_limit", "Calls of a method that are let in at once now.", ["method"]
)


class Limit:
    """Counts the calls that run and refuses one too many; a health check is never refused.

    Args:
        calls_max: Calls that may run at once, whatever they are.
        rules: How many of each method with one request and one answer; None for no other limit.
    """

    def __init__(self, calls_max: int, rules: shedding.Rules | None = None) -> None:
        self._calls_max = calls_max
        self._rules = rules
        self._running = self._watches = 0
        self._limiters: dict[str, shedding.Limiter] = {}

    @contextlib.asynccontextmanager
    async def around(self, method: str, context: aio.ServicerContext) -> AsyncIterator[None]:
        """Takes a place for the time of the call.

        Raises:
            errors.ResourceExhausted: All places are taken.
        """
        if methods.is_infrastructure(method):
            async with self._watching(method):
                yield
            return
        if self._running >= self._calls_max:
            raise _refusal(self._calls_max)
        self._running += 1
        try:
            batch = priority.said(context.invocation_metadata())
            with priority.within(batch):
                async with self._shedding(method, batch):
                    yield
        finally:
            self._running -= 1

    @contextlib.asynccontextmanager
    async def _watching(self, method: str) -> AsyncIterator[None]:
        if methods.is_unary(method):  # a check ends at once, and orchestrators end a process that refuses it
            yield
            return
        if self._watches >= WATCHES_MAX:
            raise _refusal(WATCHES_MAX)
        self._watches += 1
        try:
            yield
        finally:
            self._watches -= 1

    @contextlib.asynccontextmanager
    async def _shedding(self, method: str, batch: bool) -> AsyncIterator[None]:
        limiter = self._limiter(method)
        if limiter is None:
            yield
            return
        if not limiter.admit(batch=batch):
            REFUSED.labels(method, priority.BATCH if batch else "interactive").inc()
            raise errors.ResourceExhausted(
                f"{method} is overloaded: {limiter.running} calls run, {limiter.limit:.0f} are let in",
                reason="OVERLOADED",
                retry_after_s=RETRY_AFTER_S,
            )
        begin_s, seconds = time.monotonic(), None
        try:
            await asyncio.sleep(0)  # a turn of the loop: how long others keep it belongs to the time of the answer
            yield
            seconds = time.monotonic() - begin_s  # of answers alone: failures are fast
        finally:
            limiter.ended(seconds)
            LIMIT.labels(method).set(limiter.limit)

    def _limiter(self, method: str) -> shedding.Limiter | None:
        if self._rules is None or not methods.is_unary(method):
            return None
        if method not in self._limiters and len(self._limiters) < METHODS_MAX:
            self._limiters[method] = shedding.Limiter(self._rules)
        return self._limiters.get(method)


def _refusal(places: int) -> errors.ResourceExhausted:
    return errors.ResourceExhausted(
        f"{places} calls are running already", reason="TOO_MANY_CALLS", retry_after_s=RETRY_AFTER_S
    )
