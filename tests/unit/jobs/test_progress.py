"""How far a job is, and when it will be done."""

import pytest

from services.jobs import job as jobs
from services.jobs import lifecycle
from services.jobs import progress as progresses


@pytest.fixture
def analyzing(make_spec, ran) -> jobs.Job:
    """A job whose analysis runs."""
    job = ran(lifecycle.accepted("0" * 32, 1, make_spec(count=2), {}, 0).job, probe=lifecycle.Outcome())
    return lifecycle.started(job, "analyze", "here", 1).job


def test_fraction_is_weighted_over_all_steps_to_come(analyzing) -> None:
    """Exports that are still to be planned count from the first moment."""
    probe, analyze, propose, export, images, report, *_ = (progresses.WEIGHTS[kind] for kind in jobs.Kind)
    whole = probe + analyze + propose + 2 * export + images + report
    found = [progresses.fraction(analyzing, {"analyze": jobs.Progress(share)}) for share in (0.0, 0.5, 7.0)]
    assert pytest.approx([probe / whole, (probe + analyze / 2) / whole, (probe + analyze) / whole]) == found


def test_fraction_of_an_ended_job_is_what_was_done(analyzing) -> None:
    """A job that was cancelled is not shown as complete."""
    assert 0 < progresses.fraction(lifecycle.cancelled(analyzing, "", 2).job, {}) < 0.1


def test_eta_is_absent_until_there_is_a_pace() -> None:
    """Too short a look, or no gain, gives none."""
    pace = progresses.Pace()
    assert [None, None, None] == [pace.eta_s(0, 0.1), pace.eta_s(2, 0.2), pace.eta_s(10, 0.1001)]


def test_eta_follows_the_pace_of_the_last_half_minute() -> None:
    """What is left at the speed of late."""
    pace = progresses.Pace()
    found = [pace.eta_s(second, second / 100) for second in range(51)]
    assert pytest.approx(50.0) == found[50]
    slow = [pace.eta_s(50 + second, 0.5 + second / 1000) for second in range(1, 41)]
    assert pytest.approx(460.0) == slow[-1]


def test_pace_begins_anew_when_an_attempt_does() -> None:
    """A step back forgets what was before."""
    pace = progresses.Pace()
    assert pace.eta_s(0, 0.0) is None
    assert pace.eta_s(10, 0.5) is not None
    assert pace.eta_s(11, 0.2) is None
