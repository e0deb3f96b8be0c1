"""Which steps a job has, which of them can run, and what the job is given how they ended. Pure.

    (fetch →) probe → analyze → propose → export-1..m → images → timelines → report

Exports and what follows them join the plan when the proposals are there. What follows waits until every export has
ended, not until it has succeeded: one bad clip does not take the others with it. Timelines are made where they are
asked for. Clips that are asked for by time need no proposals, and a manifest that is rendered again no analysis.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from services.jobs import edits
from services.jobs import job as jobs
from services.jobs import spec as specs

RERUN = (
    jobs.StepState.FAILED,
    jobs.StepState.QUARANTINED,
    jobs.StepState.CANCELLED,
    jobs.StepState.SKIPPED,
)


def initial(spec: specs.Spec) -> tuple[jobs.Step, ...]:
    """The steps that are known when a job is accepted."""
    fetch = [jobs.Step("fetch", jobs.Kind.FETCH, 0)] if specs.fetched(spec.source_uri) else []
    needs = tuple(step.name for step in fetch)
    first = [*fetch, jobs.Step("probe", jobs.Kind.PROBE, len(fetch), needs=needs)]
    if spec.manifest_uri:
        return settled([*first, *_exports(spec, _named(spec), after="probe", position=len(first))])
    first.append(jobs.Step("analyze", jobs.Kind.ANALYZE, len(first), needs=("probe",)))
    if clips := _named(spec):
        return settled([*first, *_exports(spec, clips, after="analyze", position=len(first))])
    return settled([*first, jobs.Step("propose", jobs.Kind.PROPOSE, len(first), needs=("analyze",))])


def scheduled(steps: Iterable[jobs.Step], start_us: int, now_us: int) -> tuple[jobs.Step, ...]:
    """The steps with those that can run kept back until a wall time; 0 or a past one keeps back nothing."""
    delay_us = start_us - now_us
    if not start_us or delay_us <= 0:
        return tuple(steps)
    return tuple(
        dataclasses.replace(step, retry_us=start_us, retry_delay_us=delay_us)
        if step.state is jobs.StepState.READY
        else step
        for step in steps
    )


def _named(spec: specs.Spec) -> list[jobs.Clip]:
    """The clips that the caller names; the one of a manifest lies somewhere that only the manifest knows."""
    if spec.edit.get("ranges"):
        return [jobs.Clip(1, *edits.span(spec.edit))]
    if spec.manifest_uri and not spec.clips:
        return [jobs.Clip(1, 0.0, 0.0)]
    return [jobs.Clip(rank, clip.start_s, clip.end_s) for rank, clip in enumerate(spec.clips, 1)]


def grown(spec: specs.Spec, steps: Sequence[jobs.Step], clips: Sequence[jobs.Clip]) -> tuple[jobs.Step, ...]:
    """The steps after the proposals have come; without exports where only an analysis was asked for."""
    if spec.analyze_only:
        return tuple(steps)
    return (*steps, *_exports(spec, clips, after="propose", position=len(steps)))


def _exports(spec: specs.Spec, clips: Sequence[jobs.Clip], after: str, position: int) -> list[jobs.Step]:
    exports = [
        jobs.Step(f"export-{clip.rank}", jobs.Kind.EXPORT, position + index, needs=(after,), clip=clip)
        for index, clip in enumerate(clips)
    ]
    names = tuple(step.name for step in exports)
    following = [("images", jobs.Kind.IMAGES), ("timelines", jobs.Kind.TIMELINES)][: 2 if spec.timelines else 1]
    for name, kind in following if exports else ():
        exports.append(jobs.Step(name, kind, position + len(exports), (after,), follows=names, needs_any=True))
    follows = tuple(step.name for step in exports)
    return [*exports, jobs.Step("report", jobs.Kind.REPORT, position + len(exports), (after,), follows=follows)]


def settled(steps: Iterable[jobs.Step]) -> tuple[jobs.Step, ...]:
    """The steps after every one that waits has become READY or SKIPPED where that is decided."""
    known: dict[str, jobs.Step] = {}
    for step in sorted(
        steps, key=lambda item: item.position
    ):  # a step depends on earlier ones only: one pass is enough
        known[step.name] = _settled(step, known) if step.state is jobs.StepState.PENDING else step
    return tuple(known.values())


def _settled(step: jobs.Step, known: dict[str, jobs.Step]) -> jobs.Step:
    needs = [known[name].state for name in step.needs]
    follows = [known[name].state for name in step.follows]
    if any(state.ended and state is not jobs.StepState.SUCCEEDED for state in needs):
        return dataclasses.replace(step, state=jobs.StepState.SKIPPED)
    if not all(state.ended for state in (*needs, *follows)):
        return step
    if step.needs_any and jobs.StepState.SUCCEEDED not in follows:
        return dataclasses.replace(step, state=jobs.StepState.SKIPPED)
    return dataclasses.replace(step, state=jobs.StepState.READY)


def outcome(spec: specs.Spec, steps: Sequence[jobs.Step]) -> tuple[jobs.JobState, jobs.Failure | None]:
    """What a job is, given its steps, and why it is not whole where it is not."""
    if not all(step.state.ended for step in steps):
        started = any(step.attempts for step in steps)
        return (jobs.JobState.RUNNING if started else jobs.JobState.PENDING), None
    broken = [step for step in steps if step.state is not jobs.StepState.SUCCEEDED]
    exports = [step for step in steps if step.kind is jobs.Kind.EXPORT]
    prepared = not any(step.kind in (jobs.Kind.PROBE, jobs.Kind.ANALYZE, jobs.Kind.PROPOSE) for step in broken)
    if prepared and not exports and not spec.analyze_only:
        return jobs.JobState.FAILED, _nothing_proposed(spec)
    if not broken:
        return jobs.JobState.SUCCEEDED, None
    error = next((step.error for step in broken if step.error), None)
    good = any(step.state is jobs.StepState.SUCCEEDED for step in exports)
    return (jobs.JobState.PARTIAL if good else jobs.JobState.FAILED), error


def _nothing_proposed(spec: specs.Spec) -> jobs.Failure:
    return jobs.Failure(
        code="FAILED_PRECONDITION",
        reason="NO_PROPOSALS",
        message=f"No stretch of the source makes a clip of {_lengths(spec)} seconds.",
    )


def _lengths(spec: specs.Spec) -> str:
    if not spec.durations:
        return f"{spec.duration_min_s:g} to {spec.duration_max_s:g}"
    return ", ".join(f"about {one.target_s:g}" for one in spec.durations)


def rerun(steps: Sequence[jobs.Step]) -> frozenset[str]:
    """Names of the steps that run again on request: what did not succeed, and what was made from it."""
    names: set[str] = set()
    for step in sorted(steps, key=lambda item: item.position):
        if step.state in RERUN or names.intersection((*step.needs, *step.follows)):
            names.add(step.name)
    return frozenset(names)
