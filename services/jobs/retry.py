"""What becomes of a step whose attempt failed. Pure.

Four kinds of failure are told apart, because they mean different things:

- *final*: the request itself is wrong; trying again changes nothing.
- *death*: the attempt killed its worker; the third time it is taken for poison.
- *outage*: the instance was gone, silent or busy; the step is not to blame and waits for better times.
- *fault*: anything else; tried again a few times.

How a kind of step is tried again is a policy. However many steps fail at once, a budget bounds how fast those of one
service are tried again, so that a service that comes back is not met by all of them.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping

from services.jobs import job as jobs

FINAL_CODES = frozenset(
    {
        "INVALID_ARGUMENT",
        "FAILED_PRECONDITION",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
    }
)
OUTAGE_CODES = frozenset({"UNAVAILABLE", "CANCELLED", "RESOURCE_EXHAUSTED"})
DEATH_REASONS = frozenset({"CRASHED", "OUT_OF_MEMORY", "DEADLINE", "SILENT"})  # the reasons of a lost media worker
COUNT_MAX = 64  # keeps the numbers small; every sensible cap is reached long before


class Cause(enum.Enum):
    """What a failure says about the step."""

    FINAL = enum.auto()
    DEATH = enum.auto()
    OUTAGE = enum.auto()
    FAULT = enum.auto()


class Growth(enum.StrEnum):
    """How waits grow from one failure to the next."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    FIBONACCI = "fibonacci"
    FIXED = "fixed"


def _fibonacci(count: int) -> int:
    one, other = 0, 1
    for _ in range(count):
        one, other = other, one + other
    return one


FACTORS: Mapping[Growth, Callable[[int], int]] = {
    Growth.EXPONENTIAL: lambda count: 2 ** (count - 1),
    Growth.LINEAR: lambda count: count,
    Growth.FIBONACCI: _fibonacci,
    Growth.FIXED: lambda count: 1,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow from the first one up to a cap.

    Args:
        first_s: Wait after the first failure, in seconds.
        cap_s: Longest wait, in seconds.
        growth: How they grow.
        jitter: The part of each wait that is left to chance, from 0 to 1.
    """

    first_s: float
    cap_s: float
    growth: Growth = Growth.EXPONENTIAL
    jitter: float = 0.5

    def delay_s(self, count: int, random: Callable[[], float]) -> float:
        """The wait after the `count`-th failure, in seconds; `random` gives numbers from 0 to 1."""
        full = min(self.cap_s, self.first_s * FACTORS[self.growth](min(max(count, 1), COUNT_MAX)))
        return full * (1.0 - self.jitter + self.jitter * random())


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """How often and how fast steps are tried again."""

    faults_max: int = 5  # a fault that shows five times in a row is there to stay
    deaths_max: int = 3  # three dead workers: poison
    outages_max: int = 1000  # about three hours at the cap: longer outages want a person
    fault_backoff: Backoff = Backoff(first_s=1.0, cap_s=60.0)
    death_backoff: Backoff = Backoff(first_s=1.0, cap_s=10.0)
    outage_backoff: Backoff = Backoff(first_s=0.2, cap_s=10.0)
    hint_max_s: float = 60.0  # no server may park a step for longer by its RetryInfo
    codes: frozenset[str] | None = None  # what is tried again as a fault; None for all but the final ones

    def cause(self, failure: jobs.Failure) -> Cause:
        """What a failure says about the step that failed, where some codes are tried again and others are not."""
        kind = cause(failure)
        if self.codes is None or kind not in (Cause.FINAL, Cause.FAULT):
            return kind
        return Cause.FAULT if failure.code in self.codes else Cause.FINAL


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the step: its next state, its counters, and the wait where it runs again."""

    state: jobs.StepState
    failures: int
    worker_deaths: int
    outages: int
    delay_s: float = 0.0


def cause(failure: jobs.Failure) -> Cause:
    """What a failure says about the step that failed."""
    if failure.reason in DEATH_REASONS and failure.code in OUTAGE_CODES:
        return Cause.DEATH
    if failure.code in FINAL_CODES:
        return Cause.FINAL
    return Cause.OUTAGE if failure.code in OUTAGE_CODES else Cause.FAULT


def decide(
    policy: Policy, step: jobs.Step, failure: jobs.Failure, random: Callable[[], float], hint_s: float = 0.0
) -> Decision:
    """What becomes of a step after a failed attempt.

    Args:
        policy: The limits and waits.
        step: The step with its counters before this failure.
        failure: Why the attempt failed.
        random: Gives numbers from 0 to 1, for the jitter.
        hint_s: Shortest wait that the server asked for, in seconds.
    """
    kind = policy.cause(failure)
    failures = step.failures + (kind in (Cause.FINAL, Cause.FAULT))
    deaths = step.worker_deaths + (kind is Cause.DEATH)
    outages = step.outages + (kind is Cause.OUTAGE)
    if deaths >= policy.deaths_max:
        return Decision(jobs.StepState.QUARANTINED, failures, deaths, outages)
    if kind is Cause.FINAL or failures >= policy.faults_max or outages >= policy.outages_max:
        return Decision(jobs.StepState.FAILED, failures, deaths, outages)
    wait, count = {
        Cause.FAULT: (policy.fault_backoff, failures),
        Cause.DEATH: (policy.death_backoff, deaths),
        Cause.OUTAGE: (policy.outage_backoff, outages),
    }[kind]
    delay_s = max(wait.delay_s(count, random), min(hint_s, policy.hint_max_s))
    return Decision(jobs.StepState.READY, failures, deaths, outages, delay_s)


class Budget:
    """How fast steps of one service may be tried again: a bucket of tokens, of which each try takes one.

    Args:
        per_s: Tokens that come back in a second.
        burst: Tokens that it holds.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s, self._burst = per_s, burst
        self._tokens, self._then_s = float(burst), float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Takes a token and says how long to wait until it is there, in seconds: no longer than all waiting steps take.

        Args:
            now_s: Monotonic time.
        """
        self._tokens = min(self._burst, self._tokens + max(0.0, now_s - self._then_s) * self._per_s)
        self._then_s = max(self._then_s, now_s)
        self._tokens -= 1.0
        return max(0.0, -self._tokens) / self._per_s
