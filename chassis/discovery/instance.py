"""What discovery is about: instances, and where they are listed."""

import dataclasses
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

HEALTH = "health"  # the fact that says where health checks are answered, if not at the instance's own address


def address(host: str, port: int) -> str:
    """Host and port as gRPC wants them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclasses.dataclass(frozen=True, slots=True)
class Instance:
    """One process that serves one service.

    Args:
        service: Name of the service, such as `analyzer`.
        id: Unique name of the process; a restarted process may keep it.
        host: Host that clients connect to.
        port: Port that clients connect to.
        metadata: Facts for whoever picks, such as a version.
    """

    service: str
    id: str
    host: str
    port: int
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def address(self) -> str:
        """Host and port as gRPC wants them."""
        return address(self.host, self.port)


class Registry(Protocol):
    """Where instances are listed."""

    async def register(self, instance: Instance) -> None:
        """Lists an instance; again for one that is listed already changes nothing.

        Raises:
            errors.Unavailable: The registry does not answer.
        """

    async def deregister(self, instance: Instance) -> None:
        """Strikes an instance off.

        Raises:
            errors.Unavailable: The registry does not answer.
        """

    def watch(self, service: str) -> AsyncIterator[tuple[Instance, ...]]:
        """Yields the instances that can serve, at once and after every change, for ever.

        The order is stable. An outage of the registry is not a change: the last list stays true.
        """
