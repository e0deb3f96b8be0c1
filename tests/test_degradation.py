"""The table of what is missed when something is away: each row of ARCHITECTURE.md names a test that exists."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROW = re.compile(
    r"^\| (?P<absent>[^|]+) \| (?P<effect>[^|]+) \| `(?P<file>tests/[^:`]+)::(?P<name>test_\w+)` \|$", re.MULTILINE
)
HEAD = "## What happens when something is away"


def rows() -> list[re.Match[str]]:
    """The rows of the table."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    return list(ROW.finditer(text[text.index(HEAD) :].split("\n## ")[0]))


def test_every_promise_names_a_test() -> None:
    """No row without one, and none whose test is gone."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = [line for line in text[text.index(HEAD) :].split("\n## ")[0].splitlines() if line.startswith("| ")]
    assert len(table) - 1 == len(rows()), "a row that is not ABSENT | EFFECT | TEST"
    for row in rows():
        tree = ast.parse((ROOT / row["file"]).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert row["name"] in names, f"{row['file']} has no {row['name']}"


def test_the_parts_that_may_be_away_are_in_the_table() -> None:
    """Everything outside of a process that it talks to."""
    absent = " ".join(row["absent"] for row in rows()).lower()
    for part in (
        "configuration",
        "collector",
        "consul",
        "card",
        "model",
        "analyzer",
        "job manager",
        "cache",
        "disk",
        "kernel",
    ):
        assert part in absent, part
