"""A small real service to test clients and servers with: its proto is built at run time, so it needs no stubs."""

import asyncio
import os
from collections.abc import AsyncIterator

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc import aio

from chassis import errors, server

PACKAGE = "reelsmith.testing.v1"
FULL_NAME = f"{PACKAGE}.EchoService"
OPTIONS = descriptor_pb2.MethodOptions
# name: (promise about a second execution, requests are streamed, responses are streamed)
METHODS = {
    "Read": (OPTIONS.NO_SIDE_EFFECTS, False, False),
    "Put": (OPTIONS.IDEMPOTENT, False, False),
    "Add": (OPTIONS.IDEMPOTENCY_UNKNOWN, False, False),
    "Count": (OPTIONS.NO_SIDE_EFFECTS, False, True),
    "Watch": (OPTIONS.NO_SIDE_EFFECTS, False, True),
    "Sum": (OPTIONS.IDEMPOTENCY_UNKNOWN, True, False),
    "Mirror": (OPTIONS.IDEMPOTENCY_UNKNOWN, True, True),
}
STREAM_LENGTH_MAX = 1_000_000  # messages; a test that asks for more is wrong


def _proto() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="reelsmith/testing/v1/echo.proto", package=PACKAGE, syntax="proto3")
    message = file.message_type.add(name="Echo")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(
        {"text": kinds.TYPE_STRING, "number": kinds.TYPE_INT64, "delay_s": kinds.TYPE_DOUBLE}.items(), start=1
    ):
        message.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    service = file.service.add(name="EchoService")
    for name, (level, client_streaming, server_streaming) in METHODS.items():
        method = service.method.add(
            name=name,
            input_type=f".{PACKAGE}.Echo",
            output_type=f".{PACKAGE}.Echo",
            client_streaming=client_streaming,
            server_streaming=server_streaming,
        )
        method.options.idempotency_level = level
    return file


descriptor_pool.Default().Add(_proto())
Echo = message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(f"{PACKAGE}.Echo"))


class EchoServicer:
    """Answers with what it got, late or wrong if asked to; `text` of the answer is the process id.

    A request `text` that names an error class of `chassis.errors` is answered with that error; `bug` with a bug.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []  # methods in the order of their arrival
        self.cancelled = 0  # handlers that were cancelled
        self.unable: errors.Error | None = None  # what `check` raises

    async def check(self) -> None:
        """Is able, unless told otherwise."""
        if self.unable:
            raise self.unable

    async def Read(self, request: Echo, context: aio.ServicerContext) -> Echo:
        """Answers after a delay."""
        return await self._answer("Read", request)

    async def Put(self, request: Echo, context: aio.ServicerContext) -> Echo:
        """Answers after a delay."""
        return await self._answer("Put", request)

    async def Add(self, request: Echo, context: aio.ServicerContext) -> Echo:
        """Answers after a delay."""
        return await self._answer("Add", request)

    async def Count(self, request: Echo, context: aio.ServicerContext) -> AsyncIterator[Echo]:
        """Counts upward from `number`, one message per delay, until the client has enough."""
        self.calls.append("Count")
        try:
            for number in range(request.number, STREAM_LENGTH_MAX):
                await self._obey(request)
                yield Echo(text=str(os.getpid()), number=number)
                await asyncio.sleep(request.delay_s)
        finally:
            self.cancelled += 1  # the count never ends by itself

    Watch = Count  # under a name that says that it never ends by itself

    async def Sum(self, requests: AsyncIterator[Echo], context: aio.ServicerContext) -> Echo:
        """Adds the numbers up."""
        self.calls.append("Sum")
        return Echo(text=str(os.getpid()), number=sum([request.number async for request in requests]))

    async def Mirror(self, requests: AsyncIterator[Echo], context: aio.ServicerContext) -> AsyncIterator[Echo]:
        """Sends every message back."""
        self.calls.append("Mirror")
        async for request in requests:
            yield Echo(text=str(os.getpid()), number=request.number)

    async def _answer(self, method: str, request: Echo) -> Echo:
        self.calls.append(method)
        await self._obey(request)
        try:
            await asyncio.sleep(request.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Echo(text=str(os.getpid()), number=request.number)

    async def _obey(self, request: Echo) -> None:
        if request.text == "bug":
            raise ZeroDivisionError("planted")
        wanted = getattr(errors, request.text, None) if request.text else None
        if wanted:
            raise wanted("planted", reason="PLANTED", metadata={"number": str(request.number)})


class EchoStub:
    """Client side of the service, over any channel."""

    def __init__(self, channel: aio.Channel) -> None:
        for name, (_, client_streaming, server_streaming) in METHODS.items():
            kind = f"{'stream' if client_streaming else 'unary'}_{'stream' if server_streaming else 'unary'}"
            callable_ = getattr(channel, kind)(
                f"/{FULL_NAME}/{name}",
                request_serializer=Echo.SerializeToString,
                response_deserializer=Echo.FromString,
            )
            setattr(self, name, callable_)


def add_to_server(servicer: EchoServicer, target: aio.Server) -> None:
    """Adds the service to a server, as generated code would."""
    handlers = {}
    for name, (_, client_streaming, server_streaming) in METHODS.items():
        kind = f"{'stream' if client_streaming else 'unary'}_{'stream' if server_streaming else 'unary'}"
        handlers[name] = getattr(grpc, f"{kind}_rpc_method_handler")(
            getattr(servicer, name), request_deserializer=Echo.FromString, response_serializer=Echo.SerializeToString
        )
    target.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(FULL_NAME, handlers),))


def service(servicer: EchoServicer | None = None) -> server.Service:
    """The service, ready for a server."""
    return server.Service(servicer or EchoServicer(), add_to_server, FULL_NAME)
