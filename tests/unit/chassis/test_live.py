"""A live document follows its source and survives without it."""

import asyncio
import dataclasses
import json
import pathlib
import threading
import time
import types
from collections.abc import AsyncGenerator

import pytest
from google.protobuf import struct_pb2

from chassis import errors, live, steering, testing


class Source:
    """A source of revisions that can be switched off."""

    def __init__(self) -> None:
        self.revisions: list[live.Revision] = []
        self.down = False
        self.watches: list[int] = []
        self._changed = asyncio.Event()

    def publish(self, version: int, **value: object) -> None:
        """Adds a revision."""
        self.revisions.append(live.Revision(version, value))
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self, after: int) -> AsyncGenerator[live.Revision, None]:
        """Revisions after a version, for ever."""
        self.watches.append(after)
        sent = after
        while True:
            if self.down:
                raise errors.Unavailable("the source is down")
            for revision in [item for item in self.revisions if item.version > sent]:
                sent = revision.version
                yield revision
            await self._changed.wait()


@pytest.fixture
def source() -> Source:
    """A source that knows nothing yet."""
    return Source()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait for seconds."""
    monkeypatch.setattr(live, "FIRST_TIMEOUT_S", 0.2)
    monkeypatch.setattr(live, "PAUSE_S", 0.01)


async def test_default_holds_where_nobody_knows_better(source: Source, tmp_path: pathlib.Path) -> None:
    """A process starts without source and without disk."""
    async with live.LiveDocument(tmp_path / "config.json", source.watch, {"weight": 1}) as document:
        assert ({"weight": 1}, 0) == (document.value, document.version)


async def test_change_takes_effect_while_running(source: Source, tmp_path: pathlib.Path) -> None:
    """No restart is needed."""
    source.publish(1, weight=1)
    async with live.LiveDocument(tmp_path / "config.json", source.watch) as document:
        assert {"weight": 1} == document.value
        source.publish(2, weight=2)
        assert 2 == await document.changed(after=1, timeout_s=5)
        assert {"weight": 2} == document.value


async def test_last_good_version_is_there_after_a_restart_without_the_source(
    source: Source, tmp_path: pathlib.Path
) -> None:
    """The disk knows."""
    path = tmp_path / "state" / "config.json"
    source.publish(7, weight=7)
    async with live.LiveDocument(path, source.watch) as document:
        await testing.wait_until(path.exists)
    source.down = True
    async with live.LiveDocument(path, source.watch) as document:
        assert ({"weight": 7}, 7) == (document.value, document.version)
        await testing.wait_until(lambda: "the source is down" == document.interrupted)


async def test_watch_goes_on_with_the_newest_version(source: Source, tmp_path: pathlib.Path) -> None:
    """After a restart of the source the newest version is in force: each watch begins with it."""
    source.publish(3, weight=3)
    async with live.LiveDocument(tmp_path / "config.json", source.watch) as document:
        source.down = True
        source.publish(4, weight=4)
        await testing.wait_until(lambda: document.interrupted)
        source.down = False
        assert 4 == await document.changed(after=3, timeout_s=5)
        assert "" == document.interrupted
    assert {live.NEWEST} == set(source.watches)


async def test_refused_version_leaves_the_one_before_in_force(source: Source, tmp_path: pathlib.Path) -> None:
    """A bad value is neither used nor stored, and the next good one is."""

    def accept(value: dict[str, int]) -> None:
        if value["weight"] < 0:
            raise ValueError("negative")

    path = tmp_path / "config.json"
    source.publish(1, weight=1)
    async with live.LiveDocument(path, source.watch, use=live.Use((accept,))) as document:
        source.publish(2, weight=-1)
        source.publish(3, weight=3)
        assert 3 == await document.changed(after=1, timeout_s=5)
        await testing.wait_until(lambda: 3 == json.loads(path.read_bytes())["version"])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": "x", "value": {}}'])
async def test_damaged_file_is_ignored(source: Source, tmp_path: pathlib.Path, content: bytes) -> None:
    """A torn or foreign file does not stop a start."""
    path = tmp_path / "config.json"
    path.write_bytes(content)
    async with live.LiveDocument(path, source.watch, {"weight": 1}) as document:
        assert {"weight": 1} == document.value


async def test_version_holds_where_the_disk_cannot_be_written(source: Source, tmp_path: pathlib.Path) -> None:
    """The disk is a convenience, not a condition."""
    (tmp_path / "file").touch()
    source.publish(1, weight=1)
    async with live.LiveDocument(tmp_path / "file" / "config.json", source.watch) as document:
        assert {"weight": 1} == document.value


def motion(value: dict) -> object:
    """The value of a test."""
    return value["a"]["b"]


async def test_variables_are_looked_up_when_a_version_is_taken(source: Source, tmp_path: pathlib.Path) -> None:
    """What the environment says is in force, the disk keeps the reference, and a missing one is refused."""
    path = tmp_path / "config.json"
    source.publish(1, a={"b": "${REELSMITH_VAR_N:7}"})
    async with live.LiveDocument(path, source.watch, use=live.Use(variables={})) as document:
        assert 7 == motion(document.value)
        source.publish(2, a={"b": "${REELSMITH_VAR_N}"})
        source.publish(3, a={"b": "in ${REELSMITH_VAR_N:nowhere}"})
        assert 3 == await document.changed(after=1, timeout_s=5)
        await testing.wait_until(lambda: 3 == json.loads(path.read_bytes())["version"])
    assert "in ${REELSMITH_VAR_N:nowhere}" == motion(json.loads(path.read_bytes())["value"])
    source.down = True
    async with live.LiveDocument(path, source.watch, use=live.Use(variables={"REELSMITH_VAR_N": "x"})) as document:
        assert "in x" == motion(document.value)


async def test_whoever_uses_a_document_is_told_each_value(source: Source, tmp_path: pathlib.Path) -> None:
    """From the start on, the default among them; a refused one is not told."""

    def accept(value: dict[str, int]) -> None:
        if value["weight"] == 2:
            raise ValueError("no")

    told: list[int] = []
    use = live.Use((accept,), (lambda value: told.append(value["weight"]),))
    source.down = True
    async with live.LiveDocument(tmp_path / "config.json", source.watch, {"weight": 0}, use) as document:
        for number in (1, 2, 3):
            source.publish(number, weight=number)
        source.down = False
        await testing.wait_until(lambda: document.version == 3)
    assert [0, 1, 3] == told


@pytest.mark.parametrize("trip", [TypeError("planted"), AttributeError("planted"), RuntimeError("planted")], ids=repr)
async def test_check_that_trips_over_a_version_refuses_it(
    source: Source, tmp_path: pathlib.Path, trip: Exception
) -> None:
    """The one before stays, later ones are followed, and a start with such a file on disk is a start without."""

    def accept(value: dict[str, int]) -> None:
        if value["weight"] == 2:
            raise trip

    path, use = tmp_path / "config.json", live.Use((accept,))
    source.publish(1, weight=1)
    async with live.LiveDocument(path, source.watch, use=use) as document:
        source.publish(2, weight=2)
        source.publish(3, weight=3)
        assert 3 == await document.changed(after=1, timeout_s=5)
    path.write_text('{"version": 2, "value": {"weight": 2}}')
    source.down = True
    async with live.LiveDocument(path, source.watch, {"weight": 0}, use) as document:
        assert {"weight": 0} == document.value


async def test_nothing_is_written_after_the_end(source: Source, tmp_path: pathlib.Path, monkeypatch) -> None:
    """A write that has begun is waited for: whoever opens the file next finds it as it stays."""
    path, begun, store = tmp_path / "config.json", threading.Event(), live.LiveDocument._store

    def slow(document: live.LiveDocument, revision: live.Revision) -> None:
        begun.set()
        time.sleep(0.2)
        store(document, revision)

    monkeypatch.setattr(live.LiveDocument, "_store", slow)
    source.publish(1, weight=1)
    async with live.LiveDocument(path, source.watch):
        await testing.wait_until(begun.is_set)
    assert 1 == json.loads(path.read_text())["version"]


async def test_taker_that_fails_keeps_nobody_else_from_a_version(source: Source, tmp_path: pathlib.Path) -> None:
    """The others are told, what is in force is kept, and a restart with it is possible."""

    def fail(value: dict[str, int]) -> None:
        raise ZeroDivisionError

    told: list[int] = []
    path, use = tmp_path / "config.json", live.Use(take=(fail, lambda value: told.append(value.get("weight", 0))))
    source.publish(1, weight=1)
    async with live.LiveDocument(path, source.watch, use=use):
        await testing.wait_until(path.exists)
    source.down = True
    async with live.LiveDocument(path, source.watch, use=use):
        assert [0, 1, 1] == told


async def test_watch_with_a_bug_is_opened_again(source: Source, tmp_path: pathlib.Path) -> None:
    """Whatever ends a watch, it says so and goes on: the next version is taken."""
    broken = True

    async def watch(after: int) -> AsyncGenerator[live.Revision, None]:
        if broken:
            raise ZeroDivisionError("planted")
        async for revision in source.watch(after):
            yield revision

    async with live.LiveDocument(tmp_path / "config.json", watch) as document:
        await testing.wait_until(lambda: "planted" in document.interrupted)
        broken = False
        source.publish(1, weight=1)
        assert 1 == await document.changed(after=0, timeout_s=5)
        await testing.wait_until(lambda: "" == document.interrupted)


@dataclasses.dataclass
class Request:
    """What the configuration service is asked."""

    after_version: int
    environment: str
    service: str
    instance: str


async def kept(folder: pathlib.Path, environment: str, weight: int | None) -> int | None:
    """What a process of an environment has, of a configuration service that says a weight, or is away for None."""
    settings = testing.settings(state_dir=folder, environment=environment)

    async def watch(request: Request) -> AsyncGenerator[object, None]:
        if weight is None:
            raise errors.Unavailable("away")
        document = struct_pb2.Struct()
        document.update({"weight": weight})
        yield types.SimpleNamespace(config=types.SimpleNamespace(version=1, document=document))

    async with live.shared(watch, Request, settings, steering.Steering(settings)) as document:
        return document.value.get("weight")


@pytest.mark.parametrize("other", ["", "staging", "../x"])
async def test_version_of_another_environment_is_not_taken_from_disk(tmp_path: pathlib.Path, other: str) -> None:
    """A process that is started in another one has its own last version, or none."""
    folder = tmp_path / "state"
    assert 5 == await kept(folder, "production", 5)
    await testing.wait_until(lambda: list(folder.glob("process*.json")))
    assert (None, 5) == (await kept(folder, other, None), await kept(folder, "production", None))
    assert 7 == await kept(folder, other, 7)
