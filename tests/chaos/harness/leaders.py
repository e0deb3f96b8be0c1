"""Three job managers on one PostgreSQL, killed, frozen and cut off: one writes at a time, and nothing is lost."""

import asyncio
import contextlib
import hashlib
import json
import math
import random
import signal
import time
from collections.abc import Iterator

import psycopg
from psycopg import rows
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from chassis import client, discovery, errors, testing
from tests import postgres
from tests.chaos.harness import history, lane, phases

MANAGERS, CALLERS = 3, 3
LEASE_S = 1.0
FAULT_S = (1.2, 2.0)  # times the lease: long enough for another manager to take over
RESTART_S = 0.1
CALM_S = (0.0, 1.0)  # between two faults: some work gets done
PATIENCE_S = 120.0  # for a job to end once nothing breaks any more, on a machine with other work
TABLES = """
    CREATE TABLE reelsmith_jobs.witness (written BIGINT, in_force BIGINT);
    CREATE FUNCTION reelsmith_jobs.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO reelsmith_jobs.witness
        SELECT NEW.epoch, epoch FROM reelsmith_jobs.leadership WHERE epoch <> NEW.epoch;
        RETURN NULL;
    END $$;
    CREATE TRIGGER look AFTER INSERT ON reelsmith_jobs.events FOR EACH ROW EXECUTE FUNCTION reelsmith_jobs.look();
"""


class Line:
    """What is between one manager and the database: it can be cut, or swallow everything."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._passes = asyncio.Event()
        self._passes.set()
        self._refuses = False
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Line":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Ends every connection, and refuses new ones until it heals."""
        self._refuses = True
        for writer in self._open:
            writer.transport.abort()

    def swallow(self) -> None:
        """Lets nothing through, and says nothing."""
        self._passes.clear()

    def heal(self) -> None:
        """Lets everything through again, with what was held up."""
        self._refuses = False
        self._passes.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        self._open -= {writer, far_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):  # to the end of the connection
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


class Trio:
    """Three managers with their fakes, sessions and database; use as an async context manager."""

    def __init__(
        self, bench: phases.Bench, server: postgres.Server, sabotage: str = "", lease_s: float = LEASE_S
    ) -> None:
        self._lease_s = lease_s
        self._forge, self._server, self._sabotage = bench.forge, server, sabotage
        self.home = bench.home()
        self.lines = [Line(server.port) for _ in range(MANAGERS)]
        self.processes: list[lane.Process] = []
        self.end_s = math.inf  # when a job must have ended: as long as things break, nobody knows
        self.ports = [testing.free_port() for _ in range(MANAGERS)]
        self._fake_port = testing.free_port()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Trio":
        self._server.fresh()
        for name in ("sessions", "state"):
            (self.home / name).mkdir()
        order = self._order("fake", REELSMITH_FAKE_MEDIA_PORT=self._fake_port)
        self._fake = await self._forge.make(what="fake", **order)
        for line in self.lines:
            await self._stack.enter_async_context(line)
        self.processes = [await self.start(number) for number in range(MANAGERS)]
        self._keepers = [asyncio.create_task(self._keep(number)) for number in range(MANAGERS)]
        await testing.wait_until(lambda: bool(self.leader()), lane.PATIENCE_S, "a manager leads")
        self.said(TABLES)
        registry = discovery.StaticRegistry.parse("jobs=" + ",".join(f"127.0.0.1:{port}" for port in self.ports))
        clients = await self._stack.enter_async_context(client.Clients(registry))
        self.stub = rpc.JobServiceStub(clients.channel("jobs"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for process in (*self.processes, self._fake):
            process.signal(signal.SIGCONT)
            await process.kill()
        await self._stack.aclose()

    def _order(self, name: str, **environment: object) -> dict:
        own = {
            "REELSMITH_DISCOVERY": "static",
            "REELSMITH_STATIC_REGISTRY": f"analyzer=127.0.0.1:{self._fake_port};exporter=127.0.0.1:{self._fake_port}",
            "REELSMITH_LAME_DUCK_S": 0,
            "REELSMITH_HEALTH_INTERVAL_S": 0.2,
            "REELSMITH_LOG_LEVEL": "WARNING",
            "REELSMITH_STATE_DIR": self.home / "state",
            "REELSMITH_SESSIONS_ROOT": self.home,
            "REELSMITH_METRICS_PORT": 0,
            "FAKE_JOURNAL": self.home / "journal",
            **environment,
        }
        return {
            "environment": {key: str(value) for key, value in own.items()},
            "log": str(self.home / f"{name}.log"), "disk": [], "sabotage": self._sabotage,
        }  # fmt: skip

    async def _keep(self, number: int) -> None:
        """Starts a manager again whenever it has ended, as whatever supervises it does."""
        while True:  # until cancelled
            await self.processes[number].ended.wait()
            await asyncio.sleep(RESTART_S)
            self.processes[number] = await self.start(number)

    async def start(self, number: int) -> lane.Process:
        """Starts a manager."""
        order = self._order(
            f"jobs-{number}",
            REELSMITH_JOBS_PORT=self.ports[number],
            REELSMITH_JOBS_DATABASE_URL=self._server.url(self.lines[number].port),
            REELSMITH_JOBS_LEADER_LEASE_S=self._lease_s,
            REELSMITH_JOBS_LEASE_S=2,
        )
        return await self._forge.make(what="jobs", **order)

    def said(self, statement: str) -> list[dict]:
        """What the database says, asked directly."""
        with psycopg.connect(self._server.url(), autocommit=True, row_factory=rows.dict_row) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def leader(self) -> int:
        """Process id of the manager that leads or led last; 0 before the first."""
        if not self.said("SELECT 1 FROM pg_class WHERE oid = to_regclass('reelsmith_jobs.leadership')"):
            return 0
        (row,) = self.said("SELECT manager FROM reelsmith_jobs.leadership")
        return int(row["manager"].split("-")[-2]) if row["manager"] else 0

    async def job(self, key: str) -> None:
        """One job, asked for and watched as a user's client does, until it has succeeded."""
        source = self.home / f"{key}.json"
        source.write_text(json.dumps({"analyze": {"delay_s": 0.05}}))
        spec = pb.JobSpec(source_uri=source.as_uri(), count=1, duration_min_s=1, duration_max_s=3)
        request = pb.SubmitJobRequest(spec=spec, request_id=key)
        while True:  # bounded by patience
            try:
                job = await self.stub.SubmitJob(request, timeout=30, wait_for_ready=True)
                async for event in self.stub.WatchJob(pb.WatchJobRequest(id=job.id), timeout=30, wait_for_ready=True):
                    job = event.job
                if job.state == pb.Job.STATE_SUCCEEDED:
                    return
                raise AssertionError(f"job {job.id} ended as {pb.Job.State.Name(job.state)}: {job.error.message}")
            except (errors.Unavailable, errors.DeadlineExceeded, errors.Cancelled, errors.Unknown) as failure:
                if time.monotonic() > self.end_s:
                    raise AssertionError(f"{key} is not done: {failure!r}") from failure
                await asyncio.sleep(0.05)

    async def hurt(self, draw: random.Random, kinds: tuple[str, ...]) -> None:
        """One fault, mostly of the leader, and its end."""
        pids = [process.pid for process in self.processes]
        leader = self.leader()
        leads = leader in pids and draw.random() < 0.7
        number = pids.index(leader) if leads else draw.randrange(MANAGERS)
        victim, line, kind = self.processes[number], self.lines[number], draw.choice(kinds)
        length_s = draw.uniform(*FAULT_S) * self._lease_s
        if kind == "kill":
            await victim.kill()
            return
        begin, end = {
            "stop": (lambda: victim.signal(signal.SIGSTOP), lambda: victim.signal(signal.SIGCONT)),
            "cut": (line.cut, line.heal),
            "swallow": (line.swallow, line.heal),
        }[kind]
        begin()
        await asyncio.sleep(length_s)
        end()

    def doubles(self) -> Iterator[str]:
        """Writes of a manager that did not lead."""
        for row in self.said("SELECT * FROM reelsmith_jobs.witness"):
            yield f"written under epoch {row['written']} while {row['in_force']} was in force"
        for row in self.said(
            "SELECT epoch, count(DISTINCT manager) AS count FROM reelsmith_jobs.events GROUP BY epoch"
        ):
            if row["count"] != 1:
                yield f"epoch {row['epoch']} has {row['count']} writers"

    def wrongs(self) -> Iterator[str]:
        """Everything that must not have happened."""
        yield from self.doubles()
        events = self.said("SELECT * FROM reelsmith_jobs.events ORDER BY job_number, sequence")
        for job in self.said("SELECT * FROM reelsmith_jobs.jobs"):
            found = [row for row in events if row["job_number"] == job["number"]]
            if [row["sequence"] for row in found] != list(range(1, job["sequence"] + 1)):
                yield f"job {job['id']}: events are missing"
            if (epochs := [row["epoch"] for row in found]) != sorted(epochs):
                yield f"job {job['id']}: written under epochs {epochs}"
            if job["state"] != "SUCCEEDED":
                yield f"job {job['id']} is {job['state']}"
            yield from history.commits([json.loads(row["delta"]) for row in found])
            yield from self._files(job)

    def _files(self, job: dict) -> Iterator[str]:
        for row in self.said(f"SELECT body FROM reelsmith_jobs.artifacts WHERE job_number = {job['number']}"):
            item = json.loads(row["body"])
            path = self.home / "sessions" / job["id"] / item["path"]
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != item["sha256"]:
                yield f"job {job['id']}: {item['path']} is not what was recorded"


async def leaders(
    bench: phases.Bench, budget_s: float, limit: int, sabotage: str = "", lease_s: float = LEASE_S
) -> phases.Result:
    """Kills, stops and partitions of three managers under load; the control only stops them."""
    kinds = ("stop",) if sabotage else ("kill", "stop", "cut", "swallow")
    result = phases.Result("control: no check of the epoch" if sabotage else "leaders")
    draw, end = bench.draw(result.name), time.monotonic() + budget_s
    with postgres.running(_absent) as server:
        async with Trio(bench, server, sabotage, lease_s) as trio:
            stop = asyncio.Event()
            callers = [asyncio.create_task(_caller(trio, number, stop)) for number in range(CALLERS)]
            while result.tried < limit and time.monotonic() < end:
                result.tried += 1
                await trio.hurt(draw, kinds)
                result.fired += 1
                await asyncio.sleep(draw.uniform(*CALM_S))
                if sabotage and any(trio.doubles()):
                    break  # seen; how such jobs end says no more
            stop.set()
            trio.end_s = time.monotonic() + PATIENCE_S
            for caller in callers if sabotage else ():
                caller.cancel()
            found = await asyncio.gather(*callers, return_exceptions=True)
            result.wrong.extend(str(one) for one in found if isinstance(one, Exception))
            result.wrong.extend(await asyncio.to_thread(lambda: list(trio.wrongs())))
            result.figures["jobs"] = sum(one for one in found if isinstance(one, int))
            (row,) = trio.said("SELECT epoch FROM reelsmith_jobs.leadership")
            result.figures["epochs"] = row["epoch"]
    return result


async def _caller(trio: Trio, number: int, stop: asyncio.Event) -> int:
    done = 0
    while not stop.is_set():
        await trio.job(f"job-{number}-{done}")
        done += 1
    return done


def _absent(why: str) -> None:
    raise RuntimeError(why)
