"""Steady load on a service while something happens to it, and an account of what became of every call."""

import asyncio
import collections
import dataclasses
import time
from collections.abc import Awaitable, Callable

from chassis import errors

CALLS_MAX = 100_000  # of one run: more is a benchmark, not a test


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What became of the calls.

    Args:
        calls: How many were made.
        failures: Those that failed, by code.
        slowest_s: The longest wait for an answer.
        answers: Answers by what the caller made of them, such as the process that gave it.
    """

    calls: int
    failures: collections.Counter[str]
    slowest_s: float
    answers: collections.Counter[str]

    @property
    def failed(self) -> int:
        """How many failed."""
        return self.failures.total()


async def steady(call: Callable[[], Awaitable[str]], rate_per_s: float, duration_s: float) -> Report:
    """Calls at a fixed rate, whether or not answers come: a slow service does not slow its callers down.

    Args:
        call: Makes one call and names the answer; raises `errors.Error` where it failed.
        rate_per_s: Calls per second.
        duration_s: Seconds of calling; answers are waited for after that.
    """
    failures: collections.Counter[str] = collections.Counter()
    answers: collections.Counter[str] = collections.Counter()
    waits_s = [0.0]

    async def one() -> None:
        start_s = time.monotonic()
        try:
            answers[await call()] += 1
        except errors.Error as failure:
            failures[f"{failure.code.name}: {failure}"] += 1
        waits_s.append(time.monotonic() - start_s)

    count = min(CALLS_MAX, int(rate_per_s * duration_s))
    start_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, start_s + number / rate_per_s - time.monotonic()))
            group.create_task(one())
    return Report(count, failures, max(waits_s), answers)
