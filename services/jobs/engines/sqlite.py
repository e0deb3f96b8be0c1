"""One SQLite file that only one process opens: nothing to install, and durable all the same."""

import pathlib
import sqlite3
from collections.abc import Mapping, Sequence

import failpoints
from chassis import errors
from services.jobs import lock
from services.jobs.engines import engine

QUERIES = engine.named("queries.sql", "sqlite.sql")
RETRY_AFTER_S = 5.0  # hint to callers that are refused by a full disk
EPOCH = 1  # the lock keeps all others out: there is one reign


class Session:
    """A connection to the file.

    Args:
        connection: It.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.connection.in_transaction

    @property
    def changes(self) -> int:
        """Rows changed since the connection was opened."""
        return self.connection.total_changes

    def run(self, name: str, values: Mapping[str, object]) -> Sequence[engine.Row]:
        """Every row of a statement.

        Raises:
            engine.Fault: The engine did not run it.
        """
        try:
            return self.connection.execute(QUERIES[name], values).fetchall()
        except sqlite3.Error as failure:
            raise fault(failure) from failure

    def script(self, path: pathlib.Path) -> None:
        """Runs a file of statements.

        Raises:
            engine.Fault: The engine did not run it.
        """
        try:
            self.connection.executescript(path.read_text())
        except sqlite3.Error as failure:
            raise fault(failure) from failure

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()


def connected(path: pathlib.Path) -> Session:
    """A connection opened the way all of ours are."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)  # each is used by one thread
    except sqlite3.Error as failure:
        raise fault(failure) from failure
    connection.row_factory = sqlite3.Row
    session = Session(connection)
    session.script(engine.SQL / "pragmas.sql")
    return session


def migrate(session: Session) -> None:
    """Brings the layout of the file up to date.

    Raises:
        errors.FailedPrecondition: The file was written by a newer version.
        engine.Fault: The engine failed.
    """
    files = sorted(engine.SQL.glob("[0-9]*_*.sql"))
    version = session.run("version", {})[0]["user_version"]
    if version > len(files):
        raise errors.FailedPrecondition(
            f"the store has layout {version}, this version knows up to {len(files)}: start the newer version",
            reason="STORE_TOO_NEW",
        )
    for file in files[version:]:
        with failpoints.around("jobs.store.migrate"):
            session.script(file)


def fault(failure: sqlite3.Error) -> engine.Fault:
    """What an error of SQLite means."""
    name = getattr(failure, "sqlite_errorname", "") or type(failure).__name__
    text = f"the store of jobs failed: {failure} ({name})"
    if name == "SQLITE_FULL":
        return engine.Fault(errors.ResourceExhausted(text, reason="STORAGE_FULL", retry_after_s=RETRY_AFTER_S))
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return engine.Fault(errors.DataLoss(text, reason="STORE_DAMAGED"))
    error = errors.Unavailable(text, reason="STORAGE_FAILED", retry_after_s=RETRY_AFTER_S)
    return engine.Fault(error, alone=isinstance(failure, sqlite3.IntegrityError))


class Sqlite:
    """The file `jobs.sqlite3` in a folder, and the lock beside it.

    Args:
        folder: The folder; made where it is missing.
    """

    shared = False

    def __init__(self, folder: pathlib.Path) -> None:
        self.leader = "this process"
        self.epoch: int | None = None
        self._path = folder / "jobs.sqlite3"
        self._lock = lock.Lock(folder / "jobs.lock")

    def open(self) -> engine.Database:
        """The connection that writes.

        Raises:
            errors.FailedPrecondition: Another process has the folder, or the file is of a newer version.
            engine.Fault: The file cannot be used.
        """
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            session = connected(self._path)
            migrate(session)
        except BaseException:
            self._lock.release()
            raise
        self.epoch = EPOCH
        return engine.Database(session)

    def reader(self) -> engine.Database:
        """A connection that reads.

        Raises:
            engine.Fault: The file cannot be used.
        """
        return engine.Database(connected(self._path))

    def lead(self) -> int | None:
        """Who holds the lock leads."""
        return self.epoch

    def resign(self) -> None:
        """Leads until it is closed: nobody else could."""

    def cut(self) -> None:
        """Waits for nobody: the file is here."""

    def close(self) -> None:
        """Gives the lock back."""
        self.epoch = None
        self._lock.release()
