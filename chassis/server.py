"""A gRPC server and all around it: health, reflection, metrics, registration, and a drain that loses no call."""

import asyncio
import contextlib
import dataclasses
import importlib.metadata
import logging
import os
import signal
import socket
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import prometheus_client
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis import discovery, errors, health, interceptors, messages, registration, telemetry, usage
from chassis import settings as settings_module
from chassis.identity import policy, transport
from chassis.interceptors import around, drain, identity, limits

DISTRIBUTION = "reelsmith"  # all processes come from one distribution and share its version
HEALTH_NAME = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
OPTIONS = (
    ("grpc.so_reuseport", 0),  # on by default: a second server would take half of the connections, silently
    *messages.OPTIONS,
    ("grpc.keepalive_permit_without_calls", 1),  # idle clients ping too: that is how they notice a frozen server
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),  # default 5 min: our clients ping every 10 s
    ("grpc.http2.max_ping_strikes", 0),  # never punish a client for pinging
    ("grpc.keepalive_time_ms", 30_000),  # finds clients whose machine is gone, so that their streams end
    ("grpc.http2.ping_timeout_ms", 10_000),  # the default of 60 s would keep them
)

LAST_WORDS_S = 0.2  # of a drain: calls that are told to go elsewhere need a moment to say so

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A servicer and how it is added to a server.

    Args:
        servicer: The implementation; one with `async def check()` is polled for health.
        add_to_server: The generated `add_<Service>Servicer_to_server`.
        full_name: `package.Service`.
        rules: Who may call each of its methods; None, in tests only, where nobody has to prove anything.
    """

    servicer: Any
    add_to_server: Callable[[Any, aio.Server], None]
    full_name: str
    rules: policy.Rules | None = None


class Server:
    """A server that runs inside its `async with` block and is drained at the end of it.

    Args:
        settings: Address, limits and times.
        services: What it serves.
        registry: Where it is listed once it can serve; None for nowhere.
        on_drain: Called when it is struck off and its watches have ended: calls still come in, and the time that it
            takes is part of the drain.
        callers: Knows the people and programs that call; None where they need not prove who they are.
        inside: A second address, for calls of this very process; empty for none.

    Raises:
        errors.FailedPrecondition: A method is in no table of who may call it, or the certificates cannot be used.
    """

    def __init__(
        self,
        settings: settings_module.Settings,
        services: Sequence[Service],
        registry: discovery.Registry | None = None,
        on_drain: Callable[[], Awaitable[None]] | None = None,
        callers: identity.Callers | None = None,
        inside: str = "",
    ) -> None:
        self.port, self.health_port = settings.port, settings.health_port
        self._transport = transport.Transport(settings.tls) if settings.tls else None
        self._rules = _rules(services, needed=bool(self._transport or callers))
        # A service that services call takes nobody without a certificate; one that people call has no means to ask.
        self._asks_peers = self._transport is not None and any(rule.peers for rule in self._rules.values())
        self._callers, self._inside = callers, inside
        self._plain_health: aio.Server | None = None
        self._settings = settings
        self._services = tuple(services)
        self._registry = registry
        self._on_drain = on_drain
        self._draining = drain.Drain()
        self._health = health.Health({item.full_name: item.servicer for item in services}, settings.health_interval_s)
        self._registration: registration.Registration | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._server: aio.Server | None = None

    @property
    def address(self) -> str:
        """Host and port that clients connect to."""
        return self.instance.address

    @property
    def instance(self) -> discovery.Instance:
        """This process as others find it."""
        host = self._settings.advertised_host
        version = importlib.metadata.version(DISTRIBUTION)
        facts = {"host": socket.gethostname(), "version": version, **self._settings.offers}
        if self._plain_health:
            facts[discovery.HEALTH] = discovery.address(host, self.health_port)
        return discovery.Instance(self._settings.name, self._id, host, self.port, facts)

    async def __aenter__(self) -> "Server":
        self._id = f"{self._settings.name}-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._server = self._build()
        self.port = self._bind(self._server)
        if self._transport:
            bounded = around.Interceptor((limits.Limit(self._settings.concurrent_calls_max).around,))
            self._plain_health = aio.server(interceptors=[bounded], options=OPTIONS)
            health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, self._plain_health)
            self.health_port = _listen(self._plain_health, f"{self._settings.host}:{self._settings.health_port}")
            await self._plain_health.start()
        if self._inside:
            self._server.add_insecure_port(self._inside)
        await self._health.start()
        await self._server.start()
        await self._health.look()
        self._tasks.append(asyncio.create_task(self._health.run(), name="health"))
        self._tasks.append(asyncio.create_task(usage.watch_loop(), name="loop"))
        if self._registry:
            self._registration = registration.Registration(self._registry, self.instance, self._health.serving)
            self._tasks.append(asyncio.create_task(self._registration.run(), name="registration"))
        logger.info("%s listens on %s:%d", self._settings.name, self._settings.host, self.port)
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.drain()

    def _build(self) -> aio.Server:
        guard = None
        if self._transport or self._callers:
            guard = identity.Guard(self._rules, self._callers, peers=self._asks_peers)
        limit = limits.Limit(self._settings.concurrent_calls_max, self._settings.shedding)
        chain = interceptors.chain(limit, self._draining, guard)
        server = aio.server(interceptors=[chain], options=OPTIONS)
        for service in self._services:
            service.add_to_server(service.servicer, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
        names = (*(item.full_name for item in self._services), HEALTH_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        return server

    def _bind(self, server: aio.Server) -> int:
        credentials = self._transport.server(clients=self._asks_peers) if self._transport else None
        return _listen(server, f"{self._settings.host}:{self._settings.port}", credentials)

    async def drain(self) -> None:
        """Leaves without losing a call: struck off first, then not serving, then silence, then the end."""
        if self._draining.draining:
            return
        logger.info("%s drains", self._settings.name)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._registration:
            await self._registration.end()
        await self._health.drain()
        await asyncio.sleep(self._settings.lame_duck_s)  # clients that look away now never see a refused call
        self._draining.begin()
        await self._stop(asyncio.get_running_loop().time() + self._settings.drain_s)
        if self._plain_health:
            await self._plain_health.stop(0)
        logger.info("%s has stopped", self._settings.name)

    async def _stop(self, end_s: float) -> None:
        """Waits for running calls, until a time of the loop."""
        loop = asyncio.get_running_loop()
        if self._on_drain:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end_s):
                    await self._on_drain()
        left_s = max(0.0, end_s - loop.time())
        ending = loop.call_later(max(0.0, left_s - LAST_WORDS_S), self._draining.end)
        await self._server.stop(left_s)
        ending.cancel()


async def run(
    settings: settings_module.Settings,
    services: Sequence[Service],
    registry: discovery.Registry | None = None,
    on_drain: Callable[[], Awaitable[None]] | None = None,
    callers: identity.Callers | None = None,
    inside: str = "",
) -> None:
    """Serves until SIGTERM or SIGINT, drains, sends the last spans, and returns.

    Args:
        settings: Address, limits and times.
        services: What is served.
        registry: Where the process is listed.
        on_drain: Called when it is struck off and its watches have ended: calls still come in, and the time that it
            takes is part of the drain.
        callers: Knows the people and programs that call; None where they need not prove who they are.
        inside: A second address, for calls of this very process; empty for none.

    Raises:
        errors.Unavailable: The port is taken.
        errors.FailedPrecondition: The table of who may call what is not complete, or the certificates are no good.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with _metrics(settings):
        async with Server(settings, services, registry, on_drain, callers, inside):
            await stop.wait()
    await asyncio.to_thread(telemetry.shutdown)


def _rules(services: Sequence[Service], *, needed: bool) -> dict[str, policy.Rule]:
    """The tables of all services as one, each of them complete."""
    for service in services:
        if service.rules is not None or needed:
            policy.check(service.full_name, service.rules or {})
    return {method: rule for service in services for method, rule in (service.rules or {}).items()}


def _listen(server: aio.Server, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
    try:
        if credentials:
            return server.add_secure_port(address, credentials)
        return server.add_insecure_port(address)
    except RuntimeError as refused:
        raise errors.Unavailable(f"cannot listen on {address}: is it taken?", reason="BIND") from refused


@contextlib.contextmanager
def _metrics(settings: settings_module.Settings):
    """Offers Prometheus text on the metrics port, in a thread of its own, so that a busy loop stays visible."""
    if not settings.metrics_port:
        yield
        return
    version = importlib.metadata.version(DISTRIBUTION)
    usage.process(settings.name, version, {"state": settings.state_dir, "sessions": settings.sessions_root})
    server, thread = prometheus_client.start_http_server(settings.metrics_port, settings.host)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
