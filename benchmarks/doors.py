"""What HTTP costs beside gRPC: the same calls of the same gateway, one after the other and several at once."""

import asyncio
import pathlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable

import httpx
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2

from tests.integration import conftest, doors

CALLS, CALLERS = 400, 8
WARM = 40  # calls before the clock starts


async def latencies_ms(call: Callable[[], Awaitable[object]]) -> list[float]:
    """How long each of many calls takes, one after the other."""
    found = []
    for number in range(WARM + CALLS):
        start_s = time.perf_counter()
        await call()
        if number >= WARM:
            found.append(1000 * (time.perf_counter() - start_s))
    return found


async def per_second(call: Callable[[], Awaitable[object]]) -> float:
    """How many calls are answered in a second by several callers."""

    async def caller() -> None:
        for _ in range(CALLS // CALLERS):
            await call()

    start_s = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return CALLS / (time.perf_counter() - start_s)


async def measured(folder: pathlib.Path) -> None:
    """Prints the figures."""
    async with doors.opened(folder) as door, httpx.AsyncClient(base_url=door.http.base_url) as client:
        job = await door.job()

        async with conftest.channel_of(door.process.address) as channel:
            stub = rpc.ClipServiceStub(channel)

            async def by_grpc() -> jobs_pb2.Job:
                return await stub.GetJob(pb.GetJobRequest(id=job.id))

            async def by_http() -> httpx.Response:
                return await client.get(f"/v1/jobs/{job.id}")

            for name, call in (("gRPC", by_grpc), ("HTTP", by_http), ("gRPC", by_grpc), ("HTTP", by_http)):
                found = sorted(await latencies_ms(call))
                rate = await per_second(call)
                p99 = found[int(0.99 * len(found))]
                print(f"GetJob by {name}: median {statistics.median(found):.2f} ms, p99 {p99:.1f} ms, {rate:.0f}/s")


def main() -> None:
    """Starts a gateway and measures it."""
    with tempfile.TemporaryDirectory(prefix="reelsmith-doors-") as name:
        asyncio.run(measured(pathlib.Path(name)))


if __name__ == "__main__":
    main()
