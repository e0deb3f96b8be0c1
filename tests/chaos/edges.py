"""A suite in which a proxy stands on each edge of the call graph: `python -m tests.chaos.edges FILM` prints the matrix.

Each of eight toxics is put on each edge, for as long as calls need that go over it; then it heals. A job that was under
way has to end with the same bytes as one that met no fault.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator

from google.protobuf import duration_pb2
from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2

from chassis import client, discovery, errors, testing
from chassis.testing import process
from tests.chaos import proxy

MODULES = {
    "config": "services.config",
    "analyzer": "services.analyzer",
    "exporter": "services.exporter",
    "jobs": "services.jobs",
    "gateway": "gateway",
}
CALLS = {
    "analyzer": ("config",),
    "exporter": ("config",),
    "jobs": ("analyzer", "exporter", "config"),
    "gateway": ("jobs", "analyzer", "config"),
    "client": ("gateway", "config"),
}  # who calls whom
EDGES = tuple((caller, called) for caller, others in CALLS.items() for called in others)
WORK = {("jobs", "analyzer"), ("jobs", "exporter")}  # edges that a job goes over
DEADLINE_S = 3.0  # of a call
LATE_S = 30.0  # beyond it nothing is excused: a busy machine needs seconds, a hang has no end
CALLS_AT_ONCE = 8
HOLD_S = 2.0  # for which a step stays in the fault
HEALED_S = 120.0  # for the first good answer after healing; figures of a free machine are in benchmarks/README.md
JOB_S = 240.0  # of a job that takes seconds, on a busy machine with a fault in the middle


@dataclasses.dataclass(slots=True)
class Cell:
    """What one toxic on one edge did."""

    edge: tuple[str, str]
    toxic: proxy.Toxic
    answered: int = 0
    refused: int = 0
    faults: list[str] = dataclasses.field(default_factory=list)  # hangs, wrong answers, a job that did not end well
    touched: int = 0
    healed_s: float = 0.0

    def __str__(self) -> str:
        caller, called = self.edge
        said = "; ".join(self.faults) or "-"
        return (
            f"{caller + ' > ' + called:20} {self.toxic.name:10} {self.answered:8d} {self.refused:7d} "
            f"{self.touched:7d} {self.healed_s:8.2f}  {said}"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Web:
    """The suite, its proxies, and clients that go over them."""

    proxies: dict[tuple[str, str], proxy.Proxy]
    gateway: rpc.ClipServiceStub
    config: config_pb2_grpc.ConfigServiceStub
    film: str

    async def job(self) -> list[tuple[int, str]]:
        """Makes clips of the film; rank and hash of each.

        Raises:
            AssertionError: The job ended otherwise.
        """
        spec = jobs_pb2.JobSpec(source_uri=self.film, count=1, duration_min_s=0.5, duration_max_s=3)
        job = await self.gateway.CreateClips(pb.CreateClipsRequest(spec=spec), timeout=60)
        async with asyncio.timeout(JOB_S):
            async for event in self.gateway.WatchJob(pb.WatchJobRequest(id=job.id), timeout=JOB_S):
                job = event.job
        job = await self.gateway.GetJob(pb.GetJobRequest(id=job.id), timeout=60)
        assert job.state == jobs_pb2.Job.STATE_SUCCEEDED, f"the job ended as {job.state}: {job.error.message}"
        return [(clip.rank, clip.video.sha256) for clip in job.clips]

    async def call(self, edge: tuple[str, str]) -> bool:
        """Makes a call that goes over an edge; whether the answer is right.

        Raises:
            errors.Error: There is none.
        """
        if edge == ("gateway", "analyzer"):
            patience = duration_pb2.Duration(seconds=1)
            status = await self.gateway.GetSuiteStatus(pb.GetSuiteStatusRequest(patience=patience), timeout=DEADLINE_S)
            states = [one.state for item in status.services if item.name == "analyzer" for one in item.instances]
            if states != [pb.InstanceStatus.STATE_SERVING]:
                raise errors.Unavailable("the analyzer is said not to serve")
            return {"analyzer", "jobs", "config", "exporter", "gateway"} == {item.name for item in status.services}
        if edge == ("client", "config"):
            return (await self.config.GetConfig(config_pb2.GetConfigRequest(), timeout=DEADLINE_S)).version >= 0
        listed = await self.gateway.ListJobs(pb.ListJobsRequest(page_size=1), timeout=DEADLINE_S)
        return 1 == len(listed.jobs)


@contextlib.asynccontextmanager
async def spun(folder: pathlib.Path, film: str) -> AsyncIterator[Web]:
    """A running suite with a proxy on each edge."""
    ports = {name: testing.free_port() for name in MODULES}
    async with contextlib.AsyncExitStack() as stack:
        proxies = {}
        for edge in EDGES:
            proxies[edge] = await stack.enter_async_context(proxy.Proxy(f"127.0.0.1:{ports[edge[1]]}"))
        for name, module in MODULES.items():
            seen = {called: proxies[caller, called].address for caller, called in EDGES if caller == name}
            rest = {other: f"127.0.0.1:{port}" for other, port in ports.items() if other not in seen}
            environment = {
                "REELSMITH_DISCOVERY": "static",
                "REELSMITH_STATIC_REGISTRY": ";".join(f"{other}={where}" for other, where in (seen | rest).items()),
                "REELSMITH_SESSIONS_ROOT": str(folder / "storage"),
                "REELSMITH_JOBS_LEASE_S": "5",
            }
            await stack.enter_async_context(process.running(name, module, 1, folder, environment, ports[name]))
        found = {called: [proxies["client", called].address] for called in CALLS["client"]}
        clients = await stack.enter_async_context(client.Clients(discovery.StaticRegistry(found)))
        yield Web(
            proxies,
            rpc.ClipServiceStub(clients.channel("gateway")),
            config_pb2_grpc.ConfigServiceStub(clients.channel("config")),
            film,
        )


async def tried(web: Web, edge: tuple[str, str], toxic: proxy.Toxic, expected: list[tuple[int, str]]) -> Cell:
    """Puts a toxic on an edge, calls, heals, and tells what became of all."""
    cell, between = Cell(edge, toxic), web.proxies[edge]
    between.poison(toxic)
    working = asyncio.create_task(web.job()) if edge in WORK else None
    await asyncio.gather(*(_counted(web, cell) for _ in range(CALLS_AT_ONCE)))
    if working:  # until the fault was met, and for a moment more: a step has to come by
        await testing.wait_until(lambda: between.passed > 0 or working.done(), JOB_S, "the fault was met")
        await asyncio.sleep(HOLD_S)
    cell.touched = between.passed
    between.heal()
    begin_s = time.monotonic()
    while True:  # bounded by the time that healing may take
        waiting = Cell(edge, toxic)
        await _counted(web, waiting)
        if waiting.answered:
            break
        if waiting.faults or time.monotonic() - begin_s > HEALED_S:
            cell.faults.append("not healed")
            break
    cell.healed_s = time.monotonic() - begin_s
    if working:
        try:
            found = await working
        except (AssertionError, errors.Error, TimeoutError) as failure:
            cell.faults.append(f"the job failed: {failure}")
        else:
            cell.faults += [] if found == expected else [f"the job made {found} instead of {expected}"]
    return cell


async def _counted(web: Web, cell: Cell) -> None:
    begin_s = time.monotonic()
    try:
        right = await web.call(cell.edge)
    except (errors.Unavailable, errors.DeadlineExceeded, errors.Cancelled):
        cell.refused += 1
    except errors.Error as failure:
        cell.faults.append(repr(failure))
    else:
        cell.answered += right
        cell.faults += [] if right else ["a wrong answer"]
    waited_s = time.monotonic() - begin_s
    if waited_s > DEADLINE_S + LATE_S:
        cell.faults.append(f"hung for {waited_s:.0f} s")


async def matrix(
    folder: pathlib.Path,
    film: str,
    edges: tuple[tuple[str, str], ...] = EDGES,
    toxics: tuple[proxy.Toxic, ...] = tuple(proxy.Toxic),
) -> AsyncIterator[Cell]:
    """Every one of these toxics on every one of these edges."""
    async with spun(folder, film) as web:
        expected = await web.job()
        for edge in edges:
            for toxic in toxics:
                yield await tried(web, edge, toxic, expected)


async def main() -> int:
    """Prints the matrix; 1 where something hung, was wrong or did not heal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=pathlib.Path)
    parser.add_argument("--edges", nargs="*", default=[">".join(edge) for edge in EDGES], metavar="CALLER>CALLED")
    parser.add_argument("--toxics", nargs="*", default=list(proxy.Toxic.__members__))
    given, faults = parser.parse_args(), 0
    wanted = tuple(edge for edge in EDGES if ">".join(edge) in given.edges)
    toxics = tuple(proxy.Toxic[name] for name in given.toxics)
    print(f"{'edge':20} {'toxic':10} answered refused touched healed s  faults")
    with tempfile.TemporaryDirectory() as folder:
        async with contextlib.aclosing(
            matrix(pathlib.Path(folder), given.film.resolve().as_uri(), wanted, toxics)
        ) as cells:
            async for cell in cells:
                print(cell, flush=True)
                faults += len(cell.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
