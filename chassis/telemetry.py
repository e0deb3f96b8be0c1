"""Logs and traces of one process: JSON lines on stderr, spans over OTLP where an endpoint is named."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry import baggage, propagate, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk import resources
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export, sampling
from pythonjsonlogger import json as json_log

from chassis import settings as settings_module

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORT_TIMEOUT_S = 2  # a dead collector must not hold a batch for the default 10 s
SHUTDOWN_TIMEOUT_S = 3.0  # a provider waits 30 s for a dead collector; a drain may not
QUEUE_SPANS_MAX = 8192  # about 10 MB; beyond it spans are dropped, calls never wait
BATCH_DELAY_MS = 1000  # a trace is visible a second after its end
DURATION_BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800)  # a lookup takes milliseconds, an export minutes
SUBJECTS = ("job.id", "step", "clip.rank")  # what work is about: told to every process and put on every span
SUBJECT_LENGTH_MAX = 64  # whoever calls may send baggage: an id is half as long

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
        batches = export.BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE_SPANS_MAX,
            schedule_delay_millis=BATCH_DELAY_MS,
            export_timeout_millis=EXPORT_TIMEOUT_S * 1000,
        )
        equip(provider, batches)
    trace.set_tracer_provider(provider)


def equip(provider: sdk.TracerProvider, batches: sdk.SpanProcessor) -> None:
    """Has a provider send its spans, those that failed whatever the sampler says, each with what it is about.

    Args:
        provider: The provider; its sampler is the one that OpenTelemetry's variables name.
        batches: Sends the spans.
    """
    provider.sampler = ErrorsToo(provider.sampler)
    provider.add_span_processor(Subjects())
    provider.add_span_processor(FailedToo(batches))


class ErrorsToo(sampling.Sampler):
    """Records what another sampler drops, so that it can still be sent if it fails.

    Args:
        sampler: Decides what is kept.
    """

    def __init__(self, sampler: sampling.Sampler) -> None:
        self._sampler = sampler

    def should_sample(self, *arguments: Any, **named: Any) -> sampling.SamplingResult:
        """The decision of the other sampler, with RECORD_ONLY for DROP."""
        result = self._sampler.should_sample(*arguments, **named)
        if result.decision is sampling.Decision.DROP:
            result.decision = sampling.Decision.RECORD_ONLY
        return result

    def get_description(self) -> str:
        """What this is, for people."""
        return f"{self._sampler.get_description()}, and errors"


class FailedToo(sdk.SpanProcessor):
    """Hands on spans that are kept, and those that failed as if they were kept.

    Args:
        sender: Sends what is kept.
    """

    def __init__(self, sender: sdk.SpanProcessor) -> None:
        self._sender = sender

    def on_end(self, span: sdk.ReadableSpan) -> None:
        """Sends the span, if it is kept or failed."""
        if not span.context.trace_flags.sampled and span.status.status_code is trace.StatusCode.ERROR:
            span = _kept(span)
        self._sender.on_end(span)

    def shutdown(self) -> None:
        """Sends the last spans."""
        self._sender.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what is queued."""
        return self._sender.force_flush(timeout_millis)


def _kept(span: sdk.ReadableSpan) -> sdk.ReadableSpan:
    """The same span as one that a sampler kept."""
    context = span.context
    flags = trace.TraceFlags(context.trace_flags | trace.TraceFlags.SAMPLED)
    return sdk.ReadableSpan(
        name=span.name,
        context=trace.SpanContext(context.trace_id, context.span_id, context.is_remote, flags, context.trace_state),
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class Subjects(sdk.SpanProcessor):
    """Puts what the work is about on every span below, in whichever process."""

    def on_start(self, span: sdk.Span, parent_context: otel_context.Context | None = None) -> None:
        """Copies the subjects from the baggage."""
        for name in SUBJECTS:
            value = baggage.get_baggage(name, parent_context)
            if value is not None and name not in (span.attributes or {}):
                span.set_attribute(name, str(value)[:SUBJECT_LENGTH_MAX])


@contextlib.contextmanager
def about(subjects: Mapping[str, str]) -> Iterator[None]:
    """Says, inside the block and to all that is called from it, what the work is about.

    Args:
        subjects: Values of some of `SUBJECTS`.
    """
    context = otel_context.get_current()
    for name, value in subjects.items():
        context = baggage.set_baggage(name, value, context)
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


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
    """Continues, inside the block, the trace that a carrier came from.

    Of what callers send along with a trace only the subjects are taken over: the rest would be stored and passed on.
    """
    context = propagate.extract(dict(carrier))
    for name in set(baggage.get_all(context)) - set(SUBJECTS):
        context = baggage.remove_baggage(name, context)
    token = otel_context.attach(context)
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
