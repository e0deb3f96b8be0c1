"""How full the resources of a process are, for Prometheus: workers, disks, machine, event loop, and what runs at all.

Figures that somebody keeps anyway are read when Prometheus asks; nothing is counted twice, nothing is kept for it.
"""

import asyncio
import contextlib
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import prometheus_client
from prometheus_client import core, registry

from chassis import machine

LOOP_INTERVAL_S = 0.5  # between two looks at the event loop: often enough to catch a stall, too seldom to cost
LOOP_BUCKETS_S = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10)  # an idle loop is late by a tenth of the first one

SERVING = prometheus_client.Gauge(
    "reelsmith_health_serving", "Whether a service of this process says it can serve: 1, or 0.", ["grpc_service"]
)
LOOP_DELAY = prometheus_client.Histogram(
    "reelsmith_event_loop_delay_seconds",
    "How much later than asked the event loop woke a timer: what every call in this process waits in addition.",
    buckets=LOOP_BUCKETS_S,
)
BUILD = prometheus_client.Gauge("reelsmith_build_info", "Always 1; the labels say what runs here.", ["name", "version"])


class Pool(Protocol):
    """Workers as a process that has some keeps them."""

    workers: int
    busy: int
    waiting: int
    queue_limit: int
    ended: Mapping[tuple[str, str], int]
    cpu_s: Mapping[str, float]


Pools = Callable[[], Mapping[str, Pool]]


class Resources(registry.Collector):
    """Reads the workers and disks of this process when it is asked."""

    def __init__(self) -> None:
        self.pools: list[Pools] = []
        self.folders: dict[str, pathlib.Path] = {}

    def collect(self) -> Iterable[core.Metric]:
        """Every figure as it is now."""
        yield from self._workers()
        yield from self._disks()
        yield from _machine()

    def _workers(self) -> Iterator[core.Metric]:
        size = core.GaugeMetricFamily("reelsmith_workers", "Workers that may run side by side.", labels=["pool"])
        busy = core.GaugeMetricFamily("reelsmith_workers_busy", "Workers that run a task now.", labels=["pool"])
        waiting = core.GaugeMetricFamily(
            "reelsmith_workers_waiting", "Tasks that wait for a worker now.", labels=["pool"]
        )
        limit = core.GaugeMetricFamily(
            "reelsmith_workers_queue_limit", "Tasks that may wait; one more is refused.", labels=["pool"]
        )
        ended = core.CounterMetricFamily(
            "reelsmith_worker_tasks",
            "Tasks that ended, by outcome: ok, failed (the media's fault), lost (the worker died or was killed), "
            "refused (too many waited), cancelled, bug.",
            labels=["pool", "task", "outcome"],
        )
        cpu = core.CounterMetricFamily(
            "reelsmith_worker_cpu_seconds",
            "Processor time of workers whose task gave a result, by task.",
            labels=["pool", "task"],
        )
        for name, pool in [item for source in self.pools for item in source().items()]:
            for family, value in zip(
                (size, busy, waiting, limit), (pool.workers, pool.busy, pool.waiting, pool.queue_limit), strict=True
            ):
                family.add_metric([name], value)
            for (task, outcome), count in list(pool.ended.items()):
                ended.add_metric([name, task, outcome], count)
            for task, seconds in list(pool.cpu_s.items()):
                cpu.add_metric([name, task], seconds)
        yield from (size, busy, waiting, limit, ended, cpu)

    def _disks(self) -> Iterator[core.Metric]:
        free = core.GaugeMetricFamily(
            "reelsmith_disk_free_bytes", "Free bytes on the disk of a folder: state or sessions.", labels=["folder"]
        )
        size = core.GaugeMetricFamily("reelsmith_disk_size_bytes", "Size of the disk of a folder.", labels=["folder"])
        for name, path in self.folders.items():
            found = _disk(path)
            if found is not None:
                free.add_metric([name], found.f_bavail * found.f_frsize)
                size.add_metric([name], found.f_blocks * found.f_frsize)
        yield from (free, size)


def _machine() -> Iterator[core.Metric]:
    yield core.GaugeMetricFamily(
        "reelsmith_machine_processors", "Processors that this process may use at once.", machine.processors()
    )
    if (idle_s := machine.idle_share_s()) is not None:
        yield core.CounterMetricFamily(
            "reelsmith_machine_idle_seconds",
            "Seconds that the processors of the machine had nothing to do, on average of all.",
            idle_s,
        )
    if (available := machine.memory_available_bytes()) is not None:
        yield core.GaugeMetricFamily(
            "reelsmith_machine_memory_available_bytes",
            "Memory that could be had without pushing anything out.",
            available,
        )


RESOURCES = Resources()
prometheus_client.REGISTRY.register(RESOURCES)


def _disk(path: pathlib.Path) -> os.statvfs_result | None:
    """The disk of a folder, or of the nearest one above it that exists; None where it cannot be looked at."""
    for folder in (path, *path.parents):
        try:
            return os.statvfs(folder)
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


@contextlib.contextmanager
def workers(pools: Pools) -> Iterator[None]:
    """Shows pools of workers inside the block.

    Args:
        pools: Gives the pools that there are, by name; asked again each time.
    """
    RESOURCES.pools.append(pools)
    try:
        yield
    finally:
        RESOURCES.pools.remove(pools)


def process(service: str, version: str, folders: Mapping[str, pathlib.Path]) -> None:
    """Says what this process is, and which folders it writes to."""
    BUILD.labels(service, version).set(1)
    RESOURCES.folders.update(folders)


async def watch_loop() -> None:
    """Measures how late the event loop is; ends when cancelled."""
    while True:  # for the life of the process, twice a second
        asked_s = time.monotonic()
        await asyncio.sleep(LOOP_INTERVAL_S)
        LOOP_DELAY.observe(max(0.0, time.monotonic() - asked_s - LOOP_INTERVAL_S))
