"""Calls with made messages: whatever is sent, no answer is a fault of ours, and no log knows one."""

import pathlib
from collections.abc import Iterator

import pytest
from grpc import aio

from chassis import server, testing
from tests import census, suites
from tests.fuzz import __main__ as script
from tests.fuzz import calls

QUICK, LONG = 1500, 30_000
ANSWERED_MIN = 35  # of 59 methods: the others need what only work on real films makes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """A suite that nobody else uses: its queue is paused, its keys are rotated, its jobs are nonsense."""
    with suites.running(tmp_path_factory.mktemp("fuzz")) as suite:
        yield suite.home


async def siege(home: pathlib.Path, seed: int, number: int, sources: list[str]) -> calls.Report:
    """Calls every method of a suite in turn."""
    known = {"source_uri": sources} if sources else {}
    async with calls.Siege(script.addresses(home), seed, known) as running:
        return await running.run(number)


def faults(home: pathlib.Path) -> list[str]:
    """Lines of the logs that are about a bug."""
    return [
        line
        for log in sorted((home / "logs").glob("*.log"))
        for line in log.read_text().splitlines()
        if "this is a bug" in line
    ]


async def test_no_made_message_is_answered_with_a_fault(home: pathlib.Path) -> None:
    """No INTERNAL, no UNKNOWN, no traceback, no silence; and most methods do what they are asked for once."""
    report = await siege(home, 1, QUICK, [])
    assert [] == [str(bug) for bug in report.bugs]
    assert [] == faults(home)
    assert {method.name for method in census.methods()} == set(report.codes)
    assert len(report.answered) >= ANSWERED_MIN


@pytest.mark.slow
async def test_no_made_message_about_real_films_is_answered_with_a_fault(
    home: pathlib.Path, media_dir: pathlib.Path
) -> None:
    """The same, many more of them, with sources that can be analyzed."""
    films = [(media_dir / "real" / name).resolve().as_uri() for name in ("full_range_bt709_1s.mp4", "speech_7s.mp3")]
    report = await siege(home, 2, LONG, films)
    assert [] == [str(bug) for bug in report.bugs]
    assert [] == faults(home)


async def _broken(request: object, context: aio.ServicerContext) -> bytes:
    raise ZeroDivisionError("planted")


async def _talkative(request: object, context: aio.ServicerContext) -> bytes:
    await context.abort(calls.grpc.StatusCode.NOT_FOUND, 'Traceback (most recent call last): File "x.py"')


@pytest.mark.parametrize("handler", [_broken, _talkative])
async def test_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch, handler: object) -> None:
    """Control: a method that fails, and one that tells its traceback, are seen."""
    monkeypatch.setitem(census.ANSWERS, "unary_unary", handler)
    service: server.Service = census.answering("jobs")
    async with testing.serving([service]) as running, calls.Siege({"jobs": running.address}, 1) as siege:
        report = await siege.run(100)
    assert report.bugs
    assert {bug.method for bug in report.bugs} <= {method.name for method in census.methods()}
