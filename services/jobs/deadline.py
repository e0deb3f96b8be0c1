"""Ends jobs at their deadlines."""

import asyncio
import logging

from chassis import errors
from services.jobs import job as jobs
from services.jobs import metrics, scheduler
from services.jobs import store as stores

LOOK_S = 0.5  # between two looks: a deadline is kept to half a second

logger = logging.getLogger(__name__)


class Deadlines:
    """Looks for jobs whose time is up.

    Args:
        store: The jobs.
        planner: Runs their attempts, which are stopped.
    """

    def __init__(self, store: stores.Store, planner: scheduler.Scheduler) -> None:
        self._store = store
        self._scheduler = planner

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:  # the life of the process
            expired = await self.look()
            await asyncio.sleep(0 if expired else LOOK_S)  # there may be more of them

    async def look(self) -> list[jobs.Job]:
        """Ends the jobs whose time is up, and gives them; a few at a time."""
        try:
            expired = await self._store.expire()
        except (errors.ResourceExhausted, errors.Unavailable) as refusal:
            logger.warning("no job can be ended at its deadline: %s", refusal)
            return []
        for job in expired:
            logger.warning("a job was not done by its deadline", extra={"job": job.id})
            metrics.ended(job)
            self._scheduler.stop(job.id)
        return expired
