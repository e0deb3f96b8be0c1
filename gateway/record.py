"""Who did what to which job, session and upload: what the gateway tells the record, and what it says of it."""

import asyncio
import contextlib
import dataclasses
import logging
import re
from collections.abc import AsyncIterator

from grpc import aio
from reelsmith.config.v1 import config_pb2
from reelsmith.gateway.v1 import gateway_pb2 as pb

from chassis import errors
from chassis.audit import chain, journal, record
from chassis.identity import caller
from chassis.interceptors import logging as calls
from gateway import settings as settings_module
from media import errors as media_errors

PAGE_SIZE, PAGE_SIZE_MAX = 100, 1000  # as the API says
RESOURCE_LENGTH_MAX = 200  # characters: identifiers are shorter, but for those that are refused
TOKEN = re.compile(r"before-(\d{1,18})")
# What says nothing about a job or session: the request itself was wrong, or came too often.
UNTOLD = (errors.InvalidArgument, errors.ResourceExhausted)
logger = logging.getLogger(__name__)

LEFT = "unknown: the caller left before the end"


@dataclasses.dataclass(slots=True)
class Note:
    """What a call does, as far as it is known.

    Attributes:
        resources: What it was done to; one event for each. None for a call that did nothing worth an event.
    """

    resources: list[str]


class Told:
    """Tells the record what calls do.

    Args:
        kept: The record; None where there is none.
    """

    def __init__(self, kept: record.Record | None) -> None:
        self._record = kept

    @contextlib.asynccontextmanager
    async def doing(self, action: str, resource: str, context: aio.ServicerContext) -> AsyncIterator[Note]:
        """Tells the record what the block did, or what became of it, before the call ends.

        Args:
            action: Method of the API.
            resource: What it is done to.
            context: The call.
        """
        note = Note([resource])
        if self._record is None:
            yield note
            return
        actor = _actor(context)
        try:
            yield note
        except asyncio.CancelledError:
            self._put(actor, action, note, LEFT)
            raise
        except (errors.Error, media_errors.MediaError) as error:
            if not isinstance(error, UNTOLD):
                await self._add(actor, action, note, f"refused: {error.reason}: {error}")
            raise
        await self._add(actor, action, note, chain.DONE)

    def seen(self, actor: str, action: str, resource: str, outcome: str = chain.DONE) -> None:
        """Tells the record what is no call: which keys come and go, and what is noticed about callers."""
        self._put(actor, action, Note([resource]), outcome)

    async def page(self, request: pb.ListAuditEventsRequest) -> pb.ListAuditEventsResponse:
        """Events, the newest first.

        Raises:
            errors.InvalidArgument: The page is none.
            errors.FailedPrecondition: There is no record.
        """
        place = TOKEN.fullmatch(request.page_token)
        if request.page_size < 0:
            raise _invalid("page_size", f"{request.page_size} is negative")
        if request.page_token and not place:
            raise _invalid("page_token", "is none that this list gave")
        size = min(request.page_size or PAGE_SIZE, PAGE_SIZE_MAX)
        found = await self._kept.page(int(place[1]) if place else None, size)
        token = f"before-{found[-1].sequence}" if len(found) == size and found[-1].sequence > 1 else ""
        told = [event.told(config_pb2.AuditEvent) for event in found]
        return pb.ListAuditEventsResponse(events=told, next_page_token=token)

    async def verify(self, head: str) -> pb.VerifyAuditResponse:
        """What a check of the record says.

        Raises:
            errors.InvalidArgument: The head is none of this record.
            errors.FailedPrecondition: There is no record, or the head is of events that it does not keep any more.
        """
        verdict = await self._kept.verify(head)
        return pb.VerifyAuditResponse(
            intact=not verdict.finding.broken,
            events=verdict.finding.events,
            head=verdict.head,
            broken_sequence=verdict.finding.broken,
            public_key=verdict.public_key,
            first_sequence=verdict.first,
        )

    @property
    def _kept(self) -> record.Record:
        if self._record is None:
            raise errors.FailedPrecondition(
                "this gateway keeps no record: REELSMITH_GATEWAY_AUDIT_BYTES_MAX is 0", reason="NO_RECORD"
            )
        return self._record

    def _put(self, actor: str, action: str, note: Note, outcome: str) -> None:
        if self._record is not None:
            for resource in note.resources:
                self._record.put(chain.Entry(actor, action, resource[:RESOURCE_LENGTH_MAX], outcome))

    async def _add(self, actor: str, action: str, note: Note, outcome: str) -> None:
        """As `put`; the last of them is written when this returns, and so are those before it."""
        *others, last = [*note.resources] or [""]
        self._put(actor, action, Note(others), outcome)
        if last and self._record is not None:
            await self._record.add(chain.Entry(actor, action, last[:RESOURCE_LENGTH_MAX], outcome))


@contextlib.asynccontextmanager
async def opened(settings: settings_module.Settings) -> AsyncIterator[Told]:
    """What tells the record, as the settings say.

    Raises:
        errors.FailedPrecondition: The record cannot be kept, and callers are known, so that somebody counts on it.
    """
    if not settings.audit_bytes_max:
        yield Told(None)
        return
    folder = settings.state_dir / "audit"
    try:
        kept = journal.Journal(folder, settings.audit_bytes_max)
    except OSError as failure:
        if settings.identity:
            message = f"the record of who did what cannot be kept: {failure}"
            raise errors.FailedPrecondition(message, reason="NO_RECORD") from failure
        logger.warning("nobody is told who did what, the record cannot be kept: %s", failure)
        yield Told(None)
        return
    async with record.Record(kept) as adding:
        yield Told(adding)


def _actor(context: aio.ServicerContext) -> str:
    who = caller.current()
    return f"{who.tenant}/{who.name}" if who else f"address:{calls.address(context)}"


def _invalid(field: str, message: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"{field} {message}", reason="INVALID_FIELD", fields=[errors.Field(field, message)])
