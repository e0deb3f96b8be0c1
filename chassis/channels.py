"""A channel to a service instead of to one server: stubs use it like any other, every call picks an instance.

Calls with one request and one response can be awaited, cancelled and asked for their metadata like those of
`grpc.aio`. Streams of responses are read with `async for` or `read()`. Requests are streamed from an iterator.
"""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import Any

import grpc
from grpc import aio

from chassis import errors, outgoing, race, route

Call = Callable[..., Any]
Metadata = Sequence[tuple[str, str]]
Sent = Metadata | Callable[[], Metadata]  # what is sent with every call; asked for each one where it changes


class UnaryCall:
    """A running call with one response."""

    def __init__(self, way: route.Route, call: outgoing.Outgoing, request: Any) -> None:
        self._call = call
        self._race = race.Race(way, call, request)
        self._task = asyncio.get_running_loop().create_task(self._race.run(), name=call.method.name)
        self._task.add_done_callback(self._finish)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._task.__await__()

    def cancel(self) -> bool:
        """Cancels the call, here and at the server."""
        return self._task.cancel()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._task.cancelled()

    def done(self) -> bool:
        """Whether it ended, in whatever way."""
        return self._task.done()

    def time_remaining(self) -> float:
        """Seconds until its deadline."""
        return self._call.left_s

    def add_done_callback(self, callback: Callable[["UnaryCall"], None]) -> None:
        """Calls back with this call when it has ended."""
        self._task.add_done_callback(lambda _: callback(self))

    async def code(self) -> grpc.StatusCode:
        """The status code, once the call has ended."""
        failure = await self._outcome()
        return failure.code if failure else grpc.StatusCode.OK

    async def details(self) -> str:
        """The message of the status, once the call has ended."""
        failure = await self._outcome()
        return failure.message if failure else ""

    async def initial_metadata(self) -> aio.Metadata:
        """What the server sent first; empty for a call without an answer."""
        await self._outcome()
        return await self._race.winner.initial_metadata() if self._race.winner else aio.Metadata()

    async def trailing_metadata(self) -> aio.Metadata:
        """What the server sent last; empty for a call without an answer."""
        await self._outcome()
        return await self._race.winner.trailing_metadata() if self._race.winner else aio.Metadata()

    async def _outcome(self) -> errors.Error | None:
        await asyncio.wait([self._task])
        if self._task.cancelled():
            return errors.Cancelled("cancelled by the caller")
        failure = self._task.exception()
        return failure if failure is None or isinstance(failure, errors.Error) else errors.Unknown(str(failure))

    def _finish(self, task: asyncio.Task[Any]) -> None:
        self._call.finish(asyncio.CancelledError() if task.cancelled() else task.exception())


class StreamCall:
    """A running call with a stream of responses.

    It is opened again, on another instance, as long as nothing has arrived and the method allows it. After the first
    message the caller decides: see `chassis.client.resume`.
    """

    def __init__(self, way: route.Route, call: outgoing.Outgoing, request: Any) -> None:
        self._way = way
        self._call = call
        self._request = request
        self._current: aio.UnaryStreamCall | None = None
        self._cancelled = False
        self._code: asyncio.Future[grpc.StatusCode] = asyncio.get_running_loop().create_future()
        # Weak: a reader that drops its iterator ends the call at once, not when the garbage collector finds a cycle.
        self._messages: Callable[[], AsyncIterator[Any] | None] | None = None
        self._reader: AsyncIterator[Any] | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        messages = self._messages() if self._messages else self._read_all()
        if messages is None:
            raise RuntimeError("a stream can be read once")
        self._messages = self._messages or weakref.ref(messages)
        return messages

    async def read(self) -> Any:
        """The next message, or `grpc.aio.EOF`."""
        self._reader = self._reader or aiter(self)
        return await anext(self._reader, aio.EOF)

    def cancel(self) -> bool:
        """Cancels the call, here and at the server; whoever reads it gets CancelledError."""
        if self.done():
            return False
        self._cancelled = True
        if self._current:
            self._current.cancel()
        return True

    def cancelled(self) -> bool:
        """Whether it was cancelled by `cancel`."""
        return self._cancelled

    def done(self) -> bool:
        """Whether it ended, in whatever way."""
        return self._code.done()

    def time_remaining(self) -> float:
        """Seconds until its deadline."""
        return self._call.left_s

    async def code(self) -> grpc.StatusCode:
        """The status code, once the stream has been read to its end."""
        return await asyncio.shield(self._code)

    async def _read_all(self) -> AsyncIterator[Any]:
        with self._finishing() as ending:
            permit = await self._way.admit(self._call)
            ending.push(lambda kind, failure, traceback: permit.end(route.broken(self._call, failure)))
            tried: list[Any] = []
            while True:  # bounded by `may_retry`: by count, budget and deadline
                chosen = await self._way.pick(self._call, tried)
                self._call.tried("retry" if tried else "first", chosen.instance.address)
                tried.append(chosen)
                try:
                    async with contextlib.aclosing(self._read(chosen)) as messages:
                        first = True
                        async for message in messages:
                            first = False
                            permit.end(False)  # how long the rest takes says nothing
                            yield message
                        self._way.policy.picking.succeeded(chosen)
                        return
                except errors.Error as error:
                    self._way.failed(chosen, error)
                    if not (first and self._way.may_retry(self._call, error, len(tried))):
                        raise
                    failure = error
                await self._way.pause(self._call, tried, failure)

    async def _read(self, chosen: Any) -> AsyncIterator[Any]:
        """The messages of one try."""
        busy = contextlib.ExitStack()
        busy.enter_context(chosen.busy())
        try:
            await route.connect(chosen, self._call)
            open_stream = route.try_callable(chosen, self._call.method)
            self._current = open_stream(self._request, **self._call.arguments)
            if self._cancelled:
                self._current.cancel()
            while (message := await _next(self._current)) is not aio.EOF:
                yield message
        except aio.AioRpcError as failure:
            raise route.translate(failure, chosen) from failure
        except aio.UsageError as closed:  # gRPC's way to say that the channel was closed meanwhile
            raise route.NeverSent(str(closed), reason="INSTANCE_LEFT") from closed
        except asyncio.CancelledError:
            if self._cancelled or route.cancelling() or not chosen.closed:
                raise
            raise route.interrupted(chosen) from None
        finally:
            busy.close()
            if self._current:
                self._current.cancel()

    @contextlib.contextmanager
    def _finishing(self) -> Generator[contextlib.ExitStack, None, None]:
        """Ends the span and the code with the outcome of the block; gives what else is told of it."""
        with contextlib.ExitStack() as stack:
            stack.push(lambda kind, failure, traceback: self._finish(failure))
            yield stack

    def _finish(self, failure: BaseException | None) -> None:
        self._call.finish(failure)
        if not self._code.done():
            self._code.set_result(outgoing.code_of(failure))


async def _next(call: aio.UnaryStreamCall) -> Any:
    """The next message of a try, or `grpc.aio.EOF`.

    gRPC never frees what arrives for a read that was cancelled. So no read is: the call is, and its read ends with it.
    """
    reading = asyncio.ensure_future(call.read())
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        call.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        raise


class Channel:
    """What a generated stub needs of a channel, over all instances of one service.

    Args:
        way: The route of the service.
        metadata: Sent with every call, before that of the call itself.
    """

    def __init__(self, way: route.Route, metadata: Sent = ()) -> None:
        self._way = way
        self._metadata = metadata if callable(metadata) else lambda: metadata

    def unary_unary(self, method: str, request_serializer=None, response_deserializer=None, _registered_method=False):
        """A callable that returns an awaitable call."""
        declared = outgoing.Method("unary_unary", method, request_serializer, response_deserializer)
        return self._callable(UnaryCall, declared, self._way.policy.call_timeout_s)

    def stream_unary(self, method: str, request_serializer=None, response_deserializer=None, _registered_method=False):
        """A callable that takes an iterator of requests and returns an awaitable call."""
        declared = outgoing.Method("stream_unary", method, request_serializer, response_deserializer)
        return self._callable(UnaryCall, declared, self._way.policy.stream_timeout_s)

    def unary_stream(self, method: str, request_serializer=None, response_deserializer=None, _registered_method=False):
        """A callable that returns a call to be read with `async for`."""
        declared = outgoing.Method("unary_stream", method, request_serializer, response_deserializer)
        return self._callable(StreamCall, declared, self._way.policy.stream_timeout_s)

    def stream_stream(self, method: str, request_serializer=None, response_deserializer=None, _registered_method=False):
        """A callable that takes an iterator of requests and returns a call to be read with `async for`."""
        declared = outgoing.Method("stream_stream", method, request_serializer, response_deserializer)
        return self._callable(StreamCall, declared, self._way.policy.stream_timeout_s)

    def _callable(self, kind: type[UnaryCall] | type[StreamCall], method: outgoing.Method, timeout_s: float) -> Call:
        def call(request: Any, **options: Any) -> UnaryCall | StreamCall:
            options["metadata"] = (*self._metadata(), *(options.get("metadata") or ()))
            return kind(self._way, outgoing.Outgoing(method, outgoing.Options(**options), timeout_s), request)

        return call
