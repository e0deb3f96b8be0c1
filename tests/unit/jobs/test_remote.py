"""What the job manager reads of what instances say about themselves."""

import math

from chassis import testing
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
