"""The HTTP server, in the loop of the gRPC server, whose signals and drain it shares."""

import asyncio
import contextlib
import logging
import socket

import uvicorn
from uvicorn.protocols.http import h11_impl

from chassis import errors
from gateway import settings as settings_module
from gateway.http import app, loopback

BACKLOG = 1024  # connections that may wait to be taken, as many as Linux allows on small machines
HEADER_BYTES_MAX = 64 << 10  # a trace context and a token are a few kilobytes

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server that leaves the signals of the process alone."""

    @contextlib.contextmanager
    def capture_signals(self):
        """Does nothing: who runs the process decides when it stops."""
        yield


class _Protocol(h11_impl.H11Protocol):
    """A connection that is closed unless its next request comes whole and in time; uvicorn waits for a silent one."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Takes a connection."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Takes what came: only a request ends the wait, single bytes do not."""
        super().data_received(data)
        if self._waiting and self._busy:
            self._waiting.cancel()

    def on_response_complete(self) -> None:
        """Ends a request; the wait for the next one begins."""
        super().on_response_complete()
        self._wait()

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        if not self._busy:
            self._waiting = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


class Door:
    """Serves HTTP inside its `async with` block.

    Args:
        settings: Port and limits.
        address: Where the gateway's own gRPC server listens.
    """

    def __init__(self, settings: settings_module.Settings, address: str) -> None:
        self._settings = settings
        self._loop = loopback.Loopback(address, settings.http_timeout_s, settings.stream_timeout_s)
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Door":
        """Begins to listen.

        Raises:
            errors.Unavailable: The port is taken.
        """
        await self._loop.__aenter__()
        listener = _listener(self._settings.host, self._settings.http_port)
        self._server = _Server(
            uvicorn.Config(
                app.build(self._settings, self._loop),
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,  # calls have log lines of their own
                server_header=False,
                proxy_headers=False,  # whom a proxy speaks for is for the identity to say
                h11_max_incomplete_event_size=HEADER_BYTES_MAX,
                limit_concurrency=self._settings.http_connections_max,
                timeout_keep_alive=self._settings.http_idle_s,
                timeout_graceful_shutdown=self._settings.drain_s / 2,  # the gRPC server needs the rest
            )
        )
        if self._settings.readable:
            logger.warning(
                "HTTP at %s:%d is not encrypted, also where gRPC is: keys and tokens can be read on the way. "
                "Let nobody reach it but a proxy with TLS",
                self._settings.host,
                self._settings.http_port,
            )
        self._serving = asyncio.create_task(self._server.serve([listener]), name="http")
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.drain()
        await self._loop.__aexit__(*failure)

    async def drain(self) -> None:
        """Takes no new connections and waits for the requests that run; uploads that take longer are cut and kept."""
        self._server.should_exit = True
        if self._serving:
            await self._serving


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only where the protocol is named; it would cost 40 ms for each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)
    except OSError as refused:
        listener.close()
        raise errors.Unavailable(f"cannot listen on {host}:{port}: {refused.strerror}", reason="BIND") from refused
    listener.setblocking(False)
    return listener
