"""An adviser with a configuration service of its own, and one that looks at a real suite."""

import asyncio
import contextlib
import dataclasses
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from chassis import errors
from client import config
from client.advice import adviser, figures, history, reading, rules, trial

START_S, STEP_S = 10_000.0, 15.0
PATH = "exporter.settings.workers"


@dataclasses.dataclass
class Played:
    """An exporter as its metrics show it: full of work, and in time.

    Attributes:
        time_s: What its clock says.
        workers: How many it has.
        done: Tasks that have ended.
        gain: How many times as much it does with one worker more.
    """

    time_s: float = START_S
    workers: float = 2.0
    done: float = 0.0
    gain: float = 1.0

    def pass_time(self) -> None:
        """The next moment at which somebody looks."""
        self.time_s += STEP_S
        self.done += STEP_S * (self.gain if self.workers > 2 else 1.0)

    @property
    def page(self) -> str:
        """Its metrics."""
        return f"""
reelsmith_workers{{pool="processor"}} {self.workers}
reelsmith_workers_busy{{pool="processor"}} {self.workers}
reelsmith_workers_waiting{{pool="processor"}} 7
reelsmith_setting{{name="workers"}} {self.workers}
reelsmith_worker_tasks_total{{pool="processor",task="render",outcome="ok"}} {self.done}
reelsmith_machine_processors 8
reelsmith_machine_idle_seconds_total {0.5 * self.time_s}
reelsmith_machine_memory_available_bytes 17179869184
"""


@contextlib.contextmanager
def shown(played: Played) -> Iterator[str]:
    """A process that shows its metrics over HTTP; gives host and port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(played.page.encode())

        def log_message(self, *words: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.asynccontextmanager
async def tried(new_process, folder: pathlib.Path, played: Played) -> AsyncIterator[tuple[adviser.Adviser, object]]:
    """An adviser that has seen five minutes of overload, has changed a setting, and has watched for five minutes."""
    process = new_process("services.config")
    await process.start()
    with shown(played) as address:
        source = reading.Processes({"exporter": [address]}, lambda: played.time_s)
        past, log = history.History(None, played.time_s), trial.Log(folder / "record.jsonl")
        one = adviser.Adviser(source, past, log, adviser.Pace(300.0, 600.0), lambda: played.time_s)
        async with config.connect(process.address) as shared:
            await looked(one, played)
            (suggestion,) = one.ready()
            await one.apply(suggestion, shared)
            played.workers = suggestion.action.value  # as the exporter does when it sees the version
            await looked(one, played)
            yield one, shared


async def looked(one: adviser.Adviser, played: Played) -> None:
    """Five minutes, and a look every fifteen seconds."""
    for _ in range(21):
        played.pass_time()
        await one.look()


async def at(shared: config.Config) -> object:
    """What the configuration says of the setting."""
    try:
        return config.at(config.plain(await shared.get()), PATH)
    except errors.NotFound:
        return None


async def test_change_that_helps_stays(new_process, tmp_path: pathlib.Path) -> None:
    """One version of the configuration, with the reason as its comment, and a verdict with figures."""
    async with tried(new_process, tmp_path, Played(gain=1.4)) as (one, shared):
        (verdict,) = await one.settle(shared)
        assert (trial.KEPT, 3) == (verdict.event, await at(shared))
        (version,) = await shared.history(1)
        assert "advice: workers 2 to 3: tasks wait and the machine has room: more workers" == version.comment
        assert "before: 60.0 tasks/min" in verdict.why[0]
        assert "since: 84.0 tasks/min" in verdict.why[0]
        assert [] == one.ready()  # the exporter rests, though it could do with more


async def test_change_that_hurts_is_taken_back(new_process, tmp_path: pathlib.Path, monkeypatch) -> None:
    """The setting is again what it was, the configuration says why, and it is not tried again.

    Control: an adviser that finds everything good leaves the harm where it is.
    """
    played = Played(gain=0.5)
    async with tried(new_process, tmp_path, played) as (one, shared):
        with monkeypatch.context() as blind:
            blind.setattr(trial, "judge", lambda before, after: trial.Verdict(keep=True, why="blind"))
            blinded = adviser.Adviser(
                one._source, one._past, trial.Log(tmp_path / "record.jsonl"), one.pace, one._clock
            )
            await blinded.settle(shared)
            assert 3 == await at(shared)
        (verdict,) = await one.settle(shared)
        assert (trial.TAKEN_BACK, None) == (verdict.event, await at(shared))
        assert "less is done while work waits" in (await shared.history(1))[0].comment
        played.workers = 2.0
        await looked(one, played)
        await looked(one, played)  # the service has rested
        assert ["crowded"] == [again.rule for again in one.suggestions()]
        assert [] == one.ready()


async def test_change_of_somebody_else_is_left_alone(new_process, tmp_path: pathlib.Path) -> None:
    """A person who set the value during the trial has the last word."""
    async with tried(new_process, tmp_path, Played(gain=0.5)) as (one, shared):
        await shared.update(config.nested(PATH, 5), [PATH])
        (verdict,) = await one.settle(shared)
        assert (trial.ABANDONED, 5) == (verdict.event, await at(shared))


async def test_adviser_that_was_killed_is_followed_by_one_that_knows(new_process, tmp_path: pathlib.Path) -> None:
    """The trial is on disk: the next process judges it by its own look."""
    played = Played(gain=0.5)
    async with tried(new_process, tmp_path, played) as (one, shared):
        log = trial.Log(tmp_path / "record.jsonl")
        heir = adviser.Adviser(one._source, history.History(None, played.time_s), log, one.pace, one._clock)
        assert [] == await heir.settle(shared)  # it has seen nothing yet
        await looked(heir, played)
        (verdict,) = await heir.settle(shared)
        assert (trial.TAKEN_BACK, None) == (verdict.event, await at(shared))


async def test_change_that_is_refused_is_no_trial(new_process, tmp_path: pathlib.Path) -> None:
    """A value that no setting can have changes nothing, and the record says why."""
    process = new_process("services.config")
    await process.start()
    one = adviser.Adviser(
        reading.Processes({}), history.History(None, START_S), trial.Log(tmp_path / "record.jsonl"), adviser.Pace()
    )
    action = rules.Action("exporter", "workers", 2.0, 100_000.0)
    async with config.connect(process.address) as shared:
        with pytest.raises(errors.InvalidArgument):
            await one.apply(rules.Suggestion("crowded", "exporter", "", "more", ("why",), action), shared)
        assert await at(shared) is None
    assert ([], trial.ABANDONED) == (one.log.open, one.log.records[-1].event)


def advised(home: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs `reelsmith status --advice` for the suite of a home."""
    command = [sys.executable, "-m", "client", "status", "--advice", *words]
    environment = {**os.environ, "REELSMITH_HOME": str(home)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


async def test_real_suite_is_summed_up(suite) -> None:
    """Every process shows what the rules look at."""
    ended = await asyncio.to_thread(advised, suite.home, "--over", "2", "--json")
    assert 0 == ended.returncode, ended.stderr
    document = json.loads(ended.stdout)
    assert {"analyzer", "config", "exporter", "gateway", "jobs"} == {one["service"] for one in document["processes"]}
    assert all(one["memory"] != "0 MiB" for one in document["processes"])
    assert {"analyzer", "exporter"} == {one["service"] for one in document["processes"] if one["workers"]}
    seen = history.History(suite.home / "advice" / "history.jsonl", 0.0).samples
    machine = {name for name in figures.WATCHED if name.startswith("reelsmith_machine_")}
    assert all(machine <= sample.values.keys() for sample in seen)
    names = {name for sample in seen for name in sample.values}
    assert {f"reelsmith_setting{{name={one}}}" for one in ("workers", *rules.WORK.values())} <= names
