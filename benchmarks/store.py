"""Processor time of the thread that writes the store of jobs, per job accepted and per step leased and committed.

    python benchmarks/store.py

Processor time of one thread says the same on a busy machine, nearly; waiting for the disk is not in it.
"""

import asyncio
import pathlib
import tempfile
import time

from media import sessions
from services.jobs import dispatch, lifecycle, store
from services.jobs import job as jobs
from services.jobs import spec as specs

JOBS, SLOTS, TURNS = 300, 64, 4
SPEC = specs.resolved(specs.Spec(source_uri="file:///dev/null", analyze_only=True))
FILE = jobs.Artifact("metadata/media_info.json", 3, "0" * 64, "application/json", jobs.Role.MEDIA_INFO, "probe")


class Meter:
    """Adds up what commits cost."""

    def __init__(self) -> None:
        self._used_s, self._commit = 0.0, store.Writer.commit
        store.Writer.commit = self._measured(self._commit)

    def _measured(self, commit):
        def measured(writer: store.Writer, batch: list[store.Write]) -> None:
            begin = time.thread_time()
            commit(writer, batch)
            self._used_s += time.thread_time() - begin

        return measured

    def tell(self, what: str, count: int) -> None:
        """Prints what each of some writes cost, and begins anew."""
        print(f"| {what} | {1000 * self._used_s / count:.2f} |", flush=True)
        self._used_s = 0.0


async def accepted(opened: store.Store, prefix: str, together: bool) -> None:
    """Jobs in one call, or in as many calls at the same time."""
    made = [store.Submission(sessions.new_id(), SPEC, f"{prefix}{number}") for number in range(JOBS)]
    calls = [made] if together else [[one] for one in made]
    await asyncio.gather(*(opened.submit(call, {}, 10 * JOBS) for call in calls))


async def measure(folder: pathlib.Path) -> None:
    """Prints the table."""
    meter = Meter()
    print("| write | processor ms |\n|---|---|")
    async with store.Store(folder) as opened:
        await accepted(opened, "batch", together=True)
        meter.tell("job accepted, all in one call", JOBS)
        await accepted(opened, "alone", together=False)
        meter.tell("job accepted, calls at the same time", JOBS)
        for _ in range(TURNS):
            grants, _ = await opened.lease([dispatch.Slot(jobs.Kind.PROBE, "one")] * SLOTS)
            await asyncio.gather(*(opened.commit(grant.lease, lifecycle.Outcome((FILE,))) for grant in grants))
        meter.tell(f"step leased and committed, {SLOTS} at a time", SLOTS * TURNS)
        running: list[store.Grant] = []
        for _ in range(SLOTS):
            busy = frozenset((grant.job.id, grant.lease.step) for grant in running)
            running += (await opened.lease([dispatch.Slot(jobs.Kind.PROBE, "one")], busy))[0]
        meter.tell(f"step leased alone, beside up to {SLOTS} that run", SLOTS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(measure(pathlib.Path(home)))
