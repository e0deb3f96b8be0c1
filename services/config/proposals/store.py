"""Proposals in the database of the service."""

import dataclasses
import enum
import json
import sqlite3

from services.config import document, layers, statements

SQL = statements.beside(__file__)
CREATE = SQL["create"]


class State(enum.StrEnum):
    """Where a proposal stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """A change that waits for a second person, or that was decided about.

    Args:
        id: From 1; 0 before it is stored.
        environment: Name of the environment.
        reader: Whose layer changes.
        expected: Version that it starts from.
        content: What the version would say.
        actor: Who proposed it.
        comment: Why it was proposed.
        create_time_us: When, in microseconds since 1970 UTC.
        state: Where it stands.
        decider: Who decided.
        decision_comment: Why it was decided so.
        decide_time_us: When, in microseconds since 1970 UTC.
        version: The version that it became; 0 for none.
    """

    id: int
    environment: str
    reader: layers.Reader
    expected: int
    content: layers.Content
    actor: str
    comment: str
    create_time_us: int
    state: State = State.PENDING
    decider: str = ""
    decision_comment: str = ""
    decide_time_us: int = 0
    version: int = 0


def insert(connection: sqlite3.Connection, made: Proposal) -> Proposal:
    """Adds a proposal, and gives it its number."""
    values = {
        "environment": made.environment,
        "layer": made.reader.layer,
        "expected": made.expected,
        "document": document.canonical(made.content.document).decode(),
        "overlays": document.canonical(dict(made.content.overlays)).decode(),
        "actor": made.actor,
        "comment": made.comment,
        "create_time_us": made.create_time_us,
    }
    return dataclasses.replace(made, id=connection.execute(SQL["insert"], values).lastrowid)


def one(connection: sqlite3.Connection, number: int) -> Proposal | None:
    """One proposal; None where there is none of that number."""
    row = connection.execute(SQL["one"], {"id": number}).fetchone()
    return _proposal(row) if row else None


def page(connection: sqlite3.Connection, before: int, pending_only: bool, count: int) -> list[Proposal]:
    """Proposals before one, the newest first, at most `count`."""
    values = {"before": before, "pending_only": pending_only, "count": count}
    return [_proposal(row) for row in connection.execute(SQL["page"], values)]


def pending(connection: sqlite3.Connection) -> int:
    """How many wait for a decision."""
    return connection.execute(SQL["pending"]).fetchone()[0]


def decide(connection: sqlite3.Connection, decided: Proposal) -> None:
    """Stores a decision."""
    fields = ("id", "state", "decider", "decision_comment", "decide_time_us", "version")
    connection.execute(SQL["decide"], {name: getattr(decided, name) for name in fields})


def compact(connection: sqlite3.Connection, number: int) -> None:
    """Lets go of those up to a number that were decided about."""
    connection.execute(SQL["compact"], {"id": number})


def _proposal(row: tuple) -> Proposal:
    number, environment, layer, expected, text, overlays, state, actor, comment, created_us, *decision = row
    content = layers.Content(json.loads(text), json.loads(overlays))
    reader = layers.Reader(*layer.split("/")) if layer else layers.EVERYBODY
    return Proposal(number, environment, reader, expected, content, actor, comment, created_us, State(state), *decision)
