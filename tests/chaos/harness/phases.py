"""What is done to the suite. Each phase gives a result: what was tried, what went wrong, and figures."""

import asyncio
import collections
import contextlib
import dataclasses
import errno
import json
import math
import pathlib
import random
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence

from grpc import aio
from reelsmith.config.v1 import config_pb2_grpc as config_rpc
from reelsmith.jobs.v1 import jobs_pb2 as pb

from chassis import testing
from failpoints import names
from tests.chaos.harness import documents, history, images, work
from tests.chaos.harness import lane as lanes
from tests.chaos.harness.lane import WHOLE, Fault, Lane

ROUNDS_PER_FOLDER = 20  # a store is used for some rounds, checked, and thrown away: starts sweep every session
KILLS_PER_FOLDER = 50  # the same for kills at random
LEASE_S = 0.5
MEMORY = pathlib.Path("/dev/shm")  # images are written and thrown away by the hundred
CLEAN_S = 60.0  # until the last sweep has removed what the dead left, on a machine with other work
IMAGES_FINISHED = 5  # images of a run on which a manager is started
SABOTAGED_S = 2.0  # a control does not become right by waiting
WRITES, SYNCS, NAMES = 1, 2, 4  # as in disk.c
KINDS = {"write": WRITES, "fsync": SYNCS, "name": NAMES}
DISK_CALLS = [  # who, on what, which call, and about how many of them the work of a round makes
    ("jobs", "jobs.sqlite3", "write", 120), ("jobs", "jobs.sqlite3", "fsync", 30), ("jobs", "jobs.sqlite3", "name", 3),
    ("jobs", "/sessions/", "fsync", 60), ("jobs", "/sessions/", "name", 60),
    ("fake", "/sessions/", "write", 6), ("fake", "/sessions/", "fsync", 20), ("fake", "/sessions/", "name", 12),
]  # fmt: skip
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
BY_DOCUMENTS = ("media.upload.", "live.", "media.replace.", "media.folder.", "audit.", "key.")
BY_CONFIG = ("config.", "audit.head.", "key.")


@dataclasses.dataclass
class Result:
    """What came of a phase.

    Attributes:
        tried: Faults that were set up.
        fired: Faults that came, as the faulty process wrote down before.
        wrong: What must not happen and did.
        figures: What else is worth to know.
    """

    name: str
    tried: int = 0
    fired: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)
    figures: dict[str, object] = dataclasses.field(default_factory=dict)
    reached: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One round: what is wrong with the manager's lives, and with that of the first fake."""

    manager: tuple[Fault, ...] = ()
    fake: Fault = WHOLE


@dataclasses.dataclass
class Bench:
    """Where phases run.

    Attributes:
        forge: Makes processes.
        folder: For everything that is written.
        seed: Of all chance.
        lanes: Rounds that run side by side.
    """

    forge: lanes.Forge
    folder: pathlib.Path
    seed: int
    lanes: int = 2
    made: int = 0

    def draw(self, name: str) -> random.Random:
        """The chance of a phase."""
        return random.Random(f"{self.seed} {name}")

    def home(self) -> pathlib.Path:
        """A fresh folder."""
        self.made += 1
        home = self.folder / f"home-{self.made:04d}"
        home.mkdir(parents=True)
        return home

    def scratch(self) -> pathlib.Path:
        """A fresh folder in memory, where there is one."""
        return pathlib.Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else self.folder))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many are not above; 0 where there is none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def rules(point: str, hit: int, action: str = "kill") -> Fault:
    """A fault at one hit of a name."""
    return Fault(f"{point}={action}@{hit}")


def torn(lane: Lane) -> list[str]:
    """Files under a final name that are not whole, at this moment."""
    return [str(path.relative_to(lane.disk)) for path in lane.finals() if not history.whole(path)]


async def settled(lane: Lane, patience_s: float = CLEAN_S) -> list[str]:
    """What is wrong with a lane that is left in peace, after the sweep of a last start."""
    wrong = ["never looked at"]
    end = time.monotonic() + patience_s
    async with lane.kept():
        while wrong and time.monotonic() < end:
            await asyncio.sleep(0.05)
            wrong = list(history.wrongs(lane.disk / "state" / "jobs.sqlite3", lane.disk / "sessions"))
    return list(history.wrongs(lane.disk / "state" / "jobs.sqlite3", lane.disk / "sessions"))


async def lively(lane: Lane, key: str) -> None:
    """The work of a round."""
    work.litter(lane, key)
    await work.life(lane, key)


async def rounds(
    bench: Bench, result: Result, cases: Sequence[tuple[str, Case]], budget_s: float,
    sabotage: str = "", per_folder: int = ROUNDS_PER_FOLDER, warm: bool = False,
) -> None:  # fmt: skip
    """Runs cases, some lanes side by side, until all are done or the time is up."""
    end = time.monotonic() + budget_s
    waiting, skipped = collections.deque(enumerate(cases)), []

    async def lane_of_rounds() -> None:
        while waiting and time.monotonic() < end:
            mine = [waiting.popleft() for _ in range(min(per_folder, math.ceil(len(waiting) / bench.lanes)))]
            home = bench.home()
            async with Lane(bench.forge, home, 2, sabotage) as lane:
                lane.on_death.append(lambda lane=lane: result.wrong.extend(f"torn: {path}" for path in torn(lane)))
                if warm:  # a start sweeps only what an earlier life left
                    await one_round(lane, Result("warm"), "warm", "warm", Case())
                while mine and time.monotonic() < end:
                    number, (label, case) = mine.pop(0)
                    await one_round(lane, result, f"round-{number}", label, case)
                result.wrong.extend(await settled(lane, SABOTAGED_S if sabotage else CLEAN_S))
            skipped.extend(mine)
            if not result.wrong:
                shutil.rmtree(home)

    await asyncio.gather(*(lane_of_rounds() for _ in range(bench.lanes)))
    result.figures["left out for want of time"] = len(waiting) + len(skipped)


async def one_round(lane: Lane, result: Result, key: str, label: str, case: Case) -> None:
    """One round: work under faults, then the same work's end in peace."""
    before = len(lane.fired())
    keeper = asyncio.create_task(_fake_kept(lane, case.fake))
    try:
        async with lane.kept(case.manager):
            await lively(lane, key)
    except (AssertionError, TimeoutError, aio.AioRpcError) as error:
        result.wrong.append(f"{label}: {type(error).__name__}: {error}")
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    fired = lane.fired()[before:]
    faults = [fault for fault in (*case.manager, case.fake) if fault.failpoints or fault.disk]
    result.tried += len(faults)
    result.fired += min(len(fired), len(faults))
    result.reached.update(line.split()[0] for line in fired if not line.startswith("disk "))


async def _fake_kept(lane: Lane, fault: Fault) -> None:
    """Keeps the first fake running: one life with the fault, then whole."""
    if fault != WHOLE:
        await lane.fakes[0].kill()
        lane.fakes[0] = await lane.fake(0, fault)
    while True:  # until cancelled
        await lane.fakes[0].ended.wait()
        lane.fakes[0] = await lane.fake(0)


async def census(bench: Bench) -> collections.Counter[str]:
    """How often each failpoint is hit by the work of one round, by process: `jobs NAME` or `fake NAME`."""
    found: collections.Counter[str] = collections.Counter()
    for what in ("jobs", "fake"):
        everything = Fault("*=count")
        case = Case((everything,)) if what == "jobs" else Case(fake=everything)
        async with Lane(bench.forge, bench.home()) as lane:
            await one_round(lane, Result("census"), "first", "", Case())  # so that there is something to sweep
            lane.log.unlink(missing_ok=True)
            await one_round(lane, Result("census"), "census", "census", case)
            found.update(f"{what} {line.split()[0]}" for line in lane.fired())
    return found


def occurrences(counts: collections.Counter[str], draw: random.Random) -> list[tuple[str, str, int]]:
    """Process, name and hit: first hits first, then the others in an order of chance."""
    first = [(*key.split(), 1) for key in sorted(counts)]
    later = [(*key.split(), hit) for key in sorted(counts) for hit in range(2, counts[key] + 1)]
    draw.shuffle(later)
    return [*first, *later]


async def points(bench: Bench, counts: collections.Counter[str], budget_s: float, limit: int) -> Result:
    """kill -9 at each hit of each failpoint, one at a time; at its first hit however long that takes."""
    result, end = Result("points"), time.monotonic() + budget_s
    cases = []
    for what, point, hit in occurrences(counts, bench.draw("points"))[:limit]:
        fault = rules(point, hit)
        case = Case((fault,)) if what == "jobs" else Case(fake=fault)
        cases.append((f"{what} {fault.failpoints}", case))
    await rounds(bench, result, cases[: len(counts)], math.inf, warm=True)
    await rounds(bench, result, cases[len(counts) :], end - time.monotonic(), warm=True)
    result.figures["hits of the work"] = counts.total()
    return result


async def first_starts(bench: Bench) -> Result:
    """kill -9 at the failpoints of a start that finds no store yet."""
    result = Result("first starts")
    cases = [
        (point, Case((rules(point, 1),)))
        for place in ("jobs.lock", "jobs.store.migrate", "jobs.store.write", "jobs.store.commit", "media.folder.make")
        for point in (f"{place}.before", f"{place}.after")
    ]
    await rounds(bench, result, cases, 120, per_folder=1)
    return result


async def pairs(bench: Bench, counts: collections.Counter[str], budget_s: float, limit: int) -> Result:
    """kill -9 at two failpoints: the second in the life that recovers from the first."""
    result, draw = Result("pairs"), bench.draw("pairs")
    known = [key.split()[1] for key in sorted(counts) if key.startswith("jobs ")]
    cases = []
    for _ in range(limit):
        one, two = draw.choice(known), draw.choice(known)
        first = rules(one, draw.randint(1, counts[f"jobs {one}"]))
        second = rules(two, draw.randint(1, min(5, counts[f"jobs {two}"])))
        cases.append((f"{first.failpoints} then {second.failpoints}", Case((first, second))))
    await rounds(bench, result, cases, budget_s)
    return result


async def in_place(bench: Bench, budget_s: float) -> Result:
    """Control: files are written in place instead of renamed."""
    result = Result("control: no rename")
    cases = [("in place", Case((rules("media.link.rename.before", hit),))) for hit in range(1, 6)]
    await rounds(bench, result, cases, budget_s, sabotage="in_place")
    return result


class Load:
    """Jobs that are always in flight, some of them cancelled and run again at any moment."""

    def __init__(self, lane: Lane, draw: random.Random, callers: int) -> None:
        self.lane, self.draw, self.callers = lane, draw, callers
        self.done = self.cancelled = 0
        self.wrong: list[str] = []
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Keeps all callers busy until told to stop."""
        await asyncio.gather(*(self._caller(number) for number in range(self.callers)))

    def stop(self) -> None:
        """No new jobs; those in flight go on to their end."""
        self._stop.set()

    async def _caller(self, number: int) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            try:
                await self._one(f"load-{number}-{turn}", self.draw.random() < 0.5)
            except (AssertionError, TimeoutError, aio.AioRpcError) as error:
                self.wrong.append(f"{type(error).__name__}: {error}")

    async def _one(self, key: str, doubted: bool) -> None:
        if not doubted:
            await work.plain(self.lane, key, {"analyze": {"delay_s": 0.05}})
            self.done += 1
            return
        job = await self.lane.submit(key)
        await asyncio.sleep(self.draw.uniform(0, 0.4))
        await self.lane.ask(self.lane.stub.CancelJob, pb.CancelJobRequest(id=job.id))
        with contextlib.suppress(aio.AioRpcError):  # it had succeeded before
            await self.lane.ask(self.lane.stub.RetryJob, pb.RetryJobRequest(id=job.id))
        events = await self.lane.events(job.id)
        work.require(events[-1].job.state == pb.Job.STATE_SUCCEEDED, f"job {job.id} ended as {events[-1].job.state}")
        self.cancelled += 1


@contextlib.asynccontextmanager
async def loaded(bench: Bench, result: Result, fault: Fault = WHOLE, callers: int = 3) -> AsyncIterator[Lane]:
    """A lane under load inside the block; after it every job has to end, and all is looked at."""
    settings = {"REELSMITH_JOBS_LEASE_S": str(LEASE_S)}
    async with Lane(bench.forge, bench.home(), 2, settings=settings) as lane:
        load = Load(lane, bench.draw(result.name), callers)
        lane.on_death.append(lambda: result.wrong.extend(f"torn: {path}" for path in torn(lane)))
        async with lane.kept([fault] * 10_000 if fault != WHOLE else []):
            keeper = asyncio.create_task(_fake_kept(lane, WHOLE))
            running = asyncio.create_task(load.run())
            yield lane
            load.stop()
            await running
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        result.wrong.extend(load.wrong)
        result.wrong.extend(await settled(lane))
        for name, count in {"jobs": load.done + load.cancelled, "cancelled and run again": load.cancelled}.items():
            result.figures[name] = result.figures.get(name, 0) + count


async def kills(bench: Bench, budget_s: float, limit: int) -> Result:
    """kill -9 of the manager or the first fake at moments of chance, in several lanes at once."""
    result, draw = Result("kills"), bench.draw("kills at")
    end = time.monotonic() + budget_s
    recovered: list[float] = []

    async def one_folder() -> None:
        async with loaded(bench, result) as lane:
            for _ in range(KILLS_PER_FOLDER):
                if time.monotonic() > end or result.tried >= limit:
                    break
                await asyncio.sleep(draw.uniform(0.0, 0.3))
                result.tried += 1
                if draw.random() < 0.3:
                    await lane.fakes[0].kill()
                else:
                    recovered.append(await manager_killed(lane))
                result.fired += 1

    async def many_folders() -> None:
        while time.monotonic() < end and result.tried < limit:  # each turn tries something
            await one_folder()

    await asyncio.gather(*(many_folders() for _ in range(bench.lanes)))
    result.figures["kill to answer p50 s"] = round(percentile(recovered, 0.5), 3)
    result.figures["kill to answer p99 s"] = round(percentile(recovered, 0.99), 3)
    return result


async def manager_killed(lane: Lane) -> float:
    """Kills the manager; gives the seconds until it answers again."""
    begin, starts = time.monotonic(), lane.starts
    await lane.manager.kill()
    await testing.wait_until(lambda: lane.starts > starts, lanes.PATIENCE_S, "the manager is started again")
    await lane.ask(lane.stub.GetQueueStats, pb.GetQueueStatsRequest())
    return time.monotonic() - begin


async def late_results(bench: Bench, count: int, sabotage: str = "") -> Result:
    """Jobs are cancelled while a result is on its way to the store: it comes too late, and is not recorded."""
    result = Result("control: no token check" if sabotage else "late results")
    slow = Fault("media.link.rename.before=delay(1.0)@1+")

    async def one(lane: Lane, number: int) -> None:
        job = await lane.submit(f"late-{number}")
        folder = lane.disk / "sessions" / job.id / "metadata"
        await testing.wait_until(lambda: _publishing(folder), lanes.PATIENCE_S, "a result is being published")
        await lane.ask(lane.stub.CancelJob, pb.CancelJobRequest(id=job.id))
        result.tried += 1

    async with Lane(bench.forge, bench.home(), 2, sabotage) as lane:
        async with lane.kept([slow]):
            await asyncio.gather(*(one(lane, number) for number in range(count)))
            await asyncio.sleep(2.0)  # for results that are on their way
        result.wrong.extend(await settled(lane, SABOTAGED_S if sabotage else CLEAN_S))
        result.fired = (lane.home / "jobs.log").read_text().count("comes too late")
        result.figures["refused as too late"] = result.fired
    return result


def _publishing(folder: pathlib.Path) -> bool:
    """Whether a finished file has its second, temporary name."""
    with contextlib.suppress(FileNotFoundError):
        return any(path.stat().st_nlink > 1 for path in folder.glob(".tmp-*"))
    return False


async def stops(bench: Bench, budget_s: float, limit: int) -> Result:
    """SIGSTOP of the manager or a fake for longer than a lease, while publishing is slow and jobs are cancelled."""
    result, draw = Result("stops"), bench.draw("stops at")
    end = time.monotonic() + budget_s
    while time.monotonic() < end and result.tried < limit:
        slow = Fault("media.link.rename.before=delay(0.05)@1+")
        async with loaded(bench, result, slow, callers=4) as lane:
            lane.log.unlink(missing_ok=True)
            for _ in range(min(25, limit)):
                if time.monotonic() > end or result.tried >= limit:
                    break
                await asyncio.sleep(draw.uniform(0.0, 0.3))
                victim = draw.choice([lane.manager, *lane.fakes])
                victim.signal(signal.SIGSTOP)
                await asyncio.sleep(draw.uniform(1.1, 1.6) * LEASE_S)
                victim.signal(signal.SIGCONT)
                result.tried, result.fired = result.tried + 1, result.fired + 1
    return result


async def disk_errors(bench: Bench, budget_s: float, limit: int) -> Result:
    """The n-th write, fsync or name fails once, of the manager's store, of its files, and of a fake's files."""
    result, draw = Result("disk errors"), bench.draw("disk errors")
    wanted = [
        (what, part, kind, name, hit)
        for what, part, kind, most in DISK_CALLS
        for name in ERRORS
        for hit in range(1, most + 1)
    ]
    draw.shuffle(wanted)
    cases = []
    for what, part, kind, name, hit in wanted[:limit]:
        fault = Fault("", ("disk_fail", "LOG", "ROOT", KINDS[kind], hit, ERRORS[name], "", part))
        case = Case((fault,)) if what == "jobs" else Case(fake=fault)
        cases.append((f"{what}: {kind} {hit} of {part} fails with {name}", case))
    await rounds(bench, result, cases, budget_s)
    return result


async def full_disk(bench: Bench, turns: int) -> Result:
    """Every write fails for a second, then space is there again: accepted jobs are there, and work goes on."""
    result, draw = Result("full disk"), bench.draw("full disk")
    waits: list[float] = []
    for turn in range(turns):
        async with Lane(bench.forge, bench.home()) as lane:
            flag = lane.home / "full"
            disk = ("disk_fail", str(lane.home / "disk.log"), str(lane.disk), WRITES | SYNCS | NAMES, 1,
                    draw.choice([errno.ENOSPC, errno.EIO, errno.EROFS]), str(flag), "")  # fmt: skip
            async with lane.kept([Fault("", disk)]):
                await lane.submit(f"first-{turn}")  # it serves
                running = [asyncio.create_task(work.plain(lane, f"before-{turn}-{number}")) for number in range(3)]
                await asyncio.sleep(draw.uniform(0.05, 0.8))
                flag.touch()
                running.append(asyncio.create_task(work.plain(lane, f"during-{turn}")))
                await asyncio.sleep(1.0)
                flag.unlink()
                begin = time.monotonic()
                try:
                    await work.plain(lane, f"after-{turn}")
                    waits.append(time.monotonic() - begin)
                    await asyncio.gather(*running)
                except (AssertionError, TimeoutError, aio.AioRpcError) as error:
                    result.wrong.append(f"turn {turn}: {type(error).__name__}: {error}")
                result.figures["deaths"] = result.figures.get("deaths", 0) + len(lane.deaths)
            result.tried += 1
            result.fired += (lane.home / "disk.log").exists() and b"disk " in (lane.home / "disk.log").read_bytes()
            result.wrong.extend(await settled(lane))
    result.figures["space to a new job done, longest s"] = round(max(waits, default=0.0), 2)
    return result


TURNS_MIN = 4  # jobs of each caller of a recording; the last of them is seen to its end


@dataclasses.dataclass
class Recording:
    """A run whose disk was written down."""

    lane: Lane
    changes: list[images.Record]
    accepted: list[tuple[int, str]]


async def recorded(bench: Bench, seconds: float, sabotage: str = "") -> Recording:
    """Jobs one after the other for some seconds, with everything that reached the disk and when each was accepted.

    On a slow machine for longer: until each caller has seen a job to its end.
    """
    home = bench.home()
    logs = [home / "jobs.disk", home / "fake.disk"]
    accepted: list[tuple[int, str]] = []
    async with Lane(bench.forge, home) as lane:
        fault = [Fault(sabotage=sabotage, disk=("disk_record", str(log), str(lane.disk))) for log in logs]
        await lane.fakes[0].kill()
        lane.fakes[0] = await lane.fake(0, fault[1])
        async with lane.kept([fault[0]]):
            end = time.monotonic() + seconds

            async def caller(number: int) -> None:
                turn = 0
                while time.monotonic() < end or turn < TURNS_MIN:
                    turn += 1
                    job = await lane.submit(f"cut-{number}-{turn}")
                    accepted.append((time.monotonic_ns(), job.id))
                    if turn % TURNS_MIN == 0:
                        await lane.events(job.id)

            await asyncio.gather(*(caller(number) for number in range(3)))
    return Recording(lane, images.records(*logs), accepted)


async def power_cuts(bench: Bench, seconds: float, count: int, sabotage: str = "", name: str = "power cuts") -> Result:
    """Images of the disk at moments of chance: what was accepted is there, what is recorded has its file."""
    result, draw = Result(name), bench.draw("power cuts")
    recording = await recorded(bench, seconds, sabotage)
    at = images.moments(recording.changes, [when for when, _ in recording.accepted], count, draw)
    red = finished = 0
    target = bench.scratch() / "image"
    for moment, disk in images.played(recording.lane.disk, ("sessions", "state"), recording.changes, at):
        disk.write(target, images.chances(draw))
        wrong = list(_cut(target, [job for when, job in recording.accepted if when <= moment]))
        red += bool(wrong)
        result.wrong.extend(f"image {result.tried}: {one}" for one in wrong[:3])
        result.tried, result.fired = result.tried + 1, result.fired + 1
        images.remove(target)
        await asyncio.sleep(0)
        if not sabotage and not wrong and result.tried % (count // IMAGES_FINISHED) == 0:
            result.wrong.extend(await _finished(bench, disk, draw))
            finished += 1
    target.parent.rmdir()
    result.figures = {
        "red images": red,
        "images whose jobs a manager finished": finished,
        "changes of the disk": len(recording.changes),
        "jobs": len(recording.accepted),
    }
    return result


async def _finished(bench: Bench, disk: images.Disk, draw: random.Random) -> list[str]:
    """What is wrong after a manager was started on an image and had time to end all jobs."""
    home = bench.home()
    disk.write(home / "disk", images.chances(draw))
    async with Lane(bench.forge, home) as lane:
        return await settled(lane)


def _cut(image: pathlib.Path, accepted: Iterable[str]) -> Iterable[str]:
    database = image / "state" / "jobs.sqlite3"
    accepted = list(accepted)
    if not database.exists():
        yield from (f"job {job} was accepted and is lost with its store" for job in accepted)
        return
    kept, wrong = history.kept(database, image / "sessions")
    yield from (f"job {job} was accepted and is lost" for job in accepted if job not in kept)
    yield from wrong


async def documents_killed(bench: Bench, limit: int) -> Result:
    """kill -9 at every hit of every failpoint of uploads and of documents that are followed."""
    result = Result("uploads and documents")
    expected = documents.expected()
    for point in sorted(names.ALL):
        if not point.startswith(BY_DOCUMENTS):
            continue
        for hit in range(1, limit + 1):
            home = bench.home()
            if not await _documents_round(bench, result, home, rules(point, hit), expected):
                break
    return result


async def _documents_round(bench: Bench, result: Result, home: pathlib.Path, fault: Fault, expected: str) -> bool:
    log = home / "failpoints.log"
    armed = {"REELSMITH_FAILPOINTS": fault.failpoints, "REELSMITH_FAILPOINTS_LOG": str(log)}
    for life in ({**armed}, {"REELSMITH_FAILPOINTS": "", "REELSMITH_FAILPOINTS_LOG": ""}):
        environment = {"DOCUMENTS_ROOT": str(home), **life}
        process = await bench.forge.make(what="documents", log=str(home / "log"), environment=environment)
        await asyncio.wait_for(process.ended.wait(), lanes.PATIENCE_S)
        if not work.live_document_whole(home / "live.json"):
            result.wrong.append(f"{fault.failpoints}: the document is torn")
    fired = _note(result, log)
    good = (home / "done").exists() and expected == (home / "upload-done").read_text()
    if not good or json.loads((home / "live.json").read_text())["version"] != 5:
        result.wrong.append(f"{fault.failpoints}: {(home / 'log').read_text()[-500:]}")
    return fired


def _note(result: Result, log: pathlib.Path) -> bool:
    """Counts what a log says; returns whether it says anything."""
    lines = log.read_text().splitlines() if log.exists() else []
    result.tried, result.fired = result.tried + bool(lines), result.fired + bool(lines)
    result.reached.update(line.split()[0] for line in lines)
    return bool(lines)


async def configuration_killed(bench: Bench, budget_s: float) -> Result:
    """kill -9 at every hit of every failpoint of the configuration service; at the first however long that takes."""
    result = Result("configuration")
    end = time.monotonic() + budget_s
    hits = {point: 0 for point in sorted(names.ALL) if point.startswith(BY_CONFIG)}
    while hits:  # each turn is one hit later, and the time ends it
        for point in list(hits):
            hits[point] += 1
            late = hits[point] > 1 and time.monotonic() > end
            if late or not await _configuration_round(bench, result, rules(point, hits[point])):
                del hits[point]
    return result


async def _configuration_round(bench: Bench, result: Result, fault: Fault) -> bool:
    home, port = bench.home(), testing.free_port()
    log = home / "failpoints.log"

    async def start(text: str) -> lanes.Process:
        environment = {
            "REELSMITH_FAILPOINTS": text, "REELSMITH_FAILPOINTS_LOG": str(log), "REELSMITH_CONFIG_PORT": str(port),
            "REELSMITH_STATE_DIR": str(home / "state"), "REELSMITH_SESSIONS_ROOT": str(home),
            "REELSMITH_DISCOVERY": "static", "REELSMITH_LAME_DUCK_S": "0", "REELSMITH_METRICS_PORT": "0",
        }  # fmt: skip
        return await bench.forge.make(what="config", log=str(home / "log"), environment=environment)

    process = await start(fault.failpoints)
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=lanes.QUICK) as channel:
        asked = work.Configuration(config_rpc.ConfigServiceStub(channel))

        async def keep() -> None:
            nonlocal process
            while True:  # until cancelled
                await process.ended.wait()
                process = await start("")

        keeper = asyncio.create_task(keep())
        try:
            for value in (2, 3):
                await asked.change(value)
                await asked.hide(b"secret %d" % value)
            await process.kill()
            await asked.check()
        except (AssertionError, aio.AioRpcError) as error:
            result.wrong.append(f"{fault.failpoints}: {type(error).__name__}: {error}")
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await process.kill()
    return _note(result, log)


async def counted(bench: Bench, result: Result, what: str) -> None:
    """Which failpoints the work of a process passes that has no manager: `documents` or `config`."""
    everything = Fault("*=count")
    if what == "documents":
        await _documents_round(bench, result, bench.home(), everything, documents.expected())
    else:
        await _configuration_round(bench, result, everything)


async def poison(bench: Bench, jobs: int) -> Result:
    """Jobs that kill whoever works on them, among good ones: quarantined after three deaths, the others done."""
    result = Result("poison")
    deadly = {"analyze": {"code": "UNAVAILABLE", "reason": "CRASHED"}}

    async def one(lane: Lane, number: int) -> None:
        if number % 20:
            await work.plain(lane, f"good-{number}")
            return
        job = await lane.submit(f"poison-{number}", deadly)
        steps = {step.name: step for step in (await lane.events(job.id))[-1].job.steps}
        found = (steps["analyze"].state, steps["analyze"].worker_deaths, steps["analyze"].attempts)
        result.tried, result.fired = result.tried + 1, result.fired + 1
        work.require(
            found == (pb.Step.STATE_QUARANTINED, 3, 3), f"poison job {job.id}: state, deaths, attempts {found}"
        )

    async with Lane(bench.forge, bench.home(), 2) as lane, lane.kept():
        done = await asyncio.gather(*(one(lane, number) for number in range(jobs)), return_exceptions=True)
        result.wrong.extend(f"{type(one).__name__}: {one}" for one in done if isinstance(one, Exception))
    result.figures["good jobs done"] = sum(one is None for one in done) - result.tried
    return result


async def overload(bench: Bench, seconds: float, limit: int = 60, callers: int = 16) -> Result:
    """Far more jobs than the queue takes: what is accepted gets done, the rest is refused at once."""
    result = Result("overload")
    refused: list[float] = []
    accepted: list[str] = []
    settings = {"REELSMITH_JOBS_JOB_LIMIT": str(limit)}
    async with Lane(bench.forge, bench.home(), 2, settings=settings) as lane, lane.kept():
        first = await work.plain(lane, "first")
        before = _memory(lane)
        end = time.monotonic() + seconds

        async def caller(number: int) -> None:
            turn = 0
            source = (lane.home / "source-first.json").as_uri()
            spec = pb.JobSpec(source_uri=source, count=1, duration_min_s=1, duration_max_s=3)
            while time.monotonic() < end:
                turn, begin = turn + 1, time.monotonic()
                request = pb.SubmitJobRequest(spec=spec, request_id=f"over-{number}-{turn}")
                try:
                    accepted.append((await lane.stub.SubmitJob(request, timeout=10)).id)
                except aio.AioRpcError as error:
                    refused.append(time.monotonic() - begin)
                    if error.code().name != "RESOURCE_EXHAUSTED":
                        result.wrong.append(f"refused by {error.code().name}: {error.details()}")

        await asyncio.gather(*(caller(number) for number in range(callers)))
        grown = _memory(lane) - before
        last = await asyncio.gather(*(lane.events(job) for job in accepted))
        lost = [events[-1].job.id for events in last if events[-1].job.state != pb.Job.STATE_SUCCEEDED]
        result.wrong.extend(f"job {job} was accepted and not done" for job in lost)
    result.tried, result.fired = len(accepted) + len(refused), len(refused)
    result.figures = {
        "accepted": len(accepted), "refused": len(refused),
        "refusal p50 ms": round(percentile(refused, 0.5) * 1000, 1),
        "refusal p99 ms": round(percentile(refused, 0.99) * 1000, 1),
        "memory grown MB": round(grown / 1e6, 1),
    }  # fmt: skip
    assert first
    return result


def _memory(lane: Lane) -> int:
    pages = int(pathlib.Path(f"/proc/{lane.manager.pid}/statm").read_text().split()[1])
    return pages * 4096
