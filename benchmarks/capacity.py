"""How many instances a load needs, and what is full first: the way of a job played in virtual time.

    python benchmarks/capacity.py                                 the tables of docs/capacity.md
    python benchmarks/capacity.py --jobs-per-hour 120 --minutes 45 --clips 8

Jobs come at random (Poisson). Each is one probe, one analysis, one proposal, an export per clip, pictures and a report,
as the plan of the job manager has them; a step first needs the manager, which handles one after the other, and then a
free worker. What work costs is measured (`Costs`, each with where it stands in benchmarks/README.md); lengths of films
and clips vary around their mean. The peer is arithmetic: the same program plays a plain queue, for which Erlang's
formula gives the mean wait exactly, and says by how much it is off.
"""

import argparse
import dataclasses
import heapq
import itertools
import math
import random
import statistics
from collections.abc import Callable, Iterator, Mapping

SEED = 8
HOURS, JOBS_MIN, JOBS_MAX = 10, 2000, 60_000  # that are played: many times as long as a job takes, and in seconds
LOAD_TARGET = 0.7  # of the workers on average: a third stays free for rushes and for instances that are away
SPREAD = 0.5  # standard deviation of the logarithm of a film's length: half of them between 0.7 and 1.4 times the mean
OTHER_STEPS = 5  # of a job beside its exports: probe, analysis, proposal, pictures, report
CLIP_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Costs:
    """What one processor core of the machine of benchmarks/README.md needs.

    Attributes:
        analyze: Seconds for a second of a film of 1080p, people included (Processors: 22.6 s for 60 s).
        export: Seconds for a second of a clip of 1080x1920 (Captions and overlays: 10.1 s for 96 frames, 24 a second).
        manager_s: Seconds of the job manager for a step (Jobs: 149 steps a second on the machine).
        accept_s: Seconds of the job manager for a new job (Jobs: 344 a second from 16 callers).
    """

    analyze: float = 22.6 / 60
    export: float = 10.1 / 4.0
    manager_s: float = 1 / 149
    accept_s: float = 1 / 344


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """What comes in.

    Attributes:
        jobs_per_h: Jobs in an hour, on average.
        film_s: Length of a film, on average.
        clips: Clips of each.
    """

    jobs_per_h: float
    film_s: float
    clips: int


@dataclasses.dataclass(frozen=True, slots=True)
class Fleet:
    """What there is, of one core each."""

    analyzers: int
    exporters: int


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        waits_s: For each job, from its acceptance until the first worker began.
        done_s: For each job, until its last clip was there.
        used: Share of the time that servers of a kind worked.
    """

    waits_s: list[float]
    done_s: list[float]
    used: Mapping[str, float]


class Servers:
    """Alike servers with one queue, in the order of asking.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self.free_at = [0.0] * count
        self.busy_s = 0.0

    def serve(self, now_s: float, work_s: float) -> tuple[float, float]:
        """When a piece of work begins and when it is done; to be asked in the order of time."""
        begin_s = max(now_s, heapq.heappop(self.free_at))
        heapq.heappush(self.free_at, begin_s + work_s)
        self.busy_s += work_s
        return begin_s, begin_s + work_s

    def used(self, end_s: float) -> float:
        """Share of the time that they worked."""
        return self.busy_s / (end_s * len(self.free_at))


Event = Callable[[float], Iterator[tuple[float, "Event"]]]


def played(load: Load, fleet: Fleet, costs: Costs, seed: int = SEED) -> Outcome:
    """Plays jobs, each event after the other in virtual time."""
    dice, number = random.Random(seed), itertools.count()
    manager, analyzers, exporters = Servers(1), Servers(fleet.analyzers), Servers(fleet.exporters)
    waits_s, done_s, events = [], [], []

    def at(time_s: float, event: Event) -> None:
        heapq.heappush(events, (time_s, next(number), event))

    def arrive(now_s: float, film_s: float) -> None:
        _, accepted_s = manager.serve(now_s, costs.accept_s)
        at(accepted_s, lambda time_s: hand_out(time_s, 3, lambda ready_s: analyze(ready_s, now_s, film_s)))

    def hand_out(now_s: float, steps: int, then: Callable[[float], None]) -> None:
        _, ready_s = manager.serve(now_s, steps * costs.manager_s)
        at(ready_s, then)

    def analyze(now_s: float, came_s: float, film_s: float) -> None:
        begin_s, end_s = analyzers.serve(now_s, film_s * costs.analyze)
        waits_s.append(begin_s - came_s)
        left = [load.clips]
        for _ in range(load.clips):
            at(end_s, lambda time_s: hand_out(time_s, 1, lambda ready_s: export(ready_s, came_s, left)))

    def export(now_s: float, came_s: float, left: list[int]) -> None:
        _, end_s = exporters.serve(now_s, CLIP_S * costs.export * dice.uniform(0.7, 1.3))
        at(end_s, lambda time_s: exported(time_s, came_s, left))

    def exported(now_s: float, came_s: float, left: list[int]) -> None:
        left[0] -= 1
        if not left[0]:
            done_s.append(now_s - came_s)
            manager.serve(now_s, 2 * costs.manager_s)

    now_s = 0.0
    for _ in range(min(JOBS_MAX, max(JOBS_MIN, round(HOURS * load.jobs_per_h)))):
        now_s += dice.expovariate(load.jobs_per_h / 3600)
        film_s = load.film_s * dice.lognormvariate(-(SPREAD**2) / 2, SPREAD)
        at(now_s, lambda time_s, film_s=film_s: arrive(time_s, film_s))
    while events:
        time_s, _, event = heapq.heappop(events)
        event(time_s)
    used = {"manager": manager, "analyzers": analyzers, "exporters": exporters}
    return Outcome(waits_s, done_s, {name: servers.used(time_s) for name, servers in used.items()})


def needed(load: Load, costs: Costs) -> Fleet:
    """The cores that a load needs, with a third to spare."""
    per_s = load.jobs_per_h / 3600
    return Fleet(
        math.ceil(per_s * load.film_s * costs.analyze / LOAD_TARGET),
        math.ceil(per_s * load.clips * CLIP_S * costs.export / LOAD_TARGET),
    )


def manager_most(load: Load, costs: Costs) -> float:
    """Jobs in an hour that one job manager can hand out, with a third to spare."""
    return 3600 * LOAD_TARGET / (costs.accept_s + (OTHER_STEPS + load.clips) * costs.manager_s)


def erlang_wait_s(per_s: float, work_s: float, servers: int) -> float:
    """The mean wait in a plain queue (M/M/c), by Erlang's C formula."""
    offered = per_s * work_s
    blocked = 1.0
    for count in range(1, servers + 1):  # Erlang's B by its recursion, then C of it
        blocked = offered * blocked / (count + offered * blocked)
    waits = blocked / (1 - offered / servers * (1 - blocked))
    return waits * work_s / (servers - offered)


def plain_wait_s(per_s: float, work_s: float, servers: int, count: int = 1_000_000) -> float:
    """The mean wait in the same plain queue, played."""
    dice, queue, now_s, total_s = random.Random(SEED), Servers(servers), 0.0, 0.0
    for _ in range(count):
        now_s += dice.expovariate(per_s)
        begin_s, _ = queue.serve(now_s, dice.expovariate(1 / work_s))
        total_s += begin_s - now_s
    return total_s / count


def described(load: Load, costs: Costs) -> list[str]:
    """A row of the table for a load."""
    fleet = needed(load, costs)
    found = played(load, fleet, costs)
    ranks = statistics.quantiles(found.waits_s, n=20)
    until = statistics.quantiles(found.done_s, n=20)
    return [
        f"{load.jobs_per_h:g}", f"{load.film_s / 60:g}", f"{load.clips}", f"{fleet.analyzers} + {fleet.exporters}",
        f"{found.used['analyzers']:.0%} / {found.used['exporters']:.0%} / {found.used['manager']:.1%}",
        f"{ranks[9] / 60:.1f} / {ranks[18] / 60:.1f}", f"{until[9] / 60:.0f} / {until[18] / 60:.0f}",
        f"{manager_most(load, costs):,.0f}",
    ]  # fmt: skip


HEAD = (
    "jobs/h", "minutes", "clips", "cores, analyzers + exporters", "used: analyzers / exporters / manager",
    "wait, min, p50 / p95", "done after, min, p50 / p95", "jobs/h of one manager",
)  # fmt: skip
LOADS = (
    Load(4, 45 * 60, 8),
    Load(40, 45 * 60, 8),
    Load(400, 45 * 60, 8),
    Load(400, 5 * 60, 3),
    Load(4000, 45 * 60, 8),
    Load(20_000, 5 * 60, 3),
)


def row(cells: list[str] | tuple[str, ...]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs-per-hour", type=float)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--clips", type=int, default=8)
    arguments = parser.parse_args()
    given = arguments.jobs_per_hour
    loads = [Load(given, arguments.minutes * 60, arguments.clips)] if given else LOADS
    print("\n".join([row(HEAD), "|---" * len(HEAD) + "|", *(row(described(load, Costs())) for load in loads)]))
    print("\nThe same program beside Erlang's formula, 5 arrivals a second, 1 s of work, mean wait in s:\n")
    print("| servers | played | formula | off by |\n|---|---|---|---|")
    for servers in (6, 7, 10):
        mine, exact = plain_wait_s(5.0, 1.0, servers), erlang_wait_s(5.0, 1.0, servers)
        print(row([str(servers), f"{mine:.4f}", f"{exact:.4f}", f"{mine / exact - 1:+.1%}"]))


if __name__ == "__main__":
    main()
