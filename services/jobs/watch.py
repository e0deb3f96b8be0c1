"""What happens to a job, told in order: everything lasting once, and how far it is now as often as is useful."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping

from services.jobs import board as boards
from services.jobs import job as jobs
from services.jobs import lifecycle
from services.jobs import progress as progresses
from services.jobs import store as stores

PROGRESS_SPACING_S = 0.25  # four times a second is as fast as a person reads


@dataclasses.dataclass(frozen=True, slots=True)
class Sight:
    """One thing to tell: a lasting event, or progress, which has no message."""

    sequence: int
    time_us: int
    step: str
    message: str
    view: boards.View


class Watch:
    """Follows jobs.

    Args:
        store: Their history.
        board: Their live side.
    """

    def __init__(self, store: stores.Store, board: boards.Board) -> None:
        self._store = store
        self._board = board

    async def follow(self, job_id: str, after: int) -> AsyncIterator[Sight]:
        """Tells what happened after a sequence number, then what happens, until the job has ended.

        Args:
            job_id: The job.
            after: Sequence number of the last event that is known already; 0 for none.

        Raises:
            errors.NotFound: There is no such job, or it was deleted meanwhile.
            errors.Unavailable: Another manager leads, and tells what happens.
        """
        with self._board.watching(job_id) as news:
            job = lifecycle.blank(await self._store.get(job_id))
            told: Mapping[str, jobs.Progress] | None = None  # None until the past has been told
            while True:  # ends with the job or with the stream; waits for news in every turn
                news.clear()
                self._store.require_lead()  # how far a job is, only the leader knows
                events = await self._store.events(job_id, job.sequence)
                for event in events:
                    job = jobs.merged(job, event)
                    if event.sequence > after:
                        yield _lasting(event, _past(job) if told is None else self._board.view(job))
                if len(events) == stores.EVENTS_PAGE:
                    continue
                if job.state.ended:
                    return
                if not events:
                    await self._store.get(job_id)  # woken by nothing lasting: it may have been deleted
                view = self._board.view(job)
                if view.live != told:
                    told = view.live
                    yield Sight(job.sequence, 0, "", "", view)
                    await asyncio.sleep(PROGRESS_SPACING_S)
                await news.wait()


def _past(job: jobs.Job) -> boards.View:
    """A job as it once was: what runs now does not belong to it."""
    return boards.View(job, {}, progresses.fraction(job, {}), None)


def _lasting(event: jobs.Event, view: boards.View) -> Sight:
    return Sight(event.sequence, event.time_us, event.step, event.message, view)
