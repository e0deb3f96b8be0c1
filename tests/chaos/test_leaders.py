"""A slice of three managers on one PostgreSQL under faults, as `make chaos` does at length, with its control."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests import postgres
from tests.chaos.harness import lane as lanes
from tests.chaos.harness import leaders, phases

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory, tool_missing) -> AsyncIterator[phases.Bench]:
    """Processes that start without importing everything anew."""
    if postgres.programs() is None:
        tool_missing("postgresql is not installed")
    async with lanes.Forge() as forge:
        yield phases.Bench(forge, tmp_path_factory.mktemp("leaders"), 20261126)


@pytest.mark.parametrize("sabotage", ["", "no_epoch"])
async def test_one_manager_writes_at_a_time(bench: phases.Bench, sabotage: str) -> None:
    """Whatever is killed, frozen or cut off; without the check of the epoch (control) two write in turns."""
    result = await leaders.leaders(bench, 60, 12 if sabotage else 6, sabotage)
    assert bool(sabotage) == bool(result.wrong), result.wrong
    assert result.fired == result.tried
    assert sabotage or result.figures["jobs"]
