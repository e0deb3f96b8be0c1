"""The instances of one service that a client may call, kept as the registry has them."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from chassis import discovery, member, route

logger = logging.getLogger(__name__)


class Membership:
    """Follows the registry and holds one member per instance.

    Args:
        service: Name of the service.
        registry: Who knows its instances.
    """

    def __init__(self, service: str, registry: discovery.Registry) -> None:
        self.service = service
        self._registry = registry
        self._members: dict[tuple[str, str], member.Member] = {}
        self._known = asyncio.Event()  # set while there is at least one
        self._closing: set[asyncio.Task[None]] = set()
        self._watch = asyncio.create_task(self._follow(), name=f"members of {service}")

    @property
    def members(self) -> Sequence[member.Member]:
        """All members there are now."""
        return tuple(self._members.values())

    async def known(self, timeout_s: float = route.KNOWN_TIMEOUT_S) -> Sequence[member.Member]:
        """The members, once there is one.

        Raises:
            route.NeverSent: No instance is known within the time.
        """
        if not self._known.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._known.wait(), max(0.0, timeout_s))
        if not self._members:
            raise route.NeverSent(
                f"no instance of {self.service} is known", reason="NO_INSTANCE", metadata={"service": self.service}
            )
        return self.members

    async def close(self) -> None:
        """Ends the watch and every connection."""
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await asyncio.gather(*(item.close() for item in self.members))

    async def _follow(self) -> None:
        async for instances in self._registry.watch(self.service):
            self._apply(instances)

    def _apply(self, instances: Sequence[discovery.Instance]) -> None:
        listed = {(item.id, item.address): item for item in instances}
        for key in self._members.keys() - listed.keys():
            task = asyncio.create_task(self._members.pop(key).retire())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            logger.info("%s: %s at %s left", self.service, *key)
        for key, instance in listed.items():
            if key not in self._members:
                self._members[key] = member.Member(instance)
                logger.info("%s: %s at %s joined", self.service, *key)
        (self._known.set if self._members else self._known.clear)()
