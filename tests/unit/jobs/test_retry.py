"""What becomes of a step after a failure."""

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.jobs import attempt, retry, settings
from services.jobs import job as jobs

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


@pytest.mark.parametrize(
    ("growth", "waits"),
    [
        (retry.Growth.EXPONENTIAL, [2, 4, 8, 16, 20]),
        (retry.Growth.LINEAR, [2, 4, 6, 8, 10]),
        (retry.Growth.FIBONACCI, [2, 2, 4, 6, 10]),
        (retry.Growth.FIXED, [2, 2, 2, 2, 2]),
    ],
)
def test_waits_grow_as_the_policy_says(growth: retry.Growth, waits: list[float]) -> None:
    """Four ways to grow, all of them up to the cap, and by as much chance as is allowed."""
    sure = retry.Backoff(2.0, 20.0, growth, jitter=0.0)
    assert waits == [sure.delay_s(count, lambda: 0.0) for count in range(1, 6)]
    assert (2.0 if growth is retry.Growth.FIXED else 20.0) == sure.delay_s(10**9, lambda: 0.0)
    assert 0.0 == retry.Backoff(2.0, 20.0, growth, jitter=1.0).delay_s(3, lambda: 0.0)


def test_codes_decide_what_is_tried_again() -> None:
    """A code that is named is tried again even if the request seems wrong; deaths and outages are not asked."""
    policy = retry.Policy(codes=frozenset({"NOT_FOUND"}))
    causes = [
        policy.cause(jobs.Failure(code, reason, ""))
        for code, reason in (("NOT_FOUND", ""), ("INTERNAL", ""), ("UNAVAILABLE", ""), ("UNAVAILABLE", "CRASHED"))
    ]
    assert [retry.Cause.FAULT, retry.Cause.FINAL, retry.Cause.OUTAGE, retry.Cause.DEATH] == causes
    failed = retry.decide(policy, step(), jobs.Failure("INTERNAL", "", ""), lambda: 0.0)
    again = retry.decide(policy, step(), jobs.Failure("NOT_FOUND", "", ""), lambda: 0.0)
    assert (jobs.StepState.FAILED, jobs.StepState.READY) == (failed.state, again.state)


@given(
    gaps_s=st.lists(st.floats(0, 5), min_size=1, max_size=200),
    per_s=st.sampled_from([0.5, 3.0, 20.0]),
    burst=st.integers(1, 10),
)
def test_no_storm_is_faster_than_the_budget(gaps_s: list[float], per_s: float, burst: int) -> None:
    """Whenever steps fail, in no stretch of time are more of them tried again than burst and rate allow."""
    budget, now_s, tries_s = retry.Budget(per_s, burst), 100.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        tries_s.append(now_s + budget.wait_s(now_s))
    tries_s.sort()
    for first, begin_s in enumerate(tries_s):
        for last in range(first + burst, len(tries_s)):
            assert last - first <= burst + per_s * (tries_s[last] - begin_s) + 1e-6


def test_budget_of_one_service_is_none_of_another() -> None:
    """Rules find policy and budget by the kind of the step; a step that has ended takes no token."""
    strict = retry.Policy(faults_max=1)
    rules = attempt.Rules(
        5,
        60,
        policies={jobs.Kind.EXPORT: strict},
        budgets={name: retry.Budget(1.0, 1) for name in ("analyzer", "exporter")},
    )
    fault, export = jobs.Failure("INTERNAL", "", ""), jobs.Step("export-1", jobs.Kind.EXPORT, 3)
    assert [jobs.StepState.FAILED] * 3 == [rules.decide(export, fault, 0.0, 1.0).state for _ in range(3)]
    waits = [rules.decide(step(), fault, 0.0, 1.0).delay_s for _ in range(4)]
    assert waits[0] <= 1.0
    assert 3.0 == waits[3]
    assert rules.decide(export, jobs.Failure("UNAVAILABLE", "", ""), 0.0, 1.0).delay_s <= 0.2


def test_settings_name_policies_by_kind(monkeypatch) -> None:
    """What an operator writes as JSON is what the steps of that kind get."""
    said = '{"export": {"growth": "fibonacci", "attempts": 2, "codes": ["INTERNAL"]}}'
    monkeypatch.setenv("REELSMITH_JOBS_RETRIES", said)
    policy = settings.Settings().attempts.policies[jobs.Kind.EXPORT]
    assert (2, retry.Growth.FIBONACCI, frozenset({"INTERNAL"})) == (
        policy.faults_max,
        policy.fault_backoff.growth,
        policy.codes,
    )
    monkeypatch.setenv("REELSMITH_JOBS_RETRIES", '{"export": {"growth": "sideways"}}')
    with pytest.raises(pydantic.ValidationError, match="growth"):
        settings.Settings()
