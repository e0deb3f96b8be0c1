"""How steps are given to instances and seen to their end, with the real store and obedient instances."""

import asyncio
import collections
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable

import pytest
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export
from opentelemetry.sdk.trace.export import in_memory_span_exporter as memory

from chassis import errors, testing
from media import sessions
from services.jobs import attempt, dispatch, engines, lifecycle, publication, retry, scheduler, store
from services.jobs import board as boards
from services.jobs import job as jobs

FAST = retry.Backoff(0.01, 0.02)
RULES = attempt.Rules(5.0, 60.0, retry.Policy(fault_backoff=FAST, outage_backoff=FAST, death_backoff=FAST))
Act = Callable[[str, attempt.Task], Awaitable[attempt.Product]]


@dataclasses.dataclass
class ObedientExecutor:
    """Instances that do what the test says, and count what they do."""

    act: Act
    ids: list[str] = dataclasses.field(default_factory=lambda: ["a"])
    calls: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    busy: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    most: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    has: dispatch.Resources | None = None

    def instances(self, kind: jobs.Kind) -> list[str]:
        return self.ids

    def offer(self, kind: jobs.Kind, instance: str) -> dispatch.Resources | None:
        """What the instance has to give."""
        return self.has

    async def execute(self, instance: str, task: attempt.Task, report: attempt.Report) -> attempt.Product:
        key = (instance, task.step.kind)
        self.calls.append((instance, task.step.name))
        self.busy[key] += 1
        self.most[key] = max(self.most[key], self.busy[key])
        try:
            return await self.act(instance, task)
        finally:
            self.busy[key] -= 1


@dataclasses.dataclass
class Scene:
    """A scheduler with its store."""

    kept: store.Store
    folder: sessions.Sessions
    planner: scheduler.Scheduler
    attempts: attempt.Attempts
    executor: ObedientExecutor

    async def end(self, job: jobs.Job) -> jobs.Job:
        """The job once it has ended."""

        async def ended() -> bool:
            return (await self.kept.get(job.id)).state.ended

        await testing.wait_until(ended, 60, "the job ends")
        return await self.kept.get(job.id)


@pytest.fixture
def play(tmp_path, make_spec):
    """Runs a scheduler over an executor, with one job or more that only analyze."""

    @contextlib.asynccontextmanager
    async def run(act: Act, limit: int = 2, rules: dispatch.Rules | None = None, **values: object):
        board, folder = boards.Board(), sessions.Sessions(tmp_path)
        executor = ObedientExecutor(act, **values)
        async with store.Store(tmp_path, listener=board.changed, rules=rules) as kept:
            attempts = attempt.Attempts(kept, folder, executor, board, RULES)
            planner = scheduler.Scheduler(kept, executor, attempts, folder, dict.fromkeys(jobs.Kind, limit))
            running = asyncio.create_task(planner.run())
            try:
                yield Scene(kept, folder, planner, attempts, executor)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    return run


@pytest.fixture
def submit(make_spec):
    """Submits jobs that only analyze."""

    async def run(scene: Scene, count: int = 1) -> list[jobs.Job]:
        new = [store.Submission(sessions.new_id(), make_spec(analyze_only=True)) for _ in range(count)]
        accepted = await scene.kept.submit(new, {}, 100)
        scene.planner.wake()
        return accepted

    return run


async def nothing(instance: str, task: attempt.Task) -> attempt.Product:
    """Succeeds without any file."""
    await asyncio.sleep(0.01)
    return attempt.Product()


async def test_instances_take_no_more_than_their_limit(play, submit) -> None:
    """Room is counted by kind and instance, and all of it is used."""

    async def slow(instance: str, task: attempt.Task) -> attempt.Product:
        await asyncio.sleep(0.3 if task.step.name == "probe" else 0)
        return attempt.Product()

    async with play(slow, limit=2, ids=["a", "b"]) as scene:
        accepted = await submit(scene, 12)
        assert {jobs.JobState.SUCCEEDED} == {(await scene.end(job)).state for job in accepted}
        assert {2} == {count for (_, kind), count in scene.executor.most.items() if kind is jobs.Kind.PROBE}
        assert {"a", "b"} == {instance for instance, _ in scene.executor.calls}


async def test_step_runs_where_there_is_room_for_it(play, submit) -> None:
    """What steps on an instance need together never exceeds what it says it has."""

    async def slow(instance: str, task: attempt.Task) -> attempt.Product:
        await asyncio.sleep(0.1 if task.step.name == "probe" else 0)
        return attempt.Product()

    needs = dict.fromkeys(jobs.Kind, dispatch.Resources(cpus=2, gpu_memory_bytes=1e9))
    has = dispatch.Resources(cpus=5, memory_bytes=1, gpu_memory_bytes=9e9)
    async with play(slow, limit=8, rules=dispatch.Rules(needs=needs), has=has) as scene:
        accepted = await submit(scene, 6)
        assert {jobs.JobState.SUCCEEDED} == {(await scene.end(job)).state for job in accepted}
        assert 2 == scene.executor.most["a", jobs.Kind.PROBE]


async def test_instance_that_is_gone_is_passed_over(play, submit) -> None:
    """After an outage its steps go elsewhere, and are not held to blame."""

    async def act(instance: str, task: attempt.Task) -> attempt.Product:
        if instance == "gone":
            raise errors.Unavailable("connection refused")
        return await nothing(instance, task)

    async with play(act, ids=["gone", "there"]) as scene:
        begin_s = time.monotonic()
        accepted = await submit(scene, 5)
        ended = [await scene.end(job) for job in accepted]
        looks = (time.monotonic() - begin_s) / scheduler.PENALTY_S  # on a slow machine it is looked at again
        assert {jobs.JobState.SUCCEEDED} == {job.state for job in ended}
        assert {0} == {step.failures for job in ended for step in job.steps}
        assert collections.Counter(instance for instance, _ in scene.executor.calls)["gone"] <= 4 * (1 + looks)


async def test_bug_in_an_attempt_frees_its_step(play, submit) -> None:
    """An exception that nobody foresaw is a fault like any other: logged, tried again, in the end told."""

    async def act(instance: str, task: attempt.Task) -> attempt.Product:
        raise ZeroDivisionError("a bug")

    async with play(act) as scene:
        (job,) = await submit(scene)
        job = await scene.end(job)
        assert (jobs.JobState.FAILED, "BROKEN_ATTEMPT", 5) == (job.state, job.error.reason, job.steps[0].attempts)


async def test_result_waits_for_the_disk(play, submit, monkeypatch) -> None:
    """A disk that refuses for a while costs time, not the result."""
    refusals = iter([errors.ResourceExhausted("full"), errors.Unavailable("broken")])
    real = store.Store.commit

    async def commit(self, lease, outcome):
        if (refusal := next(refusals, None)) is not None:
            raise refusal
        return await real(self, lease, outcome)

    monkeypatch.setattr(store.Store, "commit", commit)
    monkeypatch.setattr(attempt, "STORE_PAUSE_S", 0.01)
    async with play(nothing) as scene:
        (job,) = await submit(scene)
        job = await scene.end(job)
        assert (jobs.JobState.SUCCEEDED, 1) == (job.state, job.steps[0].attempts)


async def test_failure_that_the_disk_refuses_is_decided_once(tmp_path, kept, make_spec, monkeypatch) -> None:
    """However often the write is repeated, one failure takes one token, so the next one is not made to wait for it."""
    budget = retry.Budget(per_s=0.001, burst=2)
    rules = dataclasses.replace(RULES, budgets={jobs.SERVICES[jobs.Kind.PROBE]: budget})
    attempts = attempt.Attempts(kept, sessions.Sessions(tmp_path), ObedientExecutor(nothing), boards.Board(), rules)
    await kept.submit([store.Submission(sessions.new_id(), make_spec())], {}, 1)
    ((grant,), _) = await kept.lease([dispatch.Slot(jobs.Kind.PROBE, "a")])
    refusals, real = iter(range(5)), kept._save

    def save(db: engines.Database, change: lifecycle.Change) -> jobs.Job:
        if next(refusals, None) is not None:
            raise engines.Fault(errors.ResourceExhausted("the disk is full"))
        return real(db, change)

    monkeypatch.setattr(kept, "_save", save)
    monkeypatch.setattr(attempt, "STORE_PAUSE_S", 0.01)
    await attempts.fail(grant, jobs.Failure("INTERNAL", "X", "it broke"))
    assert (None, 0.0) == (next(refusals, None), budget.wait_s(0.0))
    assert 1 == (await kept.get(grant.job.id)).step("probe").failures


async def test_cancel_during_publication_leaves_no_file(play, submit, monkeypatch) -> None:
    """A commit that comes after the cancellation is refused, and what was published for it is taken back."""
    cancelled = asyncio.Event()

    async def act(instance: str, task: attempt.Task) -> attempt.Product:
        made = scene.folder.get(task.job.id).write_bytes(f"{task.folder}/media_info.json", b"{}")
        file = publication.File(made.path, made.size_bytes, made.sha256, made.media_type, jobs.Role.MEDIA_INFO)
        return attempt.Product((file,))

    real = store.Store.commit

    async def commit(self, lease, outcome):
        await self.cancel(lease.job_id, "too late")
        scene.planner.stop(lease.job_id)
        cancelled.set()
        return await real(self, lease, outcome)

    monkeypatch.setattr(store.Store, "commit", commit)
    async with play(act) as scene:
        (job,) = await submit(scene)
        await cancelled.wait()
        session = scene.folder.get(job.id)
        await testing.wait_until(lambda: not session.list("video_clips") + session.list("metadata"))
        job = await scene.kept.get(job.id)
        assert (jobs.JobState.CANCELLED, ()) == (job.state, job.artifacts)


async def test_cancelled_attempt_is_cut_and_its_folder_removed(play, submit) -> None:
    """Work that runs stops at once; a retry waits until it is out of the way."""
    cut = asyncio.Event()
    begun = asyncio.Event()

    async def act(instance: str, task: attempt.Task) -> attempt.Product:
        if task.step.name != "probe" or task.step.attempts > 1:
            return await nothing(instance, task)
        scene.folder.get(task.job.id).write_bytes(f"{task.folder}/part.json", b"{")
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            cut.set()
        raise AssertionError("not reached")

    async with play(act) as scene:
        (job,) = await submit(scene)
        await begun.wait()
        await scene.kept.cancel(job.id, "")
        scene.planner.stop(job.id)
        await scene.kept.retry(job.id, 10)
        await asyncio.wait_for(cut.wait(), 2)
        job = await scene.end(job)
        assert (jobs.JobState.SUCCEEDED, 2) == (job.state, job.steps[0].token)
        assert [] == scene.folder.get(job.id).list("video_clips")


async def test_silence_ends_the_attempt(play, submit) -> None:
    """A lease ends when nothing is heard for its length, and the step runs again under the next token."""

    async def act(instance: str, task: attempt.Task) -> attempt.Product:
        await asyncio.sleep(60 if task.step.name == "probe" and task.step.attempts == 1 else 0)
        return attempt.Product()

    async with play(act) as scene:
        scene.attempts._rules = dataclasses.replace(RULES, lease_s=0.2)
        (job,) = await submit(scene)
        job = await scene.end(job)
        assert (jobs.JobState.SUCCEEDED, 2, 1) == (job.state, job.steps[0].token, job.steps[0].outages)


async def test_second_attempt_links_to_the_first(play, submit) -> None:
    """Attempts are spans of the job's trace; each points to the one before."""
    spans = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(spans))

    async def act(instance: str, task: attempt.Task) -> attempt.Product:
        if task.step.name == "probe" and task.step.attempts == 1:
            raise errors.Internal("once")
        return attempt.Product()

    async with play(act) as scene:
        scene.attempts._tracer = provider.get_tracer("test")
        await scene.end((await submit(scene))[0])
        first, second = [span for span in spans.get_finished_spans() if span.attributes["step"] == "probe"]
        assert ("step probe", 1, 2) == (first.name, first.attributes["attempt"], second.attributes["attempt"])
        assert [first.context.span_id] == [link.context.span_id for link in second.links]
        assert not first.status.is_ok
