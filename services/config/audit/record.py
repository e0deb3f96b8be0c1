"""What can be done with the record of events: add to it, list it, check it."""

import asyncio
import dataclasses
import functools
import logging

from chassis import errors
from chassis.audit import chain, head
from services.config import store as store_module
from services.config.audit import sealing, store

# Kinds of errors that say something about a caller. What a full disk or a stop refuses says nothing, and could perhaps
# not be written down.
REFUSALS = (
    errors.InvalidArgument,
    errors.FailedPrecondition,
    errors.NotFound,
    errors.Aborted,
    errors.PermissionDenied,
    errors.DataLoss,
)
STRETCHES = 50  # read in one go, some ten megabytes: others wait for some ten milliseconds

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the record says.

    Args:
        finding: What was found.
        head: The signed head of what is whole.
        public_key: What heads can be checked with.
    """

    finding: chain.Finding
    head: str
    public_key: str


class Record:
    """The record of events.

    Args:
        kept: Where it is kept.
        signer: Signs heads.
        keeper: Keeps the newest head outside of the database.
    """

    def __init__(self, kept: store_module.Store, signer: head.Signer, keeper: head.Keeper) -> None:
        self._store, self._signer, self._keeper = kept, signer, keeper

    async def refused(self, entry: chain.Entry, error: errors.Error) -> None:
        """Adds what was refused; where that fails, the refusal still stands."""
        if not isinstance(error, REFUSALS):
            return
        told = dataclasses.replace(entry, outcome=f"refused: {error.reason}: {error}")
        try:
            await self._store.write(lambda connection: None, lambda _: told)
        except errors.Error as failure:
            logger.warning("%s of %s was refused, which cannot be recorded: %s", told.action, told.resource, failure)

    async def page(self, before: int | None, count: int) -> list[chain.Event]:
        """Events, the newest first.

        Args:
            before: Only events before this one; all by default.
            count: How many at most.

        Raises:
            errors.DataLoss: An event cannot be read.
        """
        first = 2**62 if before is None else before
        try:
            return await self._store.read(lambda connection: store.earlier(connection, first, count))
        except (ValueError, TypeError) as error:
            raise errors.DataLoss(f"an event cannot be read: {error}", reason="RECORD_DAMAGED") from error

    async def verify(self, asked: str = "") -> Verdict:
        """Follows the record from its beginning, past the head that is kept here and the one that is asked for.

        Args:
            asked: A head from elsewhere; none by default.

        Raises:
            errors.InvalidArgument: It is no head of this service.
        """
        heads = [self._signer.read(asked)] if asked else []
        heads += self._kept()  # before the events are read: there may be more of them by then, never fewer
        found = chain.ended(await self._followed(heads), heads)
        return Verdict(found, self._signer.sign(found.events, found.hash), self._signer.public_key)

    async def _followed(self, heads: list[chain.Head]) -> chain.Finding:
        """What is found in the sealed events, and in those after them."""
        found = chain.WHOLE
        while not found.broken:  # until there are no more
            stretches, rows = await self._store.read(functools.partial(_later, found.events))
            if not stretches:
                return await asyncio.to_thread(chain.follow, rows, heads, found)
            found = await asyncio.to_thread(sealing.follow, stretches, heads, found)
        return found

    def _kept(self) -> list[chain.Head]:
        text = self._keeper.kept()
        try:
            return [self._signer.read(text)] if text else []
        except errors.InvalidArgument as error:
            message = "the head that is kept beside the database was changed"
            raise errors.DataLoss(message, reason="HEAD_DAMAGED") from error


def _later(after: int, connection: store_module.Connection) -> tuple[list[sealing.Stretch], list[chain.Row]]:
    """The next sealed stretches; where there are none, all events that are not sealed. Read at one moment."""
    stretches = store.stretches(connection, after, STRETCHES)
    return stretches, [] if stretches else store.later(connection, 0, -1)
