"""The HTTP server, in the loop of the gRPC server, whose signals and drain it shares."""

import asyncio
import contextlib
import socket

import uvicorn

from chassis import errors
from gateway import settings as settings_module
from gateway.http import app, loopback

BACKLOG = 1024  # connections that may wait to be taken, as many as Linux allows on small machines
HEADER_BYTES_MAX = 64 << 10  # a trace context and a token are a few kilobytes


class _Server(uvicorn.Server):
    """A server that leaves the signals of the process alone."""

    @contextlib.contextmanager
    def capture_signals(self):
        """Does nothing: who runs the process decides when it stops."""
        yield


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
                http="h11",
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
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)
    except OSError as refused:
        listener.close()
        raise errors.Unavailable(f"cannot listen on {host}:{port}: {refused.strerror}", reason="BIND") from refused
    listener.setblocking(False)
    return listener
