"""When a job will be done, learned from past runs."""

import asyncio
import math
import random
import statistics

import pytest

from services.jobs import board as boards
from services.jobs import forecast, lifecycle, store
from services.jobs import job as jobs

SECONDS = {
    jobs.Kind.PROBE: 1.0, jobs.Kind.ANALYZE: 60.0, jobs.Kind.PROPOSE: 0.5, jobs.Kind.EXPORT: 20.0,
    jobs.Kind.IMAGES: 2.0, jobs.Kind.REPORT: 4.0,
}  # fmt: skip


def run_of(kind: jobs.Kind, amount: float, seconds: float) -> forecast.Run:
    """A run."""
    return forecast.Run(kind, amount, seconds)


@pytest.fixture
def steady() -> forecast.History:
    """Ten runs of each kind that all took as long: a film of 600 s, clips of 30 s, two of them."""
    amounts = {jobs.Kind.ANALYZE: 600.0, jobs.Kind.PROPOSE: 600.0, jobs.Kind.EXPORT: 30.0, jobs.Kind.IMAGES: 2.0,
               jobs.Kind.REPORT: 2.0}  # fmt: skip
    return forecast.History(
        run_of(kind, amounts.get(kind, 0.0), seconds) for kind, seconds in SECONDS.items() for _ in range(10)
    )


@pytest.fixture
def analyzing(make_spec, ran) -> jobs.Job:
    """A job of two clips of 20 to 40 s whose film of 600 s is being analyzed."""
    spec = make_spec(count=2, duration_min_s=20, duration_max_s=40)
    job = ran(lifecycle.accepted("0" * 32, 1, spec, {}, 0).job, probe=lifecycle.Outcome(media_s=600.0))
    return lifecycle.started(job, "analyze", "here", 1).job


def told(job: jobs.Job, history: forecast.History, elapsed_s: float = 0.0, lanes: int = 1, **live: float):
    """The forecast, with the fractions of running steps by name."""
    progress = {name: jobs.Progress(share) for name, share in live.items()}
    return forecast.remaining(job, progress, {"analyze": elapsed_s}, history, lanes)


def test_nothing_is_told_until_enough_is_known(analyzing, steady) -> None:
    """A kind of step that is to come and was seen four times makes the whole unknown; the fifth time makes it known."""
    few = forecast.History(run for kind in jobs.Kind if kind is not jobs.Kind.REPORT for run in steady._runs[kind])
    for _ in range(forecast.RUNS_MIN):
        assert told(analyzing, few) is None
        few.learn(run_of(jobs.Kind.REPORT, 2.0, 4.0))
    assert told(analyzing, few) is not None
    assert told(analyzing, forecast.History()) is None


def test_steps_to_come_are_added_up(analyzing, steady) -> None:
    """Clips that no proposal has named yet count, side by side where they may run so."""
    assert pytest.approx(60 + 0.5 + 2 * 20 + 2 + 4) == told(analyzing, steady).mid_s
    assert pytest.approx(60 + 0.5 + 20 + 2 + 4) == told(analyzing, steady, lanes=8).mid_s


def test_time_grows_with_the_media(make_spec, ran, steady) -> None:
    """Half a film takes half the time."""
    job = lifecycle.accepted("0" * 32, 1, make_spec(analyze_only=True), {}, 0).job
    job = lifecycle.started(ran(job, probe=lifecycle.Outcome(media_s=300.0)), "analyze", "here", 1).job
    assert pytest.approx(30.25) == told(job, steady).mid_s


def test_length_that_no_probe_told_is_not_guessed(make_spec, ran, steady) -> None:
    """Runs of known length say nothing about a film of unknown length."""
    job = lifecycle.accepted("0" * 32, 1, make_spec(), {}, 0).job
    assert told(job, steady) is None
    assert told(ran(job, probe=lifecycle.Outcome()), steady) is None


def test_own_progress_counts_the_more_the_further_it_is(analyzing, steady) -> None:
    """A step that is slower than those before is believed by and by, and bounds close in."""
    others = 0.5 + 2 * 20 + 2 + 4
    slow = [told(analyzing, steady, elapsed_s=share * 120, analyze=share).mid_s - others for share in (0.1, 0.5, 0.9)]
    assert pytest.approx([0.9 * (0.9 * 60 + 12), 0.5 * (0.5 * 60 + 60), 0.1 * (0.1 * 60 + 108)]) == slow


def test_step_without_progress_has_what_is_left_of_longer_runs(analyzing) -> None:
    """After 30 s the runs that took less are no measure any more; after more than all of them nothing is."""
    history = forecast.History(run_of(jobs.Kind.ANALYZE, 600.0, seconds) for seconds in (10, 20, 40, 50, 60))
    rest = forecast._rest(history.expected(jobs.Kind.ANALYZE, 600.0), None, 30.0)
    assert [10, 20, 30] == sorted(rest)
    assert [] == forecast._rest(history.expected(jobs.Kind.ANALYZE, 600.0), None, 60.0)


def test_bounds_hold_for_eight_of_ten() -> None:
    """Runs that vary by chance and grow with their size lie within the bounds about as often as is said."""
    draw = random.Random(20261126)
    history, kept, widths = forecast.History(), [], []
    for number in range(600):
        amount = math.exp(draw.uniform(3.0, 8.0))
        seconds = 0.1 * amount * draw.lognormvariate(0.0, 0.4)
        if number >= 50:
            span = forecast.of(history.expected(jobs.Kind.ANALYZE, amount))
            kept.append(span.low_s <= seconds <= span.high_s)
            widths.append(span.high_s / span.low_s)
        history.learn(run_of(jobs.Kind.ANALYZE, amount, seconds))
    assert 0.75 < statistics.fmean(kept) < 0.88
    assert statistics.median(widths) < 4.0  # the true one is exp(2 x 1.28 x 0.4) = 2.8


def test_old_runs_are_forgotten() -> None:
    """A machine that became twice as fast is believed after a while."""
    history = forecast.History(run_of(jobs.Kind.PROBE, 0.0, 2.0) for _ in range(forecast.RUNS_MAX))
    for _ in range(forecast.RUNS_MAX):
        history.learn(run_of(jobs.Kind.PROBE, 0.0, 1.0))
    assert forecast.Span(1.0, 1.0, 1.0) == forecast.of(history.expected(jobs.Kind.PROBE, 0.0))


async def test_runs_are_kept_with_the_result_and_over_restarts(tmp_path, hands, make_spec) -> None:
    """As many of a kind as are asked for, the oldest overwritten; a result that is refused leaves none."""
    made = forecast.RUNS_MAX + 3
    for first in (0, 1):
        async with store.Store(tmp_path, hands.clock()) as kept:
            writes = [
                kept._write(lambda db, number=number: kept._remember(db, run_of(jobs.Kind.PROBE, 0.0, float(number))))
                for number in range(first, made if first else 1)
            ]
            await asyncio.gather(*writes)
    async with store.Store(tmp_path, hands.clock()) as kept:
        found = await kept.runs()
    assert [float(number) for number in range(made - forecast.RUNS_MAX, made)] == [run.seconds for run in found]


async def test_jobs_are_shown_with_their_bounds(hands, analyzing, steady) -> None:
    """The expected time lies between them; a job that waits for its turn has none."""
    board = boards.Board(hands.clock())
    board.recall([run for kind in jobs.Kind for run in steady._runs[kind]], lambda: 0)
    board.begin(analyzing.id, "analyze")
    hands.monotonic_us += 30_000_000
    board.report(analyzing.id, "analyze", jobs.Progress(0.5))
    view = board.view(analyzing)
    assert view.span is not None
    assert pytest.approx(0.5 * (30 + 30) + 46.5) == view.eta_s == view.span.mid_s
    waiting = lifecycle.interrupted(analyzing, ["analyze"], 1).job
    assert (None, None) == (board.view(waiting).eta_s, board.view(waiting).span)
