"""The statements that run at every lease look at their index, however many jobs wait."""

import pathlib
import sqlite3

import pytest

from services.jobs.engines import sqlite


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("next_waiting", {"now_us": 1}, "steps_waiting"),
        ("running_steps", {}, "steps_running"),
        ("outbox_due", {"now_us": 1, "limit": 1}, "outbox_due"),
    ],
)
def test_statement_of_every_lease_uses_its_index(
    tmp_path: pathlib.Path, name: str, values: dict[str, object], index: str
) -> None:
    """No walk over all steps that are ready, which with 100,000 jobs would hold up every write."""
    session = sqlite.connected(tmp_path / "jobs.sqlite3")
    sqlite.migrate(session)
    session.close()
    connection = sqlite3.connect(tmp_path / "jobs.sqlite3")
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sqlite.QUERIES[name]}", values).fetchall()
    connection.close()
    assert index in str(plan)
