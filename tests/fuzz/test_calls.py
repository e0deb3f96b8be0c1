"""Calls with made messages: whatever is sent, no answer is a fault of ours, and no log knows one."""

import contextlib
import pathlib
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
from grpc import aio

from chassis import server, testing
from chassis.testing import process
from tests import census, suites
from tests.fuzz import __main__ as script
from tests.fuzz import calls

QUICK, LONG = 600, 30_000
ANSWERED_MIN = 12  # of 46 methods, 24 on most days: it shows that not all was refused at the door


@contextlib.asynccontextmanager
async def front(folder: pathlib.Path) -> AsyncIterator[dict[str, str]]:
    """The addresses of the three services that need no workers, as processes of their own."""
    ports = {name: testing.free_port() for name in ("config", "jobs", "gateway")}
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    environment = {
        "REELSMITH_DISCOVERY": "static",
        "REELSMITH_STATIC_REGISTRY": ";".join(f"{name}={address}" for name, address in addresses.items()),
        "REELSMITH_SESSIONS_ROOT": str(folder / "storage"),
    }
    async with contextlib.AsyncExitStack() as stack:
        for name, module in {"config": "services.config", "jobs": "services.jobs", "gateway": "gateway"}.items():
            await stack.enter_async_context(process.running(name, module, 1, folder, environment, ports[name]))
        yield addresses


@pytest.fixture
def suite_of_own(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A suite that nobody else uses: its queue is paused, its keys are rotated, its jobs are nonsense."""
    with suites.running(tmp_path / "suite") as suite:
        yield suite.home


async def siege(addresses: Mapping[str, str], seed: int, number: int, sources: list[str]) -> calls.Report:
    """Calls every method of these services in turn."""
    async with calls.Siege(addresses, seed, {"source_uri": sources} if sources else {}) as running:
        return await running.run(number)


def faults(folder: pathlib.Path) -> list[str]:
    """Lines of the logs that are about a bug."""
    return [
        line
        for log in sorted(folder.glob("*.log"))
        for line in log.read_text().splitlines()
        if "this is a bug" in line or "Traceback" in line
    ]


async def test_no_made_message_is_answered_with_a_fault(tmp_path: pathlib.Path) -> None:
    """No INTERNAL, no UNKNOWN, no traceback, no silence; and most methods do what they are asked for once."""
    async with front(tmp_path) as addresses:
        report = await siege(addresses, 1, QUICK, [])
    assert [] == [str(bug) for bug in report.bugs]
    assert [] == faults(tmp_path)
    assert {method.name for method in census.methods() if method.service in addresses} == set(report.codes)
    assert len(report.answered) >= ANSWERED_MIN


@pytest.mark.slow
@pytest.mark.timeout(3600)  # tens of thousands of calls, some of which analyze a film
async def test_no_made_message_about_real_films_is_answered_with_a_fault(
    suite_of_own: pathlib.Path, media_dir: pathlib.Path
) -> None:
    """The same of all services, many more of them, with sources that can be analyzed."""
    films = [(media_dir / "real" / name).resolve().as_uri() for name in ("full_range_bt709_1s.mp4", "speech_7s.mp3")]
    report = await siege(script.addresses(suite_of_own), 2, LONG, films)
    assert [] == [str(bug) for bug in report.bugs]
    assert [] == faults(suite_of_own / "logs")
    assert {method.name for method in census.methods()} == set(report.codes)


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
