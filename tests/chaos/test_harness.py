"""A slice of the harness that `make chaos` runs at length: each kind of fault, each with its control."""

import dataclasses
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from failpoints import names
from tests.chaos.harness import jumps, phases
from tests.chaos.harness import lane as lanes

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEED = 20261126
PATIENT_S = 60.0  # a wait that a jump spoils takes an hour: a slow machine is given its time
EVERYTHING = lanes.Fault("*=count")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory, require_tool) -> AsyncIterator[phases.Bench]:
    """Processes that start without importing everything anew, and a library between them and their disk."""
    require_tool("gcc")
    folder = tmp_path_factory.mktemp("chaos")
    async with lanes.Forge(lanes.built(folder)) as forge:
        yield phases.Bench(forge, folder, SEED)


def case(point: str, hit: int = 1) -> tuple[str, phases.Case]:
    """One kill of the manager."""
    return f"{point} {hit}", phases.Case((phases.rules(point, hit),))


async def test_every_failpoint_is_reached(bench: phases.Bench) -> None:
    """Jobs, uploads, documents and configuration pass every named place: none is dead."""
    result = phases.Result("reached")
    counting = phases.Case((EVERYTHING,), fake=EVERYTHING)
    cases = [("first start", counting), ("second start", counting)]
    one = dataclasses.replace(bench, lanes=1)  # the second start finds what the first left
    await phases.rounds(one, result, cases, budget_s=120)
    for what in ("documents", "config"):
        await phases.counted(bench, result, what)
    assert [] == result.wrong
    assert set() == names.ALL - set(result.reached)


async def test_nothing_is_lost_where_the_manager_is_killed_at_a_failpoint(bench: phases.Bench) -> None:
    """Before and after the durable steps of a job; twice in a row; and the fault came each time."""
    result = phases.Result("points")
    twice = phases.Case((phases.rules("jobs.store.commit.after", 5), phases.rules("jobs.store.commit.before", 1)))
    cases = [
        case("jobs.store.commit.before", 2), case("jobs.store.commit.after", 4), case("media.link.rename.after"),
        case("jobs.attempt.commit.after", 3), case("jobs.sweep.record.before"), ("twice", twice),
    ]  # fmt: skip
    await phases.rounds(bench, result, cases, budget_s=120)
    assert [] == result.wrong
    assert result.tried == result.fired == len(cases) + 1


async def test_torn_files_are_seen_where_nothing_is_renamed(bench: phases.Bench) -> None:
    """Control: written in place, a file is torn under its final name."""
    result = phases.Result("control")
    cases = [case("media.link.rename.before", hit) for hit in (3, 4, 5)]  # the first two link what no clip is made of
    await phases.rounds(bench, result, cases, budget_s=60, sabotage="in_place")
    assert any("torn" in wrong for wrong in result.wrong), result


@pytest.mark.parametrize("sabotage", ["", "no_token"])
async def test_result_that_comes_too_late_is_not_recorded(bench: phases.Bench, sabotage: str) -> None:
    """A cancelled job stays as it is; without the token check (control) a dead attempt still commits."""
    result = await phases.late_results(bench, 4, sabotage)
    assert bool(sabotage) == bool(result.wrong), result.wrong
    assert sabotage or result.fired


@pytest.mark.parametrize("sabotage", ["", "no_fsync", "no_file_sync"])
async def test_power_cut_loses_nothing_that_was_accepted(bench: phases.Bench, sabotage: str) -> None:
    """Images of the disk hold every accepted job and every recorded file; without an fsync (controls) they do not."""
    result = await phases.power_cuts(bench, 1.0, 20, sabotage)
    assert bool(sabotage) == bool(result.wrong), result.wrong


async def test_work_goes_on_when_the_disk_takes_writes_again(bench: phases.Bench) -> None:
    """A disk that refuses everything for a second costs no job."""
    result = await phases.full_disk(bench, 1)
    assert [] == result.wrong
    assert 1 == result.fired


async def test_poison_is_quarantined_after_three_deaths(bench: phases.Bench) -> None:
    """One job that kills whoever works on it, among nineteen good ones."""
    result = await phases.poison(bench, 20)
    assert [] == result.wrong
    assert 19 == result.figures["good jobs done"]


async def test_accepted_jobs_are_done_under_overload(bench: phases.Bench) -> None:
    """More jobs than the queue takes: those accepted succeed, the others are told so."""
    result = await phases.overload(bench, 0.5, limit=8, callers=8)
    assert [] == result.wrong
    assert result.fired > 0


@pytest.mark.slow
@pytest.mark.parametrize("sabotage", ["", "wall_leases"])
async def test_nobody_notices_when_the_wall_clock_jumps(bench: phases.Bench, sabotage: str) -> None:
    """Set by an hour or a day at a time, it ends no lease and holds nothing up; leases by that clock (control) do."""
    result = await jumps.clock_jumps(bench, 2.0, sabotage, slack_s=PATIENT_S)
    assert bool(sabotage) == bool(result.wrong), result.wrong
    assert sabotage or result.fired  # jobs that are stuck tell no times
