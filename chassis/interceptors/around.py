"""Turns context managers around a call into one gRPC interceptor, for unary and streaming methods alike."""

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

import grpc
from google.protobuf import message as protobuf
from grpc import aio
from grpc_status import rpc_status

from chassis import attempts, errors, methods

Behavior = Callable[[Any, aio.ServicerContext], Any]

FACTORIES = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Unreadable:
    """A request whose bytes are no message of its kind."""

    why: str


class _Requests:
    """A stream of requests that ends with an error of ours where one cannot be read."""

    def __init__(self, messages: AsyncIterator[Any]) -> None:
        self._messages = messages

    def __aiter__(self) -> "_Requests":
        return self

    async def __anext__(self) -> Any:
        return _readable(await anext(self._messages))


class Around(Protocol):
    """What is done around every call: before, after, and whatever the outcome."""

    def __call__(
        self, method: str, context: aio.ServicerContext
    ) -> contextlib.AbstractAsyncContextManager[object, bool | None]:
        """The context manager to hold while the call runs.

        Args:
            method: `pkg.Service/Method`.
            context: The call as gRPC sees it.
        """


class Interceptor(aio.ServerInterceptor):
    """Holds the given context managers around every call, the first one outermost."""

    def __init__(self, arounds: Sequence[Around]) -> None:
        self._arounds = tuple(arounds)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Wraps the handler of a call; an unknown method stays unknown."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        kind, factory = FACTORIES[bool(handler.request_streaming), bool(handler.response_streaming)]
        wrap = self._streaming if handler.response_streaming else self._unary
        behavior = functools.partial(wrap, getattr(handler, kind), methods.name(handler_call_details.method))
        return factory(
            behavior,
            request_deserializer=_reading(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    async def _unary(self, behavior: Behavior, method: str, request: Any, context: aio.ServicerContext) -> Any:
        async with self._held(method, context):
            return await behavior(_readable(request), context)

    async def _streaming(self, behavior: Behavior, method: str, request: Any, context: aio.ServicerContext) -> None:
        # Always written through the context, never yielded: a cancelled call then arrives here as CancelledError, in
        # the task of the call, and the handler's generator is closed at once instead of by the garbage collector.
        async with self._held(method, context):
            request = _readable(request)
            if not inspect.isasyncgenfunction(behavior):
                await behavior(request, context)
                return
            async with contextlib.aclosing(behavior(request, context)) as messages:
                async for message in messages:
                    await context.write(message)

    @contextlib.asynccontextmanager
    async def _held(self, method: str, context: aio.ServicerContext):
        try:
            async with contextlib.AsyncExitStack() as stack:
                for around in self._arounds:
                    await stack.enter_async_context(around(method, context))
                yield
        except errors.Error as error:
            status = rpc_status.to_status(errors.to_status(error))
            if error.spent:
                last = (*status.trailing_metadata, (attempts.PUSHBACK, attempts.NEVER))
                status = status._replace(trailing_metadata=last)
            await context.abort_with_status(status)


def _reading(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """Reads a request, and says what is wrong with one that cannot be read.

    gRPC answers UNKNOWN to what its reader raises, outside of everything that is held around a call; so nothing is
    raised there, and the call is refused inside, as any other one that asks for nonsense.
    """
    if deserialize is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except protobuf.DecodeError as wrong:
            return _Unreadable(str(wrong))

    return read


def _readable(request: Any) -> Any:
    """The request, or the stream of them.

    Raises:
        errors.InvalidArgument: Its bytes are no message of its kind.
    """
    if isinstance(request, _Unreadable):
        raise errors.InvalidArgument(f"the request cannot be read: {request.why}", reason="UNREADABLE_REQUEST")
    return _Requests(request) if hasattr(request, "__anext__") else request
