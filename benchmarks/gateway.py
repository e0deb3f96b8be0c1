"""What the gateway costs: the same job asked of the job manager itself and through the gateway, tracing at 10 %.

Both run as processes, the job manager on real SQLite; the two ways take turns, so that both meet the same neighbours.
The processor time of both processes for each call says what the clock of a busy machine does not.
"""

import argparse
import asyncio
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable

from grpc import aio
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2, jobs_pb2_grpc

from chassis import testing
from chassis.testing import otlp, process

CALLERS = 8
WARM = 100  # calls of each way before the clock starts
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
Call = Callable[[], Awaitable[object]]


def spent_s(pid: int) -> float:
    """Processor time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


async def latency_ms(call: Call) -> float:
    """How long one call takes."""
    start_s = time.perf_counter()
    await call()
    return 1000 * (time.perf_counter() - start_s)


async def per_second(call: Call, calls: int) -> float:
    """How many calls are answered in a second by several callers."""

    async def caller() -> None:
        for _ in range(calls // CALLERS):
            await call()

    start_s = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return calls / (time.perf_counter() - start_s)


async def compared(ways: dict[str, Call], pids: dict[str, int], calls: int, rounds: int) -> None:
    """Prints both ways side by side."""
    for call in ways.values():
        for _ in range(WARM):
            await call()
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(calls):
        for name, call in ways.items():
            took[name].append(await latency_ms(call))
    rates: dict[str, list[float]] = {name: [] for name in ways}
    spent: dict[str, float] = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, call in ways.items():
            before_s = sum(map(spent_s, pids.values()))
            rates[name].append(await per_second(call, calls))
            spent[name] += sum(map(spent_s, pids.values())) - before_s
    for name in ways:
        median, worst = statistics.median(took[name]), statistics.quantiles(took[name], n=100)[98]
        each_ms = 1000 * spent[name] / (rounds * (calls // CALLERS) * CALLERS)
        rate = statistics.median(rates[name])
        print(
            f"{name:10} p50 {median:6.2f} ms  p99 {worst:6.2f} ms  {rate:6.0f}/s  processors {each_ms:5.2f} ms a call"
        )


async def measured(folder: pathlib.Path, calls: int, rounds: int) -> None:
    """Starts both, and compares."""
    ports = {name: testing.free_port() for name in ("jobs", "gateway")}
    async with (
        otlp.collector() as collector,
        process.running(
            "jobs", "services.jobs", 1, folder, _environment(folder, ports, collector), ports["jobs"]
        ) as one,
        process.running(
            "gateway", "gateway", 1, folder, _environment(folder, ports, collector), ports["gateway"]
        ) as two,
        aio.insecure_channel(one[0].address) as direct,
        aio.insecure_channel(two[0].address) as through,
    ):
        jobs, gateway = jobs_pb2_grpc.JobServiceStub(direct), rpc.ClipServiceStub(through)
        spec = jobs_pb2.JobSpec(source_uri="file:///nothing.mp4", count=3)
        job = await gateway.CreateClips(pb.CreateClipsRequest(spec=spec), timeout=60)
        ways = {
            "directly": lambda: jobs.GetJob(jobs_pb2.GetJobRequest(id=job.id), timeout=60),
            "gateway": lambda: gateway.GetJob(pb.GetJobRequest(id=job.id), timeout=60),
        }
        await compared(ways, {"jobs": one[0].popen.pid, "gateway": two[0].popen.pid}, calls, rounds)


def _environment(folder: pathlib.Path, ports: dict[str, int], collector: otlp.Collector) -> dict[str, str]:
    return {
        "REELSMITH_DISCOVERY": "static",
        "REELSMITH_STATIC_REGISTRY": ";".join(f"{name}=127.0.0.1:{port}" for name, port in ports.items()),
        "REELSMITH_SESSIONS_ROOT": str(folder / "storage"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    }


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="of each way, one after the other; as many a round")
    parser.add_argument("--rounds", type=int, default=3, help="of calls at once")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(pathlib.Path(folder), given.calls, given.rounds))


if __name__ == "__main__":
    main()
