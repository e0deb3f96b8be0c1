"""Clients of other services: one object per process, one channel per service, one connection per instance."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from chassis import breaker, channels, discovery, errors, membership, route
from chassis import settings as settings_module
from chassis.identity import transport

RESUME_FAILURES_MAX = 10  # in a row without a message between: about 8 s of trying
RESUME_PAUSE_S, RESUME_PAUSE_MAX_S = 0.05, 1.0

Policy = route.Policy
plain = route.plain

Message = TypeVar("Message")
Token = TypeVar("Token")


class Clients:
    """Channels to services, found through a registry; use as `async with`.

    Args:
        registry: Who knows the instances.
        settings: Default deadlines; those of the policy where None.
        policy: What to do about instances that fail.
        secure: What connections are encrypted and proven with; as the settings say by default.
        metadata: Sent with every call, such as what proves who calls.
    """

    def __init__(
        self,
        registry: discovery.Registry,
        settings: settings_module.Settings | None = None,
        policy: Policy | None = None,
        secure: transport.Transport | None = None,
        metadata: channels.Sent = (),
    ) -> None:
        self._registry = registry
        self._secure = secure or (transport.Transport(settings.tls) if settings and settings.tls else None)
        self._metadata = metadata
        self._policy = policy or Policy()
        if settings:
            self._policy = dataclasses.replace(
                self._policy,
                call_timeout_s=settings.call_timeout_s,
                stream_timeout_s=settings.stream_timeout_s,
                breaking=self._policy.breaking and _breaking(settings),
            )
        self._memberships: dict[str, membership.Membership] = {}
        self._routes: dict[str, route.Route] = {}

    async def __aenter__(self) -> "Clients":
        return self

    async def __aexit__(self, *failure: object) -> None:
        for item in self._memberships.values():
            await item.close()

    def channel(self, service: str) -> channels.Channel:
        """A channel for stubs of a service; its instances are followed from the first call of this on.

        Args:
            service: Name of the service, such as `analyzer`.
        """
        if service not in self._routes:
            self._routes[service] = route.Route(self._membership(service), self._policy)
        return channels.Channel(self._routes[service], self._metadata)

    def instances(self, service: str) -> tuple[discovery.Instance, ...]:
        """The instances of a service that are known now."""
        return tuple(item.instance for item in self._membership(service).members)

    def each(self, service: str) -> list[tuple[discovery.Instance, channels.Channel]]:
        """Every instance known now with a channel to it alone, for asking all of them.

        A call on such a channel is tried once: a second try belongs to whoever chose the instance.
        """
        alone = dataclasses.replace(self._policy, tries_max=1, hedging=False, breaking=None)
        members = self._membership(service).members
        return [
            (item.instance, channels.Channel(route.Route(route.Fixed(item), alone), self._metadata)) for item in members
        ]

    def breakers(self) -> list[tuple[str, str, breaker.Breaker]]:
        """Every breaker with the service and the method that it stands before."""
        return [
            (service, method, one)
            for service, way in sorted(self._routes.items())
            for method, one in sorted(way.breakers.items())
        ]

    async def ready(self, service: str, timeout_s: float = route.KNOWN_TIMEOUT_S) -> None:
        """Waits until an instance of a service is known.

        Raises:
            errors.Unavailable: None is, within the time.
        """
        await self._membership(service).known(timeout_s)

    def _membership(self, service: str) -> membership.Membership:
        if service not in self._memberships:
            self._memberships[service] = membership.Membership(service, self._registry, self._secure)
        return self._memberships[service]


def _breaking(settings: settings_module.Settings) -> breaker.Rules | None:
    if not settings.breaker_calls_min:
        return None
    return breaker.Rules(
        calls_min=settings.breaker_calls_min,
        failure_share=settings.breaker_failure_share,
        window_s=settings.breaker_window_s,
        open_s=settings.breaker_open_s,
        trials=settings.breaker_trials,
    )


async def resume(
    open_stream: Callable[[Token | None], AsyncIterator[Message]],
    token_of: Callable[[Message], Token],
    *,
    start: Token | None = None,
    failures_max: int = RESUME_FAILURES_MAX,
) -> AsyncIterator[Message]:
    """Reads a stream to its end, opened again after the last message whenever an instance goes away.

    Args:
        open_stream: Opens the stream after a token; None is the beginning.
        token_of: The token of a message, such as its sequence number.
        start: Token to begin after.
        failures_max: Interruptions in a row, with no message between them, that are borne.

    Raises:
        errors.Error: The stream failed in a way that another instance does not help with, or too often.
    """
    token, failures = start, 0
    while True:  # bounded by failures in a row; each turn else moves the token on
        try:
            async for message in open_stream(token):
                token, failures = token_of(message), 0
                yield message
        except (errors.Unavailable, errors.Cancelled):
            failures += 1
            if failures > failures_max:
                raise
        else:
            return
        await asyncio.sleep(min(RESUME_PAUSE_MAX_S, RESUME_PAUSE_S * 2**failures))
