"""The store against a pure model, step by step, in random order, over restarts."""

import asyncio
import dataclasses
import os
import pathlib
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings, stateful
from hypothesis import strategies as st

from chassis import errors
from services.jobs import clock as clocks
from services.jobs import dispatch, engines, flow, lifecycle, plan, retry, store
from services.jobs import job as jobs
from services.jobs import spec as specs
from services.jobs.engines import postgres

FAILURES = [
    jobs.Failure("INVALID_ARGUMENT", "NOT_MEDIA", "final"),
    jobs.Failure("UNAVAILABLE", "CRASHED", "death"),
    jobs.Failure("UNAVAILABLE", "LEASE_EXPIRED", "outage"),
    jobs.Failure("INTERNAL", "X", "fault"),
]
POLICY = retry.Policy(faults_max=3, outages_max=4)
JOB_LIMIT = 4
AGEING_US = 600 * 10**6


def decide(step: jobs.Step, failure: jobs.Failure) -> retry.Decision:
    """The rules, without chance."""
    return retry.decide(POLICY, step, failure, lambda: 0.0)


class StoreAgainstModel(stateful.RuleBasedStateMachine):
    """Keeps every job in a dictionary beside the store and compares."""

    kind: type[store.Store] = store.Store

    def __init__(self) -> None:
        super().__init__()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="jobs-model-"))
        self.loop = asyncio.new_event_loop()
        self.wall_us, self.monotonic_us = 10**15, 10**9
        self.queue_begin_us, self.last_arrival_us = -self.monotonic_us, 0
        self.rank_us: dict[str, int] = {}
        self.due_us: dict[str, int] = {}
        self.paused = self.draining = False
        self.model: dict[str, jobs.Job] = {}
        self.not_before_us: dict[tuple[str, str], int] = {}
        self.leases: list[jobs.Lease] = []
        self.told: dict[str, list[jobs.Event]] = {}
        self.count = 0
        self.open()

    def run(self, work):
        """Waits for one piece of work."""
        return self.loop.run_until_complete(work)

    def place(self) -> pathlib.Path | engines.Engine:
        """Where the store is."""
        return self.folder

    def open(self) -> None:
        """Starts a manager's store."""
        clock = clocks.Clock(lambda: self.wall_us, lambda: self.monotonic_us)
        self.store = self.kind(self.place(), clock)
        self.run(self.store.__aenter__())

    def teardown(self) -> None:
        """Ends it all."""
        self.run(self.store.__aexit__())
        self.loop.close()
        shutil.rmtree(self.folder)

    def apply(self, change: lifecycle.Change) -> None:
        """Takes a change into the model."""
        self.model[change.job.id] = change.job
        self.told.setdefault(change.job.id, []).extend(change.events)

    def held(self, lease: jobs.Lease) -> bool:
        """Whether a lease is in force, by the model."""
        job = self.model.get(lease.job_id)
        step = job and next((item for item in job.steps if item.name == lease.step), None)
        return bool(step) and (step.state, step.token) == (jobs.StepState.RUNNING, lease.token)

    @stateful.rule(
        priority=st.integers(-2, 2),
        kind=st.sampled_from(["clips", "analyze", "all"]),
        start_s=st.sampled_from([0, 0, 3]),
        deadline_s=st.sampled_from([0, 0, 8]),
    )
    def submit(self, priority: int, kind: str, start_s: int, deadline_s: int) -> None:
        """A job is accepted, or the queue is full."""
        self.count += 1
        spec = specs.resolved(
            specs.Spec(
                "file:///a.mp4",
                priority=priority,
                count=2,
                analyze_only=kind == "analyze",
                clips=(specs.TimeRange(0, 1), specs.TimeRange(1, 2)) if kind == "clips" else (),
                start_us=self.wall_us + start_s * 10**6 if start_s else 0,
                deadline_us=self.wall_us + deadline_s * 10**6 if deadline_s else 0,
            )
        )
        job_id = f"{self.count:032x}"
        full = sum(not job.state.ended for job in self.model.values()) >= JOB_LIMIT
        try:
            (job,) = self.run(self.store.submit([store.Submission(job_id, spec)], {}, JOB_LIMIT))
        except errors.ResourceExhausted:
            assert full
        except errors.FailedPrecondition:
            assert self.draining
        else:
            assert not full
            assert not self.draining
            self.apply(lifecycle.accepted(job_id, job.number, spec, {}, self.wall_us))
            self.last_arrival_us = self.queue_begin_us + self.monotonic_us
            self.rank_us[job_id] = self.last_arrival_us - priority * AGEING_US
            if start_s:
                self.not_before_us[job_id, "probe"] = self.monotonic_us + start_s * 10**6
            if deadline_s:
                self.due_us[job_id] = self.monotonic_us + deadline_s * 10**6

    @stateful.rule(kind=st.sampled_from(list(jobs.Kind)), room=st.integers(1, 3))
    def lease(self, kind: jobs.Kind, room: int) -> None:
        """Ready steps are leased by priority and age, unless the queue is paused."""
        ready = [
            (self.rank_us[job.id], job.number, step.position, job.id, step.name)
            for job in self.model.values()
            for step in job.steps
            if (step.state, step.kind) == (jobs.StepState.READY, kind)
            and self.not_before_us.get((job.id, step.name), 0) <= self.monotonic_us
        ]
        busy = frozenset(
            (job.id, step.name)
            for job in self.model.values()
            for step in job.steps
            if step.state is jobs.StepState.RUNNING
        )
        grants, _ = self.run(self.store.lease([dispatch.Slot(kind, "i")] * room, busy))
        expected = [] if self.paused else [item[3:] for item in sorted(ready)[:room]]
        assert expected == [(grant.job.id, grant.lease.step) for grant in grants]
        for job_id, name in expected:
            self.apply(lifecycle.started(self.model[job_id], name, "i", self.wall_us))
            self.not_before_us.pop((job_id, name), None)
        self.leases.extend(grant.lease for grant in grants)

    @stateful.precondition(lambda self: self.leases)
    @stateful.rule(data=st.data(), clips=st.integers(0, 2))
    def commit(self, data: st.DataObject, clips: int) -> None:
        """Some lease, in force or long lost, brings a result."""
        lease = data.draw(st.sampled_from(self.leases))
        made = jobs.Artifact(f"metadata/{lease.step}.json", 1, "0" * 64, "x", jobs.Role.ANALYSIS, lease.step)
        found = tuple(jobs.Clip(rank, rank, rank + 1.0) for rank in range(1, clips + 1))
        outcome = lifecycle.Outcome((made,), found if lease.step == "propose" else ())
        held = self.held(lease)
        try:
            self.run(self.store.commit(lease, outcome))
        except (errors.Aborted, errors.NotFound):
            assert not held
        else:
            assert held
            self.apply(lifecycle.succeeded(self.model[lease.job_id], lease.step, outcome, self.wall_us))

    @stateful.precondition(lambda self: self.leases)
    @stateful.rule(data=st.data(), failure=st.sampled_from(FAILURES))
    def fail(self, data: st.DataObject, failure: jobs.Failure) -> None:
        """Some lease, in force or long lost, brings a failure."""
        lease = data.draw(st.sampled_from(self.leases))
        held = self.held(lease)
        try:
            self.run(self.store.fail(lease, failure, decide))
        except (errors.Aborted, errors.NotFound):
            assert not held
            return
        assert held
        job = self.model[lease.job_id]
        decision = decide(job.step(lease.step), failure)
        self.apply(lifecycle.failed(job, lease.step, failure, decision, self.wall_us))
        if decision.state is jobs.StepState.READY:
            after = self.model[lease.job_id].step(lease.step)
            self.not_before_us[lease.job_id, lease.step] = self.monotonic_us + after.retry_delay_us

    @stateful.precondition(lambda self: self.model)
    @stateful.rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Some job is cancelled."""
        job = self.model[data.draw(st.sampled_from(sorted(self.model)))]
        self.run(self.store.cancel(job.id, "why"))
        if not job.state.ended:
            self.apply(lifecycle.cancelled(job, "why", self.wall_us))

    @stateful.precondition(lambda self: self.model)
    @stateful.rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """Some job is tried again."""
        job = self.model[data.draw(st.sampled_from(sorted(self.model)))]
        full = sum(not item.state.ended for item in self.model.values()) >= JOB_LIMIT
        try:
            self.run(self.store.retry(job.id, JOB_LIMIT))
        except errors.FailedPrecondition:
            assert self.draining or not plan.rerun(job.steps)
        except errors.ResourceExhausted:
            assert full
        else:
            if job.state.ended:
                assert not self.draining
                self.apply(lifecycle.retried(job, self.wall_us))
                if self.due_us.get(job.id, self.monotonic_us + 1) <= self.monotonic_us:
                    del self.due_us[job.id]
                for step in self.model[job.id].steps:
                    self.not_before_us.pop((job.id, step.name), None)
                    if step.state is jobs.StepState.READY and step.retry_delay_us:
                        self.not_before_us[job.id, step.name] = self.monotonic_us + step.retry_delay_us

    @stateful.precondition(lambda self: self.model)
    @stateful.rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Some job is deleted."""
        job = self.model[data.draw(st.sampled_from(sorted(self.model)))]
        try:
            self.run(self.store.delete(job.id))
        except errors.FailedPrecondition:
            assert not job.state.ended
        else:
            assert job.state.ended
            del self.model[job.id], self.told[job.id]
            self.due_us.pop(job.id, None)

    @stateful.rule(seconds=st.integers(1, 5), jump_s=st.integers(-3600, 3600))
    def wait(self, seconds: int, jump_s: int) -> None:
        """Time goes by; the wall clock may jump."""
        self.monotonic_us += seconds * 10**6
        self.wall_us += jump_s * 10**6

    @stateful.rule()
    def expire(self) -> None:
        """Jobs whose deadline has passed end."""
        due = sorted((due_us, job_id) for job_id, due_us in self.due_us.items() if due_us <= self.monotonic_us)
        ended = {job.id for job in self.run(self.store.expire())}
        assert {job_id for _, job_id in due if not self.model[job_id].state.ended} == ended
        for _, job_id in due:
            del self.due_us[job_id]
            if not self.model[job_id].state.ended:
                self.apply(lifecycle.expired(self.model[job_id], self.wall_us))

    @stateful.rule(state=st.sampled_from(list(flow.FlowState)))
    def set_flow(self, state: flow.FlowState) -> None:
        """The queue is paused, emptied or opened."""
        self.run(self.store.set_flow(flow.Flow(state)))
        self.paused, self.draining = state is flow.FlowState.PAUSED, state is flow.FlowState.DRAINING

    @stateful.rule()
    def restart(self) -> None:
        """The manager ends and starts again."""
        self.run(self.store.__aexit__())
        self.open()
        self.queue_begin_us = self.last_arrival_us - self.monotonic_us
        for job_id in self.due_us:
            job = self.model[job_id]
            left_us = max(job.spec.deadline_us - self.wall_us, 0)
            self.due_us[job_id] = self.monotonic_us + min(left_us, job.spec.deadline_us - job.create_us)
        for job in list(self.model.values()):
            names = [step.name for step in job.steps if step.state is jobs.StepState.RUNNING]
            if names:
                self.apply(lifecycle.interrupted(job, names, self.wall_us))
            for step in self.model[job.id].steps:
                if (job.id, step.name) in self.not_before_us and step.state is jobs.StepState.READY:
                    left_us = min(max(step.retry_us - self.wall_us, 0), step.retry_delay_us)
                    self.not_before_us[job.id, step.name] = self.monotonic_us + left_us

    @stateful.invariant()
    def store_equals_model(self) -> None:
        """Every job, and the counts."""
        found = {job.id: job for job in self.run(self.store.page(store.Filter(100)))}
        assert self.model == found
        stats = self.run(self.store.stats())
        states = [step.state for job in self.model.values() for step in job.steps]
        assert (states.count(jobs.StepState.READY), states.count(jobs.StepState.RUNNING)) == (
            stats.ready_steps + stats.waiting_steps,
            stats.running_steps,
        )

    @stateful.invariant()
    def history_leads_to_the_job(self) -> None:
        """The events tell the whole story, in order and without gaps."""
        for job in self.model.values():
            events = self.run(self.store.events(job.id, 0))
            assert self.told[job.id] == events
            assert list(range(1, job.sequence + 1)) == [event.sequence for event in events]
            replayed = lifecycle.blank(job)
            for event in events:
                replayed = jobs.merged(replayed, event)
            assert job == replayed

    @stateful.invariant()
    def nothing_is_stuck(self) -> None:
        """A job that has not ended has something to run, and one that has ended has nothing."""
        for job in self.model.values():
            alive = [step for step in job.steps if step.state in (jobs.StepState.READY, jobs.StepState.RUNNING)]
            assert job.state.ended == (not alive)
            if job.state.ended:
                assert all(step.state.ended for step in job.steps)
            assert dataclasses.replace(job) == job


StoreAgainstModel.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStoreAgainstModel = StoreAgainstModel.TestCase


def against_postgres(server, examples: int) -> None:
    """Compares a PostgreSQL with the model; what equals it in both engines is the same in both."""

    class PostgresAgainstModel(StoreAgainstModel):
        def __init__(self) -> None:
            self.url = server.fresh()
            super().__init__()

        def place(self) -> engines.Engine:
            return postgres.Postgres(self.url, 60)  # each start is another manager

    stateful.run_state_machine_as_test(
        PostgresAgainstModel, settings=settings(StoreAgainstModel.TestCase.settings, max_examples=examples)
    )


def test_postgres_against_model(postgres_server) -> None:
    """The other engine gives the same histories."""
    against_postgres(postgres_server, 3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_postgres_against_model_at_length(postgres_server) -> None:
    """The same in many more stories."""
    against_postgres(postgres_server, int(os.environ.get("REELSMITH_MODEL_STORIES", "100")))


class UnfencedStore(store.Store):
    """Takes every result, whatever its token."""

    @staticmethod
    def holds(step: jobs.Step, lease: jobs.Lease) -> bool:
        """Whatever comes is taken."""
        return True


class UnfencedAgainstModel(StoreAgainstModel):
    """The same comparison with a store that does not check tokens."""

    kind = UnfencedStore


class First:
    """Draws the first of what there is."""

    def draw(self, strategy: st.SearchStrategy) -> object:
        """The first element of what is sampled from."""
        return strategy.wrapped_strategy.elements[0] if hasattr(strategy, "wrapped_strategy") else strategy.elements[0]


@pytest.mark.parametrize("kind", [StoreAgainstModel, UnfencedAgainstModel])
def test_model_notices_a_store_that_takes_late_results(kind: type[StoreAgainstModel]) -> None:
    """The comparison is not blind: without the check of the token it goes red, with it the result is refused."""
    machine = kind()
    try:
        machine.submit(priority=0, kind="clips", start_s=0, deadline_s=0)
        machine.lease(kind=jobs.Kind.PROBE, room=1)
        machine.restart()
        if kind is StoreAgainstModel:
            machine.commit(data=First(), clips=0)
            machine.store_equals_model()
        else:
            with pytest.raises(AssertionError):
                machine.commit(data=First(), clips=0)
    finally:
        machine.teardown()
