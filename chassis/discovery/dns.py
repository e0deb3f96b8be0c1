"""Instances by name: every address behind one, as headless services of Kubernetes list them."""

import asyncio
import concurrent.futures
import functools
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from chassis.discovery import instance as instance_module
from chassis.discovery import static, steady

INTERVAL_S = 2.0  # between two looks: a new instance gets work within seconds, and a lookup costs next to nothing
LOOKUP_TIMEOUT_S = 5.0  # of a resolver that does not answer; the last list stays true meanwhile

THREADS = 4  # a resolver that does not answer holds one for half a minute; names are looked up one by one per service

logger = logging.getLogger(__name__)


# Threads of their own: a resolver that hangs must not keep files from being read, which the threads of the loop do.
@functools.cache
def _resolvers() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(THREADS, thread_name_prefix="names")


Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


async def lookup(host: str, port: int) -> list[str]:
    """Every address of a name.

    Raises:
        OSError: The name is not known, or nobody can be asked.
    """
    ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_resolvers(), ask)
    return sorted({address[0] for *_, address in found})


class DnsRegistry:
    """Follows names; whoever runs the processes lists them.

    Args:
        names: Names with ports by service, in the form of the static list.
        lookup: Finds the addresses of a name.
        interval_s: Seconds between two looks.
    """

    def __init__(self, names: static.StaticRegistry, lookup: Lookup = lookup, interval_s: float = INTERVAL_S) -> None:
        self._names, self._lookup, self._interval_s = names, lookup, interval_s

    async def register(self, instance: instance_module.Instance) -> None:
        """Does nothing: the platform lists what is ready."""

    async def deregister(self, instance: instance_module.Instance) -> None:
        """Does nothing: the platform strikes off what is not ready any more."""

    async def watch(self, service: str) -> AsyncIterator[tuple[instance_module.Instance, ...]]:
        """Yields the instances behind the names of a service, at once and after every change."""
        names = self._names.listed(service)
        known, last = steady.Steady(), None
        while True:  # for the life of the watcher, once per interval
            now_s = time.monotonic()
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                    listed = [found for name in names for found in await self._behind(name)]
            except OSError as failure:  # TimeoutError is one too
                known.outage(now_s)
                listed = []
                logger.debug("the names of %s cannot be looked up: %s", service, failure)
            current = known.update(listed, now_s)
            if current != last:
                last = current
                yield current
            await asyncio.sleep(self._interval_s)

    async def _behind(self, name: instance_module.Instance) -> list[instance_module.Instance]:
        addresses = await self._lookup(name.host, name.port)
        return [
            instance_module.Instance(name.service, f"{name.service}@{address}:{name.port}", address, name.port)
            for address in addresses
        ]
