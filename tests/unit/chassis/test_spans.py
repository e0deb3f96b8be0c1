"""Which spans are sent, and what they say they are about."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export, sampling
from opentelemetry.sdk.trace.export import in_memory_span_exporter as memory

from chassis import telemetry


@pytest.fixture
def sent() -> memory.InMemorySpanExporter:
    """Where spans go."""
    return memory.InMemorySpanExporter()


def provider(sent: memory.InMemorySpanExporter, sampler: sampling.Sampler) -> sdk.TracerProvider:
    """A provider that sends as a process does, at once."""
    made = sdk.TracerProvider(sampler=sampler)
    telemetry.equip(made, export.SimpleSpanProcessor(sent))
    return made


def work(tracer: trace.Tracer) -> dict[str, trace.SpanContext]:
    """A call with one part that goes well and one that fails."""
    with tracer.start_as_current_span("call") as call:
        with tracer.start_as_current_span("good part") as good:
            pass
        with tracer.start_as_current_span("bad part") as bad:
            bad.set_status(trace.StatusCode.ERROR, "broken")
    return {"call": call.get_span_context(), "good part": good.get_span_context(), "bad part": bad.get_span_context()}


def test_failed_span_is_sent_though_its_trace_is_not_kept(sent: memory.InMemorySpanExporter) -> None:
    """With its own ids and words; what went well is not. Control: a plain provider sends nothing."""
    contexts = work(provider(sent, sampling.ALWAYS_OFF).get_tracer("test"))
    (span,) = sent.get_finished_spans()
    assert ("bad part", "broken") == (span.name, span.status.description)
    assert (contexts["bad part"].trace_id, contexts["bad part"].span_id) == (
        span.context.trace_id,
        span.context.span_id,
    )
    assert contexts["call"].span_id == span.parent.span_id
    assert not contexts["bad part"].trace_flags.sampled

    sent.clear()
    plain = sdk.TracerProvider(sampler=sampling.ALWAYS_OFF)
    plain.add_span_processor(export.SimpleSpanProcessor(sent))
    work(plain.get_tracer("test"))
    assert () == sent.get_finished_spans()


def test_kept_trace_is_sent_once(sent: memory.InMemorySpanExporter) -> None:
    """Each span, failed or not, exactly as it was."""
    work(provider(sent, sampling.ALWAYS_ON).get_tracer("test"))
    assert ["bad part", "call", "good part"] == sorted(span.name for span in sent.get_finished_spans())


def test_other_baggage_of_callers_goes_no_further() -> None:
    """What is stored with a job is its trace and what it is about."""
    carrier = {"baggage": "job.id=7,secret=x,other=y", "traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    with telemetry.attach(carrier):
        assert {"baggage": "job.id=7", "traceparent": carrier["traceparent"]} == telemetry.carrier()


def test_spans_below_say_what_the_work_is_about(sent: memory.InMemorySpanExporter) -> None:
    """In the same process and, through the carrier, in the next one; not after the block, and never too long."""
    tracer = provider(sent, sampling.ALWAYS_ON).get_tracer("test")
    with telemetry.about({"job.id": "j" * 100, "clip.rank": "2"}), tracer.start_as_current_span("here"):
        carrier = telemetry.carrier()
    with telemetry.attach(carrier), tracer.start_as_current_span("there", attributes={"clip.rank": 3}):
        pass
    with tracer.start_as_current_span("after"):
        pass
    found = {span.name: dict(span.attributes) for span in sent.get_finished_spans()}
    job = "j" * telemetry.SUBJECT_LENGTH_MAX
    assert {"job.id": job, "clip.rank": "2"} == found["here"]
    assert {"job.id": job, "clip.rank": 3} == found["there"]
    assert {} == found["after"]
