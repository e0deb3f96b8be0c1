"""Removes what nobody needs any more: sessions of deleted jobs, and what killed attempts left behind."""

import asyncio
import logging

import failpoints
from chassis import errors
from media import errors as media_errors
from media import sessions
from services.jobs import publication
from services.jobs import store as stores

BATCH = 100  # deleted jobs per look into the store: bounds the memory, not the work
TRIES, PAUSE_S = 5, 0.2  # an attempt that is being stopped may still write into the session for a moment
TEMPORARY_AGE_S = 3600.0  # no honest write takes an hour; a younger file may still be written

logger = logging.getLogger(__name__)


class Sweeper:
    """Keeps the storage of sessions as clean as the store says it is.

    Args:
        store: The jobs.
        folder: All sessions.
    """

    def __init__(self, store: stores.Store, folder: sessions.Sessions) -> None:
        self._store = store
        self._sessions = folder

    async def delete(self, job_id: str) -> bool:
        """Removes the session of a deleted job; what resists is tried again at the next start.

        Returns:
            Whether it is gone.
        """
        for left in range(TRIES - 1, -1, -1):
            try:
                with failpoints.around("jobs.sweep.delete"):
                    await asyncio.to_thread(self._sessions.delete, job_id)
                break
            except (media_errors.MediaError, OSError) as error:
                if not left:
                    logger.warning("session %s of a deleted job stays for now: %s", job_id, error)
                    return False
            await asyncio.sleep(PAUSE_S)
        with failpoints.around("jobs.sweep.record"):
            await self._store.swept(job_id)
        return True

    async def run(self) -> None:
        """Does everything once; run it beside the scheduler at every start."""
        try:
            await self._deleted()
            for session_id in await asyncio.to_thread(self._sessions.list):
                await self._session(session_id)
            await asyncio.to_thread(self._sessions.sweep, TEMPORARY_AGE_S)
        except (errors.Error, media_errors.MediaError, OSError) as error:
            logger.warning("the sweep ended early, the next start goes on: %s", error)

    async def _deleted(self) -> None:
        done = True
        while done and (found := await self._store.unswept(BATCH)):  # each turn leaves fewer, or ends it
            done = all([await self.delete(job_id) for job_id in found])

    async def _session(self, session_id: str) -> None:
        try:
            job = await self._store.get(session_id)
        except errors.NotFound:
            if await self._store.deleted(session_id):  # an attempt that was being stopped has made it anew
                await self.delete(session_id)
            return
        try:
            with failpoints.around("jobs.sweep.clear"):
                await asyncio.to_thread(publication.clear, self._sessions, job)
        except (media_errors.MediaError, OSError) as error:  # such as a session that is deleted meanwhile
            logger.warning("session %s is not swept now: %s", session_id, error)
