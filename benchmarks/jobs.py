"""How fast jobs are accepted and steps run, beside other queues at the same durability.

    python benchmarks/jobs.py [--peers PYTHON] [--rounds N] [--steps N]

Ours is the real way: submitted over gRPC, on disk before the answer, leased, run on an instance over gRPC, its file
written, hashed, published and forced to disk, the result committed. The instance does nothing but write that file. A
job that only analyzes has three steps.

PYTHON is an interpreter with `celery[redis] dramatiq[redis] huey procrastinate psycopg[binary,pool]`, of an environment
of its own; servers of Redis and PostgreSQL are started where they are installed. All are told to be as durable as we
are: Redis with `appendfsync always`, Huey with `fsync`, Celery with late acknowledgement. Each no-op leaves a time;
what is executed per second is told from the first to the last, so no start counts. Runs alternate; the table has
medians.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import grpc
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from chassis import testing

ROOT = pathlib.Path(__file__).resolve().parents[1]
QUEUES = ROOT / "benchmarks" / "queues"
CALLERS = (1, 16, 64)
CALLS = 400  # submissions for each number of callers
STEPS_PER_JOB = 3
BATCH = 200  # jobs in one call
WORKERS = {
    "celery": ["-m", "celery", "-A", "celery_tasks", "worker", "-c", "2", "-l", "error",
               "--without-gossip", "--without-mingle", "--without-heartbeat"],
    "dramatiq": ["-m", "dramatiq", "dramatiq_tasks", "-p", "2", "-t", "8"],
    "huey": ["-m", "huey.bin.huey_consumer", "huey_tasks.huey", "-w", "2", "-k", "thread", "-q", "-d", "0.01"],
    "procrastinate": ["-m", "procrastinate", "-a", "procrastinate_tasks.app", "worker", "-c", "16"],
}  # fmt: skip
NEEDS = {"celery": "redis-server", "dramatiq": "redis-server", "huey": None, "procrastinate": "postgres"}


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], **more) -> Iterator[subprocess.Popen]:
    """A process that is ended with the block."""
    with open(os.environ.get("BENCH_LOG", os.devnull), "a") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True, **more
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def stamps(file: pathlib.Path) -> list[float]:
    """Times that were left."""
    content = file.read_bytes() if file.exists() else b""
    return sorted(value for (value,) in struct.iter_unpack("d", content[: len(content) // 8 * 8]))


def used_s(groups: list[int]) -> float:
    """Processor seconds that the running processes of some groups have used."""
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) in groups:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def executed(file: pathlib.Path, count: int, groups: list[int], timeout_s: float = 120) -> tuple[float, float]:
    """Waits for so many times; tells how many came a second, and the processor time of one in milliseconds."""
    end = time.monotonic() + timeout_s
    first, used_first_s = 0, 0.0
    while len(found := stamps(file)) < count:
        if found and not first:
            first, used_first_s = len(found), used_s(groups)
        if time.monotonic() > end:
            raise TimeoutError(f"{len(found)} of {count} came")
        time.sleep(0.02)
    cost_ms = 1000 * (used_s(groups) - used_first_s) / max(1, count - first)
    return (count - 1) / (found[count - 1] - found[0]), cost_ms


@contextlib.contextmanager
def ours(home: pathlib.Path, settings: dict[str, str] | None = None) -> Iterator[tuple[str, dict[str, str], int]]:
    """A job manager; gives its address, the environment of an instance that it looks for, and its process group."""
    port, instance = testing.free_port(), testing.free_port()
    limits = {f"REELSMITH_JOBS_{kind}_LIMIT": "64" for kind in ("PROBE", "ANALYZE", "PROPOSE")}
    environment = {
        "REELSMITH_DISCOVERY": "static",
        "REELSMITH_STATIC_REGISTRY": f"analyzer=127.0.0.1:{instance};exporter=127.0.0.1:{instance}",
        "REELSMITH_STATE_DIR": str(home / "state"),
        "REELSMITH_SESSIONS_ROOT": str(home),
        "REELSMITH_METRICS_PORT": "0",
        "REELSMITH_LOG_LEVEL": "ERROR",
        "REELSMITH_JOBS_PORT": str(port),
        "REELSMITH_NOOP_PORT": str(instance),
        "STAMPS": str(home / "stamps"),
        **limits,
        **(settings or {}),
    }
    with running([sys.executable, "-m", "services.jobs"], environment, cwd=ROOT) as manager:
        yield f"127.0.0.1:{port}", environment, manager.pid


def request(number: int) -> pb.SubmitJobRequest:
    """One job of three steps."""
    spec = pb.JobSpec(source_uri="file:///dev/null", analyze_only=True)
    return pb.SubmitJobRequest(spec=spec, request_id=f"bench-{number}-{time.monotonic_ns()}")


async def submitted(address: str) -> dict[str, str]:
    """How long callers wait until their job is on disk, one by one and in batches."""
    figures = {}
    async with grpc.aio.insecure_channel(address) as channel:
        stub = rpc.JobServiceStub(channel)
        await stub.GetQueueStats(pb.GetQueueStatsRequest(), wait_for_ready=True, timeout=60)
        for callers in CALLERS:
            waits: list[float] = []

            async def caller(share: int, waits: list[float] = waits) -> None:
                for number in range(share):
                    begin = time.monotonic()
                    await stub.SubmitJob(request(number), timeout=60)
                    waits.append(time.monotonic() - begin)

            begin = time.monotonic()
            await asyncio.gather(*(caller(CALLS // callers) for _ in range(callers)))
            rate = len(waits) / (time.monotonic() - begin)
            waits.sort()
            p50, p99 = (1000 * waits[int(share * (len(waits) - 1))] for share in (0.5, 0.99))
            figures[f"{callers} callers"] = (rate, p50, p99)
        batch = pb.SubmitBatchRequest(requests=[request(number) for number in range(BATCH)])
        begin = time.monotonic()
        await stub.SubmitBatch(batch, timeout=60)
        figures["batch"] = (BATCH / (time.monotonic() - begin), 0.0, 0.0)
    return figures


async def fill(address: str, jobs: int) -> float:
    """Submits jobs from 16 callers; gives how many a second."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = rpc.JobServiceStub(channel)
        await stub.GetQueueStats(pb.GetQueueStatsRequest(), wait_for_ready=True, timeout=60)

        async def caller(first: int) -> None:
            for number in range(first, jobs, 16):
                await stub.SubmitJob(request(number), timeout=60)

        begin = time.monotonic()
        await asyncio.gather(*(caller(first) for first in range(16)))
        return jobs / (time.monotonic() - begin)


def our_run(steps: int) -> tuple[float, ...]:
    """Jobs accepted and steps executed a second, and the processor time of a step in milliseconds."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        ours(pathlib.Path(folder)) as (address, known, manager),
    ):
        accepted = asyncio.run(fill(address, steps // STEPS_PER_JOB))
        with running([sys.executable, "-m", "benchmarks.queues.instance"], known, cwd=ROOT) as instance:
            count = steps // STEPS_PER_JOB * STEPS_PER_JOB
            return accepted, *executed(pathlib.Path(folder) / "stamps", count, [manager, instance.pid])


@contextlib.contextmanager
def servers(home: pathlib.Path, need: str | None) -> Iterator[tuple[dict[str, str], list[int]]]:
    """The server that a peer needs; gives the variables that name it, and its process group."""
    port = testing.free_port()
    if need == "redis-server":
        command = [need, "--port", str(port), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                   "--dir", str(home)]  # fmt: skip
        with running(command, {}) as server:
            time.sleep(1)
            yield {"REDIS": f"redis://127.0.0.1:{port}/0"}, [server.pid]
    elif need == "postgres":
        data, user = home / "data", {"user": "postgres"} if os.getuid() == 0 else {}
        home.chmod(0o777)
        run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", **user}
        subprocess.run(["initdb", "-D", data, "-U", "bench", "-A", "trust"], **run)
        with running(["postgres", "-D", str(data), "-p", str(port), "-k", str(home)], {}, **user) as server:
            time.sleep(2)
            yield {"POSTGRES": f"host=127.0.0.1 port={port} user=bench dbname=postgres"}, [server.pid]
    else:
        yield {"HUEY": str(home / "huey.sqlite3")}, []


def peer_run(python: str, peer: str, steps: int) -> tuple[float, ...]:
    """Tasks enqueued and executed a second, and the processor time of one in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = pathlib.Path(folder)
        with servers(home, NEEDS[peer]) as (names, groups):
            environment = {**names, "STAMPS": str(home / "stamps"), "PYTHONPATH": str(QUEUES)}
            whole = {**os.environ, **environment}
            if peer == "procrastinate":
                command = [python, "-m", "procrastinate", "-a", "procrastinate_tasks.app", "schema", "--apply"]
                subprocess.run(command, env=whole, check=True, capture_output=True)
            command = [python, str(QUEUES / f"{peer}_tasks.py"), str(steps)]
            said = subprocess.run(command, env=whole, check=True, capture_output=True, text=True)
            with running([python, *WORKERS[peer]], environment, cwd=QUEUES) as worker:
                return steps / float(said.stdout), *executed(home / "stamps", steps, [worker.pid, *groups])


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="interpreter with the peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ours(pathlib.Path(folder)) as (address, _, _):
        print("| submitted | jobs/s | p50 ms | p99 ms |\n|---|---|---|---|")
        for name, (rate, p50, p99) in asyncio.run(submitted(address)).items():
            print(f"| {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} |", flush=True)
    able = [peer for peer, need in NEEDS.items() if arguments.peers and (need is None or shutil.which(need))]
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ("reelsmith", *able)}
    for _ in range(arguments.rounds):
        for name, runs in found.items():
            runs.append(
                our_run(arguments.steps) if name == "reelsmith" else peer_run(arguments.peers, name, arguments.steps)
            )
            print(f"{name}: {runs[-1][0]:.0f} enqueued/s, {runs[-1][1]:.0f} executed/s", file=sys.stderr, flush=True)
    print("\n| queue | enqueued/s | executed/s | processor ms per step |\n|---|---|---|---|")
    for name, runs in found.items():
        enqueued, done, cost_ms = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"| {name} | {enqueued:.0f} | {done:.0f} | {cost_ms:.2f} |")


if __name__ == "__main__":
    main()
