"""Circuit breakers: a method that fails is left alone for a while, and then asked carefully. Pure but for the clock.

    CLOSED ──(enough calls in the window, too many of them failed)──► OPEN
      ▲                                                                │ after a rest, with the next call
      └──(every trial succeeded)── HALF_OPEN ◄─────────────────────────┘
                                       └──(a trial failed)──► OPEN

Source: the machine and its parameters are those of resilience4j; the smaller numbers are those of Hystrix.
"""

import collections
import dataclasses
import enum
import time
from collections.abc import Callable

BUCKETS = 10  # of the window: it moves on in tenths of its length


class State(enum.IntEnum):
    """Where a breaker stands; the numbers are those of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """When a breaker opens, and how it closes again.

    Attributes:
        calls_min: Calls in the window below which it does not judge.
        failure_share: Share of failed calls in the window that opens it.
        window_s: Length of the window in seconds.
        open_s: How long it refuses every call, in seconds.
        trials: Calls that it then lets through; all of them must succeed.
    """

    calls_min: int = 20
    failure_share: float = 0.5
    window_s: float = 10.0
    open_s: float = 5.0
    trials: int = 3


class Breaker:
    """Decides about the calls of one method, and learns from how they end.

    Args:
        rules: When it opens and closes.
        clock: Monotonic seconds.
        changed: Called with each new state.
    """

    def __init__(
        self, rules: Rules, clock: Callable[[], float] = time.monotonic, changed: Callable[[State], None] | None = None
    ) -> None:
        self.state = State.CLOSED
        self._rules, self._clock = rules, clock
        self._changed = changed or (lambda state: None)
        self._buckets: collections.deque[list[int]] = collections.deque(maxlen=BUCKETS)  # number, calls, failures
        self._opened_s = 0.0
        self._started = self._passed = 0  # trials
        self._epoch = 0  # grows with every change: what began before it says nothing any more

    @property
    def counts(self) -> tuple[int, int]:
        """Calls in the window, and how many of them failed."""
        self._forget()
        return sum(bucket[1] for bucket in self._buckets), sum(bucket[2] for bucket in self._buckets)

    @property
    def rest_s(self) -> float:
        """Seconds until the next call may be tried; 0 where it may be now."""
        return max(0.0, self._opened_s + self._rules.open_s - self._clock()) if self.state is State.OPEN else 0.0

    def admit(self) -> "Permit | None":
        """The right to make one call, whose end must be told; None where it must not be made now."""
        if self.state is State.OPEN and self.rest_s <= 0:
            self._become(State.HALF_OPEN)
        if self.state is State.OPEN:
            return None
        if self.state is State.HALF_OPEN:
            if self._started >= self._rules.trials:
                return None
            self._started += 1
        return Permit(self, self._epoch)

    def ended(self, epoch: int, failed: bool | None) -> None:
        """Learns how a call ended.

        Args:
            epoch: When it began.
            failed: Whether it failed; None where that is not known, for the caller left.
        """
        if epoch != self._epoch:
            return
        if self.state is State.HALF_OPEN:
            self._tried(failed)
        elif failed is not None:
            self._count(failed)

    def _tried(self, failed: bool | None) -> None:
        if failed is None:
            self._started -= 1
        elif failed:
            self._become(State.OPEN)
        else:
            self._passed += 1
            if self._passed >= self._rules.trials:
                self._become(State.CLOSED)

    def _count(self, failed: bool) -> None:
        number = self._number()
        if not self._buckets or self._buckets[-1][0] != number:
            self._buckets.append([number, 0, 0])
        self._buckets[-1][1] += 1
        self._buckets[-1][2] += failed
        calls, failures = self.counts
        if failed and calls >= self._rules.calls_min and failures >= self._rules.failure_share * calls:
            self._become(State.OPEN)

    def _forget(self) -> None:
        oldest = self._number() - BUCKETS
        while self._buckets and self._buckets[0][0] <= oldest:  # bounded by the number of buckets
            self._buckets.popleft()

    def _number(self) -> int:
        return int(self._clock() * BUCKETS / self._rules.window_s)

    def _become(self, state: State) -> None:
        self.state = state
        self._epoch += 1
        self._started = self._passed = 0
        self._buckets.clear()
        if state is State.OPEN:
            self._opened_s = self._clock()
        self._changed(state)


class Permit:
    """The right to make one call; the first word about its end counts."""

    def __init__(self, owner: Breaker | None, epoch: int) -> None:
        self._owner, self._epoch = owner, epoch

    def end(self, failed: bool | None) -> None:
        """Tells how the call ended.

        Args:
            failed: Whether it failed; None where nobody knows.
        """
        if self._owner is not None:
            owner, self._owner = self._owner, None
            owner.ended(self._epoch, failed)


def free() -> Permit:
    """A permit that no breaker stands behind."""
    return Permit(None, 0)
