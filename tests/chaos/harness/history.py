"""What must never happen to a job, told from its events and from the files that it left."""

import collections
import hashlib
import json
import pathlib
import sqlite3
from collections.abc import Iterator

REPEATED = 50  # the fakes write one line so many times


def whole(path: pathlib.Path) -> bool:
    """Whether a file of the fakes has all that they write, and nothing else."""
    content = path.read_bytes()
    line, rest = divmod(len(content), REPEATED)
    return bool(content) and not rest and content == content[:line] * REPEATED


def wrongs(database: pathlib.Path, sessions: pathlib.Path, *, ended: bool = True) -> Iterator[str]:
    """Everything wrong with the jobs of a store and their files.

    Args:
        database: File of the store.
        sessions: Folder of the sessions.
        ended: Whether every job must have ended.
    """
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("BEGIN")  # what a manager writes meanwhile is not half of what is seen
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            yield f"the database is damaged: {verdict}"
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'jobs'").fetchone():
            yield "the store has no tables yet"
            return
        for job in connection.execute("SELECT * FROM jobs").fetchall():
            yield from (f"job {job['id']}: {wrong}" for wrong in _job(connection, job, sessions / job["id"], ended))
    finally:
        connection.close()


def _job(connection: sqlite3.Connection, job: sqlite3.Row, session: pathlib.Path, ended: bool) -> Iterator[str]:
    if ended and job["state"] in ("PENDING", "RUNNING"):
        yield f"stuck in {job['state']}"
    rows = connection.execute("SELECT * FROM events WHERE job_number = ? ORDER BY sequence", [job["number"]])
    events = [json.loads(row["delta"]) | {"sequence": row["sequence"]} for row in rows]
    if [event["sequence"] for event in events] != list(range(1, job["sequence"] + 1)):
        yield "events are missing"
    yield from commits(events)
    artifacts = connection.execute("SELECT body FROM artifacts WHERE job_number = ?", [job["number"]]).fetchall()
    yield from _files([json.loads(row["body"]) for row in artifacts], session)
    if job["state"] not in ("PENDING", "RUNNING"):
        yield from _leftovers({json.loads(row["body"])["path"] for row in artifacts}, session)


def commits(events: list[dict]) -> Iterator[str]:
    """Results that were recorded twice, or without the lease in force: only a running step may succeed."""
    running: dict[str, int] = {}
    state = ""
    for event in events:
        for step in event["steps"]:
            name, token = step["name"], step["token"]
            if step["state"] == "SUCCEEDED" and running.get(name) != token:
                yield f"{name} was committed under token {token}, in force was {running.get(name)}"
            if step["state"] == "SUCCEEDED" and state not in ("", "PENDING", "RUNNING"):
                yield f"{name} was committed after the job had ended as {state}"
            running[name] = token if step["state"] == "RUNNING" else 0
        state = event["state"]


def _files(artifacts: list[dict], session: pathlib.Path) -> Iterator[str]:
    for item in artifacts:
        path = session / item["path"]
        if not path.exists():
            yield f"{item['path']} is recorded, but not there"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != item["sha256"]:
            yield f"{item['path']} does not hash to what was recorded"


def _leftovers(known: set[str], session: pathlib.Path) -> Iterator[str]:
    """Files of a job that has ended and that no record names."""
    counted = collections.Counter(path.relative_to(session).parts[0] for path in session.rglob("*") if path.is_file())
    for path in session.rglob("*"):
        name = path.relative_to(session).as_posix()
        if path.is_file() and name not in known and name not in ("metadata/orders.json", "metadata/config.json"):
            yield f"{name} is left over (of {counted.total()} files)"


def kept(database: pathlib.Path, sessions: pathlib.Path) -> tuple[set[str], list[str]]:
    """Ids of the jobs of an image after a power cut, and what is wrong with it; files nobody records are no wrong."""
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    try:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        wrong = [] if verdict == "ok" else [f"the database is damaged: {verdict}"]
        rows = connection.execute("SELECT name FROM sqlite_master WHERE name = 'jobs'").fetchall()
        found = connection.execute("SELECT * FROM jobs").fetchall() if rows else []
        for job in found:
            query = "SELECT body FROM artifacts WHERE job_number = ?"
            artifacts = [json.loads(row["body"]) for row in connection.execute(query, [job["number"]])]
            wrong.extend(_files(artifacts, sessions / job["id"]))
        return {job["id"] for job in found}, wrong
    except sqlite3.DatabaseError as error:
        return set(), [f"the database is damaged: {error}"]
    finally:
        connection.close()
