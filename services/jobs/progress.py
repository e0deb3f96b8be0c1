"""How far a job has come and when it will be done, from what its own steps show. Pure."""

import collections
import dataclasses
from collections.abc import Mapping

from services.jobs import job as jobs

# Seconds of wall time on two busy cores, for films of 42 and 70 s and clips of 3 to 8 s. Only the shares count.
WEIGHTS: Mapping[jobs.Kind, float] = {
    jobs.Kind.PROBE: 0.25,
    jobs.Kind.ANALYZE: 5.0,
    jobs.Kind.PROPOSE: 0.05,
    jobs.Kind.EXPORT: 8.0,
    jobs.Kind.IMAGES: 0.8,
    jobs.Kind.REPORT: 5.5,
    jobs.Kind.TIMELINES: 0.05,
    jobs.Kind.FETCH: 5.0,  # a guess: networks differ more than films
}
SAMPLES_MAX = 30  # half a minute of history: long enough to be calm, short enough to follow a change of pace
SAMPLE_SPACING_S = 1.0
ETA_SPAN_MIN_S = 3.0  # a shorter look says nothing about the pace
ETA_GAIN_MIN = 0.005  # nor does a smaller step forward
WHOLE = (jobs.JobState.SUCCEEDED, jobs.JobState.PARTIAL)


def fraction(job: jobs.Job, live: Mapping[str, jobs.Progress]) -> float:
    """The share of a job's work that is done, from 0 to 1.

    Args:
        job: The job.
        live: Progress of the attempts that run now, by name of their step.
    """
    if job.state in WHOLE:
        return 1.0
    done = sum(WEIGHTS[step.kind] * _done(job, step, live) for step in job.steps)
    return min(1.0, done / (sum(WEIGHTS[step.kind] for step in job.steps) + _expected(job)))


def _done(job: jobs.Job, step: jobs.Step, live: Mapping[str, jobs.Progress]) -> float:
    if step.state is jobs.StepState.SUCCEEDED:
        return 1.0
    if step.state is jobs.StepState.RUNNING and step.name in live:
        return min(max(live[step.name].fraction, 0.0), 1.0)
    return 1.0 if step.state.ended and not job.state.ended else 0.0  # what failed is no work left, but none done either


def _expected(job: jobs.Job) -> float:
    """Weight of the steps that will join the plan after the proposals."""
    grown = any(step.kind is jobs.Kind.REPORT for step in job.steps)
    if grown or job.spec.analyze_only or job.state.ended:
        return 0.0
    return job.spec.count * WEIGHTS[jobs.Kind.EXPORT] + WEIGHTS[jobs.Kind.IMAGES] + WEIGHTS[jobs.Kind.REPORT]


@dataclasses.dataclass(slots=True)
class Pace:
    """Remembers how a job came along, to tell when it will be done."""

    samples: collections.deque[tuple[float, float]] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=SAMPLES_MAX)
    )

    def eta_s(self, now_s: float, fraction: float) -> float | None:
        """Seconds to the end at the pace of the last half minute; None while it cannot be told.

        Args:
            now_s: Monotonic time in seconds.
            fraction: Share of the work that is done now.
        """
        if self.samples and fraction < self.samples[-1][1]:
            self.samples.clear()  # an attempt began anew: the pace before says nothing about the work that is left
        if not self.samples or now_s - self.samples[-1][0] >= SAMPLE_SPACING_S:
            self.samples.append((now_s, fraction))
        then_s, before = self.samples[0]
        if now_s - then_s < ETA_SPAN_MIN_S or fraction - before < ETA_GAIN_MIN:
            return None
        return (1.0 - fraction) * (now_s - then_s) / (fraction - before)
