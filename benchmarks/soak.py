"""Whether a suite that works for long grows: slopes of memory, descriptors, threads and temporary files per service.

    python -m benchmarks.soak [--minutes 30] [--warm 10] [--json FILE]

A suite of real processes gets a mixed load, one of each kind at a time: whole jobs (small films, uploads, damaged
files, requests that are wrong, cancelled and deleted ones), probes, watches that break off, downloads, changes of the
configuration, secrets, looks at the suite. Every few seconds /proc is read for each process. After the warm-up a
straight line is fitted to each figure, by Theil and Sen (the median of all slopes between two samples), which no single
peak moves. Beside it stands the control: a process that loses a megabyte a minute, measured in the same way.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator

from reelsmith.analyzer.v1 import analyzer_pb2, analyzer_pb2_grpc
from reelsmith.exporter.v1 import exporter_pb2 as exporter
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import client, discovery, errors
from client import config, gateway
from tests import suites

MEDIA = pathlib.Path(os.environ.get("REELSMITH_TEST_MEDIA", "../shared/media")).resolve() / "real"
FILMS = ("asl_man_3s_h264.mkv", "bbb_5s_vp9_opus.webm", "webcam_vfr_7s_h264.mov", "bbb_1080p60_2s_h264.mp4")
WEIGHT = "analyzer.weights.motion"
SAMPLE_S = 5.0
PAUSE_S = 0.5  # between two rounds of one kind: the load is mixed, not a flood
JOBS_KEPT = 20  # older ones are deleted, as a host that has been set up to run for years does
POINTS_MAX = 300  # that a line is fitted to: the pairs of more would take longer than the soak
LEAK = "import time\nkept=[]\nwhile True: kept.append(bytearray(b'x'*17476)); time.sleep(1)"  # 1 MiB a minute


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """A process at one moment.

    Attributes:
        time_s: When.
        memory: Resident bytes that are its own: what is not mapped from files.
        files: Open descriptors.
        threads: Its threads.
    """

    time_s: float
    memory: int
    files: int
    threads: int


def look(pid: int) -> Look | None:
    """How a process is; None where it is gone."""
    folder = pathlib.Path("/proc") / str(pid)
    try:
        lines = (line.partition(":") for line in (folder / "status").read_text().splitlines())
        told = {name: rest.split() for name, _, rest in lines}
        files = len(os.listdir(folder / "fd"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Look(time.monotonic(), int(told["RssAnon"][0]) * 1024, files, int(told["Threads"][0]))


def slope_per_h(points: list[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs of points, per hour."""
    chosen = points[:: max(1, len(points) // POINTS_MAX)]
    pairs = itertools.combinations(chosen, 2)
    return 3600 * statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if b[0] > a[0])


class Load:
    """Everything that callers do, in rounds.

    Args:
        suite: The suite.
        scratch: A folder for files that are uploaded.
    """

    def __init__(self, suite: suites.Suite, scratch: pathlib.Path) -> None:
        self._suite, self._scratch = suite, scratch
        self._dice = random.Random(8)
        self._jobs: list[str] = []
        self.done: dict[str, int] = {}
        self.failed: dict[str, int] = {}

    @property
    def kinds(self) -> dict[str, Callable[[gateway.Gateway], Awaitable[None]]]:
        """What is done, by name."""
        return {"job": self._job, "upload": self._upload, "refused": self._refused, "cancelled": self._cancelled,
                "probe": self._probe, "broken watch": self._broken_watch, "download": self._download,
                "configuration": self._configuration, "status": self._status}  # fmt: skip

    async def run(self, end_s: float) -> None:
        """All kinds at once, each again and again."""
        async with gateway.connect(self._suite.gateway) as connection:
            await asyncio.gather(*(self._again(name, work, connection, end_s) for name, work in self.kinds.items()))

    async def _again(self, name: str, work: Callable, connection: gateway.Gateway, end_s: float) -> None:
        while time.monotonic() < end_s:
            try:
                await work(connection)
                self.done[name] = self.done.get(name, 0) + 1
            except errors.Error as failure:
                self.failed[f"{name}: {failure.code.name} {failure.reason}"] = self.done.get(name, 0)
            await asyncio.sleep(PAUSE_S)

    def _spec(self, source: str) -> jobs.JobSpec:
        return jobs.JobSpec(
            source_uri=source, count=1, duration_min_s=1, duration_max_s=2, layout=exporter.LAYOUT_LETTERBOX
        )

    async def _ended(self, connection: gateway.Gateway, job: jobs.Job) -> jobs.Job:
        async for event in connection.watch(job.id):
            job = event.job
        self._jobs.append(job.id)
        for old in self._jobs[:-JOBS_KEPT]:
            await connection.delete(old)
        self._jobs = self._jobs[-JOBS_KEPT:]
        return job

    async def _job(self, connection: gateway.Gateway) -> None:
        film = MEDIA / self._dice.choice(FILMS)
        await self._ended(connection, await connection.create_clips(self._spec(film.as_uri())))

    async def _upload(self, connection: gateway.Gateway) -> None:
        damaged = self._scratch / "damaged.mkv"
        content = bytearray((MEDIA / FILMS[0]).read_bytes())
        for _ in range(20):
            content[self._dice.randrange(len(content))] = self._dice.randrange(256)
        damaged.write_bytes(content)
        await self._ended(connection, await connection.create_clips(self._spec(await connection.upload(damaged))))

    async def _refused(self, connection: gateway.Gateway) -> None:
        for source in ("", "file:///no/such/film.mp4", "upload:none"):
            with contextlib.suppress(errors.InvalidArgument, errors.NotFound, errors.FailedPrecondition):
                job = await connection.create_clips(self._spec(source))
                await self._ended(connection, job)

    async def _cancelled(self, connection: gateway.Gateway) -> None:
        job = await connection.create_clips(self._spec((MEDIA / FILMS[3]).as_uri()))
        await asyncio.sleep(self._dice.uniform(0, 2))
        with contextlib.suppress(errors.FailedPrecondition):  # it has ended already
            await connection.cancel(job.id)
        await self._ended(connection, job)

    async def _probe(self, connection: gateway.Gateway) -> None:
        registry = discovery.StaticRegistry({"analyzer": [self._suite.address("analyzer")]})
        async with client.Clients(registry) as clients:
            stub = analyzer_pb2_grpc.AnalyzerServiceStub(clients.channel("analyzer"))
            for film in FILMS:
                await stub.Probe(analyzer_pb2.ProbeRequest(source_uri=(MEDIA / film).as_uri()), timeout=120)

    async def _broken_watch(self, connection: gateway.Gateway) -> None:
        for job_id in self._jobs[-3:]:
            async with contextlib.aclosing(connection.watch(job_id)) as events:
                async for _ in events:
                    break

    async def _download(self, connection: gateway.Gateway) -> None:
        for job_id in self._jobs[-2:]:
            job = await connection.job(job_id)
            for artifact in job.artifacts[:3]:
                await connection.read(job_id, artifact)

    async def _configuration(self, connection: gateway.Gateway) -> None:
        async with config.connect(self._suite.address("config")) as shared:
            await shared.update(
                config.nested("analyzer.weights.motion", self._dice.random()), ["analyzer.weights.motion"]
            )
            await shared.set_secret("soak/one", b"value")
            await shared.secret("soak/one")

    async def _status(self, connection: gateway.Gateway) -> None:
        await connection.status()
        await connection.list_jobs(10)


class Watch:
    """Looks at processes and at what lies in folders for temporary files.

    Args:
        pids: The processes by name.
        folders: The folders by name.
    """

    def __init__(self, pids: dict[str, int], folders: dict[str, pathlib.Path]) -> None:
        self._pids, self._folders = pids, folders
        self.looks: dict[str, list[Look]] = {name: [] for name in pids}
        self.left: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}

    async def run(self, end_s: float) -> None:
        """Looks every few seconds."""
        while time.monotonic() < end_s:
            for name, pid in self._pids.items():
                if found := look(pid):
                    self.looks[name].append(found)
            for name, folder in self._folders.items():
                count = sum(1 for path in folder.rglob("*") if path.is_file())
                self.left[name].append((time.monotonic(), count))
            await asyncio.sleep(SAMPLE_S)

    def rows(self, warm_s: float) -> Iterator[dict[str, object]]:
        """The figures of each process after the warm-up."""
        for name, found in self.looks.items():
            after = [one for one in found if one.time_s >= found[0].time_s + warm_s]
            memory = [(one.time_s, one.memory / 2**20) for one in after]
            yield {
                "process": name,
                "memory_mib": [round(memory[0][1], 1), round(memory[-1][1], 1)],
                "memory_mib_per_h": round(slope_per_h(memory), 2),
                "files": [min(one.files for one in after), max(one.files for one in after), after[-1].files],
                "files_per_h": round(slope_per_h([(one.time_s, one.files) for one in after]), 2),
                "threads": [min(one.threads for one in after), max(one.threads for one in after), after[-1].threads],
                "threads_per_h": round(slope_per_h([(one.time_s, one.threads) for one in after]), 2),
            }


async def soak(minutes: float, warm: float) -> dict[str, object]:
    """Starts a suite, loads it and looks at it."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        root = pathlib.Path(name)
        temporary, scratch = root / "tmp", root / "scratch"
        temporary.mkdir()
        scratch.mkdir()
        environment = {"TMPDIR": str(temporary), "REELSMITH_ANALYZER_CACHE_DIR": str(root / "cache")}
        with suites.running(root / "home", env=environment) as suite:
            pids = {one["name"]: one["pid"] for one in suite.processes()}
            control = await asyncio.create_subprocess_exec(sys.executable, "-c", LEAK)
            try:
                watch = Watch({**pids, "control (leaks 60 MiB/h)": control.pid}, {"temporary files": temporary})
                load, end_s = Load(suite, scratch), time.monotonic() + 60 * minutes
                await asyncio.gather(load.run(end_s), watch.run(end_s))
                restarts = {one["name"]: one["restarts"] for one in suite.processes() if one["restarts"]}
            finally:
                control.kill()
                await control.wait()
            return {
                "minutes": minutes,
                "processes": list(watch.rows(60 * warm)),
                "temporary files": [watch.left["temporary files"][0][1], watch.left["temporary files"][-1][1]],
                "restarts": restarts,
                "done": load.done,
                "failed": load.failed,
            }


def table(found: dict[str, object]) -> Iterator[str]:
    """The figures in Markdown."""
    yield "| process | memory, MiB | MiB/h | descriptors, least / most / last | per h | threads | per h |"
    yield "|---|---|---|---|---|---|---|"
    for row in found["processes"]:
        memory, files, threads = (row[name] for name in ("memory_mib", "files", "threads"))
        yield (
            f"| {row['process']} | {memory[0]} to {memory[1]} | {row['memory_mib_per_h']:+.2f} | "
            f"{' / '.join(map(str, files))} | {row['files_per_h']:+.1f} | {' / '.join(map(str, threads))} | "
            f"{row['threads_per_h']:+.1f} |"
        )
    yield f"\ndone: {found['done']}; failed: {found['failed'] or 'none'}; restarts: {found['restarts'] or 'none'}; "
    yield f"temporary files at first and at last: {found['temporary files']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--warm", type=float, default=10, help="minutes that are not counted")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    found = asyncio.run(soak(arguments.minutes, arguments.warm))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
