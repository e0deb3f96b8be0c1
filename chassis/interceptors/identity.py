"""Finds out who calls, and lets nobody do what the table does not allow."""

import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

import prometheus_client
from grpc import aio

from chassis import errors, methods
from chassis.identity import caller, peers, policy
from chassis.interceptors import logging, standing

ENDED = "CREDENTIALS_ENDED"  # a new stream needs new ones
NOTHING_SENT = "NO_CREDENTIALS"  # guesses nothing: such as a page before a key was typed
REFUSALS = (errors.Unauthenticated, errors.PermissionDenied)
HEALTH = "grpc.health."  # tells whether a process serves and nothing else: open to everybody

REFUSED = prometheus_client.Counter(
    "reelsmith_identity_refused_total", "Calls refused for who makes them, by reason.", ["method", "reason"]
)


class Callers(Protocol):
    """Knows the people and programs that call."""

    async def identify(self, authorizations: tuple[str, ...]) -> caller.Caller:
        """Whoever sent these `authorization` headers.

        Raises:
            errors.Unauthenticated: They prove nothing.
        """

    def refused(self, who: caller.Caller | None, address: str) -> None:
        """Is told of a refusal.

        Args:
            who: Who may not do what it asked for; None where what it sent proves nothing.
            address: Where the call comes from.
        """

    def used(self, who: caller.Caller, address: str) -> None:
        """Is told where a caller calls from."""

    def admitted(self, who: caller.Caller) -> contextlib.AbstractAsyncContextManager[None]:
        """Holds the caller's place for the time of a call.

        Raises:
            errors.ResourceExhausted: It has no place left, or calls too often.
        """


class Guard:
    """Decides about every call before its handler runs.

    Args:
        rules: Who may call which method; what is not in it nobody may call.
        callers: Knows people and programs; None where they need not prove who they are.
        peers: Whether services have to show certificates.
    """

    def __init__(self, rules: policy.Rules, callers: Callers | None, *, peers: bool) -> None:
        self._rules, self._callers, self._peers = rules, callers, peers

    @contextlib.asynccontextmanager
    async def around(self, method: str, context: aio.ServicerContext) -> AsyncIterator[None]:
        """Lets a call through that may be made, and notes who is behind it.

        Raises:
            errors.Unauthenticated: The caller did not prove who it is.
            errors.PermissionDenied: It may not call this method.
            errors.ResourceExhausted: It calls too often.
        """
        try:
            who = await self._decide(method, context)
        except errors.Error as refusal:
            REFUSED.labels(method, refusal.reason).inc()
            if self._callers is not None and isinstance(refusal, REFUSALS) and refusal.reason != NOTHING_SENT:
                self._callers.refused(caller.current(), logging.address(context))
            raise
        if who is None or who.kind is caller.Kind.PEER or self._callers is None:
            yield
            return
        self._callers.used(who, logging.address(context))
        async with self._callers.admitted(who), self._kept(method, context, who):
            yield

    def _kept(
        self, method: str, context: aio.ServicerContext, who: caller.Caller
    ) -> contextlib.AbstractAsyncContextManager[None]:
        """What a stream is held in: it may last for hours, and does not outlive what its caller proved."""

        async def look() -> None:
            try:
                again = await self._who(context)
            except errors.Unauthenticated as ended:
                REFUSED.labels(method, ENDED).inc()
                raise errors.Unauthenticated(
                    f"the stream ends: {ended.message}", reason=ENDED, metadata={"why": ended.reason}
                ) from ended
            if again != who:
                REFUSED.labels(method, ENDED).inc()
                raise errors.Unauthenticated("the stream ends: its caller has another role or tenant now", reason=ENDED)

        return contextlib.nullcontext() if methods.is_unary(method) else standing.kept(look)

    async def _decide(self, method: str, context: aio.ServicerContext) -> caller.Caller | None:
        if method.startswith(HEALTH):
            return None
        rule = self._rules.get(method)
        if rule is None and not methods.is_infrastructure(method):
            raise errors.PermissionDenied(f"nobody may call {method}", reason="NOT_IN_POLICY")
        if rule is not None and not self._asks(rule):
            return None
        who = await self._who(context)
        caller.serve(who)
        if rule is not None and not _may(rule, who):
            raise _refusal(rule, who, method)
        return who

    def _asks(self, rule: policy.Rule) -> bool:
        """Whether callers of a method have to prove who they are here."""
        return self._callers is not None if rule.role is not None else self._peers

    async def _who(self, context: aio.ServicerContext) -> caller.Caller:
        if self._peers:
            return peers.identify(context)
        if self._callers is None:
            raise errors.Unauthenticated("nobody is known here", reason="NO_CREDENTIALS")
        sent = context.invocation_metadata() or ()
        return await self._callers.identify(tuple(value for key, value in sent if key == "authorization"))


def _may(rule: policy.Rule, who: caller.Caller) -> bool:
    if who.kind is caller.Kind.PEER:
        return who.id in rule.peers
    return rule.role is not None and who.role is not None and who.role >= rule.role


def _refusal(rule: policy.Rule, who: caller.Caller, method: str) -> errors.PermissionDenied:
    if rule.role is None or who.role is None:
        return errors.PermissionDenied(f"{who.name} may not call {method}", reason="PEER_NOT_ALLOWED")
    return errors.PermissionDenied(
        f"{method} needs the role {rule.role.word}, {who.name} has {who.role.word}",
        reason="ROLE_TOO_LOW",
        metadata={"needed": rule.role.word, "role": who.role.word},
    )
