"""Rate, errors and duration of every served method, for Prometheus; a duration leads to the trace of its call."""

import time
import types

import prometheus_client
from grpc import aio

from chassis import telemetry
from chassis.interceptors import outcome

HANDLED = prometheus_client.Counter(
    "reelsmith_rpc_server_handled_total", "Served calls that ended, by method and status code.", ["method", "code"]
)
DURATION = prometheus_client.Histogram(
    "reelsmith_rpc_server_duration_seconds",
    "How long served calls took.",
    ["method"],
    buckets=telemetry.DURATION_BUCKETS_S,
)
RUNNING = prometheus_client.Gauge("reelsmith_rpc_server_running", "Calls being served now.", ["method"])


class Around:
    """Counts the call and takes its time."""

    def __init__(self, method: str, context: aio.ServicerContext) -> None:
        self._method = method
        self._context = context
        self._start = 0.0

    async def __aenter__(self) -> None:
        self._start = time.perf_counter()
        RUNNING.labels(self._method).inc()

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        RUNNING.labels(self._method).dec()
        example = telemetry.exemplar()
        DURATION.labels(self._method).observe(time.perf_counter() - self._start, example)
        HANDLED.labels(self._method, outcome.code_of(failure, self._context).name).inc(exemplar=example)
