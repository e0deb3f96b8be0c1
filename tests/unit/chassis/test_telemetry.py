"""Log lines carry the trace, traces survive being stored, and a dead collector delays nobody."""

import json
import logging
import threading

import pytest
from opentelemetry import trace

from chassis import settings, telemetry


def test_stored_carrier_continues_the_trace(spans) -> None:
    """Hours later, in another process, the next span is a child of the first."""
    with telemetry.tracer("test").start_as_current_span("first") as first:
        carrier = telemetry.carrier()
    assert {"traceparent"} <= carrier.keys()
    assert all(isinstance(value, str) for value in carrier.values())
    with telemetry.attach(carrier), telemetry.tracer("test").start_as_current_span("second"):
        pass
    second = spans()[-1]
    assert (first.get_span_context().trace_id, first.get_span_context().span_id) == (
        second.context.trace_id,
        second.parent.span_id,
    )


def test_nothing_is_attached_after_the_block(spans) -> None:
    """The next job does not end up in this one's trace."""
    with telemetry.tracer("test").start_as_current_span("first"):
        carrier = telemetry.carrier()
    with telemetry.attach(carrier):
        assert trace.get_current_span().get_span_context().is_valid
    assert not trace.get_current_span().get_span_context().is_valid


def test_empty_carrier_attaches_nothing() -> None:
    """A job that came without a trace starts one of its own."""
    with telemetry.attach({}):
        assert not trace.get_current_span().get_span_context().is_valid


@pytest.fixture
def root_logger():
    """Leaves logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level


def test_log_line_is_json_with_the_trace(spans, root_logger, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """From a line in a log one gets to the trace, and back."""
    monkeypatch.setattr(trace, "set_tracer_provider", lambda provider: None)  # the one of the test session stays
    telemetry.setup(settings.Settings())
    with telemetry.tracer("test").start_as_current_span("work") as span:
        logging.getLogger("chassis.test").warning("disk is %s", "full", extra={"path": "/data"})
    line = json.loads(capsys.readouterr().err.strip())
    context = span.get_span_context()
    assert {
        "level": "WARNING",
        "logger": "chassis.test",
        "message": "disk is full",
        "path": "/data",
        "service": "process",
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
    }.items() <= line.items()


class Stuck:
    """A provider whose collector does not answer until the test lets it."""

    released = threading.Event()

    def shutdown(self) -> None:
        """Takes its time."""
        self.released.wait(60)


def test_shutdown_does_not_wait_for_a_dead_collector(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """It says that spans are lost, and goes on."""
    monkeypatch.setattr(trace, "get_tracer_provider", Stuck)
    telemetry.shutdown(0.1)
    Stuck.released.set()
    assert "the last spans are lost" in caplog.text
