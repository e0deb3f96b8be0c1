"""What a flood leaves of a server: goodput, the slowest hundredth of the answers, and who gets them.

A server with a real queue before two places, 40 ms each, is called over gRPC by open-loop clients: at half of what it
can do, at what it can do, and at five times that, half of it batch. The peer is the same server without shedding.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import logging
import multiprocessing
import time

from grpc import aio

from chassis import client, discovery, errors, priority, testing
from chassis.testing import echo

PLACES, SERVICE_S = 2, 0.04
CAPACITY_PER_S = PLACES / SERVICE_S
PATIENCE_S = 0.5  # a later answer is of no use
WARM_S = 1.0  # of each run, not counted
SHEDDING = {"shed_calls_min": 2}
PEER = {"shed_calls_min": 0, "concurrent_calls_max": 100_000}


class Busy(echo.EchoServicer):
    """Works in a few places; who comes waits for one."""

    def __init__(self) -> None:
        super().__init__()
        self._places = asyncio.Semaphore(PLACES)

    async def Add(self, request: echo.Echo, context: aio.ServicerContext) -> echo.Echo:
        """Takes a place for the time of the work."""
        async with self._places:
            await asyncio.sleep(SERVICE_S)
        return echo.Echo(number=request.number)


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """What became of the calls of one run."""

    offered_per_s: float
    goodput_per_s: float
    p50_ms: float
    p99_ms: float
    interactive: float
    refused: int
    late: int

    def __str__(self) -> str:
        return (
            f"{self.offered_per_s:7.0f} {self.goodput_per_s:8.0f} {self.p50_ms:7.0f} {self.p99_ms:7.0f} "
            f"{self.interactive:11.0%} {self.refused:8d} {self.late:6d}"
        )


def serve(pipe: object, changes: dict) -> None:
    """The server, in a process of its own until told to stop."""

    async def main() -> None:
        async with testing.serving([echo.service(Busy())], **changes) as running:
            pipe.send(running.address)
            await asyncio.to_thread(pipe.recv)

    logging.disable(logging.CRITICAL)
    asyncio.run(main())


async def run(address: str, rate_per_s: float, duration_s: float) -> Row:
    """Calls at a fixed rate, every other one batch."""
    answers: list[tuple[bool, float]] = []
    counts = {"refused": 0, "late": 0}
    policy = client.Policy(breaking=None, hedging=False)
    async with client.Clients(discovery.StaticRegistry({"echo": [address]}), policy=policy) as clients:
        await clients.ready("echo")
        stub = echo.EchoStub(clients.channel("echo"))
        start_s = time.monotonic()

        async def one(batch: bool) -> None:
            begin_s = time.monotonic()
            counted = begin_s - start_s > WARM_S
            try:
                await stub.Add(
                    echo.Echo(), timeout=PATIENCE_S, metadata=((priority.KEY, priority.BATCH),) if batch else ()
                )
            except errors.ResourceExhausted:
                counts["refused"] += counted
            except (errors.DeadlineExceeded, errors.Cancelled):  # either side may notice first that it is too late
                counts["late"] += counted
            else:
                if counted:
                    answers.append((batch, time.monotonic() - begin_s))

        async with asyncio.TaskGroup() as group:
            for number in range(int(rate_per_s * (duration_s + WARM_S))):
                await asyncio.sleep(max(0.0, start_s + number / rate_per_s - time.monotonic()))
                group.create_task(one(batch=number % 2 == 1))
        took_s = time.monotonic() - start_s - WARM_S
    latencies = sorted(latency_s for _, latency_s in answers) or [PATIENCE_S]
    return Row(
        rate_per_s,
        len(answers) / took_s,
        1000 * latencies[len(latencies) // 2],
        1000 * latencies[int(0.99 * len(latencies))],
        sum(not batch for batch, _ in answers) / max(1, len(answers)),
        counts["refused"],
        counts["late"],
    )


@contextlib.contextmanager
def server(changes: dict):
    """A running server; its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, changes))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def main() -> None:
    """Prints a table for each of both servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    seconds = parser.parse_args().seconds
    print(f"capacity {CAPACITY_PER_S:.0f}/s, {SERVICE_S * 1000:.0f} ms each")
    for name, changes in (("shedding", SHEDDING), ("everything let in", PEER)):
        with server(changes) as address:
            print(f"{name}\noffered/s  good/s  p50 ms  p99 ms interactive  refused   late")
            for load in (0.5, 1.0, 5.0):
                print(asyncio.run(run(address, load * CAPACITY_PER_S, seconds)))


if __name__ == "__main__":
    main()
