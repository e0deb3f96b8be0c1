"""Versions of documents on disk: one SQLite file, which only this process opens."""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import json
import pathlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import failpoints
from chassis import errors
from chassis.audit import chain, head
from services.config import document, layers, statements
from services.config.audit import store as audit_store
from services.config.proposals import store as proposal_store
from services.config.secrets import store as secret_store

Answer = TypeVar("Answer")

Connection = sqlite3.Connection

FORMAT = 4  # user_version of the file; 1 had versions alone, 2 no layers over a document, 3 no sealed events
LOCK_WAIT_S = 15.0  # a process that drains may still hold the file: longer than a drain takes
SQL = statements.beside(__file__)
COLUMNS = ("environment", "number", "sha256", "actor", "comment", "create_time_us")  # beside what a version says

# What SQLite says, by primary result code, and what it means to a caller.
MEANINGS: dict[int, tuple[type[errors.Error], str]] = {
    sqlite3.SQLITE_BUSY: (errors.FailedPrecondition, "DATABASE_IN_USE"),
    sqlite3.SQLITE_LOCKED: (errors.FailedPrecondition, "DATABASE_IN_USE"),
    sqlite3.SQLITE_FULL: (errors.ResourceExhausted, "STORAGE_FULL"),
    sqlite3.SQLITE_IOERR: (errors.Unavailable, "STORAGE_FAILED"),
    sqlite3.SQLITE_READONLY: (errors.FailedPrecondition, "STORAGE_READ_ONLY"),
    sqlite3.SQLITE_CANTOPEN: (errors.FailedPrecondition, "STORAGE_CANNOT_OPEN"),
    sqlite3.SQLITE_CORRUPT: (errors.DataLoss, "STORAGE_DAMAGED"),
    sqlite3.SQLITE_NOTADB: (errors.DataLoss, "STORAGE_DAMAGED"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One version of the document of one environment.

    Args:
        environment: Name of the environment.
        number: 0 is the built-in document; grows by one with every change.
        content: What it says; None in lists.
        sha256: Hash of the content.
        actor: Who made it.
        comment: Why it was made.
        create_time_us: When it was made, in microseconds since 1970 UTC; 0 for the built-in one.
    """

    environment: str
    number: int
    content: layers.Content | None
    sha256: str
    actor: str = ""
    comment: str = ""
    create_time_us: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What is to become the next version.

    Args:
        number: Its number.
        content: What it says, valid and in its one spelling.
        actor: Who makes it.
        comment: Why it is made.
    """

    number: int
    content: layers.Content
    actor: str = ""
    comment: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Approval:
    """A second person's word that makes a version.

    Args:
        actor: Who approves.
        also: What else is written in the same transaction; what it raises undoes the version.
    """

    actor: str
    also: Callable[[Connection, Version], None]


class Store:
    """The versions of all environments, and the file that they, secrets and the record of events are kept in.

    Every call runs in the one thread that owns the connection: SQLite waits for the disk, the event loop must not.

    Args:
        file: The database; made where it does not exist.
        keeper: Is told the head of the record after each event; None to keep it nowhere else.
        versions_max: Versions of an environment that are kept; a change lets go of older ones. None keeps all.
        lock_wait_s: How long to wait for another process that has it open.
    """

    def __init__(
        self,
        file: pathlib.Path,
        keeper: head.Keeper | None = None,
        *,
        versions_max: int | None = None,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self._file, self._keeper, self._versions_max = file, keeper, versions_max
        self._lock_wait_s = lock_wait_s
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> "Store":
        await self._run(self._open)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._run(self._close)
        self._thread.shutdown(wait=False)

    async def newest(self, environment: str) -> Version | None:
        """The newest version; None where nothing was ever changed."""
        return await self._run(lambda: self._newest(environment))

    async def one(self, environment: str, number: int) -> Version | None:
        """One version; None where there is none of that number."""
        found = await self._run(lambda: self._select("one", environment=environment, number=number))
        return found[0] if found else None

    async def later(self, environment: str, number: int, count: int) -> list[Version]:
        """The versions after one, the oldest first, at most `count`."""
        return await self._run(lambda: self._select("later", environment=environment, number=number, count=count))

    async def earlier(self, environment: str, number: int, count: int) -> list[Version]:
        """The versions before one, the newest first, at most `count`, without documents."""
        return await self._run(lambda: self._select("earlier", environment=environment, number=number, count=count))

    async def environments(self) -> list[str]:
        """Names of the environments that were ever changed."""
        return await self._run(
            lambda: self._read(lambda found: [name for (name,) in found.execute(SQL["environments"])])
        )

    async def append(
        self,
        environment: str,
        decide: Callable[[Version | None], Change],
        action: str = "UpdateConfig",
        approval: Approval | None = None,
    ) -> Version:
        """Adds a version in one transaction: look, decide, write; it is on disk when this returns.

        Args:
            environment: Name of the environment.
            decide: Gets the newest version and says what comes next; what it raises changes nothing.
            action: Method of the API that asks for it, for the record.
            approval: Who approved it; None where nobody had to.

        Raises:
            errors.ResourceExhausted: The disk is full.
        """

        def told(made: Version) -> chain.Entry:
            actor = approval.actor if approval else made.actor
            return chain.Entry(actor, action, f"config/{environment}/versions/{made.number}")

        def call(connection: Connection) -> Version:
            made = self._append(connection, environment, decide)
            if approval:
                approval.also(connection, made)
            return made

        return await self.write(call, told)

    async def read(self, call: Callable[[Connection], Answer]) -> Answer:
        """Runs a call that changes nothing."""
        return await self._run(lambda: self._read(call))

    async def write(self, call: Callable[[Connection], Answer], told: Callable[[Answer], chain.Entry]) -> Answer:
        """Runs a call and records it, in one transaction; all of it is on disk when this returns.

        Args:
            call: Changes something; what it raises changes nothing, and records nothing.
            told: Says what to record, from what the call returned.

        Raises:
            errors.ResourceExhausted: The disk is full.
        """
        return await self._run(lambda: self._write(call, told))

    async def _run(self, call: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _open(self) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _meant(self._file):
            connection = sqlite3.connect(self._file, timeout=self._lock_wait_s, isolation_level=None)
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    @property
    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise errors.Unavailable("the store is closed", reason="STOPPING")
        return self._connection

    def _select(self, statement: str, **values: Any) -> list[Version]:
        with _meant(self._file):
            return [_version(row) for row in self._open_connection.execute(SQL[statement], values)]

    def _newest(self, environment: str) -> Version | None:
        found = self._select("newest", environment=environment)
        return found[0] if found else None

    def _read(self, call: Callable[[Connection], Answer]) -> Answer:
        with _meant(self._file):
            return call(self._open_connection)

    def _write(self, call: Callable[[Connection], Answer], told: Callable[[Answer], chain.Entry]) -> Answer:
        with _meant(self._file), transaction(self._open_connection) as connection:
            answer = call(connection)
            reached = audit_store.append(connection, told(answer))
        if self._keeper is not None:
            self._keeper.keep(*reached)
        return answer

    def _append(self, connection: Connection, environment: str, decide: Callable[[Version | None], Change]) -> Version:
        change = decide(self._newest(environment))
        content, made_us = change.content, time.time_ns() // 1000
        version = Version(environment, change.number, content, content.sha256(), change.actor, change.comment, made_us)
        values = {name: getattr(version, name) for name in COLUMNS} | {
            "document": document.canonical(content.document).decode(),
            "overlays": document.canonical(dict(content.overlays)).decode(),
        }
        connection.execute(SQL["insert"], values)
        if self._versions_max is not None:
            last = version.number - self._versions_max
            connection.execute(SQL["compact"], {"environment": environment, "number": last})
        return version


def _prepare(connection: sqlite3.Connection) -> None:
    """Sets a connection up, and makes the tables that a new file, or one of an older release, lacks.

    Raises:
        errors.FailedPrecondition: The file is of a newer release.
    """
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # before WAL: no other process can open the file any more
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # an answer of OK means that it is on disk
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    with transaction(connection):
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            message = f"the configuration database has format {found}, this release knows {FORMAT}"
            raise errors.FailedPrecondition(message, reason="NEWER_FORMAT")
        formats = (
            SQL["create"],
            audit_store.CREATE + secret_store.CREATE,
            SQL["layers"] + proposal_store.CREATE,
            audit_store.STRETCHES,
        )
        lacking = formats[found:]
        for statement in _statements("".join((*lacking, SQL["finish"]) if lacking else ())):
            connection.execute(statement)
        if lacking:
            audit_store.seal(connection)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit in between."""
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            yield text
            text = ""


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """All that is done to a connection meanwhile, or nothing of it where it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        with failpoints.around("config.commit"):
            connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has already rolled back after some errors
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _meant(file: pathlib.Path) -> Iterator[None]:
    """Turns what SQLite says into our own errors; what it only says after a bug stays what it is."""
    try:
        yield
    except sqlite3.Error as error:
        primary = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # the upper bits only say which kind
        if primary not in MEANINGS:
            raise
        kind, reason = MEANINGS[primary]
        raise kind(f"configuration database {file.name}: {error}", reason=reason) from error


def _version(row: tuple[Any, ...]) -> Version:
    environment, number, text, sha256, actor, comment, create_time_us, overlays = row
    content = layers.Content(json.loads(text), json.loads(overlays)) if text else None
    if content is not None and content.sha256() != sha256:
        raise errors.DataLoss(
            f"version {number} of {environment} does not hash to what was stored with it", reason="STORAGE_DAMAGED"
        )
    return Version(environment, number, content, sha256, actor, comment, create_time_us)
