"""Gives ready steps to instances with room, and sees every attempt to its end."""

import asyncio
import collections
import contextlib
import dataclasses
import logging
import time
from collections.abc import Awaitable, Mapping

from chassis import errors
from media import sessions
from services.jobs import attempt, dispatch, publication, retry
from services.jobs import job as jobs
from services.jobs import store as stores

IDLE_S = 1.0  # looks again after that long even if nothing woke it: instances may have come
SEARCH_S = 0.1  # looks sooner while some kind of step has no instance at all, as at every start
REFUSED_S = 0.5  # pause where the disk refuses a lease
PENALTY_S = 1.0  # an instance that was gone, silent or busy gets no new step for that long

logger = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class Running:
    """An attempt in progress."""

    grant: stores.Grant
    task: asyncio.Task[retry.Cause | None]
    lost: bool = False  # whether the task only records that the attempt broke


class Scheduler:
    """Leases steps and runs their attempts.

    Args:
        store: The jobs.
        executor: Where steps run.
        attempts: Runs one attempt.
        folder: All sessions.
        limits: Steps of each kind that one instance runs at once.
    """

    def __init__(
        self,
        store: stores.Store,
        executor: attempt.Executor,
        attempts: attempt.Attempts,
        folder: sessions.Sessions,
        limits: Mapping[jobs.Kind, int],
    ) -> None:
        self._store = store
        self._executor = executor
        self._attempts = attempts
        self._sessions = folder
        self._limits = limits
        self._running: dict[tuple[str, str], Running] = {}  # as many as the limits allow
        self._penalties: dict[str, float] = {}  # as many as there are instances
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Looks for work at once."""
        self._wake.set()

    def stop(self, job_id: str) -> None:
        """Stops the attempts at a job that the store has cancelled. One that records its result is refused there."""
        for running in self._running.values():
            if running.grant.job.id == job_id and not self._attempts.settling(running.grant.lease):
                running.task.cancel()

    async def run(self) -> None:
        """Schedules until it is cancelled; then every attempt is cut off, as if the process had been killed."""
        try:
            while True:  # the life of the process
                self._wake.clear()
                self._reap()
                pause_s = await self._dispatch()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
        finally:
            tasks = [running.task for running in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._running.clear()  # the next reign begins anew

    async def _dispatch(self) -> float:
        """Leases as many steps as there is room for; gives the seconds until it is worth to look again."""
        slots, pause_s = self._slots(), self._pause_s()
        if not slots:
            return pause_s
        try:
            grants, waiting_s = await self._store.lease(slots, frozenset(self._running))
        except (errors.ResourceExhausted, errors.Unavailable) as refusal:
            logger.warning("no step can be leased: %s", refusal)
            return REFUSED_S
        for grant in grants:
            self._start(grant)
        return pause_s if waiting_s is None else min(pause_s, max(waiting_s, 0.0))

    def _pause_s(self) -> float:
        return IDLE_S if all(self._executor.instances(kind) for kind in self._limits) else SEARCH_S

    def _start(self, grant: stores.Grant) -> None:
        task = asyncio.create_task(self._attempts.run(grant), name=f"{grant.job.id} {grant.lease.step}")
        task.add_done_callback(lambda _: self.wake())
        self._running[grant.job.id, grant.lease.step] = Running(grant, task)

    def _slots(self) -> list[dispatch.Slot]:
        """Room by kind and instance, the least busy instances first."""
        busy = collections.Counter(running.grant.instance for running in self._running.values())
        taken = collections.Counter(
            (running.grant.job.step(running.grant.lease.step).kind, running.grant.instance)
            for running in self._running.values()
        )
        slots: list[tuple[int, dispatch.Slot]] = []
        for kind, limit in self._limits.items():
            for instance in self._trusted(kind):
                slot = self._slot(kind, instance)
                slots.extend((busy[instance] + place, slot) for place in range(limit - taken[kind, instance]))
        return [slot for _, slot in sorted(slots, key=lambda item: item[0])]

    def _slot(self, kind: jobs.Kind, instance: str) -> dispatch.Slot:
        """Room for a step, with what the instance has and what is left of it where it says so."""
        total = free = self._executor.offer(kind, instance)
        for grant in (running.grant for running in self._running.values()):
            if free is not None and grant.instance == instance:
                free = free.less(self._store.rules.need(grant.job.step(grant.lease.step).kind))
        return dispatch.Slot(kind, instance, total, free)

    def _trusted(self, kind: jobs.Kind) -> list[str]:
        now_s = time.monotonic()
        known = self._executor.instances(kind)
        return [instance for instance in known if self._penalties.get(instance, 0.0) <= now_s]

    def _reap(self) -> None:
        """Takes note of attempts that have ended; one that broke is a bug of ours: it is logged, and the step freed."""
        for key, running in list(self._running.items()):
            if not running.task.done():
                continue
            del self._running[key]
            if running.task.cancelled():
                self._clean(key, running)
            elif (error := running.task.exception()) is not None:
                self._release(key, running, error)
            elif running.task.result() is retry.Cause.OUTAGE:
                self._punish(running.grant.instance)

    def _punish(self, instance: str) -> None:
        now_s = time.monotonic()
        self._penalties = {name: until_s for name, until_s in self._penalties.items() if until_s > now_s}
        self._penalties[instance] = now_s + PENALTY_S

    def _clean(self, key: tuple[str, str], running: Running) -> None:
        """Removes the folder of an attempt that was stopped; the step cannot run again before that is done."""
        grant = running.grant
        work = asyncio.to_thread(publication.withdraw, self._sessions, grant.job.id, {grant.lease.folder})
        self._follow(key, running, work)

    def _release(self, key: tuple[str, str], running: Running, error: BaseException) -> None:
        if running.lost:
            raise error  # not even the failure can be recorded: end, and let the next start recover
        logger.error("an attempt broke", exc_info=error, extra={"job": key[0], "step": key[1]})
        failure = jobs.Failure("INTERNAL", "BROKEN_ATTEMPT", f"The job manager failed: {type(error).__name__}.")
        self._follow(key, running, self._attempts.fail(running.grant, failure))

    def _follow(self, key: tuple[str, str], running: Running, work: Awaitable[None]) -> None:
        async def follow() -> None:
            await work

        task = asyncio.create_task(follow())
        task.add_done_callback(lambda _: self.wake())
        self._running[key] = Running(running.grant, task, lost=True)
