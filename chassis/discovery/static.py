"""A fixed list of instances, for one machine or for a platform that gives every service one address."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

from chassis.discovery import instance as instance_module


class StaticRegistry:
    """Knows the instances that it was given, for ever.

    Args:
        services: Addresses `host:port` by name of the service.
    """

    def __init__(self, services: Mapping[str, Iterable[str]]) -> None:
        self._services = {
            name: tuple(_instance(name, address) for address in addresses) for name, addresses in services.items()
        }

    @classmethod
    def parse(cls, text: str) -> "StaticRegistry":
        """Reads `analyzer=127.0.0.1:50051,127.0.0.1:50061;jobs=127.0.0.1:50053`.

        Raises:
            ValueError: An entry has no name, no port or a port that is no number.
        """
        services: dict[str, list[str]] = {}
        for entry in filter(None, (part.strip() for part in text.split(";"))):
            name, separator, addresses = entry.partition("=")
            if not (name.strip() and separator):
                raise ValueError(f"static registry: {entry!r} is not of the form name=host:port,host:port")
            services.setdefault(name.strip(), []).extend(filter(None, map(str.strip, addresses.split(","))))
        return cls(services)

    async def register(self, instance: instance_module.Instance) -> None:
        """Does nothing: the list is fixed."""

    async def deregister(self, instance: instance_module.Instance) -> None:
        """Does nothing: the list is fixed."""

    def listed(self, service: str) -> tuple[instance_module.Instance, ...]:
        """The instances of a service."""
        return self._services.get(service, ())

    async def watch(self, service: str) -> AsyncIterator[tuple[instance_module.Instance, ...]]:
        """Yields the one list there is, then waits."""
        yield self.listed(service)
        await asyncio.Event().wait()  # for ever: it cannot change; ends when the watcher is cancelled


def _instance(service: str, address: str) -> instance_module.Instance:
    host, separator, port = address.rpartition(":")
    if not (host and separator and port.isdecimal()):
        raise ValueError(f"static registry: {address!r} of {service} is not of the form host:port")
    return instance_module.Instance(service, f"{service}@{address}", host.strip("[]"), int(port))
