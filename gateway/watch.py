"""Follows a job through restarts of the job manager: nothing that lasts is missed, and nothing comes twice."""

import asyncio
import contextlib
import dataclasses
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable

from reelsmith.jobs.v1 import jobs_pb2

from chassis import errors

logger = logging.getLogger(__name__)

ENDED = frozenset(
    {
        jobs_pb2.Job.STATE_SUCCEEDED,
        jobs_pb2.Job.STATE_PARTIAL,
        jobs_pb2.Job.STATE_FAILED,
        jobs_pb2.Job.STATE_CANCELLED,
    }
)
INTERRUPTIONS = (errors.Unavailable, errors.Cancelled)  # the job manager went away; the job did not

Open = Callable[[int], AsyncGenerator[jobs_pb2.JobEvent, None]]


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long a watch bears with an absent job manager.

    Args:
        outage_max_s: Seconds without an event or an answer, after which it gives up.
        pause_min_s: First pause before asking again.
        pause_max_s: Longest pause; also how late a watch may notice a restart.
    """

    outage_max_s: float = 300.0
    pause_min_s: float = 0.05
    pause_max_s: float = 1.0

    def pause_s(self, failures: int) -> float:
        """The pause after so many failures in a row: exponential, with jitter so that watches do not come in step."""
        longest_s = min(self.pause_max_s, self.pause_min_s * 2 ** min(failures, 16))  # 2^16 is past any longest pause
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311  spreads load, guards nothing


class _Outage:
    """How long the job manager has been away."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._failures = 0
        self._since_s = 0.0

    def over(self) -> None:
        """It answered."""
        self._failures = 0

    async def bear(self, failure: errors.Error) -> None:
        """Waits before the next try.

        Raises:
            errors.Unavailable: It has been away for too long.
        """
        now_s = time.monotonic()
        if self._failures == 0:
            self._since_s = now_s
            logger.info("the job manager went away, the watch waits for it: %s", failure)
        self._failures += 1
        if now_s - self._since_s >= self._patience.outage_max_s:
            raise errors.Unavailable(
                f"the job manager did not come back within {self._patience.outage_max_s:g} s: {failure}",
                reason="JOBS_UNREACHABLE",
                retry_after_s=self._patience.pause_max_s,
            ) from failure
        await asyncio.sleep(self._patience.pause_s(self._failures))


async def follow(open_stream: Open, after: int, patience: Patience) -> AsyncGenerator[jobs_pb2.JobEvent, None]:
    """Yields the events of a job until it has ended.

    One event is held at a time: a slow reader slows the job manager's stream down, it fills no memory here.

    Args:
        open_stream: Opens the job manager's stream of events after a sequence number.
        after: Only events after this sequence number.
        patience: How long to bear with an absent job manager.

    Raises:
        errors.Unavailable: The job manager stayed away.
        errors.Error: What it says about the job.
    """
    reached, last = after, None
    outage = _Outage(patience)
    while True:
        try:
            async with contextlib.aclosing(open_stream(reached)) as events:
                async for event in events:
                    outage.over()
                    if event.sequence < reached:
                        continue  # told already, before the stream broke
                    reached, last = event.sequence, event
                    yield event
        except INTERRUPTIONS as failure:
            await outage.bear(failure)
        else:
            if last is None or last.job.state in ENDED:
                return
            await outage.bear(errors.Unavailable("the stream ended before the job"))
