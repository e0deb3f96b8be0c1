"""Health by capability: a service says what it can do now, the chassis asks it and tells the world."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from grpc_health.v1 import health, health_pb2

from chassis import errors, usage

CHECK_TIMEOUT_S = 5.0  # a check that takes longer is itself a sign of being unable to serve
OVERALL = ""  # the name under which the health protocol asks for the whole process

logger = logging.getLogger(__name__)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@runtime_checkable
class Capable(Protocol):
    """A servicer that can tell whether it is able to do its work."""

    async def check(self) -> None:
        """Returns when all is well.

        Raises:
            errors.Error: What is missing.
        """


class Health:
    """Polls the capability of services and publishes it as `grpc.health.v1`.

    Args:
        servicers: Servicers by full name of the service; one without `check` can always serve.
        interval_s: Seconds between two looks.
    """

    def __init__(self, servicers: Mapping[str, object], interval_s: float) -> None:
        self.servicer = health.aio.HealthServicer()
        self.serving = asyncio.Event()  # set while every service can serve
        self._servicers = dict(servicers)
        self._interval_s = interval_s
        self._states: dict[str, bool] = {}

    async def start(self) -> None:
        """Publishes NOT_SERVING for everything, before the first look."""
        for name in (OVERALL, *self._servicers):
            await self.servicer.set(name, NOT_SERVING)

    async def run(self) -> None:
        """Looks again and again; ends when cancelled."""
        while True:  # for the life of the process, once per interval
            await self.look()
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Asks every service once and publishes what changed."""
        outcomes = await asyncio.gather(
            *(_check(servicer) for servicer in self._servicers.values()), return_exceptions=True
        )
        for name, outcome in zip(self._servicers, outcomes, strict=True):
            await self._publish(name, outcome)
        healthy = all(self._states.values())
        await self.servicer.set(OVERALL, SERVING if healthy else NOT_SERVING)
        (self.serving.set if healthy else self.serving.clear)()

    async def drain(self) -> None:
        """Publishes NOT_SERVING for good."""
        await self.servicer.enter_graceful_shutdown()

    async def _publish(self, name: str, outcome: BaseException | None) -> None:
        able = outcome is None
        if self._states.get(name) is able:
            return
        self._states[name] = able
        usage.SERVING.labels(name).set(able)
        await self.servicer.set(name, SERVING if able else NOT_SERVING)
        if able:
            logger.info("%s is serving", name)
        else:
            unexpected = None if isinstance(outcome, errors.Error | TimeoutError) else outcome
            logger.warning("%s is not serving: %s", name, outcome or "no answer in time", exc_info=unexpected)


async def _check(servicer: object) -> None:
    if isinstance(servicer, Capable):
        await asyncio.wait_for(servicer.check(), CHECK_TIMEOUT_S)
