"""Everything that can happen to a job: each function takes the job as it is and gives what it becomes. Pure.

A change is the new job and the events that tell it. The store writes both in one transaction, or neither.
"""

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Mapping

from services.jobs import forecast, plan, retry
from services.jobs import job as jobs
from services.jobs import spec as specs

INTERRUPTED = jobs.Failure("UNAVAILABLE", "MANAGER_RESTARTED", "The job manager ended while the attempt ran.")
SECOND_US = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A job as it becomes, and the events that lead there."""

    job: jobs.Job
    events: tuple[jobs.Event, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a successful attempt gave: its files under their final names, and what its step found.

    Args:
        artifacts: The files.
        clips: The clips that were proposed.
        note: What is worth knowing about how it was done.
        media_s: Length of the source in seconds, as a probe found it.
        run: How long it took, where that says something about the next one.
    """

    artifacts: tuple[jobs.Artifact, ...] = ()
    clips: tuple[jobs.Clip, ...] = ()
    note: str = ""
    media_s: float | None = None
    run: forecast.Run | None = None


def accepted(
    job_id: str,
    number: int,
    spec: specs.Spec,
    carrier: Mapping[str, str],
    now_us: int,
    tenant: str = specs.TENANT_DEFAULT,
) -> Change:
    """A new job with its first steps, which wait for its start where it names one."""
    steps = plan.scheduled(plan.initial(spec), spec.start_us, now_us)
    job = jobs.Job(job_id, number, spec, jobs.JobState.PENDING, now_us, dict(carrier), steps=steps, tenant=tenant)
    return _change(None, job, now_us, "", "accepted")


def started(job: jobs.Job, name: str, instance: str, now_us: int) -> Change:
    """A lease: the step runs on an instance, under the next token."""
    step = job.step(name)
    running = dataclasses.replace(
        step,
        state=jobs.StepState.RUNNING,
        token=step.token + 1,
        attempts=step.attempts + 1,
        instance=instance,
        start_us=now_us,
        end_us=None,
        retry_us=None,
        retry_delay_us=0,
        note="",
    )
    message = f"{name} started on {instance}, attempt {running.attempts}"
    return _advanced(job, [running], now_us, name, message)


def succeeded(job: jobs.Job, name: str, outcome: Outcome, now_us: int) -> Change:
    """A commit: the step is done, its files count, and the plan grows where it proposed clips."""
    step = job.step(name)
    done = dataclasses.replace(
        step, state=jobs.StepState.SUCCEEDED, error=None, end_us=_end(step, now_us), note=outcome.note,
        media_s=outcome.media_s,
    )  # fmt: skip
    files = {item.path: item for item in (*job.artifacts, *outcome.artifacts)}
    base = dataclasses.replace(job, artifacts=tuple(files[path] for path in sorted(files)))
    steps = _replaced(job.steps, [done])
    if step.kind is jobs.Kind.PROPOSE:
        steps = plan.grown(job.spec, steps, outcome.clips)
    return _advanced(job, steps, now_us, name, ": ".join(filter(None, (f"{name} succeeded", outcome.note))), base)


def failed(
    job: jobs.Job,
    name: str,
    failure: jobs.Failure,
    decision: retry.Decision,
    now_us: int,
    carrier: Mapping[str, str] | None = None,
) -> Change:
    """A failed attempt: the step waits and runs again, or has ended."""
    step = job.step(name)
    again = decision.state is jobs.StepState.READY
    delay_us = round(decision.delay_s * SECOND_US) if again else 0
    after = dataclasses.replace(
        step,
        state=decision.state,
        failures=decision.failures,
        worker_deaths=decision.worker_deaths,
        outages=decision.outages,
        error=failure,
        end_us=_end(step, now_us),
        retry_us=now_us + delay_us if again else None,
        retry_delay_us=delay_us,
        carrier=dict(carrier or {}),
    )
    fate = f"runs again in {decision.delay_s:.1f} s" if again else decision.state.value.lower()
    return _advanced(job, [after], now_us, name, f"{name} attempt {step.attempts}: {failure.message}; {fate}")


def interrupted(job: jobs.Job, names: Collection[str], now_us: int) -> Change:
    """Attempts that ended with their manager: the steps run again, and nothing is held against them."""
    steps = [
        dataclasses.replace(step, state=jobs.StepState.READY, error=INTERRUPTED, end_us=_end(step, now_us))
        for step in job.steps
        if step.name in names
    ]
    return _advanced(
        job, steps, now_us, "", f"{', '.join(names)} interrupted by a restart of the job manager; runs again"
    )


def cancelled(job: jobs.Job, reason: str, now_us: int) -> Change:
    """The end of a job on request: nothing runs any more, finished clips stay."""
    failure = jobs.Failure("CANCELLED", "CANCELLED", reason or "Cancelled on request.")
    return _stopped(job, jobs.JobState.CANCELLED, failure, now_us)


def expired(job: jobs.Job, now_us: int) -> Change:
    """The end of a job at its deadline: nothing runs any more, finished clips stay."""
    text = datetime.datetime.fromtimestamp(job.spec.deadline_us / SECOND_US, datetime.UTC).isoformat(timespec="seconds")
    failure = jobs.Failure("DEADLINE_EXCEEDED", "JOB_DEADLINE", f"The job was not done by its deadline, {text}.")
    clips = [step for step in job.steps if step.clip is not None and step.state is jobs.StepState.SUCCEEDED]
    return _stopped(job, jobs.JobState.PARTIAL if clips else jobs.JobState.FAILED, failure, now_us)


def _stopped(job: jobs.Job, state: jobs.JobState, failure: jobs.Failure, now_us: int) -> Change:
    steps = [
        dataclasses.replace(step, state=jobs.StepState.CANCELLED, retry_us=None, retry_delay_us=0)
        for step in job.steps
        if not step.state.ended
    ]
    done = dataclasses.replace(
        job,
        state=state,
        error=failure,
        end_us=max(now_us, job.create_us),
        steps=_replaced(job.steps, steps),
    )
    return _change(job, done, now_us, "", f"{state.value.lower()}: {failure.message}")


def retried(job: jobs.Job, now_us: int) -> Change:
    """A new try on request: what did not succeed runs again with fresh counters, and what was made from it.

    It waits for its start where the job names one that is still to come.
    """
    names = plan.rerun(job.steps)
    again = [
        dataclasses.replace(
            step, state=jobs.StepState.PENDING, failures=0, worker_deaths=0, outages=0, error=None,
            retry_us=None, retry_delay_us=0,
        )
        for step in job.steps
        if step.name in names
    ]  # fmt: skip
    settled = plan.settled(_replaced(job.steps, again))
    steps = plan.scheduled([step for step in settled if step.name in names], job.spec.start_us, now_us)
    fresh = dataclasses.replace(job, error=None, end_us=None)
    return _advanced(job, steps, now_us, "", "runs again on request", fresh)


def _replaced(steps: Iterable[jobs.Step], changed: Iterable[jobs.Step]) -> tuple[jobs.Step, ...]:
    known = {step.name: step for step in steps} | {step.name: step for step in changed}
    return tuple(sorted(known.values(), key=lambda step: step.position))


def _advanced(
    old: jobs.Job,
    changed: Iterable[jobs.Step],
    now_us: int,
    name: str,
    message: str,
    base: jobs.Job | None = None,
) -> Change:
    """The job with some steps changed, what follows from them, and its end where nothing is left to do."""
    base = base or old
    steps = plan.settled(_replaced(base.steps, changed))
    state, error = plan.outcome(base.spec, steps)
    start_us = base.start_us
    if start_us is None and any(step.attempts for step in steps):
        start_us = now_us
    running = jobs.JobState.PENDING if start_us is None else jobs.JobState.RUNNING
    mid = dataclasses.replace(base, steps=steps, start_us=start_us, state=running)
    change = _change(old, mid, now_us, name, message)
    if not state.ended:
        return change
    done = dataclasses.replace(change.job, state=state, error=error, end_us=max(now_us, base.create_us))
    return _joined(change, _change(change.job, done, now_us, "", state.value.lower()))


def _change(old: jobs.Job | None, new: jobs.Job, now_us: int, name: str, message: str) -> Change:
    new = dataclasses.replace(new, sequence=(old.sequence if old else 0) + 1)
    return Change(new, (jobs.Event(new.sequence, now_us, name, message, jobs.difference(old, new)),))


def _joined(first: Change, second: Change) -> Change:
    return Change(second.job, (*first.events, *second.events))


def _end(step: jobs.Step, now_us: int) -> int:
    return max(now_us, step.start_us or now_us)  # the wall clock may have been set back meanwhile


def blank(job: jobs.Job) -> jobs.Job:
    """The job as it was before its first event: merging its events leads back to it."""
    return dataclasses.replace(
        job, state=jobs.JobState.PENDING, steps=(), artifacts=(), error=None, start_us=None, end_us=None, sequence=0
    )
