"""A span per served call, in the trace of the caller."""

import contextlib
import types

from grpc import aio
from opentelemetry import trace
from opentelemetry.semconv._incubating.attributes import rpc_attributes

from chassis import errors, methods, telemetry
from chassis.interceptors import outcome


class Around:
    """Opens the span before the call and ends it, with its status, however the call ends."""

    def __init__(self, method: str, context: aio.ServicerContext) -> None:
        self._method = method
        self._context = context
        self._stack = contextlib.ExitStack()
        self._span = trace.INVALID_SPAN

    async def __aenter__(self) -> None:
        if methods.is_infrastructure(self._method):
            return
        metadata = {key: value for key, value in self._context.invocation_metadata() or () if isinstance(value, str)}
        # Attached as a whole: spans below are in the caller's trace, and know what the caller's work is about.
        self._stack.enter_context(telemetry.attach(metadata))
        self._span = self._stack.enter_context(
            telemetry.tracer(__name__).start_as_current_span(
                self._method,
                kind=trace.SpanKind.SERVER,
                attributes={rpc_attributes.RPC_SYSTEM_NAME: "grpc", rpc_attributes.RPC_METHOD: self._method},
                record_exception=False,
                set_status_on_exception=False,
            )
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        code = outcome.code_of(failure, self._context)
        self._span.set_attribute(rpc_attributes.RPC_RESPONSE_STATUS_CODE, code.name)
        if code in outcome.SERVER_FAULTS:
            self._span.set_status(trace.StatusCode.ERROR, str(failure or code.name))
        if isinstance(failure, errors.Error):
            self._span.set_attribute("error.type", failure.reason or code.name)
        self._stack.close()
