"""Jobs, clocks and stores for tests of the job manager."""

import dataclasses
import pathlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NoReturn

import pytest

from services.jobs import clock as clocks
from services.jobs import engines, lifecycle, retry, store
from services.jobs import job as jobs
from services.jobs import spec as specs
from services.jobs.engines import postgres
from tests import postgres as test_server

Place = Callable[[], pathlib.Path | engines.Engine]
LEASE_S = 60.0  # no manager of a test loses its lease because the machine is slow


@dataclasses.dataclass
class Hands:
    """A clock that a test moves by hand; every look at the wall shows a microsecond more."""

    wall_us: int = 1_700_000_000_000_000
    monotonic_us: int = 1_000_000_000

    def look(self) -> int:
        """The wall."""
        self.wall_us += 1
        return self.wall_us

    def clock(self) -> clocks.Clock:
        """The clock with these hands."""
        return clocks.Clock(self.look, lambda: self.monotonic_us)


@pytest.fixture
def hands() -> Hands:
    """A clock that the test moves."""
    return Hands()


@pytest.fixture
def make_spec() -> Callable[..., specs.Spec]:
    """Makes good specifications."""
    return lambda **values: specs.resolved(specs.Spec(**{"source_uri": "file:///films/talk.mp4", **values}))


@pytest.fixture(scope="session")
def postgres_server(tool_missing: Callable[[str], NoReturn]) -> Iterator[test_server.Server]:
    """A PostgreSQL for all tests of this process."""
    with test_server.running(tool_missing) as server:
        yield server


@pytest.fixture
def postgres_place(request: pytest.FixtureRequest) -> Place:
    """Managers of one fresh database."""
    url = request.getfixturevalue("postgres_server").fresh()
    return lambda: postgres.Postgres(url, LEASE_S)


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    """Where stores of one test are, one after the other."""
    return lambda: tmp_path / "state"


@pytest.fixture
async def kept(place: Place, hands: Hands) -> AsyncIterator[store.Store]:
    """An open store."""
    async with store.Store(place(), hands.clock()) as opened:
        yield opened


@pytest.fixture
def again() -> Callable[..., retry.Decision]:
    """Decides that a step runs again after a wait."""
    return lambda step, failure, delay_s=10.0: retry.Decision(
        jobs.StepState.READY, step.failures + 1, step.worker_deaths, step.outages, delay_s
    )


@pytest.fixture
def ran() -> Callable[..., jobs.Job]:
    """Runs steps of a job in memory: each name with its outcome, or with a failure for good."""

    def run(job: jobs.Job, **ends: lifecycle.Outcome | jobs.Failure) -> jobs.Job:
        for name, end in ends.items():
            step = name.replace("_", "-")
            job = lifecycle.started(job, step, "here", 1).job
            if isinstance(end, jobs.Failure):
                decision = retry.Decision(jobs.StepState.FAILED, 1, 0, 0)
                job = lifecycle.failed(job, step, end, decision, 2).job
            else:
                job = lifecycle.succeeded(job, step, end, 2).job
        return job

    return run
