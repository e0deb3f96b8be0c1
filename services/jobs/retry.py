"""What becomes of a step whose attempt failed. Pure.

Four kinds of failure are told apart, because they mean different things:

- *final*: the request itself is wrong; trying again changes nothing.
- *death*: the attempt killed its worker; the third time it is taken for poison.
- *outage*: the instance was gone, silent or busy; the step is not to blame and waits for better times.
- *fault*: anything else; tried again a few times.
"""

import dataclasses
import enum
from collections.abc import Callable

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
DOUBLINGS_MAX = 16  # keeps the power small; every sensible cap is reached long before


class Cause(enum.Enum):
    """What a failure says about the step."""

    FINAL = enum.auto()
    DEATH = enum.auto()
    OUTAGE = enum.auto()
    FAULT = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from the first one up to a cap, each drawn from its upper half."""

    first_s: float
    cap_s: float

    def delay_s(self, count: int, random: Callable[[], float]) -> float:
        """The wait after the `count`-th failure, in seconds; `random` gives numbers from 0 to 1."""
        full = min(self.cap_s, self.first_s * 2 ** min(max(count, 1) - 1, DOUBLINGS_MAX))
        return full * (0.5 + 0.5 * random())


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
    kind = cause(failure)
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
