"""How calls to one service go out: to whom, and whether a second try is worth it and harmless."""

import asyncio
import collections
import dataclasses
import functools
import logging
import random
from collections.abc import Collection, Sequence
from typing import Any, Protocol

import grpc
import prometheus_client
from grpc import aio

from chassis import breaker, errors, member, methods, outgoing, picker, resilience

HEDGE_PERCENTILE = 0.95  # one call in twenty is slower: those are worth a second try
HEDGE_DELAY_MIN_S = 0.02  # below that the noise of a busy machine is mistaken for a slow instance
HEDGE_DELAY_FIRST_S = 1.0  # while too few latencies are known
HEDGE_RATIO, HEDGE_BURST = 0.1, 10.0  # a tenth more calls at most, in the long run
RETRY_RATIO, RETRY_BURST = 0.06, 20.0  # 500 calls to a failing service are 1.1 times as many tries, more are fewer
BACKOFF_S, BACKOFF_MAX_S = 0.05, 1.0  # only where every instance was tried already
LOOK_S = 0.05  # between two looks at connections that come back by themselves: a restart is noticed at once
PATIENCE_MIN_S = 1.0  # a caller that waits for less says nothing about the service when it leaves
KNOWN_TIMEOUT_S = 5.0  # how long a call waits for the first instance of a service to appear
METHODS_MAX = 1000  # latencies are kept per method; a service has tens
STANDBY = "NOT_LEADER"  # reason of an instance that stands by for another one
UNREACHABLE = ("failed to connect to all addresses", "connections to all backends failing")  # gRPC's own words

READY = grpc.ChannelConnectivity.READY
RETRIABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})  # CANCELLED: a server that stops
FAULTS = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    }
)  # what speaks against the instance; every other code is an answer


BREAKERS = prometheus_client.Gauge(
    "reelsmith_breaker_state", "State of the breaker of an outgoing method: 0 closed, 1 half open, 2 open.", ["method"]
)
BREAKER_CHANGES = prometheus_client.Counter(
    "reelsmith_breaker_changes_total", "Changes of a breaker, by method and new state.", ["method", "state"]
)

logger = logging.getLogger(__name__)


class NeverSent(errors.Unavailable):
    """The request did not leave this process, so that another try is harmless."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """What a client does about instances that fail.

    Args:
        picking: How instances are chosen.
        tries_max: Tries of one call, the first included; 1 switches retries off.
        hedging: Whether slow calls without side effects are sent to a second instance.
        budget: Whether second tries are bounded, and left to one layer.
        breaking: When a method that fails is left alone; None for never.
        call_timeout_s: Deadline of unary calls that name none.
        stream_timeout_s: Deadline of streams that name none.
    """

    picking: picker.Picking = dataclasses.field(default_factory=picker.TwoChoices)
    tries_max: int = 4
    hedging: bool = True
    budget: bool = True
    breaking: breaker.Rules | None = dataclasses.field(default_factory=breaker.Rules)
    call_timeout_s: float = 30.0
    stream_timeout_s: float = 6 * 3600.0


def plain() -> Policy:
    """Round robin and nothing else: what a plain gRPC client does, kept as the control of every resilience test."""
    return Policy(picking=picker.RoundRobin(), tries_max=1, hedging=False, breaking=None)


class Source(Protocol):
    """Where the members of a service come from."""

    @property
    def members(self) -> Sequence[member.Member]:
        """All members there are now."""

    async def known(self, timeout_s: float) -> Sequence[member.Member]:
        """The members, once there is one.

        Raises:
            NeverSent: There is none within the time.
        """


class Fixed:
    """One member and no other."""

    def __init__(self, only: member.Member) -> None:
        self.members = (only,)

    async def known(self, timeout_s: float) -> Sequence[member.Member]:
        """The one member.

        Raises:
            NeverSent: It left the list of instances.
        """
        if self.members[0].closed:
            raise NeverSent(f"{self.members[0].instance.id} left", reason="NO_INSTANCE")
        return self.members


class Route:
    """Budgets, latencies and the policy that all calls to one service share.

    Args:
        source: Its members.
        policy: What to do about failures.
    """

    def __init__(self, source: Source, policy: Policy) -> None:
        self.source = source
        self.policy = policy
        self._retries = resilience.Budget(RETRY_RATIO, RETRY_BURST)
        self._hedges = resilience.Budget(HEDGE_RATIO, HEDGE_BURST)
        self._latencies: dict[str, resilience.Latency] = collections.defaultdict(resilience.Latency)
        self.breakers: dict[str, breaker.Breaker] = {}  # by method

    async def admit(self, call: outgoing.Outgoing) -> breaker.Permit:
        """The right to make a call; a caller that waits for a server waits for its breaker too.

        Raises:
            errors.Unavailable: The method failed too often lately and is left alone (CIRCUIT_OPEN).
        """
        rules, name = self.policy.breaking, call.method.name
        if rules is None or methods.is_infrastructure(name):
            return breaker.free()
        if name not in self.breakers:
            if len(self.breakers) >= METHODS_MAX:
                return breaker.free()
            self.breakers[name] = breaker.Breaker(rules, changed=functools.partial(_note, name))
        one = self.breakers[name]
        while (permit := one.admit()) is None:  # bounded by the deadline of the call
            if not call.options.wait_for_ready or call.left_s <= 0:
                raise _left_alone(name, max(one.rest_s, LOOK_S))
            await asyncio.sleep(min(call.left_s, max(one.rest_s, LOOK_S)))
        return permit

    async def pick(self, call: outgoing.Outgoing, tried: Collection[member.Member]) -> member.Member:
        """The member for the next try of a call.

        Raises:
            errors.Unavailable: No instance is known.
        """
        patience_s = call.left_s if call.options.wait_for_ready else min(KNOWN_TIMEOUT_S, call.left_s)
        members = self.source.members or await self.source.known(patience_s)
        if not tried and not call.again:
            self._retries.earn()
            self._hedges.earn()
        return self.policy.picking.pick(members, tried)

    def answered(self, call: outgoing.Outgoing, chosen: member.Member, seconds: float) -> None:
        """Notes a good answer.

        Args:
            call: The call.
            chosen: Who answered.
            seconds: How long that one try took.
        """
        self.policy.picking.succeeded(chosen)
        if call.method.name in self._latencies or len(self._latencies) < METHODS_MAX:
            self._latencies[call.method.name].add(seconds)

    def overtaken(self, chosen: member.Member) -> None:
        """Notes that another member answered a later try sooner."""
        self.policy.picking.failed(chosen, self.source.members)

    def failed(self, chosen: member.Member, error: errors.Error) -> None:
        """Notes a failed try: some codes speak against the member, the others are answers."""
        if error.code in FAULTS:
            self.policy.picking.failed(chosen, self.source.members)
        else:
            self.policy.picking.succeeded(chosen)

    def hedge_delay_s(self, call: outgoing.Outgoing, tried: Collection[member.Member]) -> float | None:
        """Seconds after which a slow call is worth a second try; None where it never is."""
        method = call.method
        if not self.policy.hedging or method.kind != "unary_unary" or method.effect is not methods.Effect.NONE:
            return None
        if len(tried) >= min(self.policy.tries_max, len(self.source.members)):
            return None
        usual_s = self._latencies[method.name].percentile(HEDGE_PERCENTILE) if method.name in self._latencies else None
        return min(HEDGE_DELAY_FIRST_S, call.timeout_s / 4) if usual_s is None else max(HEDGE_DELAY_MIN_S, usual_s)

    def may_hedge(self, call: outgoing.Outgoing, waiting_for: Sequence[member.Member]) -> bool:
        """Whether a slow call may be sent once more: within the budget, or since nobody it waits for is trusted.

        An ejected instance is known to be bad, and the calls that it still holds are few: they are no wave of hedges.

        Args:
            call: The call.
            waiting_for: Who has the call now.
        """
        return all(item.ejected for item in waiting_for) or (not call.again and self._hedges.spend())

    def may_retry(self, call: outgoing.Outgoing, error: errors.Error, tries: int) -> bool:
        """Whether another try is harmless and affordable.

        Args:
            call: The call.
            error: How the last try failed; where no further try can be afforded, it says so to whoever is above.
            tries: Tries so far.
        """
        never_sent = isinstance(error, NeverSent)
        if call.left_s <= 0:
            return False
        if never_sent and call.options.wait_for_ready:
            call.waits += 1
            return True
        repeatable = call.method.effect is not methods.Effect.UNKNOWN and not call.method.kind.startswith("stream")
        if tries - call.waits >= self.policy.tries_max:
            error.spent = error.spent or (tries > 1 and repeatable and not never_sent and self.policy.budget)
            return False
        if never_sent:  # burdens nobody, and so costs nothing: health checks of a dead service must not use up the rest
            return True
        if not repeatable or error.code not in RETRIABLE:
            return False
        if not self.policy.budget:
            return True
        if error.spent or call.again:
            return False
        error.spent = not self._retries.spend()
        return not error.spent

    async def pause(self, call: outgoing.Outgoing, tried: Sequence[member.Member], error: errors.Error) -> None:
        """Waits before a retry where every member was tried already; goes on at once otherwise.

        Args:
            call: The call.
            tried: Whom it was sent to.
            error: How the last try failed; without a connection, a call that waits for one goes on when there is one.
        """
        if not set(self.source.members) <= set(tried):
            return
        if isinstance(error, NeverSent) and call.options.wait_for_ready:
            await self._connected(call)
            return
        length_s = min(BACKOFF_MAX_S, BACKOFF_S * 2 ** min(len(tried), 10))  # 10: the cap is long reached
        await asyncio.sleep(min(call.left_s, length_s * random.uniform(0.8, 1.2)))  # noqa: S311  spreads retries

    async def _connected(self, call: outgoing.Outgoing) -> None:
        """Waits until a member is connected, or until the caller stops waiting."""
        connected = False
        while call.left_s > 0 and not connected:  # bounded by the deadline
            await asyncio.sleep(LOOK_S)
            connected = any(item.state is READY for item in self.source.members)


async def connect(chosen: member.Member, call: outgoing.Outgoing) -> None:
    """Makes sure that a request can leave now.

    Raises:
        NeverSent: The instance cannot be reached.
    """
    if chosen.state is READY:
        return
    if not await chosen.connected(min(member.CONNECT_TIMEOUT_S, call.left_s)):
        raise NeverSent(
            f"{chosen.instance.service} cannot be reached at {chosen.instance.address}",
            reason="NOT_CONNECTED",
            metadata={"service": chosen.instance.service, "address": chosen.instance.address},
        )


def _note(method: str, state: breaker.State) -> None:
    """Tells a change of a breaker to people and to machines."""
    BREAKERS.labels(method).set(state)
    BREAKER_CHANGES.labels(method, state.name).inc()
    level = logging.WARNING if state is breaker.State.OPEN else logging.INFO
    logger.log(level, "the breaker of %s is %s", method, state.name)


def _left_alone(method: str, rest_s: float) -> errors.Error:
    error = errors.Unavailable(
        f"{method} failed too often lately and is left alone for {rest_s:.1f} s",
        reason="CIRCUIT_OPEN",
        metadata={"method": method},
        retry_after_s=rest_s,
    )
    error.spent = True  # a second try elsewhere would only be refused again
    return error


def broken(call: outgoing.Outgoing, failure: BaseException | None) -> bool | None:
    """What the end of a call says about the service: whether it failed; None where it says nothing.

    What never left says nothing: connections look after themselves, and a caller that waits for one must find it. Nor
    does a deadline that hardly anything could keep: else an impatient caller would take the method from all others.
    """
    if failure is None:
        return False
    if isinstance(failure, NeverSent) or not isinstance(failure, errors.Error):
        return None
    if isinstance(failure, errors.DeadlineExceeded) and call.timeout_s < PATIENCE_MIN_S:
        return None
    return failure.code in FAULTS


def translate(failure: aio.AioRpcError, chosen: member.Member) -> errors.Error:
    """The error of a failed try; one that gRPC itself could not send is marked as such."""
    details = failure.details() or ""
    if failure.code() is grpc.StatusCode.UNAVAILABLE and details.startswith(UNREACHABLE):
        return NeverSent(details, reason="NOT_CONNECTED", metadata={"address": chosen.instance.address})
    error = errors.from_rpc(failure)
    if error.reason == STANDBY:  # it did nothing: another try is harmless, and another instance leads
        return NeverSent(error.message, reason=error.reason, metadata=error.metadata)
    if error.reason:
        return error
    return errors.from_code(error.code, f"{chosen.instance.service} at {chosen.instance.address}: {error.message}")


def interrupted(chosen: member.Member) -> errors.Error:
    """The error of a try whose connection was closed on this side, for the instance left."""
    return errors.Unavailable(f"{chosen.instance.id} left while it was called", reason="INSTANCE_LEFT")


def cancelling() -> bool:
    """Whether the current task is being cancelled, as opposed to a gRPC call that ended as cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def try_callable(chosen: member.Member, method: outgoing.Method) -> Any:
    """The gRPC callable of a method at one member."""
    return chosen.callable(method.kind, method.path, method.serializer, method.deserializer)
