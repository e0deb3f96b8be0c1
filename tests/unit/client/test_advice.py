"""What figures suggest, what a change is judged by, and what is left when a process dies in the middle."""

import asyncio
import dataclasses
import json
import pathlib
import re
import urllib.parse
from collections.abc import Callable, Mapping

import pytest

from chassis import errors
from client.advice import adviser, figures, history, reading, rules, trial

GIB, STEP_S = 1 << 30, 15.0
Column = float | Callable[[float], float]
MACHINE: Mapping[str, Column] = {
    "process_start_time_seconds": 1.0,
    "process_resident_memory_bytes": 200e6,
    "process_open_fds": 40.0,
    "process_max_fds": 1024.0,
    "reelsmith_machine_processors": 8.0,
    "reelsmith_machine_memory_available_bytes": 12.0 * GIB,
    "reelsmith_machine_idle_seconds_total": lambda time_s: 0.5 * time_s,
    "reelsmith_event_loop_delay_seconds_count": lambda time_s: 2 * time_s,
    "reelsmith_event_loop_delay_seconds_bucket{le=0.5}": lambda time_s: 2 * time_s,
}


def window(service: str, minutes: float, columns: Mapping[str, Column], *, instance: str = "a:1") -> figures.Window:
    """A process that has shown the same for some time; a function of the time makes a counter or a slope."""
    samples = []
    for number in range(int(60 * minutes / STEP_S) + 1):
        time_s = 1000.0 + number * STEP_S
        values = {name: one(time_s) if callable(one) else one for name, one in {**MACHINE, **columns}.items()}
        samples.append(figures.Sample(service, instance, time_s, values))
    return figures.Window(service, instance, samples)


def crew(busy: float, waiting: float, workers: float = 2.0, **more: Column) -> dict[str, Column]:
    """The figures of a service with workers, which end a task a second while they are busy."""
    return {
        "reelsmith_workers{pool=processor}": workers,
        "reelsmith_workers_busy{pool=processor}": busy,
        "reelsmith_workers_waiting{pool=processor}": waiting,
        "reelsmith_setting{name=workers}": workers,
        "reelsmith_setting{name=queue_limit}": 64.0,
        "reelsmith_worker_tasks_total{pool=processor,outcome=ok}": lambda time_s: busy * time_s,
        **more,
    }


def found(*windows: figures.Window) -> list[rules.Suggestion]:
    """What all rules say of processes."""
    scene = rules.Scene(windows)
    return rules.suggestions(scene, scene.end_s - adviser.RECENT_S)


def told(*windows: figures.Window) -> list[tuple[str, float | None]]:
    """Rules that have something to say, with the value that they would set."""
    return [(one.rule, one.action.value if one.action else None) for one in found(*windows)]


BUSY_MACHINE = {"reelsmith_machine_idle_seconds_total": lambda time_s: 0.02 * time_s}
STALLS = {"reelsmith_event_loop_delay_seconds_bucket{le=0.5}": lambda time_s: 1.8 * time_s}
SHORT_MEMORY = {"reelsmith_machine_memory_available_bytes": 0.5 * GIB}
LOST = {"reelsmith_worker_tasks_total{pool=processor,outcome=lost}": lambda time_s: time_s / 60}
FULL_DISK = {"reelsmith_disk_free_bytes{folder=state}": 1.0, "reelsmith_disk_size_bytes{folder=state}": 99.0}
REFUSED = {"reelsmith_worker_tasks_total{pool=processor,outcome=refused}": lambda time_s: time_s}


@pytest.mark.parametrize(
    ("expected", "columns"),
    [
        ([], crew(1, 0)),
        ([("crowded", 3)], crew(2, 6)),
        ([("crowded", 8)], crew(7, 6, 7)),
        ([("crowded", 20)], crew(16, 6, 16, reelsmith_machine_processors=64.0)),
        ([], crew(8, 6, 8)),  # as many as there are processors, and still half of the machine is idle
        ([("exhausted", None)], crew(2, 6) | BUSY_MACHINE),
        ([], crew(2, 6) | SHORT_MEMORY),
        ([("stalling", 1), ("exhausted", None)], crew(2, 6) | BUSY_MACHINE | STALLS),
        ([("stalling", None)], crew(0, 0) | STALLS),
        ([("dying", 1)], crew(2, 0) | LOST | SHORT_MEMORY),
        ([("dying", None)], crew(2, 0) | LOST),
        ([("refused", 128)], crew(2, 0) | REFUSED),
        ([("refused", None)], crew(2, 0) | REFUSED | {"reelsmith_setting{name=queue_limit}": 1024.0}),
        ([("files", None)], crew(1, 0, process_open_fds=900.0)),
        ([("disk", None)], FULL_DISK),
    ],
)  # fmt: skip
def test_load_leads_to_one_bounded_step_or_to_people(expected: list, columns: dict) -> None:
    """Each state of a service has its advice; one that works well within its means has none."""
    assert expected == told(window("analyzer", 10, columns))


def test_every_suggestion_explains_itself() -> None:
    """A text to act by, and figures with units."""
    (one,) = found(window("exporter", 10, crew(2, 6)))
    assert "tasks wait and the machine has room: more workers" == one.text
    assert ("2.0 of 2 workers busy, 6.0 tasks waiting, on average", "50 % of the machine idle") == one.why[:2]
    assert "exporter.settings.workers" == one.action.path


def test_recorded_overload_of_a_whole_machine_calls_for_another_one() -> None:
    """What a suite showed under the load of benchmarks/soak.py, on two cores that much else worked on."""
    samples = history.History(pathlib.Path(__file__).with_name("recorded_overload.jsonl"), 0.0).samples
    assert [("exhausted", None)] == told(*figures.windows(samples))


def test_one_instance_of_two_that_is_full_is_a_matter_of_balance() -> None:
    """The setting is for all instances: it grows where all of them are full."""
    full, free = (window("analyzer", 10, crew(*own), instance=name) for name, own in (("a:1", (2, 6)), ("b:1", (1, 0))))
    assert [] == told(full, free)
    assert [("crowded", 3)] == told(full, window("analyzer", 10, crew(2, 6), instance="b:1"))


@pytest.mark.parametrize(("minutes", "expected"), [(10, []), (40, [("idle", 3)])])
def test_idle_workers_go_after_half_an_hour(minutes: float, expected: list) -> None:
    """Four workers that do nothing become three, and not after a short break."""
    assert expected == told(window("exporter", minutes, crew(0, 0, 4)))


def test_idle_workers_stay_where_all_were_needed_once() -> None:
    """As many as ran at once in the time are not too many."""
    busy = lambda time_s: 4.0 if time_s == 1600.0 else 0.0  # noqa: E731
    assert [] == told(window("exporter", 40, crew(0, 0, 4) | {"reelsmith_workers_busy{pool=processor}": busy}))


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (lambda time_s: 200e6 + 10e3 * time_s, [("leak", None)]),  # 34 MiB an hour
        (lambda time_s: 200e6 + 1e3 * time_s, []),  # 3 MiB an hour
        (lambda time_s: 200e6 + (80e6 if int(time_s) // 60 % 2 else 0), []),  # up and down
        (lambda time_s: 200e6 + min(40e6, 100e3 * max(0, time_s - 1900)), []),  # a cache that fills, and is full
    ],
)
def test_memory_along_a_line_is_a_leak(memory: Column, expected: list) -> None:
    """What grows steadily after the start; not what fills, what swings, or what warms up."""
    assert expected == told(window("config", 60, {"process_resident_memory_bytes": memory}))


def test_restart_ends_what_was_known_of_a_leak() -> None:
    """The new process begins anew."""
    leaking = window("config", 60, {"process_resident_memory_bytes": lambda time_s: 200e6 + 10e3 * time_s})
    values = {**leaking.samples[-1].values, "process_start_time_seconds": 4000.0}
    after = dataclasses.replace(leaking.samples[-1], values=values)
    assert [] == told(figures.Window("config", "a:1", [*leaking.samples[:-1], after]))


def queue(limit: float) -> dict[str, Column]:
    """A job manager in whose queue steps wait."""
    return {
        "reelsmith_jobs_steps{state=READY}": 9.0,
        "reelsmith_jobs_oldest_ready_age_seconds": 60.0,
        "reelsmith_setting{name=analyze_limit}": limit,
    }


@pytest.mark.parametrize(("busy", "limit", "expected"), [(2, 2, [("held", 3)]), (1, 2, []), (4, 4, [])])
def test_limit_of_the_job_manager_that_holds_workers_back_is_raised(busy: float, limit: float, expected: list) -> None:
    """Steps wait, workers are free, and each instance has all that it may be given."""
    assert expected == told(window("analyzer", 10, crew(busy, 0, 4)), window("jobs", 10, queue(limit)))


def test_queue_that_is_nearly_full_is_told() -> None:
    """Before the first job is refused."""
    jobs = {"reelsmith_jobs{state=PENDING}": 85.0, "reelsmith_jobs_unfinished_limit": 100.0}
    assert [("queued", None)] == told(window("jobs", 1, jobs))


def test_process_that_is_gone_says_nothing() -> None:
    """Its last figures are no state of the suite."""
    gone = window("analyzer", 1, crew(2, 6))
    assert [] == told(gone, window("config", 10, {}))


def test_counter_that_begins_again_loses_nothing() -> None:
    """A restart of the process is no negative rate."""
    samples = [figures.Sample("jobs", "a:1", time_s, {"reelsmith_clips_made_total": value})
               for time_s, value in ((0, 90), (10, 100), (20, 4), (30, 10))]  # fmt: skip
    assert 20 == figures.Window("jobs", "a:1", samples).grown("reelsmith_clips_made_total")


WELL = trial.Figures(done_per_s=1.0, waiting=5.0, span_s=300)


@pytest.mark.parametrize(
    ("keep", "before", "change"),
    [
        (True, WELL, {"done_per_s": 1.4}),
        (True, WELL, {"waiting": 0.0, "done_per_s": 0.1}),  # nothing is left to do
        (True, WELL, {}),
        (False, WELL, {"done_per_s": 0.8}),
        (False, WELL, {"lost": 1.0}),
        (False, WELL, {"refused": 3.0}),
        (False, WELL, {"stalled_share": 0.1}),
        (
            True,
            dataclasses.replace(WELL, lost=10.0),
            {"lost": 1.0, "span_s": 60},
        ),  # half the rate
        (False, dataclasses.replace(WELL, lost=1.0), {"lost": 1.0, "span_s": 60}),
        (False, dataclasses.replace(WELL, waiting=0.0), {"waiting": 3.0, "done_per_s": 1.0}),  # fewer workers: too few
    ],
)
def test_change_that_made_things_worse_does_not_stay(keep: bool, before: trial.Figures, change: dict) -> None:
    """Deaths, refusals, stalls, lost throughput and new waiting are worse; the same is not."""
    assert keep == trial.judge(before, dataclasses.replace(before, **{"lost": 0.0, **change})).keep


def record(event: str, time_s: float = 5000.0, value: float = 3.0) -> trial.Record:
    """Something that was done to the workers of the analyzer."""
    action = rules.Action("analyzer", "workers", 2.0, value)
    return trial.Record(time_s, event, "crowded", action, None, 7, ("2 tasks wait",), WELL)


def test_record_survives_its_process(tmp_path: pathlib.Path) -> None:
    """A trial that runs is known to the next process, also behind a line that was cut off."""
    path = tmp_path / "record.jsonl"
    trial.Log(path).add(record(trial.APPLIED))
    with path.open("a") as file:
        file.write('{"time_s": 5')
    assert [record(trial.APPLIED)] == trial.Log(path).open


def test_record_keeps_the_newest(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has a bound."""
    monkeypatch.setattr(trial, "RECORDS_MAX", 10)
    log = trial.Log(tmp_path / "record.jsonl")
    for number in range(25):
        log.add(record(trial.KEPT, float(number)))
    assert 24.0 == trial.Log(tmp_path / "record.jsonl").records[-1].time_s
    assert len(log.records) <= 10


def test_what_was_taken_back_is_not_tried_again_for_a_day(tmp_path: pathlib.Path) -> None:
    """In that direction; the other one is free."""
    log = trial.Log(tmp_path / "record.jsonl")
    log.add(record(trial.TAKEN_BACK))
    more, fewer = (rules.Action("analyzer", "workers", 2.0, value) for value in (3.0, 1.0))
    assert log.barred(more, 4000.0)
    assert not log.barred(more, 6000.0)
    assert not log.barred(fewer, 4000.0)


def test_history_is_fine_where_it_is_young(tmp_path: pathlib.Path) -> None:
    """Half an hour of every sample, a day of some, nothing older; a new process reads the same."""
    path, now_s = tmp_path / "history.jsonl", 100_000.0
    times = [now_s - age_s for age_s in (90_000, 80_000, 79_990, 70_000, 60, 45, 30)]
    history.History(path, now_s).add([figures.Sample("jobs", "a:1", time_s, {}) for time_s in times], now_s)
    assert [80_000, 70_000, 60, 45, 30] == [now_s - one.time_s for one in history.History(path, now_s).samples]


def test_history_file_is_bounded(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written anew before it has too many lines."""
    monkeypatch.setattr(history, "LINES_MAX", 10)
    known = history.History(tmp_path / "history.jsonl", 0.0)
    for number in range(40):
        known.add([figures.Sample("jobs", "a:1", 3600.0 * number, {})], 3600.0 * number)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) <= 36  # a day, hourly, and ten


PAGE = """# TYPE reelsmith_rpc_server_handled counter
reelsmith_rpc_server_handled_total{method="a",code="OK"} 3
reelsmith_rpc_server_handled_total{method="b",code="OK"} 4
reelsmith_workers{pool="processor"} 2
reelsmith_event_loop_delay_seconds_bucket{le="0.5"} 9
reelsmith_event_loop_delay_seconds_bucket{le="2.0"} 10
python_info{version="3"} 1
"""


def test_page_of_metrics_is_boiled_down() -> None:
    """Methods are added up, one bound of the histogram is kept, what nobody watches is left out."""
    assert {
        "reelsmith_rpc_server_handled_total{code=OK}": 7.0,
        "reelsmith_workers{pool=processor}": 2.0,
        "reelsmith_event_loop_delay_seconds_bucket{le=0.5}": 9.0,
    } == figures.scraped(PAGE)


async def test_source_without_any_answer_says_so() -> None:
    """A suite that is down is told from one that is idle."""
    with pytest.raises(errors.Unavailable, match="no process shows its metrics"):
        await reading.Processes({"jobs": ["127.0.0.1:9"]}).read()


async def test_prometheus_gives_the_past_of_every_process() -> None:
    """Series of values become samples of processes; what differs in other labels is added up."""
    at = [[100.0, "1"], [160.0, "2"]]
    labels = {
        "job": "reelsmith",
        "service": "jobs",
        "instance": "a:1",
        "__name__": "reelsmith_rpc_server_handled_total",
    }
    series = [{"metric": {**labels, "code": "OK", "method": method}, "values": at} for method in "ab"]
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
        asked.append(urllib.parse.unquote_plus((await reader.readexactly(length)).decode()))
        body = json.dumps({"status": "success", "data": {"result": series}}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        found = await reading.Prometheus(url).read()
    assert [(100.0, 2.0), (160.0, 4.0)] == [(one.time_s, *one.values.values()) for one in found]
    assert ("jobs", "a:1") == (found[0].service, found[0].instance)
    assert all(name in asked[0] for name in figures.WATCHED)


def test_every_name_is_measured() -> None:
    """A metric that was renamed would make a rule silent for ever."""
    listed = (pathlib.Path(__file__).parents[3] / "docs" / "reference" / "metrics.md").read_text()
    bare = {name.removesuffix("_bucket").removesuffix("_count") for name in figures.WATCHED}
    assert {name for name in bare if f"`{name}`" not in listed} == set()
