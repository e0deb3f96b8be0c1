"""What Prometheus reads of the job manager is what happened."""

import dataclasses
from collections.abc import Callable, Sequence

import prometheus_client
import pytest

from chassis import errors
from media import sessions
from services.jobs import attempt, deadline, dispatch, metrics, publication, scheduler, store
from services.jobs import board as boards
from services.jobs import job as jobs
from services.jobs import spec as specs


def value(name: str, **labels: str) -> float:
    """A sample as it is now; 0 where there is none."""
    return prometheus_client.REGISTRY.get_sample_value(name, labels) or 0.0


@dataclasses.dataclass
class Executor:
    """An instance that does the next thing it was told."""

    acts: list[Callable[[attempt.Task], attempt.Product]]

    def instances(self, kind: jobs.Kind) -> Sequence[str]:
        return ["a"]

    async def execute(self, instance: str, task: attempt.Task, report: attempt.Report) -> attempt.Product:
        return self.acts.pop(0)(task)


@pytest.fixture
def play(kept: store.Store, hands, tmp_path, make_spec):
    """Runs attempts at a job with one clip, each as told; returns the job."""

    async def run(*acts: Callable[[attempt.Task], attempt.Product], **spec: object) -> jobs.Job:
        folder = sessions.Sessions(tmp_path)
        attempts = attempt.Attempts(kept, folder, Executor(list(acts)), boards.Board(), attempt.Rules(5.0, 60.0))
        (job,) = await kept.submit([store.Submission(sessions.new_id(), make_spec(**spec))], {}, 10)
        for _ in acts:
            hands.monotonic_us += 60_000_000  # past any back-off
            grants, _ = await kept.lease([dispatch.Slot(kind, "a") for kind in jobs.Kind])
            for grant in grants[:1]:
                await attempts.run(grant)
        return await kept.get(job.id)

    return run


def nothing(task: attempt.Task) -> attempt.Product:
    return attempt.Product()


def killer(task: attempt.Task) -> attempt.Product:
    raise errors.Unavailable("the worker died", reason="CRASHED")


async def test_attempts_and_ended_jobs_are_counted_once(play) -> None:
    """A job that only analyzes has three steps, and ends once."""
    before = [value("reelsmith_jobs_attempts_total", kind=kind, outcome="succeeded") for kind in ("PROBE", "ANALYZE")]
    ended, timed = (
        value("reelsmith_jobs_ended_total", state="SUCCEEDED"),
        value("reelsmith_jobs_duration_seconds_count"),
    )
    job = await play(nothing, nothing, nothing, analyze_only=True)
    assert jobs.JobState.SUCCEEDED == job.state
    after = [value("reelsmith_jobs_attempts_total", kind=kind, outcome="succeeded") for kind in ("PROBE", "ANALYZE")]
    assert [count + 1 for count in before] == after
    assert ended + 1 == value("reelsmith_jobs_ended_total", state="SUCCEEDED")
    assert timed + 1 == value("reelsmith_jobs_duration_seconds_count")


async def test_job_that_fails_at_its_deadline_is_counted_once(kept: store.Store, hands, tmp_path, make_spec) -> None:
    """It came to an end by itself, though no attempt of it did."""
    folder, board = sessions.Sessions(tmp_path), boards.Board()
    attempts = attempt.Attempts(kept, folder, Executor([]), board, attempt.Rules(5.0, 60.0))
    deadlines = deadline.Deadlines(kept, scheduler.Scheduler(kept, Executor([]), attempts, folder, {}))
    spec = make_spec(deadline_us=hands.wall_us + 10_000_000)
    await kept.submit([store.Submission(sessions.new_id(), spec)], {}, 10)
    failed, timed = (
        value("reelsmith_jobs_ended_total", state="FAILED"),
        value("reelsmith_jobs_duration_seconds_count"),
    )
    hands.monotonic_us += 20_000_000
    hands.wall_us += 20_000_000
    assert [1, 0] == [len(await deadlines.look()), len(await deadlines.look())]
    assert (failed + 1, timed + 1) == (
        value("reelsmith_jobs_ended_total", state="FAILED"),
        value("reelsmith_jobs_duration_seconds_count"),
    )


async def test_news_that_is_kept_is_shown(kept: store.Store, hands, make_spec) -> None:
    """What waits for its receiver, and what was given up."""
    queue = metrics.Queue(kept, hands.clock(), 7)
    hook = specs.Webhook("https://hooks.example/x")
    await kept.submit([store.Submission(sessions.new_id(), make_spec(webhook=hook)) for _ in range(3)], {}, 10)
    for grant in (await kept.lease([dispatch.Slot(jobs.Kind.PROBE, "a")] * 3))[0]:
        assert jobs.JobState.RUNNING == grant.job.state
    (first, *_) = await kept.outbox_due(9)
    await kept.outbox_failed(first, "gone", None)
    await queue.look()
    assert (2, 1) == (
        value("reelsmith_jobs_notices", state="waiting"),
        value("reelsmith_jobs_notices", state="given_up"),
    )


async def test_poison_is_counted_as_deaths_and_one_quarantine(play) -> None:
    """Three dead workers are three deaths, one step given up and one failed job."""
    names = ("reelsmith_jobs_attempts_total", "reelsmith_jobs_steps_quarantined_total", "reelsmith_jobs_ended_total")
    labels = ({"kind": "PROBE", "outcome": "death"}, {"kind": "PROBE"}, {"state": "FAILED"})
    before = [value(name, **label) for name, label in zip(names, labels, strict=True)]
    job = await play(killer, killer, killer)
    assert jobs.StepState.QUARANTINED == job.steps[0].state
    after = [value(name, **label) for name, label in zip(names, labels, strict=True)]
    assert [3, 1, 1] == [new - old for new, old in zip(after, before, strict=True)]


async def test_result_that_comes_too_late_makes_no_clip(play, kept: store.Store) -> None:
    """A commit that was refused is late: nothing of it counts as made."""

    def late(task: attempt.Task) -> attempt.Product:
        cancelled.append(task.job.id)
        return attempt.Product((publication.File("x", 1, "0" * 64, "video/mp4", jobs.Role.CLIP),))

    cancelled: list[str] = []
    known, made = kept.confirm, value("reelsmith_clips_made_total")

    async def confirm(lease: jobs.Lease) -> jobs.Job:
        await kept.cancel(lease.job_id, "no longer wanted")
        return await known(lease)

    before = value("reelsmith_jobs_attempts_total", kind="PROBE", outcome="late")
    kept.confirm = confirm
    await play(late)
    assert before + 1 == value("reelsmith_jobs_attempts_total", kind="PROBE", outcome="late")
    assert made == value("reelsmith_clips_made_total")


async def test_clip_is_counted_when_it_is_committed(kept: store.Store, make_spec) -> None:
    """By the files of its step, not by those of others."""
    (job,) = await kept.submit([store.Submission(sessions.new_id(), make_spec())], {}, 10)
    files = tuple(
        jobs.Artifact(f"final_output/{name}", 1, "0" * 64, "video/mp4", role, step)
        for name, role, step in (
            ("clip-01.mp4", jobs.Role.CLIP, "probe"),
            ("clip-01.jpg", jobs.Role.THUMBNAIL, "probe"),
            ("clip-02.mp4", jobs.Role.CLIP, "export-02"),
        )
    )
    done = dataclasses.replace(job.steps[0], state=jobs.StepState.SUCCEEDED)
    before = value("reelsmith_clips_made_total")
    metrics.recorded(dataclasses.replace(job, steps=(done, *job.steps[1:]), artifacts=files), "probe")
    assert before + 1 == value("reelsmith_clips_made_total")
    metrics.recorded(None, "probe")
    assert before + 1 == value("reelsmith_clips_made_total")


async def test_queue_is_shown_with_the_age_of_its_oldest_step(kept: store.Store, hands, make_spec) -> None:
    """Ready steps, jobs by state and what waits longest; an empty queue shows no age."""
    queue = metrics.Queue(kept, hands.clock(), 7)
    await queue.look()
    assert (0, 0, 7) == (
        value("reelsmith_jobs_oldest_ready_age_seconds"),
        value("reelsmith_jobs_steps", state="READY"),
        value("reelsmith_jobs_unfinished_limit"),
    )
    await kept.submit([store.Submission(sessions.new_id(), make_spec()) for _ in range(3)], {}, 10)
    hands.wall_us += 90_000_000
    await queue.look()
    assert (3, 3) == (value("reelsmith_jobs", state="PENDING"), value("reelsmith_jobs_steps", state="READY"))
    assert 90 == int(value("reelsmith_jobs_oldest_ready_age_seconds"))


async def test_store_that_does_not_answer_is_counted(hands, kept: store.Store) -> None:
    """A look that fails is told and tried again later; the manager goes on."""

    async def refuse() -> store.Stats:
        raise errors.Unavailable("the disk is gone")

    before = value("reelsmith_jobs_store_looks_failed_total")
    kept.stats = refuse
    await metrics.Queue(kept, hands.clock(), 7).look()
    assert before + 1 == value("reelsmith_jobs_store_looks_failed_total")
