"""A trace collector for tests: receives OTLP over gRPC and keeps every span."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Mapping

from grpc import aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as rpc
from opentelemetry.proto.trace.v1 import trace_pb2

from chassis import testing


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A received span.

    Args:
        service: `service.name` of the process that sent it.
        name: Name of the span.
        kind: `SERVER`, `CLIENT`, `INTERNAL`, ...
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: 16 hexadecimal digits; empty for a root.
        status: `OK`, `ERROR` or `UNSET`.
        attributes: Attributes that are strings, numbers or truth values.
    """

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    status: str
    attributes: Mapping[str, object]


class Collector(rpc.TraceServiceServicer):
    """Keeps what it receives.

    Args:
        address: Host and port, once it listens.
    """

    def __init__(self) -> None:
        self.address = ""
        self.spans: list[Span] = []
        self.raw: list[bytes] = []  # all that was received, events of spans among it

    async def Export(
        self, request: pb.ExportTraceServiceRequest, context: aio.ServicerContext
    ) -> pb.ExportTraceServiceResponse:
        """Takes one batch."""
        self.raw.append(request.SerializeToString())
        for resource in request.resource_spans:
            service = _values(resource.resource.attributes).get("service.name", "")
            self.spans.extend(_span(str(service), span) for scope in resource.scope_spans for span in scope.spans)
        return pb.ExportTraceServiceResponse()

    async def named(self, name: str, timeout_s: float = 10.0) -> Span:
        """The first span of a name, waited for.

        Raises:
            TimeoutError: There is none in time.
        """
        await testing.wait_until(lambda: any(span.name == name for span in self.spans), timeout_s, f"span {name}")
        return next(span for span in self.spans if span.name == name)


@contextlib.asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector that listens inside the block."""
    servicer = Collector()
    server = aio.server(options=[("grpc.so_reuseport", 0)])
    rpc.add_TraceServiceServicer_to_server(servicer, server)
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield servicer
    finally:
        await asyncio.shield(server.stop(0))


def _span(service: str, span: trace_pb2.Span) -> Span:
    return Span(
        service=service,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        attributes=_values(span.attributes),
    )


def _values(attributes: object) -> dict[str, object]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value") for item in attributes}
