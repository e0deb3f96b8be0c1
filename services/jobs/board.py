"""What runs now and who watches: the live side of jobs, kept in memory and lost without harm."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator, Mapping

from services.jobs import clock as clocks
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


class Board:
    """Progress by job and step, and the watchers to wake.

    Args:
        clock: Where times come from.
    """

    def __init__(self, clock: clocks.Clock | None = None) -> None:
        self._clock = clock or clocks.Clock()
        self._live: dict[str, dict[str, jobs.Progress]] = {}  # as many as there are running attempts
        self._paces: dict[str, progresses.Pace] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}  # as many as there are open streams

    def report(self, job_id: str, step: str, progress: jobs.Progress) -> None:
        """Notes how far an attempt has come; only the newest word is kept."""
        self._live.setdefault(job_id, {})[step] = progress
        self.changed(job_id)

    def clear(self, job_id: str, step: str) -> None:
        """Forgets an attempt that has ended."""
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
        return View(job, live, fraction, pace.eta_s(self._clock.monotonic_us() / 1e6, fraction))
