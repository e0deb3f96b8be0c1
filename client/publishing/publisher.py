"""Publishes each clip once at each destination, and notes in its session what is where.

What is begun is noted before it is sent. After a run that broke off, a destination is asked what it has; one that
cannot tell gets a post again only where sending twice leaves one.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence

from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import errors
from client import gateway
from client.publishing import post

ATTEMPTS_MAX = 4  # of one post at one destination
RETRY_FIRST_S = 1.0  # twice as long each time
PASSING = (errors.Unavailable, errors.DeadlineExceeded)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a clip at a destination.

    Args:
        rank: The clip.
        destination: Name of the destination.
        what: `published`, `there already`, `would be published` or `failed`.
        detail: Where it is, or why not.
    """

    rank: int
    destination: str
    what: str
    detail: str

    @property
    def failed(self) -> bool:
        """Whether it did not work."""
        return self.what == "failed"


@dataclasses.dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes the clips of a job.

    Args:
        suite: The gateway.
        job: The job.
        again: Whether what was published is published again.
        say: Told of each attempt that did not work, in words.
    """

    suite: gateway.Gateway
    job: jobs.Job
    again: bool
    say: Callable[[str], None]

    async def rehearsed(self, posts: Sequence[post.Post], places: Sequence[post.Destination]) -> list[Outcome]:
        """What would happen; nothing is sent and nothing is noted."""
        known = await self._known()
        return [await self._rehearsed(one, place, known) for one in posts for place in places]

    async def published(self, posts: Sequence[post.Post], places: Sequence[post.Destination]) -> list[Outcome]:
        """Publishes posts; one that fails keeps no other."""
        known = await self._known()
        return [await self._published(one, place, known) for one in posts for place in places]

    async def _known(self) -> dict[tuple[str, str], pb.Publication]:
        return {(one.sha256, one.destination): one for one in await self.suite.publications(self.job.id)}

    async def _rehearsed(self, one: post.Post, place: post.Destination, known: dict) -> Outcome:
        note = known.get((one.video.sha256, place.name))
        if note is not None and note.state == pb.Publication.STATE_DELIVERED and not self.again:
            return Outcome(one.rank, place.name, "there already", note.location)
        try:
            return Outcome(one.rank, place.name, "would be published", await place.check(one))
        except (errors.Error, OSError) as error:
            return Outcome(one.rank, place.name, "failed", str(error))

    async def _published(self, one: post.Post, place: post.Destination, known: dict) -> Outcome:
        note = known.get((one.video.sha256, place.name))
        if note is not None and note.state == pb.Publication.STATE_DELIVERED and not self.again:
            return Outcome(one.rank, place.name, "there already", note.location)
        try:
            location = None if self.again else await self._patiently(one, place.find)
            if location is not None:
                await self._noted(one, place, pb.Publication.STATE_DELIVERED, location)
                return Outcome(one.rank, place.name, "there already", location)
            if note is not None and not place.repeatable and not self.again:
                raise errors.FailedPrecondition(
                    "an earlier run broke off while it was sent, and it may be there: look, then use --again",
                    reason="OUTCOME_UNKNOWN",
                )
            await self._noted(one, place, pb.Publication.STATE_STARTED, "")
            location = await (self._patiently(one, place.send) if place.repeatable else place.send(one))
            await self._noted(one, place, pb.Publication.STATE_DELIVERED, location)
        except (errors.Error, OSError) as error:
            return Outcome(one.rank, place.name, "failed", str(error))
        return Outcome(one.rank, place.name, "published", location)

    async def _patiently(self, one: post.Post, act: Callable) -> str | None:
        """What an act says, which is tried again where its failure may pass."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return await act(one)
            except PASSING as error:
                if attempt == ATTEMPTS_MAX:
                    raise
                self.say(f"clip {one.rank}: {error}; tried again")
                await asyncio.sleep(RETRY_FIRST_S * 2 ** (attempt - 1))
        raise AssertionError("unreachable")

    async def _noted(self, one: post.Post, place: post.Destination, state: int, location: str) -> None:
        clip = next(clip for clip in self.job.clips if clip.rank == one.rank)
        await self.suite.record_publication(
            pb.RecordPublicationRequest(
                job_id=self.job.id, path=clip.video.path, destination=place.name, state=state, location=location
            )
        )
