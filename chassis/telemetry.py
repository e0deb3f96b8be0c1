"""Logs and traces of one process: JSON lines on stderr, spans over OTLP where an endpoint is named."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.sdk import resources
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export
from pythonjsonlogger import json as json_log

from chassis import settings as settings_module

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORT_TIMEOUT_S = 2  # a dead collector must not hold a batch for the default 10 s
SHUTDOWN_TIMEOUT_S = 3.0  # a provider waits 30 s for a dead collector; a drain may not
QUEUE_SPANS_MAX = 8192  # about 10 MB; beyond it spans are dropped, calls never wait
BATCH_DELAY_MS = 1000  # a trace is visible a second after its end

logger = logging.getLogger(__name__)


class TraceFilter(logging.Filter):
    """Adds the ids of the current span to a record: the link from a log line to its trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Marks the record and keeps it."""
        current = trace.get_current_span().get_span_context()
        record.trace_id = trace.format_trace_id(current.trace_id) if current.is_valid else ""
        record.span_id = trace.format_span_id(current.span_id) if current.is_valid else ""
        return True


def setup(settings: settings_module.Settings) -> None:
    """Starts logging and tracing for this process; call once, before anything else.

    Args:
        settings: Name of the service, log level and log format.
    """
    _setup_logging(settings)
    # `shutdown` below is the only end: the provider's own one at exit would wait for a dead collector once more.
    provider = sdk.TracerProvider(
        resource=resources.Resource.create({"service.name": settings.name}), shutdown_on_exit=False
    )
    if any(os.environ.get(variable) for variable in ENDPOINT_VARIABLES):
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter  # a tenth of a second for nothing elsewhere

        exporter = trace_exporter.OTLPSpanExporter(timeout=EXPORT_TIMEOUT_S)
        provider.add_span_processor(
            export.BatchSpanProcessor(
                exporter,
                max_queue_size=QUEUE_SPANS_MAX,
                schedule_delay_millis=BATCH_DELAY_MS,
                export_timeout_millis=EXPORT_TIMEOUT_S * 1000,
            )
        )
    trace.set_tracer_provider(provider)


def _setup_logging(settings: settings_module.Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(TraceFilter())
    if settings.log_format == "json":
        handler.setFormatter(
            json_log.JsonFormatter(
                "%(asctime)s %(levelname)s %(name)s %(message)s %(trace_id)s %(span_id)s",
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
                static_fields={"service": settings.name, "pid": os.getpid()},
            )
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line per blocking query says nothing


def tracer(name: str) -> trace.Tracer:
    """A tracer for a module or a package."""
    return trace.get_tracer(name)


def carrier() -> dict[str, str]:
    """The current trace context as plain text, to be stored with a job or sent along with a message."""
    values: dict[str, str] = {}
    propagate.inject(values)
    return values


def exemplar(span: trace.Span | None = None) -> dict[str, str] | None:
    """Labels that lead from a measured value to its trace; None where no trace is kept.

    Args:
        span: The span of what was measured; the current one by default.
    """
    context = (span or trace.get_current_span()).get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return {"trace_id": trace.format_trace_id(context.trace_id)}


@contextlib.contextmanager
def attach(carrier: Mapping[str, str]) -> Iterator[None]:
    """Continues, inside the block, the trace that a carrier came from."""
    token = otel_context.attach(propagate.extract(dict(carrier)))
    try:
        yield
    finally:
        otel_context.detach(token)


def shutdown(timeout_s: float = SHUTDOWN_TIMEOUT_S) -> None:
    """Sends what is queued, but waits no longer than the timeout.

    Args:
        timeout_s: Seconds to wait; spans that are not out by then are lost, and that is logged.
    """
    stop = getattr(trace.get_tracer_provider(), "shutdown", None)
    if stop is None:
        return
    # A daemon thread: the provider ignores its own timeout while a collector does not answer.
    thread = threading.Thread(target=stop, name="telemetry-shutdown", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        logger.warning("the trace collector did not answer within %.1f s: the last spans are lost", timeout_s)
