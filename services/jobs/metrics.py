"""What the job manager has done and what waits, for Prometheus."""

import asyncio
import logging
from collections.abc import Callable

import prometheus_client

from chassis import errors, telemetry
from services.jobs import clock as clocks
from services.jobs import job as jobs
from services.jobs import store as stores

INTERVAL_S = 5.0  # between two looks at the queue: finer than any scrape, and a look reads three small tables
US_PER_S = 1_000_000
ATTEMPT_BUCKETS_S = (0.1, 0.5, 2, 10, 60, 300, 1800, 7200)  # a proposal takes a blink, a long film hours
JOB_BUCKETS_S = (5, 15, 60, 300, 900, 3600, 14_400, 86_400)  # from a sample to a queue that stood overnight

ATTEMPTS = prometheus_client.Counter(
    "reelsmith_jobs_attempts_total",
    "Attempts at steps that ended, by outcome: succeeded, late (the lease was lost), or why they failed: final (the "
    "request is wrong), death (of a worker), outage (of an instance), fault.",
    ["kind", "outcome"],
)
ATTEMPT_DURATION = prometheus_client.Histogram(
    "reelsmith_jobs_attempt_duration_seconds", "How long attempts took.", ["kind"], buckets=ATTEMPT_BUCKETS_S
)
QUARANTINED = prometheus_client.Counter(
    "reelsmith_jobs_steps_quarantined_total", "Steps given up because they kill their workers: poison.", ["kind"]
)
ENDED = prometheus_client.Counter(
    "reelsmith_jobs_ended_total",
    "Jobs that came to an end by themselves, by state; cancelled ones do not count.",
    ["state"],
)
DURATION = prometheus_client.Histogram(
    "reelsmith_jobs_duration_seconds", "From the acceptance of a job to its end.", buckets=JOB_BUCKETS_S
)
CLIPS = prometheus_client.Counter("reelsmith_clips_made_total", "Clips that were checked, published and committed.")
JOBS = prometheus_client.Gauge("reelsmith_jobs", "Jobs that are kept, by state.", ["state"])
JOB_LIMIT = prometheus_client.Gauge("reelsmith_jobs_unfinished_limit", "Unfinished jobs beyond which more are refused.")
STEPS = prometheus_client.Gauge("reelsmith_jobs_steps", "Steps that could run now or do run.", ["state"])
OLDEST_READY = prometheus_client.Gauge(
    "reelsmith_jobs_oldest_ready_age_seconds", "Age of the step that has waited longest for an instance; 0 for none."
)
NOTICES = prometheus_client.Gauge(
    "reelsmith_jobs_notices",
    "News for webhooks that is kept, by state: waiting for its delivery, or given_up after many tries.",
    ["state"],
)
LEADS = prometheus_client.Gauge("reelsmith_jobs_leads", "Whether this manager leads: 1, or 0 while it stands by.")
STORE_WAITING = prometheus_client.Gauge("reelsmith_jobs_store_writes_waiting", "Writes that wait for the disk.")
STORE_FAILURES = prometheus_client.Counter(
    "reelsmith_jobs_store_looks_failed_total", "Looks at the queue that the store did not answer."
)

ENDS = (jobs.JobState.SUCCEEDED, jobs.JobState.PARTIAL, jobs.JobState.FAILED)

logger = logging.getLogger(__name__)


def attempted(kind: jobs.Kind, outcome: str, seconds: float) -> None:
    """Counts an attempt that has ended, within its span."""
    example = telemetry.exemplar()
    ATTEMPTS.labels(kind.value, outcome).inc(exemplar=example)
    ATTEMPT_DURATION.labels(kind.value).observe(seconds, example)


def recorded(job: jobs.Job | None, step_name: str) -> None:
    """Counts what the end of an attempt has brought about.

    Args:
        job: The job as the end of the attempt left it; None where it came too late.
        step_name: The step.
    """
    if job is None:
        return
    step = job.step(step_name)
    if step.state is jobs.StepState.QUARANTINED:
        QUARANTINED.labels(step.kind.value).inc()
    if step.state is jobs.StepState.SUCCEEDED:
        CLIPS.inc(sum(item.role is jobs.Role.CLIP and item.step == step_name for item in job.artifacts))
    ended(job)


def ended(job: jobs.Job) -> None:
    """Counts a job that came to an end by itself; one that goes on does not count."""
    if job.state.ended and job.end_us is not None:
        ENDED.labels(job.state.value).inc()
        DURATION.observe((job.end_us - job.create_us) / US_PER_S, telemetry.exemplar())


class Queue:
    """Looks at the queue every few seconds.

    Args:
        store: The jobs.
        clock: Where times come from.
        job_limit: Unfinished jobs that are taken.
    """

    def __init__(self, store: stores.Store, clock: clocks.Clock, job_limit: int) -> None:
        self._store = store
        self._clock = clock
        JOB_LIMIT.set(job_limit)
        STORE_WAITING.set_function(lambda: store.writes_waiting)
        for kind in jobs.Kind:  # a counter that begins with its first event shows no increase for it
            QUARANTINED.labels(kind.value)
            ATTEMPTS.labels(kind.value, "succeeded")
        for state in ENDS:
            ENDED.labels(state.value)

    async def run(self, pause: Callable[[float], object] = asyncio.sleep) -> None:
        """Looks again and again; ends when cancelled."""
        while True:  # for the life of the process
            await self.look()
            await pause(INTERVAL_S)

    async def look(self) -> None:
        """Takes the figures once."""
        try:
            stats = await self._store.stats()
        except errors.Error as failure:
            STORE_FAILURES.inc()
            logger.warning("the queue could not be looked at: %s", failure)
            return
        for state in jobs.JobState:
            JOBS.labels(state.value).set(stats.jobs.get(state, 0))
        STEPS.labels(jobs.StepState.READY.value).set(stats.ready_steps)
        STEPS.labels(jobs.StepState.RUNNING.value).set(stats.running_steps)
        NOTICES.labels("waiting").set(stats.notices_waiting)
        NOTICES.labels("given_up").set(stats.notices_given_up)
        oldest_us = stats.oldest_ready_us
        age_us = 0 if oldest_us is None else max(0, self._clock.wall_us() - oldest_us)
        OLDEST_READY.set(age_us / US_PER_S)
