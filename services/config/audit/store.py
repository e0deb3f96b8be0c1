"""The record of events in the database of the service: sealed stretches, then the newest events one by one."""

import sqlite3
import time

from chassis.audit import chain
from services.config import statements
from services.config.audit import sealing

SQL = statements.beside(__file__)
CREATE, STRETCHES = SQL["create"], SQL["stretches"]


def append(connection: sqlite3.Connection, entry: chain.Entry) -> tuple[int, bytes]:
    """Adds an event within a transaction; returns the new head, its sequence and hash."""
    found = connection.execute(SQL["last"]).fetchone() or connection.execute(SQL["sealed"]).fetchone()
    sequence, before = (found[0] + 1, found[1]) if found else (1, chain.GENESIS)
    content = chain.body(sequence, time.time_ns() // 1000, entry)
    digest = chain.link(before, content)
    connection.execute(SQL["insert"], {"sequence": sequence, "body": content, "hash": digest})
    if sequence % sealing.EVENTS == 0:
        seal(connection)
    return sequence, digest


def seal(connection: sqlite3.Connection) -> None:
    """Seals all events that are not yet sealed, within a transaction."""
    rows = connection.execute(SQL["later"], {"after": 0, "count": -1}).fetchall()
    if not rows:
        return
    found = connection.execute(SQL["sealed"]).fetchone()
    stretch = sealing.sealed(rows, found[1] if found else chain.GENESIS)
    values = {name: getattr(stretch, name) for name in ("first", "last", "bodies", "hashes", "seal")}
    connection.execute(SQL["insert_stretch"], values)
    connection.execute(SQL["forget"], {"last": stretch.last})


def earlier(connection: sqlite3.Connection, before: int, count: int) -> list[chain.Event]:
    """Events before one, the newest first, at most `count`."""
    rows = connection.execute(SQL["earlier"], {"before": before, "count": count}).fetchall()
    for found in connection.execute(SQL["earlier_stretches"], {"before": before}):
        if len(rows) >= count:
            break
        rows += [row for row in sealing.Stretch(*found).rows() if row[0] < before][::-1]
    return [chain.event(content, digest) for _, content, digest in rows[:count]]


def later(connection: sqlite3.Connection, after: int, count: int) -> list[chain.Row]:
    """Events after one that are not sealed, as they are stored, in order, at most `count`."""
    return connection.execute(SQL["later"], {"after": after, "count": count}).fetchall()


def stretches(connection: sqlite3.Connection, after: int, count: int) -> list[sealing.Stretch]:
    """Sealed stretches that end after an event, in order, at most `count`."""
    rows = connection.execute(SQL["later_stretches"], {"after": after, "count": count})
    return [sealing.Stretch(*row) for row in rows]
