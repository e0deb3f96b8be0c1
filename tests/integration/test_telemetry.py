"""Processes send their spans to a collector, and stop in time where it does not answer."""

import asyncio
import pathlib
import signal
import socket
import sys
import time
from collections.abc import Iterator

import pytest
from grpc import aio

from chassis import testing
from chassis.testing import echo, otlp, process

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STOP_S = 3.0  # what telemetry may take, beyond the time of an undisturbed stop
NOISE_S = 5.0  # of a busy machine; a stop without a bound waits for many times as long


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that accepts connections and never says a word: worse than one that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


async def call(address: str) -> None:
    """One call, within a trace that a foreign client started."""
    async with aio.insecure_channel(address) as channel:
        metadata = (("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-01"),)
        await echo.EchoStub(channel).Read(echo.Echo(), metadata=metadata, timeout=60)


async def stop_after_call(endpoint: str, folder: pathlib.Path) -> float:
    """Seconds that a process takes to stop after it has spans to send."""
    environment = {"REELSMITH_DISCOVERY": "static", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    async with process.running("echo", "chassis.testing", 1, folder, environment) as (served,):
        await call(served.address)
        start_s = time.monotonic()
        served.signal(signal.SIGTERM)
        assert 0 == await served.wait(40)
        return time.monotonic() - start_s


async def test_span_of_a_process_reaches_the_collector_before_it_stops(tmp_path: pathlib.Path) -> None:
    """In the trace of the caller, under the name of the service, flushed by the drain."""
    async with otlp.collector() as collector:
        await stop_after_call(f"http://{collector.address}", tmp_path)
        span = await collector.named(f"{echo.FULL_NAME}/Read", 2)
    assert ("echo", "SERVER", TRACE_ID, SPAN_ID, "UNSET") == (
        span.service,
        span.kind,
        span.trace_id,
        span.parent_id,
        span.status,
    )
    assert "OK" == span.attributes["rpc.response.status_code"]


async def test_dead_collector_delays_the_stop_by_seconds_at_most(black_hole: str, tmp_path: pathlib.Path) -> None:
    """Whether it refuses connections or swallows them."""
    (tmp_path / "none").mkdir()
    undisturbed_s = await stop_after_call("", tmp_path / "none")
    for endpoint in (black_hole, f"127.0.0.1:{testing.free_port()}"):
        assert await stop_after_call(f"http://{endpoint}", tmp_path) <= undisturbed_s + STOP_S + NOISE_S


async def test_unbounded_shutdown_waits_longer_for_a_dead_collector(black_hole: str) -> None:
    """Control: the provider's own shutdown, with the exporter's defaults, is what would hold a stop."""
    script = (
        "import sys, time\n"
        "from opentelemetry.sdk import trace\n"
        "from opentelemetry.sdk.trace import export\n"
        "from opentelemetry.exporter.otlp.proto.grpc import trace_exporter\n"
        "provider = trace.TracerProvider(shutdown_on_exit=False)\n"
        "provider.add_span_processor(export.BatchSpanProcessor(trace_exporter.OTLPSpanExporter(insecure=True)))\n"
        "provider.get_tracer('t').start_span('s').end()\n"
        "provider.shutdown()\n"
    )
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{black_hole}"}
    )
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running.wait(), STOP_S + NOISE_S)
    running.kill()
    await running.wait()
