"""What Prometheus reads from a process: resources as they are now, and values that lead to their traces."""

import asyncio
import pathlib
import time

import httpx
import prometheus_client
import pytest
from grpc import aio
from opentelemetry import trace
from opentelemetry.sdk import trace as sdk
from prometheus_client.openmetrics import parser

from chassis import errors, server, telemetry, testing, usage
from chassis.testing import echo
from media import errors as media_errors
from media import pool

OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def value(name: str, /, **labels: str) -> float:
    """A sample as it is now; 0 where there is none."""
    return prometheus_client.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_scrape_leads_from_a_duration_to_its_trace(spans) -> None:
    """In the OpenMetrics format, the bucket of a call names the trace of that call."""
    settings = testing.settings(port=testing.free_port(), metrics_port=testing.free_port())
    running = asyncio.create_task(server.run(settings, [echo.service()]))
    try:
        async with aio.insecure_channel(f"127.0.0.1:{settings.port}") as channel:
            await echo.EchoStub(channel).Put(echo.Echo(), wait_for_ready=True)
        served = f"{echo.FULL_NAME}/Put"
        await testing.wait_until(lambda: [one for one in spans() if one.name == served], what="the span")
        (span,) = [one for one in spans() if one.name == served]
        async with httpx.AsyncClient(trust_env=False) as browser:
            url = f"http://127.0.0.1:{settings.metrics_port}/metrics"
            text = (await browser.get(url, headers=OPEN_METRICS)).text
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    found = [
        sample.exemplar.labels["trace_id"]
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "reelsmith_rpc_server_duration_seconds_bucket"
        and sample.labels["method"] == served
        and sample.exemplar
    ]
    assert trace.format_trace_id(span.context.trace_id) in found


def test_trace_that_is_not_kept_is_no_exemplar() -> None:
    """A link to a trace that no collector has would lead nowhere."""
    provider = sdk.TracerProvider(sampler=sdk.sampling.ALWAYS_OFF)
    with provider.get_tracer("test").start_as_current_span("dropped"):
        assert telemetry.exemplar() is None
    with sdk.TracerProvider().get_tracer("test").start_as_current_span("kept") as span:
        assert {"trace_id": trace.format_trace_id(span.get_span_context().trace_id)} == telemetry.exemplar()


async def test_workers_are_shown_while_they_are_there() -> None:
    """Their number, what ended how, and the processor time it cost, of a real pool."""
    async with pool.Pool(pool.PoolSettings(workers=2, queue_limit=3, preload=("tests.unit.media.tasks",))) as workers:
        with usage.workers(lambda: {"processor": workers}):
            await workers.run("tests.unit.media.tasks:echo", 1)
            with pytest.raises(media_errors.MediaError):
                await workers.run("tests.unit.media.tasks:refuse", None)
            task = {"pool": "processor", "task": "tests.unit.media.tasks:echo"}
            assert 1 == value("reelsmith_worker_tasks_total", **task, outcome="ok")
            failed = {**task, "task": "tests.unit.media.tasks:refuse"}
            assert 1 == value("reelsmith_worker_tasks_total", **failed, outcome="failed")
            assert 0 < value("reelsmith_worker_cpu_seconds_total", **task)
            assert (2, 0, 0, 3) == tuple(
                value(f"reelsmith_workers{end}", pool="processor") for end in ("", "_busy", "_waiting", "_queue_limit")
            )
    assert 0 == value("reelsmith_workers", pool="processor")


def test_disk_of_a_folder_that_is_still_to_be_made_is_shown(tmp_path: pathlib.Path) -> None:
    """By the disk that it will be made on."""
    usage.process("test", "1", {"later": tmp_path / "not" / "yet"})
    assert 0 < value("reelsmith_disk_free_bytes", folder="later") <= value("reelsmith_disk_size_bytes", folder="later")
    assert 1 == value("reelsmith_build_info", name="test", version="1")


class Unable(echo.EchoServicer):
    """A servicer that lacks something."""

    async def check(self) -> None:
        raise errors.Unavailable("something is missing")


async def test_service_that_cannot_serve_is_shown_so() -> None:
    """The gauge follows what the health protocol says."""
    async with testing.serving([echo.service()]):
        assert 1 == value("reelsmith_health_serving", grpc_service=echo.FULL_NAME)
    async with testing.serving([echo.service(Unable())]):
        assert 0 == value("reelsmith_health_serving", grpc_service=echo.FULL_NAME)


async def test_stalled_event_loop_is_seen() -> None:
    """A handler that blocks the loop shows as delay; control: an idle loop is looked at too."""

    def late(bound: str) -> float:
        looked = value("reelsmith_event_loop_delay_seconds_count")
        return looked - value("reelsmith_event_loop_delay_seconds_bucket", le=bound)

    watching = asyncio.create_task(usage.watch_loop())
    before, looked = late("0.1"), value("reelsmith_event_loop_delay_seconds_count")
    await asyncio.sleep(0)
    time.sleep(usage.LOOP_INTERVAL_S + 0.2)  # noqa: ASYNC251  the fault that is looked for
    await testing.wait_until(lambda: value("reelsmith_event_loop_delay_seconds_count") > looked)
    assert before + 1 == late("0.1")
    watching.cancel()
