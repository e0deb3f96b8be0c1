"""What the gateway says about the suite as a whole."""

import pytest
from reelsmith.gateway.v1 import gateway_pb2 as pb

from chassis import breaker, client, discovery, errors, testing
from chassis.testing import echo
from gateway import suite


async def test_status_shows_breakers() -> None:
    """Each with the service, the method, what it counted, and how long it refuses calls."""
    policy = client.Policy(breaking=breaker.Rules(calls_min=2, open_s=60))
    async with (
        testing.serving([echo.service()]) as server,
        client.Clients(discovery.StaticRegistry({"jobs": [server.address]}), policy=policy) as clients,
    ):
        stub = echo.EchoStub(clients.channel("jobs"))
        await stub.Put(echo.Echo())
        for _ in range(2):
            with pytest.raises(errors.Internal):
                await stub.Read(echo.Echo(text="Internal"))
        status = await suite.Suite(clients, "static").status(5)
    put, read = status.breakers
    assert ("jobs", f"{echo.FULL_NAME}/Put", pb.BreakerStatus.STATE_CLOSED, 1, 0) == (
        put.service,
        put.method,
        put.state,
        put.calls,
        put.failures,
    )
    assert (f"{echo.FULL_NAME}/Read", pb.BreakerStatus.STATE_OPEN, True) == (
        read.method,
        read.state,
        0 < read.rest.seconds <= 60,
    )
