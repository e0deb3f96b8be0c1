"""Fixtures of the chassis tests: a served echo service, a stub that finds it, and the spans that are made."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export
from opentelemetry.sdk.trace.export import in_memory_span_exporter

from chassis import client, discovery, testing
from chassis.testing import echo


@pytest.fixture
def spans() -> Iterator[Callable[[], tuple[sdk.ReadableSpan, ...]]]:
    """Returns the spans that ended during the test."""
    if not isinstance(trace.get_tracer_provider(), sdk.TracerProvider):
        trace.set_tracer_provider(sdk.TracerProvider())
    exporter = in_memory_span_exporter.InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(export.SimpleSpanProcessor(exporter))
    yield exporter.get_finished_spans
    exporter.shutdown()


@pytest.fixture
def servicer() -> echo.EchoServicer:
    """The servicer behind the stub."""
    return echo.EchoServicer()


@pytest.fixture
async def stub(servicer: echo.EchoServicer) -> AsyncIterator[echo.EchoStub]:
    """A stub of one served instance."""
    async with testing.serving([echo.service(servicer)]) as server, connected([server.address]) as clients:
        yield echo.EchoStub(clients.channel("echo"))


@contextlib.asynccontextmanager
async def connected(addresses: list[str], policy: client.Policy | None = None) -> AsyncIterator[client.Clients]:
    """Clients of the echo service at fixed addresses."""
    async with client.Clients(discovery.StaticRegistry({"echo": addresses}), policy=policy) as clients:
        await clients.ready("echo")
        yield clients


@pytest.fixture
def connect() -> Callable[..., contextlib.AbstractAsyncContextManager[client.Clients]]:
    """Makes clients of fixed addresses."""
    return connected
