"""Which instance the next call goes to, and which one is passed over for a while."""

import itertools
import random
import time
from collections.abc import Collection, Sequence
from typing import Protocol

import grpc

from chassis import member

FAILURES_MAX = 3  # in a row: one failure is an accident, three are a pattern
EJECTION_S = 1.0  # the first one is short: a healthy instance that was unlucky is back soon
EJECTION_MAX_S = 30.0
EJECTED_SHARE_MAX = 0.5  # with most instances bad the fault is elsewhere, and the rest would drown


class Picking(Protocol):
    """A way to choose among instances."""

    def pick(self, members: Sequence[member.Member], tried: Collection[member.Member]) -> member.Member:
        """The member for the next try.

        Args:
            members: All of the service, at least one.
            tried: Those that this call was already sent to.
        """

    def succeeded(self, chosen: member.Member) -> None:
        """Notes an answer."""

    def failed(self, chosen: member.Member, members: Sequence[member.Member]) -> None:
        """Notes a failure, a timeout, or an answer that came too late to be used."""


class TwoChoices:
    """The less busy one of two taken at random, among those that answer.

    Source: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001.
    """

    def pick(self, members: Sequence[member.Member], tried: Collection[member.Member]) -> member.Member:
        """Prefers connected members that are not ejected and were not tried; takes what there is otherwise."""
        fresh = [item for item in members if item not in tried] or members
        trusted = [item for item in fresh if not item.ejected] or fresh
        states = {id(item): item.state for item in trusted}
        ready = [item for item in trusted if states[id(item)] is grpc.ChannelConnectivity.READY]
        hopeful = ready or [
            item for item in trusted if states[id(item)] is not grpc.ChannelConnectivity.TRANSIENT_FAILURE
        ]
        pool = hopeful or trusted
        return min(random.sample(pool, min(2, len(pool))), key=lambda item: item.outstanding)

    def succeeded(self, chosen: member.Member) -> None:
        """Trusts the member again."""
        chosen.failures = 0
        chosen.ejections = 0

    def failed(self, chosen: member.Member, members: Sequence[member.Member]) -> None:
        """Ejects a member that failed several times in a row, longer every time, but never more than half of all."""
        chosen.failures += 1
        if chosen.failures < FAILURES_MAX or chosen.ejected:
            return
        if sum(item.ejected for item in members) + 1 > EJECTED_SHARE_MAX * len(members):
            return
        length_s = min(EJECTION_MAX_S, EJECTION_S * 2**chosen.ejections)
        chosen.ejected_until_s = time.monotonic() + length_s * random.uniform(0.8, 1.2)  # noqa: S311  spreads returns
        chosen.ejections += 1
        chosen.failures = FAILURES_MAX - 1  # after its return one more failure is enough


class RoundRobin:
    """One after the other, whatever happens to them: what a plain gRPC client does, kept for comparison."""

    def __init__(self) -> None:
        self._turn = itertools.count()

    def pick(self, members: Sequence[member.Member], tried: Collection[member.Member]) -> member.Member:
        """The next one in the list."""
        return members[next(self._turn) % len(members)]

    def succeeded(self, chosen: member.Member) -> None:
        """Learns nothing."""

    def failed(self, chosen: member.Member, members: Sequence[member.Member]) -> None:
        """Learns nothing."""
