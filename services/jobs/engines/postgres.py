"""PostgreSQL, which several managers share: one of them writes, under an epoch that every transaction proves.

The right to write is a row with an epoch, a manager and a time by the clock of the database. A transaction that writes
begins by renewing that row, if it still names its epoch, and so holds it locked to its end: a new epoch begins after
the transaction or not during it at all. Nothing else is relied upon, neither clocks of managers nor Consul.

A manager that freezes within a transaction is thrown out by the database after the time of a lease.
"""

import contextlib
import os
import pathlib
import re
import secrets
import socket
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import rows

import failpoints
from chassis import errors
from services.jobs.engines import engine

PLACEHOLDER = re.compile(r"(?<!:):([a-z]\w*)")
QUERIES = {name: PLACEHOLDER.sub(r"%(\1)s", text) for name, text in engine.named("queries.sql", "postgres.sql").items()}
LAYOUTS = engine.SQL / "postgres"
CONNECT_TIMEOUT_S = 5  # a database that does not greet within that is away
STATEMENT_MAX_S = 30.0  # far beyond any of ours: a page of a thousand jobs takes less than one
RETRY_AFTER_S = 5.0  # hint to callers
HOST_LENGTH_MAX = 40  # what is left of the 63 bytes that PostgreSQL keeps of a name
OPENINGS = frozenset({"begin", "begin_write", "take_lead", "keep_lead", "leave_lead", "leadership"})
OPEN = (
    psycopg.pq.TransactionStatus.ACTIVE,
    psycopg.pq.TransactionStatus.INTRANS,
    psycopg.pq.TransactionStatus.INERROR,
)


def name() -> str:
    """A name for this manager that no other one has, nor had."""
    return f"{socket.gethostname()[:HOST_LENGTH_MAX]}-{os.getpid()}-{secrets.token_hex(4)}"


def fault(failure: psycopg.Error) -> engine.Fault:
    """What an error of PostgreSQL means; only its first line is told, for others may hold values."""
    line = str(failure).partition("\n")[0]
    text = f"the store of jobs failed: {line} ({failure.sqlstate or type(failure).__name__})"
    if isinstance(failure, psycopg.errors.DiskFull):
        return engine.Fault(errors.ResourceExhausted(text, reason="STORAGE_FULL", retry_after_s=RETRY_AFTER_S))
    if isinstance(failure, psycopg.errors.DataCorrupted | psycopg.errors.IndexCorrupted):
        return engine.Fault(errors.DataLoss(text, reason="STORE_DAMAGED"))
    alone = isinstance(failure, psycopg.IntegrityError | psycopg.DataError)
    return engine.Fault(errors.Unavailable(text, reason="STORAGE_FAILED", retry_after_s=RETRY_AFTER_S), alone=alone)


class Session:
    """A connection that comes back by itself between transactions.

    Args:
        url: Where the database is.
        name: Of the manager.
        lease_s: Seconds for which it may hold up others.
    """

    def __init__(self, url: str, name: str, lease_s: float) -> None:
        self._url, self._name, self._lease_s = url, name, lease_s
        self.connection = self._connected()
        self.changes = 0  # commits: each writes something, if only the time until which the manager leads

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.connection.info.transaction_status in OPEN

    def run(self, name: str, values: Mapping[str, object]) -> Sequence[engine.Row]:
        """Every row of a statement; one that begins something is sent again where the connection was gone.

        Raises:
            engine.Fault: The engine did not run it.
        """
        try:
            if name in OPENINGS:
                return self._opened(name, values)
            return self._run(name, values)
        except psycopg.Error as failure:
            raise fault(failure) from failure

    def _opened(self, name: str, values: Mapping[str, object]) -> Sequence[engine.Row]:
        if not self.connection.closed:
            try:
                return self._run(name, values)
            except psycopg.OperationalError:
                if not self.connection.closed:  # such as a lock that was waited for in vain
                    raise
        self.connection = self._connected()
        return self._run(name, values)

    def _run(self, name: str, values: Mapping[str, object]) -> Sequence[engine.Row]:
        cursor = self.connection.execute(QUERIES[name], {key: _storable(value) for key, value in values.items()})
        if name == "commit":
            self.changes += 1
        return cursor.fetchall() if cursor.description else []

    def script(self, path: pathlib.Path) -> None:
        """Runs a file of statements.

        Raises:
            engine.Fault: The engine did not run it.
        """
        try:
            self.connection.execute(path.read_text())
        except psycopg.Error as failure:
            raise fault(failure) from failure

    def _connected(self) -> psycopg.Connection:
        connection = psycopg.connect(
            self._url,
            autocommit=True,  # the store begins and commits by itself
            row_factory=rows.dict_row,
            application_name=self._name,
            connect_timeout=CONNECT_TIMEOUT_S,
            tcp_user_timeout=max(1, round(self._lease_s * 1000)),  # a silent network is an outage after a lease
            keepalives_idle=2,
            keepalives_interval=1,
            keepalives_count=3,
        )
        lease_ms, statement_ms = str(max(1, round(self._lease_s * 1000))), str(round(STATEMENT_MAX_S * 1000))
        connection.execute(QUERIES["session"], {"lease_ms": lease_ms, "statement_ms": statement_ms})
        return connection

    def cut(self) -> None:
        """Ends the connection under whoever waits on it, from another thread."""
        with (
            contextlib.suppress(psycopg.Error, OSError),  # it is gone already
            socket.socket(fileno=os.dup(self.connection.fileno())) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()


def _storable(value: object) -> object:
    """A value as PostgreSQL can keep it: its text has no NUL. JSON has none anyway; words of people may."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


class Writing(engine.Database):
    """The connection that writes: every transaction claims an epoch and proves it first.

    Args:
        session: The connection.
        seat: Which epoch.
    """

    def __init__(self, session: Session, seat: "Postgres") -> None:
        super().__init__(session)
        self._seat = seat

    def begin_write(self) -> None:
        """Begins a transaction that writes.

        Raises:
            engine.Fault: This manager may not write any more, or the engine failed.
        """
        epoch = self._seat.epoch
        self.all("begin_write")
        self.all("claim", epoch=epoch or 0)
        if epoch is None or not self.proven(epoch):
            raise self._seat.deposed()

    def proven(self, epoch: int) -> bool:
        """Whether an epoch is in force, and stays so to the end of the transaction."""
        return bool(self.all("keep_lead", epoch=epoch, manager=self._seat.name, lease_s=self._seat.lease_s))


class Postgres:
    """A database that several managers share.

    Args:
        url: Where it is, as libpq reads it: `postgresql://USER@HOST/DATABASE`.
        lease_s: Seconds after which another manager takes over from one that is silent.
    """

    shared = True

    def __init__(self, url: str, lease_s: float) -> None:
        self.name = name()
        self.lease_s = lease_s
        self.epoch: int | None = None
        self.leader = "unknown"
        self._url = url
        self._sessions: list[Session] = []  # one that writes, those that read, one for the lease
        self._lease: engine.Database | None = None

    def open(self) -> engine.Database:
        """The connection that writes; brings the layout up to date.

        Raises:
            engine.Fault: The database cannot be reached, or does not let us.
            errors.FailedPrecondition: Its layout is of a newer version, or it does not keep UTF-8.
        """
        self._lease = engine.Database(self._session())
        session = self._session()
        migrate(engine.Database(session), session)
        return Writing(session, self)

    def reader(self) -> engine.Database:
        """A connection that reads.

        Raises:
            engine.Fault: The database cannot be reached.
        """
        return engine.Database(self._session())

    def lead(self) -> int | None:
        """Takes the right to write, or keeps it.

        Raises:
            engine.Fault: The database cannot be reached, or the leader's last write does not end.
        """
        epoch = self.epoch
        values = {"manager": self.name, "lease_s": self.lease_s}
        if epoch is not None:
            if not self._lease.all("keep_lead", epoch=epoch, **values):
                self.epoch = None
        elif taken := self._lease.one("take_lead", **values):
            self.epoch, self.leader = taken["epoch"], self.name
        if self.epoch is None:
            self.leader = self._lease.all("leadership")[0]["manager"]
        return self.epoch

    def resign(self) -> None:
        """Gives the right to write back, so that nobody has to wait for the lease to end."""
        epoch, self.epoch = self.epoch, None
        if epoch is not None:
            with contextlib.suppress(engine.Fault):  # the lease ends by itself
                self._lease.all("leave_lead", epoch=epoch, manager=self.name)

    def deposed(self) -> engine.Fault:
        """Notes that another manager leads; what a write is told then."""
        self.epoch = None
        return engine.Fault(errors.Unavailable("another job manager leads", reason="NOT_LEADER"))

    def cut(self) -> None:
        """Ends every connection."""
        for session in self._sessions:
            session.cut()

    def close(self) -> None:
        """Ends every connection that is still open."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()

    def _session(self) -> Session:
        try:
            session = Session(self._url, self.name, self.lease_s)
        except psycopg.Error as failure:
            raise fault(failure) from failure
        self._sessions.append(session)
        return session


def migrate(database: engine.Database, session: Session) -> None:
    """Brings the layout up to date, one manager at a time.

    Raises:
        errors.FailedPrecondition: The layout is of a newer version, or the database does not keep UTF-8.
        engine.Fault: The engine failed.
    """
    encoding = database.all("encoding")[0]["encoding"]
    if encoding != "UTF8":
        raise errors.FailedPrecondition(f"the database keeps text as {encoding}, not as UTF8", reason="STORE_ENCODING")
    files = sorted(LAYOUTS.glob("[0-9]*_*.sql"))
    database.all("begin_write")
    try:
        database.all("lock_layout")
        known = database.all("layout")[0]["there"]
        if not known:
            database.all("make_schema")
        version = database.all("version")[0]["version"] if known else 0
        if version > len(files):
            raise errors.FailedPrecondition(
                f"the store has layout {version}, this version knows up to {len(files)}: start the newer version",
                reason="STORE_TOO_NEW",
            )
        for file in files[version:]:
            with failpoints.around("jobs.store.migrate"):
                session.script(file)
        if version < len(files):
            database.all("set_version", version=len(files))
        database.all("commit")
    finally:
        database.roll_back()
