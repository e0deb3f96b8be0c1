"""Secrets, encrypted, in the database of the service."""

import dataclasses
import sqlite3

from services.config import statements

SQL = statements.beside(__file__)
CREATE = SQL["create"]


@dataclasses.dataclass(frozen=True, slots=True)
class Sealed:
    """One version of a secret, encrypted.

    Args:
        name: Its name.
        version: From 1; grows with every new value, also after the secret was deleted.
        key_id: Key that it is encrypted with.
        token: What Fernet made; empty where the secret was deleted.
        create_time_us: When the value was set, in microseconds since 1970 UTC.
    """

    name: str
    version: int
    key_id: str
    token: bytes
    create_time_us: int


def newest(connection: sqlite3.Connection, name: str) -> Sealed | None:
    """The newest version, which may be a deleted one; None where there never was any."""
    return _one(connection, "newest", name=name)


def one(connection: sqlite3.Connection, name: str, version: int) -> Sealed | None:
    """One version; None where there is none of that number."""
    return _one(connection, "one", name=name, version=version)


def _one(connection: sqlite3.Connection, statement: str, **values: str | int) -> Sealed | None:
    row = connection.execute(SQL[statement], values).fetchone()
    return Sealed(*row) if row else None


def insert(connection: sqlite3.Connection, sealed: Sealed) -> None:
    """Adds a version."""
    connection.execute(SQL["insert"], dataclasses.asdict(sealed))


def page(connection: sqlite3.Connection, after: str, count: int) -> list[Sealed]:
    """The newest versions of secrets that are there, by name, after one, at most `count`."""
    return [Sealed(*row) for row in connection.execute(SQL["page"], {"after": after, "count": count})]


def empty(connection: sqlite3.Connection, name: str) -> None:
    """Deletes the values of all versions."""
    connection.execute(SQL["empty"], {"name": name})


def other_keys(connection: sqlite3.Connection, key_id: str, count: int) -> list[Sealed]:
    """Versions that are encrypted with another key, at most `count`."""
    return [Sealed(*row) for row in connection.execute(SQL["other_keys"], {"key_id": key_id, "count": count})]


def replace(connection: sqlite3.Connection, sealed: Sealed) -> None:
    """Replaces the token of a version, and its key."""
    connection.execute(SQL["replace"], dataclasses.asdict(sealed))


def versions(connection: sqlite3.Connection) -> int:
    """How many versions there are."""
    return connection.execute(SQL["versions"]).fetchone()[0]
