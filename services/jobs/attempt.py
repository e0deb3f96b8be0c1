"""One attempt at a step: the call, the lease that its heartbeat keeps, the publishing of its files, the commit."""

import asyncio
import contextlib
import dataclasses
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from opentelemetry import propagate, trace

import failpoints
from chassis import errors, telemetry
from media import errors as media_errors
from media import sessions
from services.jobs import board as boards
from services.jobs import dispatch, forecast, lifecycle, metrics, publication, retry
from services.jobs import job as jobs
from services.jobs import store as stores

STORE_PAUSE_S = 0.5  # between two tries to write to a disk that refuses: short enough to go on soon after it is freed

logger = logging.getLogger(__name__)
T = TypeVar("T")
Report = Callable[[jobs.Progress | None], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """What an instance is asked to do: a step of a job, with a folder of its own to write to.

    Args:
        job: The job.
        step: The step.
        folder: The folder.
        config_path: The configuration that the job is pinned to, in its session; empty for none.
    """

    job: jobs.Job
    step: jobs.Step
    folder: str
    config_path: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Product:
    """What an instance gave back.

    Args:
        files: Files in the attempt's folder.
        clips: The clips that it proposed.
        note: What is worth knowing about how it was done.
        media_s: Length of the source in seconds, where it was probed and tells one.
        typical: Whether the time that it took says something about the next one.
    """

    files: tuple[publication.File, ...] = ()
    clips: tuple[jobs.Clip, ...] = ()
    note: str = ""
    media_s: float | None = None
    typical: bool = True


class Executor(Protocol):
    """Where steps run."""

    def instances(self, kind: jobs.Kind) -> Sequence[str]:
        """Ids of the instances that can take a step of a kind now."""

    def offer(self, kind: jobs.Kind, instance: str) -> dispatch.Resources | None:
        """What the instance that takes steps of a kind has to give; None where it does not say."""

    async def execute(self, instance: str, task: Task, report: Report) -> Product:
        """Runs a step on an instance; cancelling it stops the work there.

        Args:
            instance: Id of the instance.
            task: What to do.
            report: Called with progress, or with None for a bare sign of life.

        Raises:
            errors.Error: The attempt failed.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """How long an attempt may be silent and may last, and what follows when it fails.

    Args:
        lease_s: Seconds of silence.
        attempt_max_s: Seconds in all.
        policy: How steps are tried again.
        policies: The same for kinds of steps that have a policy of their own.
        budgets: How fast steps are tried again, by service; without a bound where none is named.
    """

    lease_s: float
    attempt_max_s: float
    policy: retry.Policy = dataclasses.field(default_factory=retry.Policy)
    policies: Mapping[jobs.Kind, retry.Policy] = dataclasses.field(default_factory=dict)
    budgets: Mapping[str, retry.Budget] = dataclasses.field(default_factory=dict)

    def decide(self, step: jobs.Step, failure: jobs.Failure, hint_s: float, now_s: float) -> retry.Decision:
        """What becomes of a step after a failed attempt.

        Args:
            step: The step with its counters before this failure.
            failure: Why the attempt failed.
            hint_s: Shortest wait that the server asked for, in seconds.
            now_s: Monotonic time.
        """
        policy = self.policies.get(step.kind, self.policy)
        decision = retry.decide(policy, step, failure, random.random, hint_s)  # jitter, not secrecy
        budget = self.budgets.get(jobs.SERVICES[step.kind])
        if budget is None or decision.state is not jobs.StepState.READY:
            return decision
        return dataclasses.replace(decision, delay_s=max(decision.delay_s, budget.wait_s(now_s)))


class Attempts:
    """Runs attempts.

    Args:
        store: Where results are recorded.
        folder: All sessions.
        executor: Where steps run.
        board: Where progress is shown.
        rules: Lease, deadline and retries.
    """

    def __init__(
        self,
        store: stores.Store,
        folder: sessions.Sessions,
        executor: Executor,
        board: boards.Board,
        rules: Rules,
    ) -> None:
        self._store = store
        self._sessions = folder
        self._executor = executor
        self._board = board
        self._rules = rules
        self._tracer = telemetry.tracer(__name__)
        self._settling: set[jobs.Lease] = set()

    def settling(self, lease: jobs.Lease) -> bool:
        """Whether an attempt has its result and records it: it ends soon, and must not be cut off in the middle."""
        return lease in self._settling

    async def run(self, grant: stores.Grant) -> retry.Cause | None:
        """Runs one attempt to its end, and records how it ended.

        Returns:
            Why it failed; None where it did not, or where nobody wants to know any more.
        """
        step, start_s = grant.job.step(grant.lease.step), time.monotonic()
        self._board.begin(grant.job.id, step.name)
        with self._span(grant, step) as span:
            try:
                product = await self._execute(grant, step)
                in_time = await self.settle(grant, product, start_s)
                metrics.attempted(step.kind, "succeeded" if in_time else "late", time.monotonic() - start_s)
            except (errors.Error, media_errors.MediaError, OSError) as error:
                failure, hint_s = described(error)
                cause = retry.cause(failure)
                span.set_status(trace.StatusCode.ERROR, failure.message)
                metrics.attempted(step.kind, cause.name.lower(), time.monotonic() - start_s)
                await self.fail(grant, failure, hint_s)
                return cause
            finally:
                self._board.clear(grant.job.id, step.name)
        return None

    async def _execute(self, grant: stores.Grant, step: jobs.Step) -> Product:
        """The call, cut off when its heartbeat stops for the length of a lease, or when it lasts too long."""
        if not grant.job.artifacts:  # a job that has files has a folder
            with failpoints.around("jobs.attempt.prepare"):
                await asyncio.to_thread(self._sessions.create, grant.job.id)
        if step.token > 1:
            await asyncio.to_thread(publication.shut_out, self._sessions, grant.lease)
        loop = asyncio.get_running_loop()
        task = Task(grant.job, step, grant.lease.folder)
        try:
            async with asyncio.timeout(self._rules.attempt_max_s), asyncio.timeout(self._rules.lease_s) as lease:

                def heard(progress: jobs.Progress | None) -> None:
                    if not lease.expired():
                        lease.reschedule(loop.time() + self._rules.lease_s)  # the loop's clock never jumps
                    if progress is not None:
                        self._board.report(grant.job.id, step.name, progress)

                return await self._executor.execute(grant.instance, task, heard)
        except TimeoutError as silence:
            raise self._too_late(grant, lease.expired()) from silence

    def _too_late(self, grant: stores.Grant, silent: bool) -> errors.Error:
        if silent:
            return errors.Unavailable(
                f"nothing was heard from {grant.instance} for {self._rules.lease_s:g} s", reason="LEASE_EXPIRED"
            )
        return errors.DeadlineExceeded(
            f"the attempt took longer than {self._rules.attempt_max_s:g} s", reason="ATTEMPT_TOO_LONG"
        )

    async def settle(self, grant: stores.Grant, product: Product, start_s: float | None = None) -> bool:
        """Publishes the files of an attempt and commits it, if its lease is still in force.

        Args:
            grant: Its lease.
            product: What it made.
            start_s: Monotonic time of its begin; None where that is not known.

        Returns:
            Whether it was.

        Raises:
            errors.Error: The files are not what the attempt said.
        """
        self._settling.add(grant.lease)
        try:
            with failpoints.around("jobs.attempt.confirm"):
                if await self._recorded(grant, lambda: self._store.confirm(grant.lease)) is None:
                    return False
            with failpoints.around("jobs.attempt.publish"):
                files = await asyncio.to_thread(publication.published, self._sessions, grant.lease, product.files)
            run = _run(grant, start_s) if start_s is not None and product.typical else None
            outcome = lifecycle.Outcome(files, product.clips, product.note, product.media_s, run)
            with failpoints.around("jobs.attempt.commit"):
                job = await self._recorded(grant, lambda: self._store.commit(grant.lease, outcome))
            metrics.recorded(job, grant.lease.step)
            if job is not None and run is not None:
                self._board.learn(run)
            with failpoints.around("jobs.attempt.tidy"):
                await self._tidy(grant, job, files)
            return job is not None
        finally:
            self._settling.discard(grant.lease)

    async def _tidy(self, grant: stores.Grant, job: jobs.Job | None, files: Sequence[jobs.Artifact]) -> None:
        """Removes what the attempt leaves behind, all of it where its commit was refused."""
        if job is None and not self._store.shared:  # another manager may have published it meanwhile
            known = await self._known(grant.job.id)
            vain = {file.path for file in files} - known
            await asyncio.to_thread(publication.withdraw, self._sessions, grant.job.id, vain)
        await asyncio.to_thread(publication.withdraw, self._sessions, grant.job.id, {grant.lease.folder})
        if job is not None and job.state.ended:
            await asyncio.to_thread(publication.clear, self._sessions, job)

    async def _known(self, job_id: str) -> set[str]:
        try:
            return {item.path for item in (await self._store.get(job_id)).artifacts}
        except errors.NotFound:
            return set()

    async def fail(self, grant: stores.Grant, failure: jobs.Failure, hint_s: float = 0.0) -> None:
        """Records a failed attempt and removes its folder."""
        logger.warning(
            "attempt failed",
            extra={
                "job": grant.job.id,
                "step": grant.lease.step,
                "token": grant.lease.token,
                "failure": failure.message,
            },
        )

        decided: list[retry.Decision] = []  # a disk that refuses has the write repeated, and a decision costs a token

        def decide(step: jobs.Step, failure: jobs.Failure) -> retry.Decision:
            if not decided:
                decided.append(self._rules.decide(step, failure, hint_s, time.monotonic()))
            return decided[0]

        carrier = telemetry.carrier()
        with failpoints.around("jobs.attempt.fail"):
            job = await self._recorded(grant, lambda: self._store.fail(grant.lease, failure, decide, carrier))
        metrics.recorded(job, grant.lease.step)
        await asyncio.to_thread(publication.withdraw, self._sessions, grant.job.id, {grant.lease.folder})

    async def _recorded(self, grant: stores.Grant, write: Callable[[], Awaitable[T]]) -> T | None:
        """Writes until the disk takes it; None where the lease is not in force any more."""
        while True:  # ends when the disk takes it or the process ends; giving up would leave the step running for ever
            try:
                return await write()
            except (errors.Aborted, errors.NotFound) as late:
                logger.warning(
                    "a result came too late: %s", late, extra={"job": grant.job.id, "step": grant.lease.step}
                )
                return None
            except (errors.ResourceExhausted, errors.Unavailable) as refusal:
                logger.warning("the store takes nothing: %s", refusal)
                await asyncio.sleep(STORE_PAUSE_S)

    @contextlib.contextmanager
    def _span(self, grant: stores.Grant, step: jobs.Step) -> Iterator[trace.Span]:
        """A span of the job's trace, linked to the attempt before."""
        attributes: dict[str, str | int] = {
            "job.id": grant.job.id,
            "step": step.name,
            "attempt": step.attempts,
            "fencing_token": step.token,
            "instance": grant.instance,
        }
        if step.clip is not None:
            attributes["clip.rank"] = step.clip.rank
        before = trace.get_current_span(propagate.extract(dict(step.carrier))).get_span_context()
        links = [trace.Link(before)] if step.carrier and before.is_valid else []
        subjects = {name: str(attributes[name]) for name in telemetry.SUBJECTS if name in attributes}
        with (
            telemetry.attach(grant.job.carrier),
            telemetry.about(subjects),
            self._tracer.start_as_current_span(f"step {step.kind.lower()}", attributes=attributes, links=links) as span,
        ):
            yield span


def _run(grant: stores.Grant, start_s: float) -> forecast.Run:
    """How long the step of an attempt took."""
    step = grant.job.step(grant.lease.step)
    return forecast.Run(step.kind, forecast.amount(grant.job, step), time.monotonic() - start_s)


def described(error: errors.Error | media_errors.MediaError | OSError) -> tuple[jobs.Failure, float]:
    """A failure as it is kept, and the shortest wait that the server asked for, in seconds."""
    if isinstance(error, media_errors.MediaError):
        return jobs.Failure(error.code_name, error.reason, error.message, error.metadata), 0.0
    if isinstance(error, OSError):
        return jobs.Failure("UNAVAILABLE", "STORAGE_FAILED", f"the storage of sessions failed: {error}"), 0.0
    return jobs.Failure(error.code.name, error.reason, error.message, error.metadata), error.retry_after_s or 0.0
