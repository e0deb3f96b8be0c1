"""The wall clock of all processes is set by an hour or a day while jobs run, fail and wait: nobody may notice."""

import asyncio
import collections
import contextlib
import pathlib
import random
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from google.protobuf import timestamp_pb2
from grpc import aio
from reelsmith.jobs.v1 import jobs_pb2 as pb

from tests.chaos.harness import lane as lanes
from tests.chaos.harness import phases, work
from tests.chaos.harness.lane import Lane

LEASE_S = 5.0  # of the running attempts, and the longest delay that a jump may cost
HOUR_S, DAY_S = 3600, 86_400
OFFSETS_S = (0, HOUR_S, -HOUR_S, DAY_S, -DAY_S)
START_S = 1.0  # a scheduled job starts so long after it was accepted
EARLY_S = 0.2  # it may seem to start so much sooner: its time is that of a message on its way
RUNS = {"analyze": {"delay_s": 0.6}}
FAILS = {"analyze": {"delay_s": 0.1, "code": "UNAVAILABLE", "reason": "AWAY", "times": 1}}
STUCK_S = 10.0  # a control does not come to its end by waiting


class Clock:
    """The wall clock that the processes of a lane see.

    Args:
        file: Where its offset stands, as `clock.c` reads it.
    """

    def __init__(self, file: pathlib.Path) -> None:
        self.file, self.offset_s = file, 0
        self.still = asyncio.Lock()  # who holds it has a clock that does not jump
        self.set(0)

    def set(self, offset_s: int) -> None:
        """Sets it, for all processes at once: eight bytes in one page change together."""
        self.offset_s = offset_s
        with self.file.open("r+b" if self.file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("q", offset_s * 10**9))

    def now_s(self) -> float:
        """What it shows."""
        return time.time() + self.offset_s


class Work:
    """One kind of job after another, each looked at: how long it took, and how often its steps were tried."""

    def __init__(self, lane: Lane, clock: Clock, patience_s: float) -> None:
        self.lane, self.clock, self.patience_s = lane, clock, patience_s
        self.took: dict[str, list[float]] = collections.defaultdict(list)
        self.attempts: collections.Counter[tuple[str, int]] = collections.Counter()
        self.offsets: collections.Counter[int] = collections.Counter()
        self.wrong: list[str] = []
        self._made = 0

    async def during(self, seconds: float) -> None:
        """Two callers for each kind for some seconds; what they began is seen to its end."""
        end = time.monotonic() + seconds
        kinds = {"runs": self._runs, "fails once": self._fails, "is scheduled": self._scheduled}
        await asyncio.gather(*(self._caller(kind, one, end) for kind, one in kinds.items() for _ in range(2)))

    async def _caller(self, kind: str, one: Callable[[str], Awaitable[float]], end: float) -> None:
        while time.monotonic() < end:
            self._made += 1
            try:
                self.took[kind].append(await one(f"clock-{self._made}"))
            except (AssertionError, TimeoutError, aio.AioRpcError) as error:
                self.wrong.append(f"a job that {kind}: {type(error).__name__}: {error}")

    async def _runs(self, key: str) -> float:
        return await self._ended(await self.lane.submit(key, RUNS), "runs")

    async def _fails(self, key: str) -> float:
        return await self._ended(await self.lane.submit(key, FAILS), "fails once")

    async def _scheduled(self, key: str) -> float:
        async with self.clock.still:
            start = timestamp_pb2.Timestamp()
            start.FromNanoseconds(round((self.clock.now_s() + START_S) * 10**9))
            begin = time.monotonic()
            job = await self.lane.submit(key, start_time=start)
        took = await self._ended(job, "is scheduled")
        work.require(time.monotonic() - begin > START_S - EARLY_S, f"job {job.id} ended before it was to start")
        return took

    async def _ended(self, job: pb.Job, kind: str) -> float:
        begin = time.monotonic()
        async with asyncio.timeout(self.patience_s):
            events = await self.lane.events(job.id, self.patience_s)
        took, last = time.monotonic() - begin, events[-1].job
        work.require(last.state == pb.Job.STATE_SUCCEEDED, f"job {job.id} ended as {last.state}: {last.error.message}")
        for event in events:
            off_s = event.time.seconds - time.time()
            self.offsets[min(OFFSETS_S, key=lambda offset: abs(offset - off_s))] += 1
        for step in last.steps:
            self.attempts[f"{kind}: {step.name}", step.attempts] += 1
            work.require(
                step.end_time.ToNanoseconds() >= step.start_time.ToNanoseconds(),
                f"{step.name} of job {job.id} ended before it began",
            )
        return took


@contextlib.asynccontextmanager
async def jumping(clock: Clock, lane: Lane, result: phases.Result, draw: random.Random, kills: bool) -> AsyncIterator:
    """Sets the clock again and again inside the block, and kills the manager now and then where asked to."""

    async def jump() -> None:
        while True:  # until cancelled
            await asyncio.sleep(draw.uniform(0.1, 0.6))
            async with clock.still:
                clock.set(draw.choice([offset for offset in OFFSETS_S if offset != clock.offset_s]))
                result.tried += 1
            if kills and draw.random() < 0.3:
                await phases.manager_killed(lane)
                await asyncio.sleep(2 * START_S)  # a wait may begin anew with every start: leave it the time to end

    task = asyncio.create_task(jump())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        clock.set(0)


async def clock_jumps(
    bench: phases.Bench, seconds: float, sabotage: str = "", kills: bool = False, slack_s: float = LEASE_S
) -> phases.Result:
    """Jobs run, fail and wait for their time while the clock jumps.

    Args:
        bench: Where it runs.
        seconds: Of calm, and of jumps, each.
        sabotage: A protection that is missing.
        kills: Whether the manager is killed too; without, no step may be tried more often than its orders want.
        slack_s: How much longer than the slowest job of the calm a job may take.
    """
    result = phases.Result("control: leases on the wall clock" if sabotage else "clock jumps")
    result.name += " and kills" if kills else ""
    home, settings = bench.home(), {"REELSMITH_JOBS_LEASE_S": str(LEASE_S)}
    clock = Clock(home / "clock")
    async with Lane(bench.forge, home, 2, sabotage, settings, clock.file) as lane:
        async with lane.kept():
            calm = Work(lane, clock, lanes.PATIENCE_S)
            await calm.during(seconds)
            wild = Work(lane, clock, STUCK_S if sabotage else lanes.PATIENCE_S)
            wild._made = calm._made
            async with jumping(clock, lane, result, bench.draw(result.name), kills):
                await wild.during(seconds)
        result.wrong.extend([*calm.wrong, *wild.wrong])
        result.wrong.extend(await phases.settled(lane, phases.SABOTAGED_S if sabotage else phases.CLEAN_S))
    delays = {kind: max(took) - max(calm.took[kind], default=0.0) for kind, took in wild.took.items() if took}
    if not kills:  # deaths cost time and attempts of their own
        late = {kind: delay_s for kind, delay_s in delays.items() if delay_s > slack_s}
        result.wrong.extend(f"a job that {kind} took {late[kind]:.1f} s longer than without jumps" for kind in late)
        most = dict(sorted(calm.attempts))  # the most often comes last
        more = [(name, times) for name, times in wild.attempts if times > most.get(name, 0)]
        result.wrong.extend(f"{name} was tried {times} times" for name, times in more)
    seen = [offset for offset in OFFSETS_S if wild.offsets[offset]]
    result.fired = result.tried if len(seen) > 1 else 0
    result.figures = {
        "jobs": sum(len(took) for took in wild.took.values()),
        "clocks that events were stamped by": len(seen),
        "longest delay s": round(max(delays.values(), default=0.0), 2),
    }
    return result
