"""What becomes of a step after a failure."""

import pytest

from services.jobs import job as jobs
from services.jobs import retry

POLICY = retry.Policy()


def step(**counters: int) -> jobs.Step:
    """A running step."""
    return jobs.Step("analyze", jobs.Kind.ANALYZE, 1, **counters)


@pytest.mark.parametrize(
    ("code", "reason", "cause"),
    [
        ("INVALID_ARGUMENT", "NOT_MEDIA", retry.Cause.FINAL),
        ("FAILED_PRECONDITION", "", retry.Cause.FINAL),
        ("UNIMPLEMENTED", "", retry.Cause.FINAL),
        ("UNAVAILABLE", "CRASHED", retry.Cause.DEATH),
        ("UNAVAILABLE", "OUT_OF_MEMORY", retry.Cause.DEATH),
        ("UNAVAILABLE", "DEADLINE", retry.Cause.DEATH),
        ("UNAVAILABLE", "LEASE_EXPIRED", retry.Cause.OUTAGE),
        ("RESOURCE_EXHAUSTED", "BUSY", retry.Cause.OUTAGE),
        ("CANCELLED", "", retry.Cause.OUTAGE),
        ("INTERNAL", "", retry.Cause.FAULT),
        ("DATA_LOSS", "CHANGED_FILE", retry.Cause.FAULT),
        ("DEADLINE_EXCEEDED", "", retry.Cause.FAULT),
    ],
)
def test_cause_follows_code_and_reason(code: str, reason: str, cause: retry.Cause) -> None:
    """The code says whether a second try helps, the reason whether a worker died."""
    assert cause is retry.cause(jobs.Failure(code, reason, ""))


def fate(counters: dict[str, int], code: str, reason: str = "") -> jobs.StepState:
    """The state after one more failure."""
    return retry.decide(POLICY, step(**counters), jobs.Failure(code, reason, ""), lambda: 0.5).state


def test_final_failure_ends_the_step_at_once() -> None:
    """There is nothing to gain by a second try."""
    assert jobs.StepState.FAILED is fate({}, "INVALID_ARGUMENT")


def test_third_death_is_quarantine() -> None:
    """Two deaths may be bad luck, three are poison."""
    assert jobs.StepState.READY is fate({"worker_deaths": 1}, "UNAVAILABLE", "CRASHED")
    assert jobs.StepState.QUARANTINED is fate({"worker_deaths": 2}, "UNAVAILABLE", "CRASHED")


def test_faults_are_limited_and_outages_wait_long() -> None:
    """A fault shows five times; an outage is not the fault of the step."""
    assert jobs.StepState.READY is fate({"failures": 3}, "INTERNAL")
    assert jobs.StepState.FAILED is fate({"failures": 4}, "INTERNAL")
    assert jobs.StepState.READY is fate({"failures": 4, "outages": 900}, "UNAVAILABLE")
    assert jobs.StepState.FAILED is fate({"outages": 999}, "UNAVAILABLE")


def test_wait_doubles_up_to_its_cap_with_jitter() -> None:
    """Each wait lies in the upper half of its step."""
    backoff = retry.Backoff(first_s=1.0, cap_s=10.0)
    assert [0.5, 1.0, 2.0, 4.0, 5.0, 5.0] == [backoff.delay_s(count, lambda: 0.0) for count in range(1, 7)]
    assert [1.0, 2.0, 4.0, 8.0, 10.0, 10.0] == [backoff.delay_s(count, lambda: 1.0) for count in range(1, 7)]
    assert 10.0 == backoff.delay_s(10**6, lambda: 1.0)


def test_hint_of_the_server_is_a_floor_with_a_limit() -> None:
    """A server may ask for patience, not for ever."""
    busy = jobs.Failure("RESOURCE_EXHAUSTED", "BUSY", "")
    assert 7.0 == retry.decide(POLICY, step(), busy, lambda: 0.0, hint_s=7.0).delay_s
    assert 60.0 == retry.decide(POLICY, step(), busy, lambda: 0.0, hint_s=1e9).delay_s
