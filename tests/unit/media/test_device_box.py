"""The box around a worker with a device: weaker where the driver needs it, and nowhere else."""

import platform
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from media import errors, pool
from tests.unit.media import tasks

pytestmark = pytest.mark.asyncio(loop_scope="module")
TASKS = "tests.unit.media.tasks"
PRELOAD = (TASKS, "tests.unit.media.heavy:warm")
# Looking at names is what a driver does; what lies behind them stays shut.
WEAKER = {"stat_name", "stat_name_as_descriptor", "access_name"}

only_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of system calls are those of x86_64")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def device_pool() -> AsyncIterator[pool.Pool]:
    """A pool whose children have a device."""
    settings = pool.PoolSettings(workers=2, preload=PRELOAD, opening=f"{TASKS}:open_pretended_device")
    try:
        async with pool.Pool(settings) as workers:
            yield workers
    except errors.WorkerLost as error:
        if "Landlock" not in str(error):
            raise
        pytest.skip("this system lacks Landlock, without which no device is used")


async def test_protections_say_what_is_weaker(device_pool: pool.Pool) -> None:
    """There is no empty root; Landlock counts what it leaves open."""
    found = {one.name: one for one in device_pool.protections()}
    assert not found["empty-root"].active
    assert "driver" in found["empty-root"].detail
    assert "no files but 1 of the device" in found["landlock"].detail
    assert "MiB of data" in found["rlimits"].detail


@only_x86
@pytest.mark.parametrize("way", sorted(tasks.ESCAPES))
async def test_ways_out_are_blocked_but_for_names(device_pool: pool.Pool, way: str) -> None:
    """The attempt fails, or ends the child; whether a name exists can be found out."""
    try:
        outcome = (await device_pool.run(f"{TASKS}:escape", way)).value
    except errors.WorkerLost as error:
        outcome = "blocked" if error.metadata["status"] == "SIGSYS" else str(error)
    assert ("escaped" if way in WEAKER else "blocked") == outcome.partition(":")[0]


async def test_device_can_be_opened_and_its_neighbours_cannot(device_pool: pool.Pool) -> None:
    """By name, for reading and writing, and for control."""
    found = (await device_pool.run(f"{TASKS}:use_devices", ["/dev/random", "/dev/null", "/etc/hostname"])).value
    assert {"/dev/random": "controlled", "/dev/null": "PermissionError", "/etc/hostname": "PermissionError"} == found


async def test_device_stays_shut_in_the_box_without_one() -> None:
    """Control: the same task in the other box opens nothing."""
    async with pool.Pool(pool.PoolSettings(workers=1, preload=PRELOAD)) as workers:
        found = (await workers.run(f"{TASKS}:use_devices", ["/dev/random"])).value
        assert {"/dev/random": "PermissionError"} == found


async def test_no_device_without_landlock() -> None:
    """Nothing else would keep the files of the system shut."""
    settings = pool.PoolSettings(workers=1, preload=PRELOAD, opening=f"{TASKS}:lose_landlock")
    with pytest.raises(errors.WorkerLost, match="Landlock") as caught:
        async with pool.Pool(settings):
            pass
    assert "DEVICE_FAILED" == caught.value.reason
