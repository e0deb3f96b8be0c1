"""Where the metrics of a suite are read: from each process itself, or with their past from a Prometheus."""

import asyncio
import collections
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import httpx

from chassis import discovery, errors
from client import place
from client.advice import figures

TIMEOUT_S = 10.0  # a process answers in milliseconds, and in seconds on a machine that has far too much to do
AT_ONCE_MAX = 64  # scrapes; more instances than that are asked in turn
PAST_S = 24 * 3600  # that is asked of a Prometheus, as much as a history keeps
STEP_S = 60  # between its answers: a day is 1,440 of them for each value


class Source(Protocol):
    """Something that has samples."""

    async def read(self) -> list[figures.Sample]:
        """Those that are new.

        Raises:
            errors.Unavailable: Nothing answers.
        """


class Processes:
    """The processes themselves.

    Args:
        addresses: Host and port of their metrics, by service.
        clock: Gives the time, in seconds since 1970.
    """

    def __init__(self, addresses: Mapping[str, Iterable[str]], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._targets = [(service, address) for service, listed in addresses.items() for address in listed]

    async def read(self) -> list[figures.Sample]:
        """One sample of each that answers."""
        limit = asyncio.Semaphore(AT_ONCE_MAX)
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as browser:
            found = await asyncio.gather(*(self._one(browser, limit, *target) for target in self._targets))
        samples = [sample for sample in found if sample]
        if not samples:
            raise errors.Unavailable("no process shows its metrics", reason="NO_METRICS")
        return samples

    async def _one(
        self, browser: httpx.AsyncClient, limit: asyncio.Semaphore, service: str, address: str
    ) -> figures.Sample | None:
        async with limit:
            try:
                answer = await browser.get(f"http://{address}/metrics")
                answer.raise_for_status()
                return figures.Sample(service, address, self._clock(), figures.scraped(answer.text))
            except (httpx.HTTPError, ValueError):
                return None  # it is gone, or restarts, or is something else: the others still say something


class Prometheus:
    """A Prometheus that scrapes the suite, as `deploy/prometheus` sets one up.

    Args:
        url: Its address, `http://host:9090`.
    """

    def __init__(self, url: str) -> None:
        self._url, self._after_s = url.rstrip("/"), 0.0

    async def read(self) -> list[figures.Sample]:
        """All samples since the last question; at first those of a day."""
        end_s = time.time()
        names = "|".join(figures.WATCHED)
        query = {
            "query": f'{{__name__=~"{names}", job="reelsmith", le=~"|{figures.STALL_S}"}}',
            "start": f"{max(self._after_s, end_s - PAST_S):.3f}",
            "end": f"{end_s:.3f}",
            "step": str(STEP_S),
        }
        try:
            async with httpx.AsyncClient(timeout=3 * TIMEOUT_S) as browser:
                answer = await browser.post(f"{self._url}/api/v1/query_range", data=query)
                answer.raise_for_status()
                result = answer.json()["data"]["result"]
        except (httpx.HTTPError, ValueError, KeyError) as failure:
            raise errors.Unavailable(f"{self._url} answers no questions: {failure}", reason="NO_METRICS") from failure
        self._after_s = end_s
        return _joined(result)


def _joined(result: Iterable[Mapping[str, object]]) -> list[figures.Sample]:
    """Samples of processes from series of values."""
    found: dict[tuple[str, str, float], dict[str, float]] = collections.defaultdict(dict)
    for series in result:
        labels = series["metric"]
        if labels["__name__"] not in figures.WATCHED:
            continue
        name = figures.key(labels["__name__"], labels)
        for time_s, value in series["values"]:
            values = found[labels.get("service", ""), labels.get("instance", ""), float(time_s)]
            values[name] = values.get(name, 0.0) + float(value)
    return [figures.Sample(*who, values) for who, values in sorted(found.items())]


def source(metrics: str, prometheus: str) -> Source:
    """What is read: a Prometheus, named processes, or those of this user's suite.

    Args:
        metrics: `SERVICE=HOST:PORT,HOST:PORT;SERVICE=...`, where metrics are shown.
        prometheus: Address of a Prometheus.

    Raises:
        errors.FailedPrecondition: Nothing is named and no suite of this user runs.
        errors.InvalidArgument: The list cannot be read.
    """
    if prometheus:
        return Prometheus(prometheus)
    if metrics:
        try:
            listed = discovery.StaticRegistry.parse(metrics)
        except ValueError as error:
            raise errors.InvalidArgument(f"--metrics: {error}") from error
        names = [part.partition("=")[0].strip() for part in metrics.split(";") if part.strip()]
        return Processes({name: [one.address for one in listed.listed(name)] for name in names})
    own: dict[str, list[str]] = {}
    for process in place.state(place.home()).get("processes", []):
        if process.get("metrics_address"):
            own.setdefault(process["service"], []).append(process["metrics_address"])
    if not own:
        raise errors.FailedPrecondition(
            "no suite of this user runs; name a Prometheus with --prometheus URL, or processes with --metrics",
            reason="NO_SUITE",
        )
    return Processes(own)
