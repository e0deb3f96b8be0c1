"""What can be done with proposals: make, look at, approve, reject."""

import dataclasses
import time

from chassis import errors
from chassis.audit import chain
from services.config import actors, layers
from services.config import store as store_module
from services.config import versions as versions_module
from services.config.proposals import store

PENDING_MAX = 1000  # nobody decides about more
KEPT = 10_000  # decided ones that are kept; the record of events keeps who decided about all


class Desk:
    """The proposals of all environments.

    Args:
        kept: Where they are kept.
        versions: What can be done with versions.
    """

    def __init__(self, kept: store_module.Store, versions: versions_module.Versions) -> None:
        self._store, self._versions = kept, versions

    async def propose(
        self,
        environment: str,
        rewrite: versions_module.Rewrite,
        expected: int,
        reader: layers.Reader,
        entry: chain.Entry,
        comment: str,
    ) -> store.Proposal:
        """Proposes a change; it is valid, and on disk, when this returns.

        Args:
            environment: Name of the environment.
            rewrite: Makes the new content from the content in force.
            expected: Number of the version that must be in force.
            reader: Whose layer changes.
            entry: Who proposes it, for the record.
            comment: Why.

        Raises:
            errors.InvalidArgument: The result would not be valid, or nobody says who proposes it.
            errors.Aborted: Another version is in force.
            errors.ResourceExhausted: Too many wait.
        """
        _check_actor(entry.actor)
        would = await self._versions.rewrite(
            environment, rewrite, expected, actor=entry.actor, comment=comment, dry=True
        )
        made = store.Proposal(
            0, would.environment, reader, expected, would.content, entry.actor, comment, time.time_ns() // 1000
        )

        def write(connection: store_module.Connection) -> store.Proposal:
            if store.pending(connection) >= PENDING_MAX:
                message = f"{PENDING_MAX} proposals wait already: decide about some"
                raise errors.ResourceExhausted(message, reason="TOO_MANY_PROPOSALS")
            stored = store.insert(connection, made)
            store.compact(connection, stored.id - KEPT)
            return stored

        return await self._store.write(
            write, lambda stored: dataclasses.replace(entry, resource=f"{entry.resource}/proposals/{stored.id}")
        )

    async def one(self, number: int) -> store.Proposal:
        """One proposal.

        Raises:
            errors.NotFound: There is none of that number.
        """
        found = await self._store.read(lambda connection: store.one(connection, number))
        if found is None:
            raise errors.NotFound(
                f"there is no proposal {number}", reason="NO_SUCH_PROPOSAL", metadata={"id": str(number)}
            )
        return found

    async def page(self, before: int | None, pending_only: bool, count: int) -> list[store.Proposal]:
        """Proposals, the newest first.

        Args:
            before: Only those before this one; all by default.
            pending_only: Only those that nobody has decided about.
            count: How many at most.
        """
        first = 2**62 if before is None else before
        return await self._store.read(lambda connection: store.page(connection, first, pending_only, count))

    async def approve(self, number: int, actor: str, comment: str) -> store.Proposal:
        """Makes a proposal the next version; both are one transaction.

        Raises:
            errors.NotFound: There is no such proposal.
            errors.FailedPrecondition: It is decided about, or is the actor's own.
            errors.Aborted: Another version is in force than the one that it started from.
        """
        found = await self._undecided(number, actor, comment)
        if actors.same(found.actor, actor):
            message = f"{actor} proposed it: somebody else must approve"
            raise errors.FailedPrecondition(message, reason="OWN_PROPOSAL", metadata={"id": str(number)})
        decided = self._decision(found, store.State.APPROVED, actor, comment)

        def also(connection: store_module.Connection, version: store_module.Version) -> None:
            _check_undecided(store.one(connection, number))
            store.decide(connection, dataclasses.replace(decided, version=version.number))

        made = await self._versions.rewrite(
            found.environment,
            lambda _: found.content,
            found.expected,
            actor=found.actor,
            comment=found.comment,
            action="ApproveProposal",
            approval=store_module.Approval(actor, also),
        )
        return dataclasses.replace(decided, version=made.number)

    async def reject(self, number: int, actor: str, comment: str) -> store.Proposal:
        """Turns a proposal down; who made it may do that too.

        Raises:
            errors.NotFound: There is no such proposal.
            errors.FailedPrecondition: It is decided about.
        """
        found = await self._undecided(number, actor, comment)
        decided = self._decision(found, store.State.REJECTED, actor, comment)

        def write(connection: store_module.Connection) -> None:
            _check_undecided(store.one(connection, number))
            store.decide(connection, decided)

        entry = chain.Entry(actor, "RejectProposal", f"config/{found.environment}/proposals/{number}")
        await self._store.write(write, lambda _: entry)
        return decided

    async def _undecided(self, number: int, actor: str, comment: str) -> store.Proposal:
        _check_actor(actor)
        versions_module.check_length("comment", comment, versions_module.COMMENT_LENGTH_MAX)
        found = await self.one(number)
        _check_undecided(found)
        return found

    def _decision(self, found: store.Proposal, state: store.State, actor: str, comment: str) -> store.Proposal:
        return dataclasses.replace(
            found, state=state, decider=actor, decision_comment=comment, decide_time_us=time.time_ns() // 1000
        )


def _check_undecided(found: store.Proposal) -> None:
    if found.state is not store.State.PENDING:
        message = f"proposal {found.id} is {found.state} by {found.decider} already"
        raise errors.FailedPrecondition(message, reason="ALREADY_DECIDED", metadata={"id": str(found.id)})


def _check_actor(actor: str) -> None:
    if not actor.strip():
        message = "is required: two people decide"
        raise errors.InvalidArgument(
            f"actor {message}", reason="ACTOR_REQUIRED", fields=[errors.Field("actor", message)]
        )
