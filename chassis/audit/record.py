"""Events of a process, on their way into the journal: whoever did something waits until it is written, not longer."""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable

import prometheus_client

from chassis import errors
from chassis.audit import chain, journal

WAITING_MAX = 10_000  # events that are not written yet: a disk that does not answer fills no memory
SYNC_S = 1.0  # what a power cut may take; the end of a process takes nothing

EVENTS = prometheus_client.Counter("reelsmith_audit_events_total", "Events added to the record.")
LOST = prometheus_client.Counter(
    "reelsmith_audit_lost_total", "Events that could not be written into the record: the disk is full, or away."
)

logger = logging.getLogger(__name__)


class Record:
    """Adds events to a journal; use as `async with`.

    What cannot be written is counted and said in the log, and stops nobody: what it tells of has been done.

    Args:
        kept: Where they go.
    """

    def __init__(self, kept: journal.Journal) -> None:
        self._journal = kept
        self._waiting: list[tuple[int, chain.Entry]] = []
        self._turn: asyncio.Future[None] | None = None  # over when what waits now is written
        self._wake = asyncio.Event()
        self._closing = False

    async def __aenter__(self) -> "Record":
        self._task = asyncio.create_task(self._write(), name="audit")
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._closing = True
        self._wake.set()
        await self._task

    def put(self, entry: chain.Entry) -> asyncio.Future[None] | None:
        """Adds an event; gives what is over when it is written, None where there is no room for it."""
        if len(self._waiting) >= WAITING_MAX or self._task.done():
            self._lost(1, "too many wait to be written")
            return None
        self._waiting.append((journal.now_us(), _writable(entry)))
        self._turn = self._turn or asyncio.get_running_loop().create_future()
        self._wake.set()
        return self._turn

    async def add(self, entry: chain.Entry) -> None:
        """Adds an event; it is written when this returns, and on disk a second later."""
        if (written := self.put(entry)) is not None:
            await asyncio.shield(written)

    async def page(self, before: int | None, count: int) -> list[chain.Event]:
        """Events, the newest first.

        Args:
            before: Only events before this one; all by default.
            count: How many at most.

        Raises:
            errors.DataLoss: An event cannot be read.
        """
        return await asyncio.to_thread(self._journal.earlier, 2**62 if before is None else before, count)

    async def verify(self, asked: str = "") -> journal.Verdict:
        """Follows the record; see `Journal.verify`."""
        return await asyncio.to_thread(self._journal.verify, asked)

    async def _write(self) -> None:
        synced_s, dirty = 0.0, False
        while not (self._closing and not self._waiting and not dirty):  # for the life of the process
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SYNC_S if dirty else None):
                    await self._wake.wait()
            self._wake.clear()
            entries, self._waiting = self._waiting, []
            turn, self._turn = self._turn, None
            try:
                if entries and await self._tried(functools.partial(self._journal.append, entries), len(entries)):
                    EVENTS.inc(len(entries))
                    dirty = True
            finally:
                if turn is not None:
                    turn.set_result(None)  # whatever became of it, nobody waits longer
            if dirty and (self._closing or time.monotonic() - synced_s >= SYNC_S):
                dirty = not await self._tried(self._journal.sync, 0) and not self._closing
                synced_s = time.monotonic()
            if self._closing:
                self._wake.set()

    async def _tried(self, call: Callable[[], None], count: int) -> bool:
        try:
            await asyncio.to_thread(call)
        except (OSError, errors.Error) as failure:
            self._lost(count, str(failure))
            return False
        return True

    def _lost(self, count: int, why: str) -> None:
        LOST.inc(count)
        logger.error("the record cannot be written, %d events are lost: %s", count, why)


def _writable(entry: chain.Entry) -> chain.Entry:
    """The same in signs that any file can hold: names of files may have others."""
    words = (entry.actor, entry.action, entry.resource, entry.outcome)
    return chain.Entry(*(word.encode(errors="backslashreplace").decode() for word in words))
