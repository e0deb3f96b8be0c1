"""What the job manager hears of instances: what they say about themselves, and that they live."""

import math

from chassis import client, discovery, testing
from chassis.testing import echo
from services.jobs import dispatch
from services.jobs.remote import service as remote


async def test_what_an_instance_offers_is_read_as_it_was_set() -> None:
    """Settings of an instance become facts of the registry, and those become bounds; what is not said has none."""
    async with testing.serving([echo.service()], offer_cpus=4, offer_gpu_memory_bytes=8 << 30) as running:
        found = remote.resources(running.instance.metadata)
    assert dispatch.Resources(4.0, math.inf, float(8 << 30)) == found
    async with testing.serving([echo.service()]) as running:
        assert remote.resources(running.instance.metadata) is None
    assert math.inf == remote.resources({"cpus": "many"}).cpus


async def test_pings_begin_when_the_first_is_due() -> None:
    """A call that lasts hears that its instance lives, again and again; one that is over before made no task."""
    heard: list[None] = []
    async with (
        testing.serving([echo.service()]) as running,
        client.Clients(discovery.StaticRegistry({"echo": [running.address]}), policy=remote.ONE_TRY) as clients,
    ):
        await clients.ready("echo")
        ((_, channel),) = clients.each("echo")
        async with remote.Pings(channel, 60.0, heard.append) as short:
            assert (None, []) == (short._task, heard)
        async with remote.Pings(channel, 0.5, heard.append) as long:
            await testing.wait_until(lambda: len(heard) >= 2, what="two answers")
            long.cancel()
        assert (None, True) == (short._task, long._task.done())
