"""One outgoing call as its caller sees it: deadline, trace, metadata and outcome, however many tries it takes."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import prometheus_client
from opentelemetry import propagate, trace
from opentelemetry.semconv._incubating.attributes import rpc_attributes

from chassis import attempts, deadlines, errors, methods, priority, telemetry

HANDLED = prometheus_client.Counter(
    "reelsmith_rpc_client_handled_total", "Outgoing calls that ended, by method and status code.", ["method", "code"]
)
DURATION = prometheus_client.Histogram(
    "reelsmith_rpc_client_duration_seconds",
    "How long outgoing calls took.",
    ["method"],
    buckets=telemetry.DURATION_BUCKETS_S,
)
TRIES = prometheus_client.Counter(
    "reelsmith_rpc_client_tries_total", "Tries of outgoing calls: first, retry or hedge.", ["method", "kind"]
)


@dataclasses.dataclass(frozen=True, slots=True)
class Method:
    """A method as a generated stub declares it.

    Args:
        kind: `unary_unary`, `unary_stream`, `stream_unary` or `stream_stream`.
        path: `/pkg.Service/Method`.
        serializer: Message to bytes.
        deserializer: Bytes to message.
    """

    kind: str
    path: str
    serializer: Callable[[Any], bytes] | None
    deserializer: Callable[[bytes], Any] | None

    @property
    def name(self) -> str:
        """`pkg.Service/Method`."""
        return methods.name(self.path)

    @property
    def effect(self) -> methods.Effect:
        """What a second execution does."""
        return methods.effect(self.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What a caller may say about one call; the names are those of gRPC.

    Args:
        timeout: Seconds until the caller stops waiting; None takes the default.
        metadata: Further metadata.
        credentials: Not used: who calls is said by the connection, or by `metadata`.
        wait_for_ready: Whether to wait, up to the deadline, for an instance that can be reached.
        compression: Compression of the request.
    """

    timeout: float | None = None
    metadata: Sequence[tuple[str, str | bytes]] | None = None
    credentials: grpc.CallCredentials | None = None
    wait_for_ready: bool | None = None
    compression: grpc.Compression | None = None


class Outgoing:
    """Opens the span and fixes the deadline of a call; `finish` ends both.

    Args:
        method: What is called.
        options: What the caller said.
        default_timeout_s: Deadline where the caller named none.

    Raises:
        errors.DeadlineExceeded: The incoming call that this one serves has no time left.
    """

    def __init__(self, method: Method, options: Options, default_timeout_s: float) -> None:
        self.method = method
        self.options = options
        self.timeout_s = deadlines.cap(default_timeout_s if options.timeout is None else options.timeout)
        self.waits = 0  # tries that found no connection, of a caller that waits for one: they are no tries
        self.again = attempts.again()  # whether it serves a second try: that one is tried again by whoever made it
        self._start_s = time.monotonic()
        self._second = False
        self._span = _span(method)
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        marks = ((priority.KEY, priority.BATCH),) if priority.batch() else ()
        self._metadata = (*(options.metadata or ()), *carrier.items(), *marks)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the caller called."""
        return time.monotonic() - self._start_s

    @property
    def left_s(self) -> float:
        """Seconds until the caller stops waiting."""
        return max(0.0, self.timeout_s - self.elapsed_s)

    @property
    def arguments(self) -> dict[str, Any]:
        """What one try passes to gRPC."""
        metadata = (*self._metadata, (attempts.AGAIN, "1")) if self.again or self._second else self._metadata
        return {"timeout": self.left_s, "metadata": metadata, "compression": self.options.compression}

    def tried(self, kind: str, address: str) -> None:
        """Notes one try.

        Args:
            kind: `first`, `retry` or `hedge`.
            address: Where it goes.
        """
        self._second = kind != "first"
        TRIES.labels(self.method.name, kind).inc()
        self._span.add_event(kind, {"server.address": address})

    def finish(self, failure: BaseException | None) -> None:
        """Ends the span and counts the call.

        Args:
            failure: What the caller gets instead of an answer, if anything.
        """
        code = code_of(failure)
        self._span.set_attribute(rpc_attributes.RPC_RESPONSE_STATUS_CODE, code.name)
        if code is not grpc.StatusCode.OK:
            self._span.set_status(trace.StatusCode.ERROR, str(failure))
        self._span.end()
        DURATION.labels(self.method.name).observe(self.elapsed_s, telemetry.exemplar(self._span))
        HANDLED.labels(self.method.name, code.name).inc()


def _span(method: Method) -> trace.Span:
    if methods.is_infrastructure(method.name):
        return trace.INVALID_SPAN
    return telemetry.tracer(__name__).start_span(
        method.name,
        kind=trace.SpanKind.CLIENT,
        attributes={rpc_attributes.RPC_SYSTEM_NAME: "grpc", rpc_attributes.RPC_METHOD: method.name},
    )


def code_of(failure: BaseException | None) -> grpc.StatusCode:
    """The status code of what a caller gets."""
    if failure is None:
        return grpc.StatusCode.OK
    if isinstance(failure, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED
    return failure.code if isinstance(failure, errors.Error) else grpc.StatusCode.UNKNOWN
