"""Connects to addresses that were checked, and to no others: a name is resolved once, and never again by anyone else.

httpcore speaks HTTP and TLS over what this gives it. TLS still asks for the certificate of the name, and the `Host`
header still has it; only the lookup is ours.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable

import httpcore

from media import errors
from media.ingest import addresses, rules

ADDRESSES_MAX = 4  # of one name that are tried in turn
RESOLVE_TIMEOUT_S = 10.0  # a resolver asks several servers in turn

logger = logging.getLogger(__name__)

Resolver = Callable[[str, int], Awaitable[list[addresses.Address]]]


async def resolved(host: str, port: int) -> list[addresses.Address]:
    """The addresses of a name, as the system tells them.

    Raises:
        errors.FetchFailed: There are none, or nobody answers.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise errors.FetchFailed(f"the name {host} cannot be resolved", metadata={"host": host}) from error
    return [ipaddress.ip_address(where[0].partition("%")[0]) for *_, where in found]


class Guard(httpcore.AsyncNetworkBackend):
    """Makes the connections for one URL.

    Args:
        allowed: What may be reached.
        target: The URL.
        resolver: Tells addresses.
    """

    def __init__(self, allowed: rules.Rules, target: rules.Target, resolver: Resolver = resolved) -> None:
        self._allowed, self._target, self._resolver = allowed, target, resolver
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the name is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[tuple] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that answers; one that may not be reached refuses them all.

        Raises:
            errors.Refused: An address of the name may not be reached (SOURCE_NOT_ALLOWED).
            httpcore.ConnectError: None of them answers.
        """
        literal = self._target.literal
        found = [literal] if literal is not None else await self._resolver(host, port)
        self._check(found)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in found[:ADDRESSES_MAX]:
            try:
                return await self._backend.connect_tcp(str(address), port, timeout, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def _check(self, found: list[addresses.Address]) -> None:
        """Refuses all where one may not be reached: an honest name does not mix inner and outer addresses."""
        for address in found:
            try:
                self._allowed.check_address(self._target, address)
            except errors.Refused:
                logger.warning("%s is refused: it resolves to %s", self._target.host, address)
                raise

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  the name is httpcore's
        socket_options: Iterable[tuple] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never.

        Raises:
            errors.Refused: Always.
        """
        raise errors.Refused("a source is never behind a local socket", reason="SOURCE_NOT_ALLOWED")

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)
