"""How soon a job manager that was killed with a long queue serves again.

    python benchmarks/recovery.py [--jobs N] [--rounds N]

The queue is filled through the store, the manager is started, killed with -9 and started again. Told is the time from
the start of its process until it has answered how long the queue is, until a new job is on disk, and until the first
step of the queue runs on an instance; the processor time that the manager used until then, which says the same on a
busy machine; and both for a bare `import` of its program, which is in all of them.
"""

import argparse
import asyncio
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import grpc
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from benchmarks import jobs as bench
from chassis import testing
from media import sessions
from services.jobs import spec as specs
from services.jobs import store

PATIENCE_S = 120.0  # a slow machine is no failure
BATCH = 1000  # as many as one call may bring
SPEC = specs.resolved(specs.Spec(source_uri="file:///dev/null", analyze_only=True))
COLUMNS = ("answers s", "takes a job s", "runs a step s", "of it processor s", "bare import s", "of it processor s")
QUICK = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 20),
         ("grpc.max_reconnect_backoff_ms", 20)]  # fmt: skip


async def fill(folder: pathlib.Path, jobs: int) -> None:
    """Leaves a store with so many jobs that wait."""
    async with store.Store(folder) as opened:
        for first in range(0, jobs, BATCH):
            many = range(first, min(first + BATCH, jobs))
            made = [store.Submission(sessions.new_id(), SPEC, f"queued-{number}") for number in many]
            await opened.submit(made, {}, 2 * jobs)


async def served(address: str, home: pathlib.Path, begin: float, manager: int) -> tuple[float, float, float, float]:
    """Seconds from a moment until the manager answers, takes a job, and has a step run; and its processor time."""
    stamps = home / "stamps"
    before = len(bench.stamps(stamps))
    async with grpc.aio.insecure_channel(address, options=QUICK) as channel:
        stub = rpc.JobServiceStub(channel)
        stats = await stub.GetQueueStats(pb.GetQueueStatsRequest(), wait_for_ready=True, timeout=PATIENCE_S)
        answered = time.monotonic() - begin
        await stub.SubmitJob(bench.request(0), timeout=60)
        taken = time.monotonic() - begin
        await testing.wait_until(lambda: len(bench.stamps(stamps)) > before, PATIENCE_S, "a step runs")
        print(f"{stats.ready_steps} steps ready", file=sys.stderr)
        return answered, taken, time.monotonic() - begin, bench.used_s([manager])


def imported() -> tuple[float, float]:
    """Seconds that a bare start of the interpreter with the manager's modules takes, and its processor time."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "import services.jobs.__main__"], check=True, cwd=bench.ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(home: pathlib.Path, jobs: int, rounds: int) -> None:
    """Prints the table of a queue of some length."""
    (home / "state").mkdir()
    asyncio.run(fill(home / "state", jobs))
    found: list[tuple[float, ...]] = []
    for _ in range(rounds):
        bare = imported()
        begin = time.monotonic()
        with (
            bench.ours(home, {"REELSMITH_JOBS_JOB_LIMIT": str(2 * jobs + BATCH)}) as (address, known, manager),
            bench.running([sys.executable, "-m", "benchmarks.queues.instance"], known, cwd=bench.ROOT),
        ):
            found.append((*asyncio.run(served(address, home, begin, manager)), *bare))
            os.killpg(manager, signal.SIGKILL)
    figures = [f"{statistics.median(column):.2f}" for column in zip(*found, strict=True)]
    print(f"| {jobs} | {' | '.join(figures)} |", flush=True)


def main() -> None:
    """Prints a table for an empty queue and for a long one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"| queued jobs | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")
    for jobs in (1, arguments.jobs):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            measure(pathlib.Path(folder), jobs, arguments.rounds)


if __name__ == "__main__":
    main()
