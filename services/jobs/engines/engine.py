"""The port between the store and what keeps its rows."""

import contextlib
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from chassis import errors
from services.jobs import job as jobs
from services.jobs import recent

SQL = pathlib.Path(__file__).parents[1] / "sql"

Row = Mapping[str, Any]


def named(*files: str) -> dict[str, str]:
    """The statements of files, by name; those of a later file come in the place of earlier ones."""
    found: dict[str, str] = {}
    for file in files:
        parts = re.split(r"^-- name: (\w+)$", (SQL / file).read_text(), flags=re.MULTILINE)[1:]
        found.update((name, body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True))
    return found


class Fault(Exception):
    """A statement that the engine did not run.

    Args:
        error: What it means to a caller.
        alone: Whether only the write that ran it is undone, and the transaction goes on.
    """

    def __init__(self, error: errors.Error, *, alone: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.alone = alone


class Session(Protocol):
    """A connection of an engine, which one thread uses at a time."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    @property
    def changes(self) -> int:
        """A number that grows with whatever a commit brought to the disk."""

    def run(self, name: str, values: Mapping[str, object]) -> Sequence[Row]:
        """Every row of a statement.

        Raises:
            Fault: The engine did not run it.
        """

    def close(self) -> None:
        """Ends the connection."""


class Database:
    """A connection that knows the statements by name.

    Args:
        session: The connection.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.recent = recent.Recent()  # a job of the same sequence number is the same job, so it need not be read
        self.touched: list[str] = []  # ids of the jobs that the write in progress changed
        self.saved: dict[str, jobs.Job] = {}  # jobs as the transaction that is open leaves them

    def all(self, name: str, /, **values: object) -> Sequence[Row]:
        """Every row of a statement.

        Raises:
            Fault: The engine did not run it.
        """
        return self.session.run(name, values)

    def one(self, name: str, /, **values: object) -> Row | None:
        """The first row of a statement; None where there is none.

        Raises:
            Fault: The engine did not run it.
        """
        rows = self.all(name, **values)
        return rows[0] if rows else None

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads inside the block see one state of the store."""
        self.all("begin")
        try:
            yield
        finally:
            if self.session.in_transaction:  # a connection that is gone took its transaction with it
                self.all("commit")

    def begin_write(self) -> None:
        """Begins a transaction that writes.

        Raises:
            Fault: This manager may not write any more, or the engine failed.
        """
        self.all("begin_write")

    def roll_back(self) -> None:
        """Undoes what is open, where the engine has not done so by itself."""
        if self.session.in_transaction:
            with contextlib.suppress(Fault):  # the next transaction begins anew, or says what is wrong
                self.all("rollback")

    def close(self) -> None:
        """Closes the connection."""
        self.session.close()


class Engine(Protocol):
    """Where the rows are, and which of the managers may write them."""

    @property
    def shared(self) -> bool:
        """Whether several managers may have the store open."""

    @property
    def epoch(self) -> int | None:
        """Number of the reign under which this manager writes; None where it may not. It grows from reign to reign."""

    @property
    def leader(self) -> str:
        """Name of the manager that writes, as far as this one knows."""

    def open(self) -> Database:
        """The connection that writes; brings the layout up to date.

        Raises:
            Fault: The engine cannot be reached or is damaged.
            errors.FailedPrecondition: Another manager has a store that is not shared, or the layout is too new.
        """

    def reader(self) -> Database:
        """A connection that reads.

        Raises:
            Fault: The engine cannot be reached.
        """

    def lead(self) -> int | None:
        """Takes the right to write, or keeps it: the epoch, or None where another manager has it.

        Raises:
            Fault: The engine cannot be reached.
        """

    def resign(self) -> None:
        """Gives the right to write back, as well as it can be told."""

    def cut(self) -> None:
        """Ends every connection, so that whoever waits for an answer on one hears that there is none."""

    def close(self) -> None:
        """Gives back what `open` took."""
