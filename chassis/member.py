"""One instance as a client sees it: its connection, how busy it is, and whether it can be trusted now."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from grpc import aio

from chassis import discovery, messages
from chassis.identity import transport

CONNECT_TIMEOUT_S = 1.0  # a frozen process accepts connections and never greets: look elsewhere after that
OPTIONS = (
    *messages.OPTIONS,
    ("grpc.keepalive_time_ms", 10_000),  # a frozen peer is found after 11 s on any stream,
    ("grpc.http2.ping_timeout_ms", 1000),  # but only with this: by default a ping is waited for during 60 s
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # pings go on while a stream is silent
    ("grpc.use_local_subchannel_pool", 1),  # one connection per member, shared with nobody
    ("grpc.initial_reconnect_backoff_ms", 100),  # a restarted process is reached within half a second
    ("grpc.min_reconnect_backoff_ms", 1000),  # also how long one attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 500),  # a refused connection costs nothing, a late one costs every caller
    ("grpc.enable_retries", 0),  # second tries are made here, on another instance and within a budget
)


class Member:
    """An instance, the channel to it, and what was seen of it.

    Args:
        instance: Where it is.
        secure: What the connection is encrypted and proven with; None for a plain one.
    """

    def __init__(self, instance: discovery.Instance, secure: transport.Transport | None = None) -> None:
        self.instance = instance
        self.outstanding = 0  # calls that wait for an answer now
        self.failures = 0  # in a row
        self.ejections = 0  # in a row
        self.ejected_until_s = 0.0  # monotonic time
        self.closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._callables: dict[str, Callable[..., Any]] = {}
        self._channel = _channel(instance, secure)
        self._channel.get_state(try_to_connect=True)

    @property
    def state(self) -> grpc.ChannelConnectivity:
        """State of the connection; an idle one starts to connect."""
        if self.closed:
            return grpc.ChannelConnectivity.SHUTDOWN
        return self._channel.get_state(try_to_connect=True)

    @property
    def ejected(self) -> bool:
        """Whether it is passed over for the moment."""
        return time.monotonic() < self.ejected_until_s

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Counts one try as outstanding while the block runs."""
        self.outstanding += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.outstanding -= 1
            if not self.outstanding:
                self._idle.set()

    def callable(self, kind: str, method: str, serializer: Any, deserializer: Any) -> Callable[..., Any]:
        """The gRPC callable of one method on this connection.

        Args:
            kind: `unary_unary`, `unary_stream`, `stream_unary` or `stream_stream`.
            method: Path of the method.
            serializer: Message to bytes.
            deserializer: Bytes to message.
        """
        if method not in self._callables:  # as many as the service has methods
            self._callables[method] = getattr(self._channel, kind)(
                method, request_serializer=serializer, response_deserializer=deserializer
            )
        return self._callables[method]

    async def connected(self, timeout_s: float) -> bool:
        """Waits until the connection is ready, but not after it has failed, nor beyond the timeout."""
        try:
            async with asyncio.timeout(timeout_s):
                while (state := self.state) is not grpc.ChannelConnectivity.READY:  # bounded by the timeout
                    if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
                        return False
                    await self._channel.wait_for_state_change(state)
        except TimeoutError:
            return False
        return True

    async def retire(self) -> None:
        """Ends the connection once nobody uses it: an instance may leave the list and still finish its calls.

        A call that hangs there is ended by its deadline or by the keepalive of the connection.
        """
        await self._idle.wait()  # bounded: every call has a deadline
        await self.close()

    async def close(self) -> None:
        """Ends the connection and every call on it."""
        self.closed = True
        await self._channel.close()


def _channel(instance: discovery.Instance, secure: transport.Transport | None) -> aio.Channel:
    if secure is None:
        return aio.insecure_channel(instance.address, options=OPTIONS)
    options = (*OPTIONS, *transport.named(instance.service))
    return aio.secure_channel(instance.address, secure.channel(), options=options)
