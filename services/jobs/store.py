"""The durable store of jobs: one SQLite file that only this process opens.

All writes go through one thread with one connection. It takes everything that waits, runs each write in a savepoint of
its own, and commits once: one fsync for all (group commit). Nobody hears of a write before it is on disk.

The fencing check is here and nowhere else: `Store.holds`.
"""

import asyncio
import collections
import concurrent.futures
import contextlib
import dataclasses
import functools
import pathlib
import queue
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import failpoints
from chassis import errors
from services.jobs import clock as clocks
from services.jobs import codec, dispatch, forecast, lifecycle, lock, notice, plan, retry, room
from services.jobs import flow as flows
from services.jobs import job as jobs
from services.jobs import spec as specs

SQL = pathlib.Path(__file__).parent / "sql"
WRITES_MAX = 4096  # writes that may wait: about two seconds of work; more are refused
BATCH_MAX = 512  # writes in one commit: keeps the wait of the first one below some 100 ms
READERS = 2  # reads are short; two keep a long list from holding up a watch
EVENTS_PAGE = 500  # events per read: bounds the memory of one watch
SPEC_BYTES_LARGE = 4 << 20  # no specification is larger: it came in one message
EXPIRED_MAX = 100  # jobs ended in one write: keeps the wait of those behind it short
NOTICES_MAX = 50_000  # news that may wait: some 100 MB, and passing over it all takes a reader some 50 ms
GIVEN_UP_MAX = 1000  # news that is kept after it was given up, for a person to look at: more say nothing new
RETRY_AFTER_S = 5.0  # hint to callers that are refused by a full queue or disk
PROOF_AGE_S = 3.0  # a commit younger than that proves a writable disk; a full one is noticed and forgotten within 5 s
RECENT_MAX = 512  # jobs that are not read again: more than run at once, and some megabytes
NUMBER_MAX = 2**63 - 1


def _named(text: str) -> dict[str, str]:
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


QUERIES = _named((SQL / "queries.sql").read_text())


@dataclasses.dataclass(frozen=True, slots=True)
class Submission:
    """A job to accept: the name it will have, what it is to do, its idempotency key where there is one, its owner."""

    job_id: str
    spec: specs.Spec
    request_id: str = ""
    tenant: str = specs.TENANT_DEFAULT


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """A lease that was given, with the job as it is and the instance it was given for."""

    lease: jobs.Lease
    job: jobs.Job
    instance: str


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs to list: the newest first, below a number, in any of the states, with all of the labels, of a tenant.

    Every state and every tenant where none is named.
    """

    limit: int
    before: int = NUMBER_MAX
    states: tuple[jobs.JobState, ...] = ()
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tenant: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Stats:
    """How much is waiting and running."""

    jobs: Mapping[jobs.JobState, int]
    ready_steps: int
    running_steps: int
    oldest_ready_us: int | None
    flow: flows.Flow = dataclasses.field(default_factory=flows.Flow)
    loads: tuple[room.Load, ...] = ()
    waiting_steps: int = 0
    notices_waiting: int = 0
    notices_given_up: int = 0


class Recent:
    """Jobs of late, shared by the thread that writes and those that read."""

    def __init__(self) -> None:
        self._jobs: dict[str, jobs.Job] = {}

    def get(self, job_id: str, sequence: int) -> jobs.Job | None:
        """A job as it was at a sequence number; None where that is not known any more."""
        job = self._jobs.get(job_id)
        return job if job is not None and job.sequence == sequence else None

    def add(self, committed: Mapping[str, jobs.Job]) -> None:
        """Takes note of jobs as a commit left them, in place of the oldest."""
        for job_id, job in committed.items():
            self._jobs.pop(job_id, None)
            if len(self._jobs) >= RECENT_MAX:
                del self._jobs[next(iter(self._jobs))]
            self._jobs[job_id] = job


class Database:
    """A connection that knows the statements by name.

    Args:
        connection: The connection.
        recent: Jobs as some commit left them: of the same sequence number is the same job, so it need not be read.
    """

    def __init__(self, connection: sqlite3.Connection, recent: "Recent | None" = None) -> None:
        self._connection = connection
        self.recent = recent if recent is not None else Recent()
        self.touched: list[str] = []
        self.saved: dict[str, jobs.Job] = {}  # by the transaction that is open

    def all(self, name: str, /, **values: object) -> list[sqlite3.Row]:
        """Every row of a statement."""
        return self._connection.execute(QUERIES[name], values).fetchall()

    def one(self, name: str, /, **values: object) -> sqlite3.Row | None:
        """The first row of a statement; None where there is none."""
        rows = self.all(name, **values)
        return rows[0] if rows else None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    @property
    def changes(self) -> int:
        """Rows changed since the connection was opened."""
        return self._connection.total_changes

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads inside the block see one state of the file."""
        self.all("begin")
        try:
            yield
        finally:
            self.all("commit")

    def script(self, path: pathlib.Path) -> None:
        """Runs a file of statements."""
        self._connection.executescript(path.read_text())

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def connected(path: pathlib.Path, recent: Recent | None = None) -> Database:
    """A connection opened the way all of ours are, beside others that know the same jobs."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)  # each is used by one thread
    connection.row_factory = sqlite3.Row
    database = Database(connection, recent)
    database.script(SQL / "pragmas.sql")
    return database


def migrate(database: Database) -> None:
    """Brings the layout of the file up to date.

    Raises:
        errors.FailedPrecondition: The file was written by a newer version.
    """
    files = sorted(SQL.glob("[0-9]*_*.sql"))
    row = database.one("version")
    version = row["user_version"] if row else 0
    if version > len(files):
        raise errors.FailedPrecondition(
            f"the store has layout {version}, this version knows up to {len(files)}: start the newer version",
            reason="STORE_TOO_NEW",
        )
    for file in files[version:]:
        with failpoints.around("jobs.store.migrate"):
            database.script(file)


def translated(failure: sqlite3.Error) -> errors.Error:
    """What an error of the engine means to a caller."""
    name = getattr(failure, "sqlite_errorname", "") or type(failure).__name__
    text = f"the store of jobs failed: {failure} ({name})"
    if name == "SQLITE_FULL":
        return errors.ResourceExhausted(text, reason="STORAGE_FULL", retry_after_s=RETRY_AFTER_S)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return errors.DataLoss(text, reason="STORE_DAMAGED")
    return errors.Unavailable(text, reason="STORAGE_FAILED", retry_after_s=RETRY_AFTER_S)


@dataclasses.dataclass(frozen=True, slots=True)
class Door:
    """What a commit made true of whether jobs are taken: the state of the queue, and what is in it by tenant."""

    flow: flows.Flow = dataclasses.field(default_factory=flows.Flow)
    loads: Mapping[str, room.Load] = dataclasses.field(default_factory=dict)
    jobs: int = 0
    spec_bytes: int = 0

    def usage(self, tenant: str) -> room.Usage:
        """What is there for a job of a tenant."""
        own = self.loads.get(tenant)
        return room.Usage(self.jobs, self.spec_bytes, own.jobs if own else 0)


class Result(Protocol):
    """What a write does inside the transaction."""

    def __call__(self, database: Database) -> Any:
        """Reads and writes; raises to undo."""


@dataclasses.dataclass(slots=True)
class Write:
    """One write on its way: what it does, who waits for it, and what came of it."""

    run: Result
    future: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None
    touched: tuple[str, ...] = ()


class _Savepoint:
    """One write inside the common transaction: undone alone where it raises, and the error goes to its caller."""

    def __init__(self, database: Database, write: Write) -> None:
        self._database, self._write = database, write

    def __enter__(self) -> None:
        self._database.touched = []
        self._database.all("savepoint")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        disk = isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError)
        if disk or not isinstance(error, Exception | None):
            return False  # nothing of this transaction can be trusted any more
        if error is not None:
            self._database.all("savepoint_rollback")
            for job_id in self._database.touched:
                self._database.saved.pop(job_id, None)
            self._write.error = translated(error) if isinstance(error, sqlite3.Error) else error
        self._write.touched = () if error else tuple(self._database.touched)
        self._database.all("savepoint_release")
        return True


class Writer(threading.Thread):
    """The thread that owns the writing connection.

    Args:
        database: The connection.
        listener: Told, in the event loop, the id of every job that a committed write changed.
    """

    def __init__(self, database: Database, listener: Callable[[str], None]) -> None:
        super().__init__(name="jobs-store", daemon=True)
        self._database = database
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._queue: queue.Queue[Write | None] = queue.Queue(WRITES_MAX)
        self.proven_s = float("-inf")  # monotonic time of the last commit that the disk took
        self.door: Door | None = None  # as the last commit left it; None before the first

    @property
    def waiting(self) -> int:
        """Writes that wait, about."""
        return self._queue.qsize()

    def submit(self, run: Result) -> asyncio.Future[Any]:
        """Queues a write.

        Raises:
            errors.ResourceExhausted: Too many wait already.
            errors.Unavailable: The thread has ended.
        """
        if not self.is_alive():
            raise errors.Unavailable("the store of jobs does not write any more", reason="STORE_CLOSED")
        write = Write(run, self._loop.create_future())
        try:
            self._queue.put_nowait(write)
        except queue.Full:
            raise errors.ResourceExhausted(
                f"{WRITES_MAX} writes wait for the disk", reason="STORE_BUSY", retry_after_s=RETRY_AFTER_S
            ) from None
        return write.future

    def stop(self) -> None:
        """Ends the thread after what was queued before."""
        self._queue.put(None)

    def run(self) -> None:
        """Commits batch after batch until told to stop."""
        while (first := self._queue.get()) is not None:
            batch, last = self._batch(first)
            self.commit(batch)
            with failpoints.around("jobs.store.deliver"):
                self._loop.call_soon_threadsafe(self._deliver, batch)
            if last:
                return

    def _batch(self, first: Write) -> tuple[list[Write], bool]:
        batch = [first]
        while len(batch) < BATCH_MAX:
            try:
                write = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
            if write is None:
                return batch, True
            batch.append(write)
        return batch, False

    def commit(self, batch: Sequence[Write]) -> None:
        """Runs a batch in one transaction; where the disk fails, every write of it fails."""
        before = self._database.changes
        self._database.saved = {}
        try:
            self._database.all("begin_write")
            for write in batch:
                with _Savepoint(self._database, write), failpoints.around("jobs.store.write"):
                    write.value = write.run(self._database)
            door = _door(self._database)
            with failpoints.around("jobs.store.commit"):
                self._database.all("commit")  # the one fsync
            self._database.recent.add(self._database.saved)
            self.door = door
            if self._database.changes > before:  # a commit of nothing does not touch the disk
                self.proven_s = time.monotonic()
        except sqlite3.Error as failure:
            self._roll_back()
            self.proven_s = float("-inf")
            for write in batch:
                write.error, write.touched = translated(failure), ()

    def _roll_back(self) -> None:
        if self._database.in_transaction:  # the engine may have rolled back by itself
            self._database.all("rollback")

    def _deliver(self, batch: Sequence[Write]) -> None:
        for write in batch:
            for job_id in write.touched:
                self._listener(job_id)
            if write.future.cancelled():
                continue
            if write.error is not None:
                write.future.set_exception(write.error)
            else:
                write.future.set_result(write.value)


class Store:
    """Jobs, steps, files and events on disk. Use as an async context manager.

    Args:
        folder: Folder of the store's file; made where it is missing.
        clock: Where times come from.
        listener: Told, in the event loop, the id of every job that changed, after the change is on disk.
        rules: How the queue is served.
        bounds: How much the queue takes.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        clock: clocks.Clock | None = None,
        listener: Callable[[str], None] = lambda job_id: None,
        rules: dispatch.Rules | None = None,
        bounds: room.Bounds | None = None,
    ) -> None:
        self._path = folder / "jobs.sqlite3"
        self._lock = lock.Lock(folder / "jobs.lock")
        self._clock = clock or clocks.Clock()
        self._listener = listener
        self._rules = rules or dispatch.Rules()
        self._bounds = bounds or room.Bounds()
        self._shares = dispatch.Shares(self._rules.weights)
        self._queue_begin_us = 0  # what the clock of the queue showed when the monotonic clock showed 0
        self._entering: collections.Counter[tuple[str, str]] = collections.Counter()  # request ids with the writer
        self._runs: collections.Counter[jobs.Kind] = collections.Counter()  # number of the last run that is kept
        self._recent = Recent()
        self._local = threading.local()
        self._readers: list[Database] = []
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._lock.acquire()
            stack.callback(self._lock.release)
            database = await asyncio.to_thread(self._open)
            stack.callback(database.close)
            self._writer = Writer(database, self._listener)
            self._writer.start()
            stack.push_async_callback(asyncio.to_thread, self._writer.join)
            stack.callback(self._writer.stop)
            # Queued reads are as many as calls in progress, which the server bounds.
            self._pool = concurrent.futures.ThreadPoolExecutor(READERS, thread_name_prefix="jobs-reader")
            stack.callback(self._close_readers)
            await self._write(self._recover)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    @property
    def rules(self) -> dispatch.Rules:
        """How the queue is served."""
        return self._rules

    def _open(self) -> Database:
        try:
            database = connected(self._path, self._recent)
            migrate(database)
        except sqlite3.Error as failure:
            raise translated(failure) from failure
        return database

    def _close_readers(self) -> None:
        self._pool.shutdown(wait=True)
        for database in self._readers:
            database.close()

    async def _write(self, run: Result) -> Any:
        return await self._writer.submit(run)

    async def _read(self, run: Result) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._snapshot, run)

    def _snapshot(self, run: Result) -> Any:
        try:
            database = getattr(self._local, "database", None)
            if database is None:
                database = self._local.database = connected(self._path, self._recent)
                self._readers.append(database)
            with database.snapshot():
                return run(database)
        except sqlite3.Error as failure:
            raise translated(failure) from failure

    # Accepting

    async def submit(
        self, submissions: Sequence[Submission], carrier: Mapping[str, str], job_limit: int
    ) -> list[jobs.Job]:
        """Accepts jobs, all or none; they are on disk when this returns.

        Args:
            submissions: The jobs.
            carrier: Trace context of the call, kept with each job.
            job_limit: Unfinished jobs that may be there at most.

        Returns:
            The jobs, in order; for a key that is known the job that it named first, as it is now.

        Raises:
            errors.AlreadyExists: A key is known and came with another specification.
            errors.FailedPrecondition: A key is known and its job has been deleted.
            errors.ResourceExhausted: The queue is full, or news waits for too many webhooks.
        """
        keys = [(item.tenant, item.request_id) for item in submissions if item.request_id]
        refusal = self._early_refusal(submissions[0], job_limit) if submissions else None
        if refusal is not None and not await self._expected(keys):
            raise refusal
        write = self._writer.submit(lambda db: [self._submit(db, item, carrier, job_limit) for item in submissions])
        self._entering.update(keys)
        write.add_done_callback(lambda _: self._left(keys))
        return await asyncio.shield(write)  # who gives up waiting does not change what is with the writer

    async def _expected(self, keys: Sequence[tuple[str, str]]) -> bool:
        """Whether one of the keys has a job, or may have one soon: the writer knows which."""
        if any(self._entering[key] for key in keys):
            return True
        return bool(keys) and await self._read(lambda db: any(_request(db, *key) for key in keys))

    def _left(self, keys: Sequence[tuple[str, str]]) -> None:
        self._entering.subtract(keys)
        for key in keys:
            if not self._entering[key]:
                del self._entering[key]

    def _early_refusal(self, first: Submission, job_limit: int) -> errors.Error | None:
        """Why a new job cannot be taken, as the last commit tells; None says nothing: the writer alone accepts.

        A refusal that waited for its turn to write would come the later the more callers there are to refuse.
        """
        door = self._writer.door
        if door is None:
            return None
        usage = door.usage(first.tenant)
        scarce = usage.spec_bytes + SPEC_BYTES_LARGE > self._bounds.spec_bytes
        spec_bytes = len(codec.dumps(first.spec).encode()) if scarce else 0  # turned into text where it may matter
        try:
            door.flow.require_open()
            self._bounds.require_room(usage, first.tenant, spec_bytes, job_limit)
        except (errors.FailedPrecondition, errors.ResourceExhausted) as refusal:
            return refusal
        return None

    def _submit(self, db: Database, item: Submission, carrier: Mapping[str, str], job_limit: int) -> jobs.Job:
        if item.request_id:
            known = _request(db, item.tenant, item.request_id)
            if known:
                return self._known(db, item, known)
        _flow(db).require_open()
        spec = codec.dumps(item.spec)
        self._require_room(db, item.tenant, len(spec.encode()), job_limit)
        self._require_outbox(db, item.spec)
        return self._insert(db, item, spec, carrier)

    def _known(self, db: Database, item: Submission, known: sqlite3.Row) -> jobs.Job:
        if known["digest"] != codec.digest(item.spec):
            raise errors.AlreadyExists(
                f"request id {item.request_id!r} already named job {known['job_id']}, with another specification",
                reason="REQUEST_ID_REUSED",
                metadata={"job_id": known["job_id"]},
            )
        if db.one("deletion", job_id=known["job_id"]):
            raise errors.FailedPrecondition(
                f"request id {item.request_id!r} named job {known['job_id']}, which has been deleted",
                reason="JOB_DELETED",
                metadata={"job_id": known["job_id"]},
            )
        return _job(db, known["job_id"])

    def _require_room(self, db: Database, tenant: str, spec_bytes: int, job_limit: int) -> None:
        usage = room.Usage(**dict(db.all("usage", tenant=tenant)[0]))
        self._bounds.require_room(usage, tenant, spec_bytes, job_limit)

    def _insert(self, db: Database, item: Submission, spec: str, carrier: Mapping[str, str]) -> jobs.Job:
        now_us, monotonic_us = self._clock.wall_us(), self._clock.monotonic_us()
        arrival_us = self._queue_begin_us + monotonic_us
        db.all("set_queue_clock", clock_us=arrival_us)
        row = db.one(
            "insert_job",
            id=item.job_id,
            tenant=item.tenant,
            priority=item.spec.priority,
            rank_us=self._rules.rank_us(arrival_us, item.spec.priority),
            due_us=monotonic_us + max(0, item.spec.deadline_us - now_us) if item.spec.deadline_us else None,
            create_us=now_us,
            spec=spec,
            spec_bytes=len(spec.encode()),
            labels=codec.dumps(dict(item.spec.labels)),
            carrier=codec.dumps(dict(carrier)),
        )
        assert row is not None  # noqa: S101 - RETURNING gives the row that was inserted
        if item.request_id:
            db.one(
                "insert_request_id", tenant=item.tenant, request_id=item.request_id, job_id=item.job_id,
                digest=codec.digest(item.spec),
            )  # fmt: skip
        change = lifecycle.accepted(item.job_id, row["number"], item.spec, carrier, now_us, item.tenant)
        return self._save(db, change)

    # Running

    async def lease(
        self, slots: Sequence[dispatch.Slot], busy: frozenset[tuple[str, str]] = frozenset()
    ) -> tuple[list[Grant], float | None]:
        """Gives ready steps to free slots, unless the queue is paused.

        Args:
            slots: Room there is.
            busy: Job ids and steps whose last attempt still has something in flight here, and must not run yet.

        Returns:
            The leases, and the seconds until a step that waits for its time may run; None where none does.
        """
        return await self._write(lambda db: self._lease(db, slots, busy))

    def _lease(
        self, db: Database, slots: Sequence[dispatch.Slot], busy: frozenset[tuple[str, str]]
    ) -> tuple[list[Grant], float | None]:
        now_us = self._clock.monotonic_us()
        numbers = self._free(db, busy)
        db.all("release_waiting", now_us=now_us, wall_us=self._clock.wall_us())
        grants = [
            self._grant(db, _job_of(db, ready.job_number), ready.name, slot.instance)
            for slot, ready in (self._assigned(db, slots, busy, numbers) if _flow(db).starts else ())
        ]
        row = db.one("next_waiting", now_us=now_us)
        waiting_us = row["not_before_us"] if row else None
        return grants, None if waiting_us is None else (waiting_us - now_us) / lifecycle.SECOND_US

    def _assigned(
        self,
        db: Database,
        slots: Sequence[dispatch.Slot],
        busy: frozenset[tuple[str, str]],
        numbers: Mapping[tuple[str, str], int],
    ) -> list[tuple[dispatch.Slot, dispatch.Ready]]:
        ending = {job_id for job_id, name in busy if (job_id, name) not in numbers}  # these may run again too soon
        of_ending = {job_id: row["number"] for job_id in ending if (row := db.one("job_by_id", id=job_id))}
        taken = {(of_ending[job_id], name) for job_id, name in busy if job_id in of_ending}
        limit = len(slots) + len(busy)

        def steps(kind: jobs.Kind, tenant: str) -> Iterator[dispatch.Ready]:
            for row in db.all("ready_steps", kind=kind.value, tenant=tenant, limit=limit):
                if (row["job_number"], row["name"]) not in taken:
                    yield dispatch.Ready(**dict(row))

        def lines(kind: jobs.Kind) -> dict[str, dispatch.Line]:
            rows = db.all("ready_tenants", kind=kind.value)
            return {row["tenant"]: dispatch.Line(row["rank_us"], steps(kind, row["tenant"])) for row in rows}

        running = {(row["tenant"], jobs.Kind(row["kind"])): row["count"] for row in db.all("running_counts")}
        return dispatch.assign(slots, lines, self._rules, self._shares, running)

    def _free(self, db: Database, busy: frozenset[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Frees steps that are said to run and that nobody runs: no step may stay without an owner.

        Returns:
            The numbers of the jobs of those that run, by job id and step.
        """
        strays: dict[int, list[str]] = {}
        running: dict[tuple[str, str], int] = {}
        for row in db.all("running_steps"):
            running[row["id"], row["name"]] = row["job_number"]
            if (row["id"], row["name"]) not in busy:
                strays.setdefault(row["job_number"], []).append(row["name"])
        for number, names in strays.items():
            self._save(db, lifecycle.interrupted(_job_of(db, number), names, self._clock.wall_us()))
        return running

    def _grant(self, db: Database, job: jobs.Job, name: str, instance: str) -> Grant:
        job = self._save(db, lifecycle.started(job, name, instance, self._clock.wall_us()))
        return Grant(jobs.Lease(job.id, name, job.step(name).token), job, instance)

    @staticmethod
    def holds(step: jobs.Step, lease: jobs.Lease) -> bool:
        """The fencing check: whether a lease is the one in force."""
        return step.state is jobs.StepState.RUNNING and step.token == lease.token

    def _held(self, db: Database, lease: jobs.Lease) -> jobs.Job:
        job = _job(db, lease.job_id)
        step = job.step(lease.step)
        if not self.holds(step, lease):
            raise errors.Aborted(
                f"{lease.step} of job {lease.job_id} is {step.state} under token {step.token}: "
                f"the result of token {lease.token} comes too late",
                reason="LEASE_LOST",
                metadata={"token": str(lease.token), "token_in_force": str(step.token)},
            )
        return job

    async def confirm(self, lease: jobs.Lease) -> jobs.Job:
        """Checks, before files are published, that a lease is still in force.

        Returns:
            The job as it is.

        Raises:
            errors.Aborted: It is not (LEASE_LOST).
            errors.NotFound: The job was deleted.
        """
        return await self._read(lambda db: self._held(db, lease))

    async def commit(self, lease: jobs.Lease, outcome: lifecycle.Outcome) -> jobs.Job:
        """Records a result: the step, its files, what follows from it and the job, in one transaction.

        Raises:
            errors.Aborted: The lease is not in force any more (LEASE_LOST); nothing was recorded.
            errors.NotFound: The job was deleted.
        """

        def run(db: Database) -> jobs.Job:
            job = self._held(db, lease)
            if outcome.run is not None:
                self._remember(db, outcome.run)
            return self._save(db, lifecycle.succeeded(job, lease.step, outcome, self._clock.wall_us()))

        return await self._write(run)

    def _remember(self, db: Database, run: forecast.Run) -> None:
        """Keeps how long a step took, in the place of the oldest of its kind."""
        number = self._runs[run.kind] = self._runs[run.kind] + 1
        values = {**dataclasses.asdict(run), "kind": run.kind.value}
        db.all("write_run", number=number, slot=number % forecast.RUNS_MAX, **values)

    async def runs(self) -> list[forecast.Run]:
        """How long steps took of late, the oldest first of each kind."""

        def run(db: Database) -> list[forecast.Run]:
            rows = db.all("runs")
            return [forecast.Run(jobs.Kind(row["kind"]), row["amount"], row["seconds"]) for row in rows]

        return await self._read(run)

    async def fail(
        self,
        lease: jobs.Lease,
        failure: jobs.Failure,
        decide: Callable[[jobs.Step, jobs.Failure], retry.Decision],
        carrier: Mapping[str, str] | None = None,
    ) -> jobs.Job:
        """Records a failed attempt, and frees the step.

        Args:
            lease: The lease of the attempt.
            failure: Why it failed.
            decide: What becomes of the step, given its counters.
            carrier: Trace context of the attempt, for the next one to link to.

        Raises:
            errors.Aborted: The lease is not in force any more (LEASE_LOST); nothing was recorded.
            errors.NotFound: The job was deleted.
        """

        def run(db: Database) -> jobs.Job:
            job = self._held(db, lease)
            decision = decide(job.step(lease.step), failure)
            now_us = self._clock.wall_us()
            return self._save(db, lifecycle.failed(job, lease.step, failure, decision, now_us, carrier))

        return await self._write(run)

    # Asked for by people

    async def cancel(self, job_id: str, reason: str) -> jobs.Job:
        """Cancels a job; one that has ended stays as it is.

        Raises:
            errors.NotFound: There is no such job.
        """

        def run(db: Database) -> jobs.Job:
            job = _job(db, job_id)
            if job.state.ended:
                return job
            return self._save(db, lifecycle.cancelled(job, reason, self._clock.wall_us()))

        return await self._write(run)

    async def retry(self, job_id: str, job_limit: int) -> jobs.Job:
        """Runs again what did not succeed; a job that has not ended stays as it is.

        Raises:
            errors.NotFound: There is no such job.
            errors.FailedPrecondition: Nothing of it failed.
            errors.ResourceExhausted: The queue is full, or news waits for too many webhooks.
        """
        return await self._write(lambda db: self._retry(db, job_id, job_limit))

    def _retry(self, db: Database, job_id: str, job_limit: int) -> jobs.Job:
        job = _job(db, job_id)
        if not job.state.ended:
            return job
        if not plan.rerun(job.steps):
            raise errors.FailedPrecondition(
                f"no step of job {job_id} failed: there is nothing to run again", reason="NOTHING_TO_RETRY"
            )
        _flow(db).require_open()
        self._require_room(db, job.tenant, len(codec.dumps(job.spec).encode()), job_limit)
        self._require_outbox(db, job.spec)
        db.all("drop_due", number=job.number, now_us=self._clock.monotonic_us())
        return self._save(db, lifecycle.retried(job, self._clock.wall_us()))

    async def set_flow(self, wanted: flows.Flow) -> None:
        """Pauses the queue, empties it, or opens it again; it stays so over restarts."""
        values = dataclasses.asdict(wanted)
        await self._write(functools.partial(_run, "set_flow", **values))

    async def expire(self) -> list[jobs.Job]:
        """Ends jobs whose deadline has passed, at most `EXPIRED_MAX` at once, and gives them."""
        return await self._write(self._expire) if await self._read(self._due) else []

    def _due(self, db: Database) -> list[sqlite3.Row]:
        return db.all("jobs_due", now_us=self._clock.monotonic_us(), limit=EXPIRED_MAX)

    def _expire(self, db: Database) -> list[jobs.Job]:
        expired = []
        for row in self._due(db):
            job = _job_of(db, row["number"])
            db.all("set_due", number=job.number, due_us=None)
            if not job.state.ended:
                expired.append(self._save(db, lifecycle.expired(job, self._clock.wall_us())))
        return expired

    async def delete(self, job_id: str) -> None:
        """Deletes a job that has ended; its session is still to be swept. Deleted already is fine.

        Raises:
            errors.NotFound: There never was such a job.
            errors.FailedPrecondition: It has not ended.
        """
        await self._write(lambda db: self._delete(db, job_id))

    def _delete(self, db: Database, job_id: str) -> None:
        if db.one("deletion", job_id=job_id):
            return
        job = _job(db, job_id)
        if not job.state.ended:
            raise errors.FailedPrecondition(
                f"job {job_id} is {job.state}: cancel it before deleting it", reason="JOB_NOT_ENDED"
            )
        db.all("delete_job", number=job.number)
        db.all("delete_notices_of_job", job_id=job_id)
        db.all("insert_deletion", job_id=job_id, time_us=self._clock.wall_us())
        db.touched.append(job_id)

    async def unswept(self, limit: int) -> list[str]:
        """Ids of deleted jobs whose sessions are still on disk."""
        return await self._read(lambda db: [row["job_id"] for row in db.all("unswept", limit=limit)])

    async def deleted(self, job_id: str) -> bool:
        """Whether a job of that id has been deleted."""
        return await self._read(lambda db: db.one("deletion", job_id=job_id) is not None)

    async def swept(self, job_id: str) -> None:
        """Records that the session of a deleted job is gone."""
        await self._write(functools.partial(_run, "set_swept", job_id=job_id))

    # News for webhooks

    async def outbox_due(self, limit: int) -> list[notice.Notice]:
        """News that is to be delivered now, the oldest first."""

        def run(db: Database) -> list[notice.Notice]:
            rows = db.all("outbox_due", now_us=self._clock.monotonic_us(), limit=limit)
            return [notice.Notice(**dict(row)) for row in rows]

        return await self._read(run)

    async def outbox_done(self, number: int) -> None:
        """Records that news was delivered."""
        await self._write(functools.partial(_run, "delete_notice", number=number))

    async def outbox_failed(
        self, failed: notice.Notice, error: str, delay_s: float | None, hold_s: float = 0.0
    ) -> None:
        """Records that news was not delivered.

        Args:
            failed: The news.
            error: Why.
            delay_s: Seconds until it is sent again; None where it is given up.
            hold_s: Seconds for which nothing else is sent to its receiver.
        """
        await self._write(lambda db: self._fail_notice(db, failed, error, delay_s, hold_s))

    def _fail_notice(
        self, db: Database, failed: notice.Notice, error: str, delay_s: float | None, hold_s: float
    ) -> None:
        now_us = self._clock.monotonic_us()
        db.all(
            "delay_notice", number=failed.number, error=error, given_up=int(delay_s is None),
            not_before_us=now_us + round((delay_s or 0.0) * lifecycle.SECOND_US),
        )  # fmt: skip
        if hold_s > 0:
            held_us = now_us + round(hold_s * lifecycle.SECOND_US)
            db.all("release_receivers", now_us=now_us)
            db.all("hold_receiver", url=failed.url, not_before_us=held_us)
        if delay_s is None:
            db.all("drop_given_up", number=failed.number, limit=GIVEN_UP_MAX)

    def _require_outbox(self, db: Database, spec: specs.Spec) -> None:
        """Makes sure that the news of a job would find room: what waits already is kept, and not dropped for it."""
        if spec.webhook is None:
            return
        waiting = {row["given_up"]: row["count"] for row in db.all("outbox_counts")}
        if waiting[0] >= NOTICES_MAX:
            raise errors.ResourceExhausted(
                f"{NOTICES_MAX} pieces of news wait for their webhooks: try again later, or without a webhook",
                reason="OUTBOX_FULL",
                retry_after_s=RETRY_AFTER_S,
            )

    def _notify(self, db: Database, change: lifecycle.Change) -> None:
        """Puts news into the outbox for every event that changes the state of a job that names a webhook."""
        job, hook = change.job, change.job.spec.webhook
        row = db.one("job_state", number=job.number) if hook else None
        if hook is None or row is None:
            return
        state = row["state"]
        for event in change.events:
            if event.delta.state.value != state:
                db.all(
                    "insert_notice", job_id=job.id, notice_id=notice.notice_id(job, event), url=hook.url,
                    secret=hook.secret, body=notice.body(job, event),
                )  # fmt: skip
            state = event.delta.state.value

    # Reading

    async def get(self, job_id: str) -> jobs.Job:
        """A job with its steps and files.

        Raises:
            errors.NotFound: There is no such job.
        """
        return await self._read(lambda db: _job(db, job_id))

    async def page(self, wanted: Filter) -> list[jobs.Job]:
        """Jobs with their steps, the newest first."""
        return await self._read(
            lambda db: [
                _assembled(db, row)
                for row in db.all(
                    "list_jobs",
                    before=wanted.before,
                    limit=wanted.limit,
                    states=codec.dumps([state.value for state in wanted.states]),
                    labels=codec.dumps(dict(wanted.labels)),
                    tenant=wanted.tenant,
                )
            ]
        )

    async def events(self, job_id: str, after: int) -> list[jobs.Event]:
        """The lasting events of a job after a sequence number, in order, at most `EVENTS_PAGE`."""
        return await self._read(
            lambda db: [_event(row) for row in db.all("events_of_job", id=job_id, after=after, limit=EVENTS_PAGE)]
        )

    async def stats(self) -> Stats:
        """How much is waiting and running."""
        return await self._read(_stats)

    async def check(self) -> None:
        """Makes sure that the disk takes writes: one did a moment ago, or a small one does now.

        Raises:
            errors.ResourceExhausted: The disk is full.
            errors.Unavailable: It cannot be written.
        """
        if time.monotonic() - self._writer.proven_s > PROOF_AGE_S:
            await self._write(functools.partial(_run, "write_pulse", time_us=self._clock.wall_us()))

    @property
    def writes_waiting(self) -> int:
        """Writes that wait for the disk, about."""
        return self._writer.waiting

    # Inside

    def _save(self, db: Database, change: lifecycle.Change) -> jobs.Job:
        job = change.job
        self._notify(db, change)
        for event in change.events:
            db.all(
                "insert_event", job_number=job.number, sequence=event.sequence, time_us=event.time_us,
                step=event.step, message=event.message, delta=codec.dumps(event.delta),
            )  # fmt: skip
        for name in dict.fromkeys(step.name for event in change.events for step in event.delta.steps):
            self._save_step(db, job, job.step(name))
        for item in (item for event in change.events for item in event.delta.artifacts):
            db.all("write_artifact", job_number=job.number, path=item.path, body=codec.dumps(item))
        db.all(
            "update_job", number=job.number, state=job.state.value, start_us=job.start_us, end_us=job.end_us,
            error=codec.dumps(job.error) if job.error else None, sequence=job.sequence,
        )  # fmt: skip
        db.touched.append(job.id)
        db.saved[job.id] = job
        return job

    def _save_step(self, db: Database, job: jobs.Job, step: jobs.Step) -> None:
        ready = step.state is jobs.StepState.READY
        waits = ready and step.retry_us is not None
        db.all(
            "write_step",
            job_number=job.number,
            name=step.name,
            position=step.position,
            kind=step.kind.value,
            state=step.state.value,
            tenant=job.tenant,
            token=step.token,
            ready_us=self._clock.wall_us() if ready else None,
            not_before_us=self._clock.monotonic_us() + step.retry_delay_us if waits else 0,
            body=codec.dumps(step),
        )

    def _recover(self, db: Database) -> None:
        """What a new start owes to the last one: running steps run again, waits and deadlines go on where they were."""
        now_us, monotonic_us = self._clock.wall_us(), self._clock.monotonic_us()
        row = db.one("queue")
        assert row is not None  # noqa: S101 - the layout puts it there
        self._queue_begin_us = row["clock_us"] - monotonic_us
        self._runs.update({jobs.Kind(row["kind"]): row["number"] for row in db.all("last_runs")})
        for row in db.all("jobs_with_deadline"):
            end_us = codec.spec(row["spec"]).deadline_us
            left_us = min(max(end_us - now_us, 0), max(end_us - row["create_us"], 0))
            db.all("set_due", number=row["number"], due_us=monotonic_us + left_us)
        self._free(db, frozenset())
        db.all("release_notices")
        db.all("release_receivers", now_us=NUMBER_MAX)
        for row in db.all("steps_in_back_off"):
            step = codec.step(row["body"])
            left_us = min(max((step.retry_us or 0) - now_us, 0), step.retry_delay_us)
            not_before_us = monotonic_us + left_us
            db.all("set_not_before", job_number=row["job_number"], name=row["name"], not_before_us=not_before_us)


def _run(name: str, db: Database, /, **values: object) -> None:
    db.all(name, **values)


def _request(db: Database, tenant: str, request_id: str) -> sqlite3.Row | None:
    return db.one("request_id", tenant=tenant, request_id=request_id)


def _flow(db: Database) -> flows.Flow:
    row = db.one("queue")
    assert row is not None  # noqa: S101 - the layout puts it there
    return flows.Flow(flows.FlowState(row["state"]), row["reason"], row["since_us"])


def _door(db: Database) -> Door:
    loads = _loads(db)
    by_tenant = {load.tenant: load for load in loads}
    return Door(_flow(db), by_tenant, sum(load.jobs for load in loads), sum(load.spec_bytes for load in loads))


def _loads(db: Database) -> tuple[room.Load, ...]:
    return tuple(room.Load(**dict(row)) for row in db.all("tenant_loads"))


def _job(db: Database, job_id: str) -> jobs.Job:
    row = db.one("job_by_id", id=job_id)
    if row is None:
        raise errors.NotFound(f"there is no job {job_id!r}", reason="JOB_NOT_FOUND", metadata={"job_id": job_id})
    return _assembled(db, row)


def _job_of(db: Database, number: int) -> jobs.Job:
    row = db.one("job_by_number", number=number)
    assert row is not None  # noqa: S101 - a foreign key says so
    return _assembled(db, row)


def _assembled(db: Database, row: sqlite3.Row) -> jobs.Job:
    if (recent := db.recent.get(row["id"], row["sequence"])) is not None:
        return recent
    number = row["number"]
    return jobs.Job(
        id=row["id"],
        number=number,
        spec=codec.spec(row["spec"]),
        state=jobs.JobState(row["state"]),
        create_us=row["create_us"],
        carrier=codec.mapping(row["carrier"]),
        steps=tuple(codec.step(item["body"]) for item in db.all("steps_of_job", number=number)),
        artifacts=tuple(codec.artifact(item["body"]) for item in db.all("artifacts_of_job", number=number)),
        error=codec.failure(row["error"]),
        start_us=row["start_us"],
        end_us=row["end_us"],
        sequence=row["sequence"],
        tenant=row["tenant"],
    )


def _event(row: sqlite3.Row) -> jobs.Event:
    return jobs.Event(row["sequence"], row["time_us"], row["step"], row["message"], codec.delta(row["delta"]))


def _stats(db: Database) -> Stats:
    steps = {row["state"]: row["count"] for row in db.all("step_counts")}
    oldest = db.one("oldest_ready")
    waiting = db.all("waiting_count")[0]["count"]
    news = {row["given_up"]: row["count"] for row in db.all("outbox_counts")}
    return Stats(
        jobs={jobs.JobState(row["state"]): row["count"] for row in db.all("job_counts")},
        ready_steps=steps.get(jobs.StepState.READY.value, 0) - waiting,
        running_steps=steps.get(jobs.StepState.RUNNING.value, 0),
        oldest_ready_us=oldest["ready_us"] if oldest else None,
        flow=_flow(db),
        loads=_loads(db),
        waiting_steps=waiting,
        notices_waiting=news.get(0, 0),
        notices_given_up=news.get(1, 0),
    )
