"""What runs now and who watches: the live side of jobs, kept in memory and lost without harm."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping

from services.jobs import clock as clocks
from services.jobs import forecast
from services.jobs import job as jobs
from services.jobs import progress as progresses

PACES_MAX = 10_000  # jobs with a remembered pace; the oldest are forgotten and tell their ETA a little later


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """A job as it is this moment: what is stored, and what its running attempts report."""

    job: jobs.Job
    live: Mapping[str, jobs.Progress]
    fraction: float
    eta_s: float | None
    span: forecast.Span | None = None  # the same with its bounds, where past runs tell them


class Board:
    """Progress by job and step, and the watchers to wake.

    Args:
        clock: Where times come from.
    """

    def __init__(self, clock: clocks.Clock | None = None) -> None:
        self._clock = clock or clocks.Clock()
        self._live: dict[str, dict[str, jobs.Progress]] = {}  # as many as there are running attempts
        self._paces: dict[str, progresses.Pace] = {}
        self._begun: dict[tuple[str, str], int] = {}  # monotonic times; as many as there are running attempts
        self._history = forecast.History()
        self._lanes: Callable[[], int] = lambda: 1
        self._watchers: dict[str, set[asyncio.Event]] = {}  # as many as there are open streams

    def recall(self, runs: Iterable[forecast.Run], lanes: Callable[[], int]) -> None:
        """Takes over what earlier lives learned.

        Args:
            runs: Steps that were done, the oldest first.
            lanes: Tells how many clips may be rendered at once.
        """
        self._history, self._lanes = forecast.History(runs), lanes

    def learn(self, run: forecast.Run) -> None:
        """Takes note of how long a step took."""
        self._history.learn(run)

    def begin(self, job_id: str, step: str) -> None:
        """Notes that an attempt begins."""
        self._begun[job_id, step] = self._clock.monotonic_us()

    def report(self, job_id: str, step: str, progress: jobs.Progress) -> None:
        """Notes how far an attempt has come; only the newest word is kept."""
        self._live.setdefault(job_id, {})[step] = progress
        self.changed(job_id)

    def clear(self, job_id: str, step: str) -> None:
        """Forgets an attempt that has ended."""
        self._begun.pop((job_id, step), None)
        steps = self._live.get(job_id, {})
        steps.pop(step, None)
        if not steps:
            self._live.pop(job_id, None)

    def changed(self, job_id: str) -> None:
        """Wakes whoever watches a job."""
        for event in self._watchers.get(job_id, ()):
            event.set()

    def stir(self) -> None:
        """Wakes whoever watches anything."""
        for job_id in self._watchers:
            self.changed(job_id)

    @contextlib.contextmanager
    def watching(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set, inside the block, whenever something about the job is new."""
        event = asyncio.Event()
        self._watchers.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            self._watchers[job_id].discard(event)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    def view(self, job: jobs.Job) -> View:
        """A stored job with its live progress."""
        live = dict(self._live.get(job.id, {}))
        fraction = progresses.fraction(job, live)
        if job.state.ended:
            self._paces.pop(job.id, None)
            return View(job, {}, fraction, None)
        if len(self._paces) >= PACES_MAX and job.id not in self._paces:
            self._paces.pop(next(iter(self._paces)))
        pace = self._paces.setdefault(job.id, progresses.Pace())
        if not any(step.state is jobs.StepState.RUNNING for step in job.steps):
            pace.samples.clear()  # time spent waiting says nothing about the pace of the work
            return View(job, live, fraction, None)
        now_us = self._clock.monotonic_us()
        paced_s, span = pace.eta_s(now_us / 1e6, fraction), self._span(job, live, now_us)
        return View(job, live, fraction, span.mid_s if span else paced_s, span)

    def _span(self, job: jobs.Job, live: Mapping[str, jobs.Progress], now_us: int) -> forecast.Span | None:
        begun = {step.name: self._begun.get((job.id, step.name), now_us) for step in job.steps}
        elapsed_s = {name: (now_us - begun_us) / 1e6 for name, begun_us in begun.items()}
        return forecast.remaining(job, live, elapsed_s, self._history, max(1, self._lanes()))
