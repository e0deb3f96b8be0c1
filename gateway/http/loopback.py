"""Calls of the gateway's own gRPC server, so that HTTP has the same identity, limits, deadlines, errors and traces.

They travel over a socket file in a folder that only this process's user can enter: no port, no certificate of its own,
and so no rights but those that the caller's headers prove.
"""

import contextlib
import os
import re
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import grpc
from google.protobuf import message, message_factory
from grpc import aio
from starlette.requests import Request

from chassis import errors, messages
from chassis.interceptors import logging as calls
from gateway.http import bindings, problem

# What a caller's headers may bring along; nothing else becomes metadata.
FORWARDED = ("authorization", "traceparent", "tracestate", calls.REQUEST_ID)
PATH_LENGTH_MAX = 103  # bytes: the least that systems have for the address of a socket
PLAIN_ROOT = "/tmp"  # noqa: S108  the folder in it is made for us alone
VALUE = re.compile(r"[\x20-\x7e]{1,8192}")  # what metadata may hold; longer headers are refused by the server


@contextlib.contextmanager
def socket() -> Iterator[str]:
    """The address of a socket file for the block, as gRPC writes it.

    Where the folder for temporary files has a name that is too long for one, a plain one is taken.
    """
    root = tempfile.gettempdir()
    longest = len(os.fsencode(root)) + len("/reelsmith-gateway-12345678/grpc.sock")
    root = root if longest <= PATH_LENGTH_MAX else PLAIN_ROOT
    with tempfile.TemporaryDirectory(prefix="reelsmith-gateway-", dir=root) as folder:  # made with mode 0700
        yield f"unix:{folder}/grpc.sock"


class Loopback:
    """A connection to the gateway's own gRPC server; use as `async with`.

    Args:
        address: Where that server listens.
        timeout_s: Deadline of calls with one answer.
        stream_timeout_s: Deadline of streams.
    """

    def __init__(self, address: str, timeout_s: float, stream_timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._stream_timeout_s = stream_timeout_s

    async def __aenter__(self) -> "Loopback":
        self._channel = aio.insecure_channel(self._address, options=messages.OPTIONS)
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._channel.close()

    async def unary(self, binding: bindings.Binding, said: message.Message, request: Request) -> message.Message:
        """Makes a call with one answer.

        Raises:
            errors.Error: How it ended.
        """
        call = self._multi(self._channel.unary_unary, binding)
        async with translated():
            # Requests may come before the server next door has begun to listen: they wait for it.
            return await call(said, timeout=self._timeout_s, metadata=metadata(request), wait_for_ready=True)

    def stream(self, binding: bindings.Binding, said: message.Message, request: Request) -> aio.UnaryStreamCall:
        """Opens a stream of answers; read it inside `translated()`."""
        call = self._multi(self._channel.unary_stream, binding)
        return call(said, timeout=self._stream_timeout_s, metadata=metadata(request), wait_for_ready=True)

    def sending(self, stub: type, request: Request) -> tuple[Any, dict[str, Any]]:
        """A generated stub on this connection, and the options of a long call for this request."""
        options = {"timeout": self._stream_timeout_s, "metadata": metadata(request), "wait_for_ready": True}
        return stub(self._channel), options

    def _multi(self, make: Any, binding: bindings.Binding) -> Any:
        return make(
            binding.path,
            request_serializer=lambda said: said.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(binding.method.output_type).FromString,
        )


@contextlib.asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turns what gRPC raises in the block into our errors.

    Raises:
        errors.Error: How the call ended.
    """
    try:
        yield
    except aio.AioRpcError as failure:
        raise errors.from_rpc(failure) from failure


def metadata(request: Request) -> tuple[tuple[str, str], ...]:
    """The metadata that the headers of a request become.

    Raises:
        problem.Problem: A header has characters that metadata cannot hold.
    """
    found = [(name, value) for name in FORWARDED for value in request.headers.getlist(name)]
    for name, value in found:
        if not VALUE.fullmatch(value):
            raise problem.Problem(400, errors.InvalidArgument(f"header {name} is not plain text", reason="BAD_HEADER"))
    if request.client is not None:
        found.append((calls.PEER, request.client.host))
    return tuple(found)


def passing(error: errors.Error) -> bool:
    """Whether a stream that ended so is worth opening again by itself."""
    return error.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's own name for a request, or a fresh one."""
    given = next((value.decode("latin-1") for name, value in headers if name == b"x-request-id"), "")
    return given if re.fullmatch(r"[\x21-\x7e]{1,128}", given) else uuid.uuid4().hex
