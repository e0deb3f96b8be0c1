"""Failpoints act where they are told to, leave a trace, and every one of the code is in the list."""

import ast
import errno
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

import failpoints
from failpoints import names

ROOT = pathlib.Path(__file__).resolve().parents[3]
PACKAGES = ("chassis", "media", "services", "gateway", "client", "deploy")
PLACE = "media.replace.sync"


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """Nothing stays armed after a test."""
    yield
    failpoints.arm({})


def armed(text: str, log: pathlib.Path | None = None) -> None:
    failpoints.arm({failpoints.VARIABLE: text, failpoints.LOG_VARIABLE: str(log or "")})


def passes(count: int) -> list[int]:
    """Passes a place some times; gives the turns that failed."""
    failed = []
    for turn in range(1, count + 1):
        try:
            with failpoints.around(PLACE):
                pass
        except OSError:
            failed.append(turn)
    return failed


def planted(tree: ast.AST) -> Iterator[str]:
    """The places of a file; of a name that is put together, its beginning with a star."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoints.around":
            yield from _places(node.args[0], tree)


def _places(argument: ast.expr, tree: ast.AST) -> Iterator[str]:
    if isinstance(argument, ast.Name):
        argument = next(
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == argument.id
        )
    if isinstance(argument, ast.JoinedStr):
        prefix = argument.values[0].value
        yield from (place for place in names.PLACES if place.startswith(prefix))
    else:
        yield ast.literal_eval(argument)


def test_every_place_of_the_code_is_in_the_list() -> None:
    """No failpoint is unknown to the harness, and none of the list is missing in the code."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    found = {place for file in files for place in planted(ast.parse(file.read_text()))}
    assert set(names.PLACES) == found
    assert len(names.ALL) >= 60


def test_nothing_armed_costs_nothing() -> None:
    """Without rules every block is the same empty one, made once."""
    assert failpoints.around(PLACE) is failpoints.around("jobs.accept")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [(f"{PLACE}.before=error(EIO)@3", [3]), (f"{PLACE}.after=error(EIO)@2+", [2, 3, 4]), ("*=count", [])],
)
def test_rule_acts_at_its_hits_alone(rule: str, expected: list[int]) -> None:
    """The third hit, the second and all later ones, or none."""
    armed(rule)
    assert expected == passes(4)


def test_error_has_its_number() -> None:
    """An error is the one that was asked for."""
    armed(f"{PLACE}.before=error(ENOSPC)")
    with pytest.raises(OSError, match="failpoint") as raised, failpoints.around(PLACE):
        pass
    assert errno.ENOSPC == raised.value.errno


def test_after_is_not_hit_where_the_block_fails(tmp_path: pathlib.Path) -> None:
    """What did not happen has no after."""
    log = tmp_path / "log"
    armed("*=count", log)
    with pytest.raises(KeyError), failpoints.around(PLACE):
        raise KeyError
    assert [f"{PLACE}.before 1 count"] == log.read_text().splitlines()


def test_killed_process_has_left_a_trace(tmp_path: pathlib.Path) -> None:
    """SIGKILL at the second hit, written down before."""
    text = f"import failpoints\nfor _ in range(9):\n    with failpoints.around({PLACE!r}): print(_, flush=True)"
    environment = {failpoints.VARIABLE: f"{PLACE}.before=kill@2", failpoints.LOG_VARIABLE: str(tmp_path / "log")}
    ended = subprocess.run([sys.executable, "-c", text], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert -signal.SIGKILL == ended.returncode
    assert "0\n" == ended.stdout
    assert f"{PLACE}.before 2 kill\n" == (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    "text", ["nowhere=kill", f"{PLACE}.before=explode", f"{PLACE}.before=error", f"{PLACE}.before=delay"]
)
def test_wrong_rule_is_refused(text: str) -> None:
    """A rule that would never act must not look like a fault that was survived."""
    with pytest.raises(ValueError, match="REELSMITH_FAILPOINTS"):
        armed(text)
