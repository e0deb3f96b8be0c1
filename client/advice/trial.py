"""An action is a trial: figures before, figures after, and a verdict that takes it back where it made things worse."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from client.advice import rules

WORSE_SHARE = 0.10  # of the throughput that may be lost to chance: tasks differ
STALL_GROWTH = 2.0  # times as often as before: the loop of a busy machine is late now and then
RECORDS_MAX = 1000  # that are kept: a year of three a day
APPLIED, KEPT, TAKEN_BACK, ABANDONED = "applied", "kept", "taken back", "abandoned"


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """How a service fared, all of its processes together.

    Args:
        done_per_s: Tasks that gave a result.
        waiting: Tasks that waited, on average.
        lost: Workers that died.
        refused: Tasks that were refused.
        stalled_share: Share of looks that found an event loop standing, the worst of its processes.
        span_s: Length of the stretch.
    """

    done_per_s: float = 0.0
    waiting: float = 0.0
    lost: float = 0.0
    refused: float = 0.0
    stalled_share: float = 0.0
    span_s: float = 0.0

    @property
    def described(self) -> str:
        """The figures in words."""
        return (
            f"{60 * self.done_per_s:.1f} tasks/min, {self.waiting:.1f} waiting, {self.refused:.0f} refused, "
            f"{self.lost:.0f} workers lost, loop late {100 * self.stalled_share:.1f} %"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an action stays.

    Args:
        keep: Whether it does.
        why: What the figures say.
    """

    keep: bool
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """Something that was done, or undone.

    Args:
        time_s: When, in seconds since 1970.
        event: `applied`, `kept`, `taken back` or `abandoned`.
        rule: The rule that asked for it.
        action: What was changed.
        named: Value that the configuration had; None where it named none.
        version: Version of the configuration that did it.
        why: The reasons, or the verdict.
        before: How the service fared before.
        after: How it fared since; None while the trial runs.
    """

    time_s: float
    event: str
    rule: str
    action: rules.Action
    named: float | None
    version: int
    why: tuple[str, ...]
    before: Figures
    after: Figures | None = None


def measured(scene: rules.Scene, service: str) -> Figures:
    """How a service fared in a scene; the job manager is judged by the work of those that it hands work to."""
    names = tuple(rules.WORK) if service == "jobs" else (service,)
    found = [window for name in names for window in scene.of(name) if window.span_s]
    return Figures(
        done_per_s=sum(one.rate("reelsmith_worker_tasks_total", outcome="ok") for one in found),
        waiting=sum(one.mean("reelsmith_workers_waiting", pool=rules.POOL) or 0.0 for one in found),
        lost=sum(one.grown("reelsmith_worker_tasks_total", outcome="lost") for one in found),
        refused=sum(one.grown("reelsmith_worker_tasks_total", outcome="refused") for one in found),
        stalled_share=max((one.stalled_share() for one in found), default=0.0),
        span_s=max((one.span_s for one in found), default=0.0),
    )


def judge(before: Figures, after: Figures) -> Verdict:
    """Whether a change made things worse. What did not change stays: the next suggestion goes on from it.

    Args:
        before: How the service fared.
        after: How it has fared since.
    """
    scale = before.span_s / after.span_s if after.span_s else 1.0  # counts of stretches of different length
    worse = []
    if after.lost >= 1 and after.lost * scale > before.lost:
        worse.append(f"{after.lost:.0f} workers died")
    if after.stalled_share > max(rules.STALL_SHARE, STALL_GROWTH * before.stalled_share):
        worse.append(f"the event loop stands still in {100 * after.stalled_share:.0f} % of looks")
    if after.waiting >= rules.WAITING_MIN and after.done_per_s < (1 - WORSE_SHARE) * before.done_per_s:
        worse.append("less is done while work waits")
    if before.waiting < rules.WAITING_MIN <= after.waiting and after.done_per_s <= before.done_per_s:
        worse.append("work waits that did not wait before")
    if after.refused >= 1 and after.refused * scale > before.refused:
        worse.append("more work is refused")
    change = f"before: {before.described}; since: {after.described}"
    return Verdict(not worse, f"{' and '.join(worse)}; {change}" if worse else change)


class Log:
    """What was done and what came of it, a line each, in a file that only grows until it is cut to the newest.

    Args:
        path: The file.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self.records = self._read()

    def add(self, record: Record) -> None:
        """Writes a record down, to disk, before anything else happens."""
        self.records.append(record)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if len(self.records) > RECORDS_MAX:
            self.records = self.records[-RECORDS_MAX // 2 :]
            lines = "".join(map(_line, self.records))
            temporary = self._path.with_suffix(".new")
            temporary.write_text(lines)
            temporary.replace(self._path)
            return
        with self._path.open("a") as file:
            file.write(_line(record))
            file.flush()
            os.fsync(file.fileno())

    @property
    def open(self) -> list[Record]:
        """Trials without a verdict, the oldest first."""
        found: dict[str, Record] = {}
        for record in self.records:
            if record.event == APPLIED:
                found[record.action.path] = record
            else:
                found.pop(record.action.path, None)
        return list(found.values())

    def barred(self, action: rules.Action, since_s: float) -> str:
        """Why an action is not to be tried now; empty where it may be.

        Args:
            action: The action.
            since_s: What is older does not count any more.
        """
        for record in reversed(self.records):
            if record.time_s >= since_s and record.event == TAKEN_BACK and record.action.path == action.path:
                up = record.action.value > record.action.now
                if up == (action.value > action.now):
                    return f"{action.path} was set to {record.action.value:g} and taken back: {record.why[0]}"
        return ""

    def _read(self) -> list[Record]:
        try:
            lines = self._path.read_text().splitlines()
        except FileNotFoundError:
            return []
        return [_record(document) for document in map(_parsed, lines[-RECORDS_MAX:]) if document]


def settled(records: Sequence[Record], service: str) -> float:
    """When the last action of a service, or its verdict, was."""
    return max((record.time_s for record in records if record.action.service == service), default=0.0)


def _line(record: Record) -> str:
    return json.dumps(dataclasses.asdict(record)) + "\n"


def _parsed(line: str) -> dict[str, Any]:
    """A line as it was written; nothing for the last one of a process that died while it wrote."""
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _record(document: dict[str, Any]) -> Record:
    after = document["after"]
    return Record(
        **{
            **document,
            "action": rules.Action(**document["action"]),
            "why": tuple(document["why"]),
            "before": Figures(**document["before"]),
            "after": Figures(**after) if after else None,
        }
    )
