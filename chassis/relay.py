"""Long work as a stream: its progress as it comes, then its result."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

QUIET_MAX_S = 2.0  # longest silence: progress is the heartbeat of whoever waits
SPACING_S = 0.25  # between two words of progress: fast enough for the eye

Progress = TypeVar("Progress")
Result = TypeVar("Result")


async def followed(
    start: Callable[[Callable[[Progress], None]], Awaitable[Result]], first: Progress
) -> AsyncGenerator[Progress | Result, None]:
    """Yields the newest progress now and then, at least every QUIET_MAX_S, and the result last; leaving ends the work.

    Args:
        start: Does the work, and calls what it is given with each progress.
        first: The progress before any work.
    """
    latest, changed = [first], asyncio.Event()

    def heard(now: Progress) -> None:
        latest[0] = now
        changed.set()

    work = asyncio.ensure_future(start(heard))
    work.add_done_callback(lambda _: changed.set())
    try:
        while not work.done():
            changed.clear()
            yield latest[0]
            await asyncio.wait((work,), timeout=SPACING_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_MAX_S - SPACING_S):
                    await changed.wait()
        yield await work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)  # also takes a failure that nobody is left to be told of
