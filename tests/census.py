"""Every method of the suite's protos, and servers that answer all of them, so that an open door shows as an answer."""

import dataclasses
from collections.abc import Iterator

import grpc
from google.protobuf import empty_pb2
from grpc import aio
from reelsmith.analyzer.v1 import analyzer_pb2
from reelsmith.config.v1 import config_pb2
from reelsmith.exporter.v1 import exporter_pb2
from reelsmith.gateway.v1 import gateway_pb2
from reelsmith.jobs.v1 import jobs_pb2

from chassis import server
from chassis.identity import policy
from gateway import policy as gateway_policy
from services.analyzer import policy as analyzer_policy
from services.config import policy as config_policy
from services.exporter import policy as exporter_policy
from services.jobs import policy as jobs_policy

FILES = {
    "analyzer": (analyzer_pb2, analyzer_policy.RULES),
    "config": (config_pb2, config_policy.RULES),
    "exporter": (exporter_pb2, exporter_policy.RULES),
    "gateway": (gateway_pb2, gateway_policy.RULES),
    "jobs": (jobs_pb2, jobs_policy.RULES),
}
NOTHING = empty_pb2.Empty().SerializeToString()


@dataclasses.dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Args:
        service: The process that has it.
        name: `package.Service/Method`.
        kind: `unary_unary` and so on.
    """

    service: str
    name: str
    kind: str

    def __str__(self) -> str:
        return self.name

    async def call(self, channel: aio.Channel, metadata: tuple[tuple[str, str], ...] = ()) -> grpc.StatusCode:
        """How a call with an empty request ends."""
        function = getattr(channel, self.kind)(f"/{self.name}")
        request = _requests() if self.kind.startswith("stream") else NOTHING
        call = function(request, metadata=metadata, timeout=20)
        try:
            if self.kind.endswith("stream"):
                await call.read()
                call.cancel()
            else:
                await call
        except aio.AioRpcError as failure:
            return failure.code()
        return grpc.StatusCode.OK


async def _requests():
    yield NOTHING


def services() -> Iterator[tuple[str, str]]:
    """Every process with the full name of its service."""
    for name, (file, _) in FILES.items():
        (found,) = file.DESCRIPTOR.services_by_name.values()
        yield name, found.full_name


def methods() -> Iterator[Method]:
    """Every method of every service."""
    for name, (file, _) in FILES.items():
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                streamed = ("stream" if one else "unary" for one in (method.client_streaming, method.server_streaming))
                yield Method(name, f"{service.full_name}/{method.name}", "_".join(streamed))


def answering(name: str, rules: policy.Rules | None = None) -> server.Service:
    """A service that answers every call with nothing, behind the table of the real one."""
    full_name = dict(services())[name]

    def add(servicer: object, target: aio.Server) -> None:
        handlers = {
            method.name.partition("/")[2]: getattr(grpc, f"{method.kind}_rpc_method_handler")(ANSWERS[method.kind])
            for method in methods()
            if method.service == name
        }
        target.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(full_name, handlers),))

    return server.Service(object(), add, full_name, FILES[name][1] if rules is None else rules)


async def _answer(request: object, context: aio.ServicerContext) -> bytes:
    return NOTHING


async def _stream(request: object, context: aio.ServicerContext):
    yield NOTHING


ANSWERS = {"unary_unary": _answer, "stream_unary": _answer, "unary_stream": _stream, "stream_stream": _stream}
