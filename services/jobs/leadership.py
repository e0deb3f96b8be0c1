"""Which of several managers works: the one that leads runs its parts, the others stand by and answer what they read.

Safety does not hang on this: the store takes no write of a manager that does not lead. This only starts the work, and
ends it soon.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Protocol

from chassis import errors
from services.jobs import board as boards
from services.jobs import metrics
from services.jobs import store as stores

LOOKS_PER_LEASE = 4  # a lease outlives two looks that fail

logger = logging.getLogger(__name__)


class Part(Protocol):
    """Work that only the leader does."""

    async def run(self) -> None:
        """Works until it is done or cancelled."""


class Leadership:
    """Takes the lead where nobody has it, keeps it, and steps down.

    Args:
        store: Knows who leads.
        board: Wakes who watches, so that watches go to the next leader.
        parts: What the leader does.
        lease_s: Seconds after which the lead of a manager that is silent ends.
    """

    def __init__(self, store: stores.Store, board: boards.Board, parts: Sequence[Part], lease_s: float) -> None:
        self._store = store
        self._board = board
        self._parts = parts
        self._lease_s = lease_s
        self._heard_s = float("-inf")  # monotonic time of the last answer of the store

    async def run(self) -> None:
        """Leads or stands by until it is cancelled."""
        while True:  # the life of the process
            if await self._leads():
                await self._reign()
            await asyncio.sleep(self._lease_s / LOOKS_PER_LEASE)

    async def _reign(self) -> None:
        logger.info("this job manager leads")
        metrics.LEADS.set(1)
        try:
            async with asyncio.TaskGroup() as tasks:
                work = [tasks.create_task(part.run()) for part in self._parts]
                while await self._goes_on():  # the length of the reign
                    continue
                for task in work:
                    task.cancel()
        finally:
            metrics.LEADS.set(0)
            self._board.stir()
        logger.warning("this job manager stands by")

    async def _goes_on(self) -> bool:
        await asyncio.sleep(self._lease_s / LOOKS_PER_LEASE)
        return await self._leads()

    async def _leads(self) -> bool:
        """Whether this manager leads; a store that does not answer ends its reign after the time of a lease."""
        try:
            leads = await self._asked()
        except (errors.Unavailable, errors.ResourceExhausted) as refusal:
            logger.warning("the store does not say who leads: %s", refusal)
            return self._store.leads and time.monotonic() - self._heard_s < self._lease_s
        self._heard_s = time.monotonic()
        return leads

    async def _asked(self) -> bool:
        """Asks the store, and ends the waiting of all where no answer comes: a network may swallow what is sent."""
        asking = asyncio.ensure_future(self._store.lead())
        await asyncio.wait((asking,), timeout=self._lease_s)
        if not asking.done():
            self._store.cut()
        return await asking
