"""The record of events in the database of the service."""

import sqlite3
import time

from chassis.audit import chain
from services.config import statements

SQL = statements.beside(__file__)
CREATE = SQL["create"]


def append(connection: sqlite3.Connection, entry: chain.Entry) -> tuple[int, bytes]:
    """Adds an event within a transaction; returns the new head, its sequence and hash."""
    found = connection.execute(SQL["last"]).fetchone()
    sequence, before = (found[0] + 1, found[2]) if found else (1, chain.GENESIS)
    content = chain.body(sequence, time.time_ns() // 1000, entry)
    digest = chain.link(before, content)
    connection.execute(SQL["insert"], {"sequence": sequence, "body": content, "hash": digest})
    return sequence, digest


def earlier(connection: sqlite3.Connection, before: int, count: int) -> list[chain.Event]:
    """Events before one, the newest first, at most `count`."""
    rows = connection.execute(SQL["earlier"], {"before": before, "count": count})
    return [chain.event(content, digest) for _, content, digest in rows]


def later(connection: sqlite3.Connection, after: int, count: int) -> list[chain.Row]:
    """Events after one as they are stored, in order, at most `count`."""
    return connection.execute(SQL["later"], {"after": after, "count": count}).fetchall()
