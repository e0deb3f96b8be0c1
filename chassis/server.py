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

import prometheus_client
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis import discovery, errors, health, interceptors, messages, registration, telemetry
from chassis import settings as settings_module
from chassis.interceptors import drain, limits

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

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A servicer and how it is added to a server.

    Args:
        servicer: The implementation; one with `async def check()` is polled for health.
        add_to_server: The generated `add_<Service>Servicer_to_server`.
        full_name: `package.Service`.
    """

    servicer: Any
    add_to_server: Callable[[Any, aio.Server], None]
    full_name: str


class Server:
    """A server that runs inside its `async with` block and is drained at the end of it.

    Args:
        settings: Address, limits and times.
        services: What it serves.
        registry: Where it is listed once it can serve; None for nowhere.
        on_drain: Called when no new calls come in, before running ones are waited for.
    """

    def __init__(
        self,
        settings: settings_module.Settings,
        services: Sequence[Service],
        registry: discovery.Registry | None = None,
        on_drain: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.port = settings.port
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
        return discovery.Instance(self._settings.name, self._id, host, self.port, facts)

    async def __aenter__(self) -> "Server":
        self._id = f"{self._settings.name}-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._server = self._build()
        self.port = self._bind(self._server)
        await self._health.start()
        await self._server.start()
        await self._health.look()
        self._tasks.append(asyncio.create_task(self._health.run(), name="health"))
        if self._registry:
            self._registration = registration.Registration(self._registry, self.instance, self._health.serving)
            self._tasks.append(asyncio.create_task(self._registration.run(), name="registration"))
        logger.info("%s listens on %s:%d", self._settings.name, self._settings.host, self.port)
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.drain()

    def _build(self) -> aio.Server:
        chain = interceptors.chain(limits.Limit(self._settings.concurrent_calls_max), self._draining)
        server = aio.server(interceptors=[chain], options=OPTIONS)
        for service in self._services:
            service.add_to_server(service.servicer, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
        names = (*(item.full_name for item in self._services), HEALTH_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        return server

    def _bind(self, server: aio.Server) -> int:
        address = f"{self._settings.host}:{self._settings.port}"
        try:
            return server.add_insecure_port(address)
        except RuntimeError as refused:
            raise errors.Unavailable(f"cannot listen on {address}: is it taken?", reason="BIND") from refused

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
        if self._on_drain:
            await self._on_drain()
        await self._server.stop(self._settings.drain_s)
        logger.info("%s has stopped", self._settings.name)


async def run(
    settings: settings_module.Settings,
    services: Sequence[Service],
    registry: discovery.Registry | None = None,
    on_drain: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, drains, sends the last spans, and returns.

    Args:
        settings: Address, limits and times.
        services: What is served.
        registry: Where the process is listed.
        on_drain: Called when no new calls come in, before running ones are waited for.

    Raises:
        errors.Unavailable: The port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with _metrics(settings):
        async with Server(settings, services, registry, on_drain):
            await stop.wait()
    await asyncio.to_thread(telemetry.shutdown)


@contextlib.contextmanager
def _metrics(settings: settings_module.Settings):
    """Offers Prometheus text on the metrics port, in a thread of its own, so that a busy loop stays visible."""
    if not settings.metrics_port:
        yield
        return
    server, thread = prometheus_client.start_http_server(settings.metrics_port, settings.host)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
