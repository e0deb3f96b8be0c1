"""`reelsmith status --advice` and `reelsmith advise`: what the suite's own figures suggest, and carrying it out."""

import asyncio
import contextlib
import dataclasses
import fcntl
import time
from collections.abc import Iterator
from typing import Annotated, Any

import rich.table
import typer

from chassis import errors
from client import place, terminal
from client.advice import adviser, figures, history, reading, rules, trial
from client.commands import options, session

STEP_S = 2.0  # between two samples of one look: a suite counts its queue as often
SHOWN_MAX = 5  # of what was done lately
MIB = 1 << 20

Metrics = Annotated[
    str,
    typer.Option(
        envvar="REELSMITH_METRICS", metavar="LIST", help="Where metrics are: analyzer=HOST:PORT,HOST:PORT;jobs=..."
    ),
]
Prometheus = Annotated[
    str, typer.Option(envvar="REELSMITH_PROMETHEUS", metavar="URL", help="A Prometheus that has the suite's metrics.")
]
TrialS = Annotated[
    float, typer.Option("--trial", min=5, max=86400, metavar="S", help="How long a change is watched, in seconds.")
]


def advise(
    apply: Annotated[
        bool, typer.Option("--apply", envvar="REELSMITH_ADVICE_APPLY", help="Change settings by itself.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, max=3600, metavar="S", help="Between two looks, in seconds.")] = 15.0,
    trial_s: TrialS = 300.0,
    rest_s: Annotated[
        float, typer.Option("--rest", min=0, max=86400, metavar="S", help="Between two changes of a service.")
    ] = 600.0,
    metrics: Metrics = "",
    prometheus: Prometheus = "",
    service: options.ConfigService = "",
) -> None:
    """Watch the suite for as long as this runs and say what its figures suggest.

    With --apply one live setting of a service is changed at a time, by a
    quarter at most, as a new version of the configuration. What made things
    worse is taken back. `status --advice` shows what was done.
    """
    terminal.run(_advise(apply, every, adviser.Pace(trial_s, rest_s), (metrics, prometheus), service))


async def _advise(apply: bool, every: float, pace: adviser.Pace, where: tuple[str, str], service: str) -> terminal.Code:
    said: set[tuple[str, ...]] = set()
    with _kept(alone=True) as (past, log):
        one = adviser.Adviser(reading.source(*where), past, log, pace)
        while True:  # until it is interrupted
            try:
                await one.look()
                await _judge(one, service)
                if apply:
                    await _apply(one, service)
            except (errors.Unavailable, errors.Aborted, errors.DeadlineExceeded, errors.FailedPrecondition) as failure:
                terminal.complain(failure.message)  # a suite that restarts is there again at the next look
            found = {(each.rule, each.service, each.instance): each for each in one.suggestions()}
            for name in found.keys() - said:
                _show(found[name])
            said = set(found)
            await asyncio.sleep(every)


async def report(
    over: float, apply: bool, trial_s: float, where: tuple[str, str], service: str, as_json: bool
) -> terminal.Code:
    """Looks for a moment and says what is found; with `apply` carries it out, waits, and judges."""
    with _kept(alone=apply) as (past, log):
        one = adviser.Adviser(reading.source(*where), past, log, adviser.Pace(trial_s, 0.0))
        await _look(one, over)
        await _judge(one, service)
        if as_json:
            terminal.write(_document(one))
        else:
            _describe(one)
        if apply and await _apply(one, service):
            terminal.say(f"watching what comes of it for {trial_s:g} s")
            await _look(one, trial_s + STEP_S)
            await _judge(one, service)
    return terminal.Code.DONE


async def _look(one: adviser.Adviser, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    await one.look()
    while time.monotonic() < end_s:
        await asyncio.sleep(STEP_S)
        await one.look()


async def _judge(one: adviser.Adviser, service: str) -> None:
    if not one.log.open:
        return
    async with session.configuration(service) as shared:
        for record in await one.settle(shared):
            terminal.say(_done(record))


async def _apply(one: adviser.Adviser, service: str) -> int:
    ready = one.ready()
    if not ready:
        return 0
    async with session.configuration(service) as shared:
        for suggestion in ready:
            terminal.say(_done(await one.apply(suggestion, shared)))
    return len(ready)


@contextlib.contextmanager
def _kept(*, alone: bool) -> Iterator[tuple[history.History, trial.Log]]:
    """What is known of this user's suite; written by one process at a time.

    Args:
        alone: Whether another one that writes is an error; else this one writes nothing beside it.

    Raises:
        errors.FailedPrecondition: Another one writes.
    """
    folder = place.home() / "advice"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            writes = True
        except BlockingIOError as error:
            if alone:
                raise errors.FailedPrecondition(
                    "`reelsmith advise` runs already; only one may change settings", reason="ADVISER_RUNS"
                ) from error
            writes = False
        past = history.History(folder / "history.jsonl", time.time())
        yield past if writes else _apart(past), trial.Log(folder / "record.jsonl")


def _apart(past: history.History) -> history.History:
    """The same past, kept in memory from here on."""
    copy = history.History(None, time.time())
    copy.add(past.samples, time.time())
    return copy


def _describe(one: adviser.Adviser) -> None:
    scene = one.scene.present()
    terminal.out.print(_table(scene.after(scene.end_s - adviser.RECENT_S)))
    hours = max((window.span_s for window in scene.windows), default=0.0) / 3600
    terminal.say(f"{hours:.1f} h of history; leaks and idle workers are told from half an hour on")
    found = one.suggestions()
    for suggestion in found:
        _show(suggestion)
    if not found:
        terminal.say("nothing to suggest")
    for record in one.log.records[-SHOWN_MAX:]:
        terminal.say(_done(record))


def _table(scene: rules.Scene) -> rich.table.Table:
    table = rich.table.Table()
    for name in ("process", "memory", "files", "workers", "waiting", "done/min", "failed calls", "loop late", "idle"):
        table.add_column(name, no_wrap=True, justify="left" if name == "process" else "right")
    for window in scene.windows:
        summary = summarized(window)
        cells = ("memory", "files", "workers", "waiting", "done", "failed", "late", "idle")
        table.add_row(f"{window.service} {window.instance}", *(summary[cell] for cell in cells))
    return table


def summarized(window: figures.Window) -> dict[str, str]:
    """How a process fares, in words for a table."""
    memory = (window.last("process_resident_memory_bytes") or 0.0) / MIB
    workers, busy = window.last("reelsmith_workers"), window.mean("reelsmith_workers_busy")
    calls = window.grown("reelsmith_rpc_server_handled_total")
    good = window.grown("reelsmith_rpc_server_handled_total", code="OK")
    free = window.idle_share()
    return {
        "memory": f"{memory:.0f} MiB",
        "files": f"{window.last('process_open_fds') or 0:.0f}",
        "workers": f"{busy or 0.0:.1f} of {workers:g}" if workers else "",
        "waiting": f"{window.mean('reelsmith_workers_waiting') or 0.0:.1f}" if workers else "",
        "done": f"{60 * window.rate('reelsmith_worker_tasks_total', outcome='ok'):.1f}" if workers else "",
        "failed": f"{100 * (calls - good) / calls:.0f} %" if calls else "",
        "late": f"{100 * window.stalled_share():.1f} %",
        "idle": "" if free is None else f"{100 * free:.0f} %",
    }


def _show(suggestion: rules.Suggestion) -> None:
    who = " ".join(filter(None, (suggestion.service, suggestion.instance)))
    terminal.say(f"{who}: {suggestion.text}")
    for reason in suggestion.why:
        terminal.say(f"    {reason}")
    if action := suggestion.action:
        terminal.say(f"    reelsmith config set {action.path} {action.value:g}    # {action.now:g} now")


def _done(record: trial.Record) -> str:
    action, when = record.action, time.strftime("%m-%d %H:%M", time.localtime(record.time_s))
    change = f"{action.path} {action.now:g} to {action.value:g}"
    return f"{when} {record.event}: {change} (version {record.version}): {'; '.join(record.why)}"


def _document(one: adviser.Adviser) -> dict[str, Any]:
    scene = one.scene.present()
    recent = scene.after(scene.end_s - adviser.RECENT_S)
    return {
        "processes": [
            {"service": window.service, "instance": window.instance, "seconds": window.span_s, **summarized(window)}
            for window in recent.windows
        ],
        "suggestions": [dataclasses.asdict(suggestion) for suggestion in one.suggestions()],
        "done": [dataclasses.asdict(record) for record in one.log.records[-SHOWN_MAX:]],
    }
