"""The instances of one service that a client may call, kept as the registry has them."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from chassis import discovery, member, route
from chassis.identity import transport

ROTATE_S = 5.0  # how late changed certificates are used for new connections; they are changed days ahead

logger = logging.getLogger(__name__)


class Membership:
    """Follows the registry and holds one member per instance.

    Args:
        service: Name of the service.
        registry: Who knows its instances.
        secure: What connections are encrypted and proven with; None for plain ones.
    """

    def __init__(self, service: str, registry: discovery.Registry, secure: transport.Transport | None = None) -> None:
        self.service = service
        self._registry = registry
        self._secure = secure
        self._stamp = secure.version if secure else 0
        self._members: dict[tuple[str, str], member.Member] = {}
        self._known = asyncio.Event()  # set while there is at least one
        self._closing: set[asyncio.Task[None]] = set()
        self._watch = asyncio.create_task(self._follow(), name=f"members of {service}")
        self._rotation = asyncio.create_task(self._rotate(), name=f"certificates for {service}") if secure else None

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
        tasks = [task for task in (self._watch, self._rotation) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await asyncio.gather(*(item.close() for item in self.members))

    async def _follow(self) -> None:
        async for instances in self._registry.watch(self.service):
            self._apply(instances)

    async def _rotate(self) -> None:
        """Connects anew whenever the certificates have changed: a channel keeps those that it was made with."""
        while True:  # for the life of the client, once per interval
            await asyncio.sleep(ROTATE_S)
            await asyncio.to_thread(self._secure.refresh)
            if self._secure.version == self._stamp:
                continue
            self._stamp = self._secure.version
            for key, old in list(self._members.items()):
                self._retire(key)
                self._members[key] = member.Member(old.instance, self._secure)

    def _retire(self, key: tuple[str, str]) -> None:
        task = asyncio.create_task(self._members.pop(key).retire())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _apply(self, instances: Sequence[discovery.Instance]) -> None:
        listed = {(item.id, item.address): item for item in instances}
        for key in self._members.keys() - listed.keys():
            self._retire(key)
            logger.info("%s: %s at %s left", self.service, *key)
        for key, instance in listed.items():
            if key not in self._members:
                self._members[key] = member.Member(instance, self._secure)
                logger.info("%s: %s at %s joined", self.service, *key)
        (self._known.set if self._members else self._known.clear)()
