"""How long the rest of a job will take, told by how long steps of its kinds took before. Pure.

What a step costs grows with what it works on: seconds of media, clips. Each past run says how long a unit of it took,
and the runs nearest in size say what to expect of the next one: the median, and bounds that eight of ten runs of late
kept. Too few runs say nothing, and then nothing is said: a guess is worse than no word.

A running step is judged by its own progress too, the more the further it is. One that tells no progress has what is
left of those runs that took longer than it has taken already. Bounds of steps are added up as if all were early or all
late together, which holds for the steps of one film on one machine more than the opposite does.
"""

import collections
import dataclasses
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.jobs import job as jobs

RUNS_MAX = 200  # of each kind: a few days of work, so that a new machine or version is learned in time
RUNS_MIN = 5  # fewer have no tenth to leave out on either side
NEAR = 40  # runs of about the same size that are asked: enough for a tenth of them to be four
LOW, MID, HIGH = 0.1, 0.5, 0.9


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A step that was done: how much it worked on (0 where that says nothing), and how long it took."""

    kind: jobs.Kind
    amount: float
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Seconds to an end: as expected, and between what they will lie most often."""

    low_s: float = 0.0
    mid_s: float = 0.0
    high_s: float = 0.0

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low_s + other.low_s, self.mid_s + other.mid_s, self.high_s + other.high_s)


def of(values: Sequence[float]) -> Span:
    """The span of some equally likely values."""
    ordered = sorted(values)
    return Span(*(_quantile(ordered, share) for share in (LOW, MID, HIGH)))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile of the distribution that the values come from: between (n + 1) equally likely gaps."""
    place = min(max(share * (len(ordered) + 1) - 1, 0.0), len(ordered) - 1.0)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class History:
    """Runs of late by kind.

    Args:
        runs: Those that are known, the oldest first.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs: dict[jobs.Kind, collections.deque[Run]] = {
            kind: collections.deque(maxlen=RUNS_MAX) for kind in jobs.Kind
        }
        for run in runs:
            self.learn(run)

    def learn(self, run: Run) -> None:
        """Takes note of a step that was done."""
        self._runs[run.kind].append(run)

    def expected(self, kind: jobs.Kind, amount: float) -> list[float]:
        """Seconds that the next step may take, each as likely as the others; none where too little is known."""
        runs = [run for run in self._runs[kind] if (run.amount > 0) == (amount > 0)]
        if amount > 0:
            runs.sort(key=lambda run: abs(math.log(run.amount / amount)))
        runs = runs[:NEAR]
        if len(runs) < RUNS_MIN:
            return []
        return [run.seconds * (amount / run.amount if amount > 0 else 1.0) for run in runs]


def media_s(job: jobs.Job) -> float:
    """Length of what is analyzed, in seconds; 0 where the probe has not told it."""
    if job.spec.range is not None:
        return job.spec.range.end_s - job.spec.range.start_s
    return next((step.media_s for step in job.steps if step.media_s), 0.0)


def amount(job: jobs.Job, step: jobs.Step) -> float:
    """How much a step works on, in the unit of its kind; 0 where its time does not depend on it, or it is not known."""
    if step.kind in (jobs.Kind.ANALYZE, jobs.Kind.PROPOSE):
        return media_s(job)
    if step.kind is jobs.Kind.EXPORT:
        return max(0.0, step.clip.end_s - step.clip.start_s) if step.clip else 0.0
    if step.kind in (jobs.Kind.IMAGES, jobs.Kind.REPORT):
        return float(sum(one.clip is not None for one in job.steps))
    return 0.0


def remaining(
    job: jobs.Job,
    live: Mapping[str, jobs.Progress],
    elapsed_s: Mapping[str, float],
    history: History,
    lanes: int,
) -> Span | None:
    """Seconds to the end of a job, waits for other jobs not counted; None where too little is known.

    Args:
        job: The job.
        live: Progress of its running attempts, by name of their step.
        elapsed_s: Seconds since these attempts began.
        history: How long steps took.
        lanes: Clips that may be rendered at once.
    """
    alone, together = Span(), list[Span]()
    whole = dataclasses.replace(job, steps=(*job.steps, *_to_come(job)))
    for step, found in _each(whole, live, elapsed_s, history):
        if not found:
            return None
        span = of(found)
        if step.kind is jobs.Kind.EXPORT:
            together.append(span)
        else:
            alone += span
    running = sum(step.kind is jobs.Kind.EXPORT and step.state is jobs.StepState.RUNNING for step in job.steps)
    return alone + _side_by_side(together, running or lanes)


def _each(
    job: jobs.Job, live: Mapping[str, jobs.Progress], elapsed_s: Mapping[str, float], history: History
) -> Iterator[tuple[jobs.Step, list[float]]]:
    """Every step that is not done, and what it may still take."""
    for step in job.steps:
        if step.state.ended:
            continue
        whole = history.expected(step.kind, amount(job, step))
        if step.state is jobs.StepState.RUNNING:
            yield step, _rest(whole, live.get(step.name), elapsed_s.get(step.name, 0.0))
        else:
            yield step, whole


def _rest(whole: Sequence[float], progress: jobs.Progress | None, elapsed_s: float) -> list[float]:
    """What is left of a running step, each value as likely as the others."""
    if progress is None or progress.fraction <= 0:
        return [seconds - elapsed_s for seconds in whole if seconds > elapsed_s]
    left = max(0.0, 1.0 - progress.fraction)
    return [left * (left * seconds + elapsed_s) for seconds in whole]  # at its own pace, the more the further it is


def _side_by_side(spans: Sequence[Span], lanes: int) -> Span:
    """Work that is shared by some lanes: no shorter than its longest piece."""
    if not spans:
        return Span()
    sums = sum(spans, Span())
    longest = Span(*(max(values) for values in zip(*(dataclasses.astuple(span) for span in spans), strict=True)))
    return Span(
        max(sums.low_s / lanes, longest.low_s), max(sums.mid_s / lanes, longest.mid_s),
        max(sums.high_s / lanes, longest.high_s),
    )  # fmt: skip


def _to_come(job: jobs.Job) -> list[jobs.Step]:
    """Steps that will join the plan after the proposals: as many clips as were asked for, of the length asked for."""
    grown = any(step.kind is jobs.Kind.REPORT for step in job.steps)
    if grown or job.spec.analyze_only:
        return []
    lengths = [one.target_s for one in job.spec.durations for _ in range(one.count)]
    usual = statistics.fmean((job.spec.duration_min_s, job.spec.duration_max_s))
    clips = [jobs.Clip(rank, 0.0, length) for rank, length in enumerate(lengths or [usual] * job.spec.count, 1)]
    exports = [jobs.Step(f"export-{clip.rank}", jobs.Kind.EXPORT, 0, clip=clip) for clip in clips]
    kinds = [jobs.Kind.IMAGES, *([jobs.Kind.TIMELINES] if job.spec.timelines else []), jobs.Kind.REPORT]
    return [*exports, *(jobs.Step(kind.lower(), kind, 0) for kind in kinds)]
