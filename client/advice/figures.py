"""Figures of one process over a stretch of time, from samples of its metrics. Pure: no clock, no network, no file."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import prometheus_client.parser

# What is kept of a scrape, and by which labels; values that differ in other labels are added up.
WATCHED: Mapping[str, tuple[str, ...]] = {
    "process_resident_memory_bytes": (),
    "process_open_fds": (),
    "process_max_fds": (),
    "process_start_time_seconds": (),
    "process_cpu_seconds_total": (),
    "reelsmith_workers": ("pool",),
    "reelsmith_workers_busy": ("pool",),
    "reelsmith_workers_waiting": ("pool",),
    "reelsmith_workers_queue_limit": ("pool",),
    "reelsmith_worker_tasks_total": ("pool", "outcome"),
    "reelsmith_worker_cpu_seconds_total": ("pool",),
    "reelsmith_event_loop_delay_seconds_bucket": ("le",),
    "reelsmith_event_loop_delay_seconds_count": (),
    "reelsmith_rpc_server_handled_total": ("code",),
    "reelsmith_cache_answers_total": ("cache", "origin"),
    "reelsmith_disk_free_bytes": ("folder",),
    "reelsmith_disk_size_bytes": ("folder",),
    "reelsmith_jobs": ("state",),
    "reelsmith_jobs_steps": ("state",),
    "reelsmith_jobs_oldest_ready_age_seconds": (),
    "reelsmith_jobs_unfinished_limit": (),
    "reelsmith_clips_made_total": (),
    "reelsmith_machine_processors": (),
    "reelsmith_machine_idle_seconds_total": (),
    "reelsmith_machine_memory_available_bytes": (),
    "reelsmith_setting": ("name",),
}
STALL_S = "0.5"  # a bound of the histogram: an event loop that is later than this stands still for every caller


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """The metrics of one process at one time.

    Args:
        service: Name of its service.
        instance: Where its metrics are, `host:port`.
        time_s: When, in seconds since 1970.
        values: Value by name with labels, such as `reelsmith_workers{pool=processor}`.
    """

    service: str
    instance: str
    time_s: float
    values: Mapping[str, float]


def key(name: str, labels: Mapping[str, str]) -> str:
    """The name of a value that is watched, with the labels by which it is kept."""
    kept = ",".join(f"{label}={labels.get(label, '')}" for label in WATCHED[name])
    return f"{name}{{{kept}}}" if kept else name


def scraped(text: str) -> dict[str, float]:
    """What is watched of a page of metrics, in Prometheus' own format.

    Raises:
        ValueError: It is no such page.
    """
    values: dict[str, float] = {}
    for family in prometheus_client.parser.text_string_to_metric_families(text):
        for one in family.samples:
            if one.name in WATCHED and one.labels.get("le", STALL_S) == STALL_S:
                name = key(one.name, one.labels)
                values[name] = values.get(name, 0.0) + one.value
    return values


@functools.lru_cache(maxsize=4096)  # names with labels of a suite: some fifty a service
def _read(name: str) -> tuple[str, Mapping[str, str]]:
    bare, _, rest = name.partition("{")
    pairs = (pair.partition("=") for pair in filter(None, rest.removesuffix("}").split(",")))
    return bare, {label: value for label, _, value in pairs}


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """The samples of one process in a stretch of time, the oldest first.

    Args:
        service: Name of its service.
        instance: Where its metrics are.
        samples: One at least.
    """

    service: str
    instance: str
    samples: Sequence[Sample]

    @property
    def span_s(self) -> float:
        """From the first sample to the last."""
        return self.samples[-1].time_s - self.samples[0].time_s

    def after(self, time_s: float) -> "Window | None":
        """What is later than a time; None for nothing."""
        later = tuple(sample for sample in self.samples if sample.time_s >= time_s)
        return Window(self.service, self.instance, later) if later else None

    def running(self) -> "Window":
        """What the process that runs now has shown; not those before a restart."""
        start_s = self.last("process_start_time_seconds")
        same = tuple(one for one in self.samples if one.values.get("process_start_time_seconds") == start_s)
        return Window(self.service, self.instance, same)

    def labels(self, name: str, label: str) -> list[str]:
        """The values that a label of a name has now."""
        found = (_read(one) for one in self.samples[-1].values)
        return sorted({labels[label] for bare, labels in found if bare == name})

    def last(self, name: str, /, **labels: str) -> float | None:
        """The newest value; None where it is not shown."""
        return _total(self.samples[-1].values, name, labels)

    def values(self, name: str, /, **labels: str) -> list[tuple[float, float]]:
        """Every time with its value."""
        found = ((one.time_s, _total(one.values, name, labels)) for one in self.samples)
        return [(time_s, value) for time_s, value in found if value is not None]

    def mean(self, name: str, /, **labels: str) -> float | None:
        """The mean of all samples; None where it is not shown."""
        found = [value for _, value in self.values(name, **labels)]
        return sum(found) / len(found) if found else None

    def highest(self, name: str, /, **labels: str) -> float:
        """The highest of all samples; 0 where it is not shown."""
        return max((value for _, value in self.values(name, **labels)), default=0.0)

    def grown(self, name: str, /, **labels: str) -> float:
        """By how much a counter has grown; a restart of the process, which begins at 0 again, loses nothing."""
        found = [value for _, value in self.values(name, **labels)]
        return sum(after - before if after >= before else after for before, after in _pairs(found))

    def rate(self, name: str, /, **labels: str) -> float:
        """How fast a counter grew, per second."""
        return self.grown(name, **labels) / self.span_s if self.span_s else 0.0

    def stalled_share(self) -> float:
        """Share of looks at the event loop that found it later than `STALL_S`."""
        looks = self.grown("reelsmith_event_loop_delay_seconds_count")
        return max(0.0, 1 - self.grown("reelsmith_event_loop_delay_seconds_bucket") / looks) if looks else 0.0

    def idle_share(self) -> float | None:
        """Share of its machine's processor time that nobody used; None where it is not known."""
        if not self.span_s or self.last("reelsmith_machine_idle_seconds_total") is None:
            return None
        return min(1.0, self.rate("reelsmith_machine_idle_seconds_total"))

    def line(self, name: str) -> tuple[float, float]:
        """The straight line that fits a value best, as least squares have it.

        Returns:
            Its slope per second, and which share of the value's changes it explains (r squared).
        """
        found = self.values(name)
        if len(found) < 3:
            return 0.0, 0.0
        mean_t, mean_v = (sum(column) / len(found) for column in zip(*found, strict=True))
        spread = sum((time_s - mean_t) ** 2 for time_s, _ in found)
        shared = sum((time_s - mean_t) * (value - mean_v) for time_s, value in found)
        changes = sum((value - mean_v) ** 2 for _, value in found)
        if not spread or not changes:
            return 0.0, 0.0
        return shared / spread, shared**2 / (spread * changes)


def windows(samples: Iterable[Sample]) -> list[Window]:
    """The samples of each process by themselves, by service and instance."""
    found: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        found.setdefault((sample.service, sample.instance), []).append(sample)
    return [Window(*who, tuple(sorted(own, key=lambda one: one.time_s))) for who, own in sorted(found.items())]


def _total(values: Mapping[str, float], name: str, labels: Mapping[str, str]) -> float | None:
    if not labels and name in values:
        return values[name]
    found = [
        value
        for one, value in values.items()
        if one.startswith(name) and _read(one)[0] == name and labels.items() <= _read(one)[1].items()
    ]
    return sum(found) if found else None


def _pairs(values: Sequence[float]) -> Iterator[tuple[float, float]]:
    return itertools.pairwise(values)
