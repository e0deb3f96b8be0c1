"""Keeps one instance listed: a registry forgets, so it is told again and again."""

import asyncio
import logging
import random

from chassis import discovery, errors

INTERVAL_S = 5.0  # a restarted agent has forgotten everybody; this is how long that lasts at most
DEREGISTER_TIMEOUT_S = 2.0  # a drain does not wait for a dead agent

logger = logging.getLogger(__name__)


class Registration:
    """Lists an instance once it serves, and again whenever the registry may have forgotten it.

    Args:
        registry: Where to list.
        instance: What to list.
        serving: Set when the instance serves for the first time.
    """

    def __init__(self, registry: discovery.Registry, instance: discovery.Instance, serving: asyncio.Event) -> None:
        self._registry = registry
        self._instance = instance
        self._serving = serving
        self._listed: bool | None = None

    async def run(self) -> None:
        """Lists again and again; ends when cancelled."""
        await self._serving.wait()
        while True:  # for the life of the process, once per interval
            await self._register()
            await asyncio.sleep(INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311  spreads load, hides nothing

    async def end(self) -> None:
        """Strikes the instance off, if it was ever listed and the registry answers."""
        if self._listed is None:
            return
        try:
            await asyncio.wait_for(self._registry.deregister(self._instance), DEREGISTER_TIMEOUT_S)
        except (errors.Error, TimeoutError) as failure:
            logger.warning("%s stays listed until its check fails: %s", self._instance.id, failure or "no answer")

    async def _register(self) -> None:
        try:
            await self._registry.register(self._instance)
        except errors.Error as failure:
            if self._listed is not False:
                logger.warning("%s cannot be registered now: %s", self._instance.id, failure)
            self._listed = False
            return
        if not self._listed:
            logger.info("%s is registered at %s", self._instance.id, self._instance.address)
        self._listed = True
