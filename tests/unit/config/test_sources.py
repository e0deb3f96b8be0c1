"""Documents that come from a watched folder."""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
from collections.abc import AsyncIterator, Callable

import pytest

from chassis import errors, testing
from chassis.audit import head
from services.config import builtin, gate, layers, schema, versions
from services.config import store as store_module
from services.config.audit import record
from services.config.sources import files, folder

PATIENCE_S = 30.0  # for what takes a quarter of a second on an idle machine
RULES = schema.Schema.load()


@dataclasses.dataclass(frozen=True)
class World:
    """A service that watches a folder."""

    path: pathlib.Path
    versions: versions.Versions
    folder: folder.Folder
    record: record.Record

    def put(self, name: str, text: str) -> None:
        """Writes a file in place."""
        (self.path / name).write_text(text)

    async def motion(self, environment: str = "production", reader: layers.Reader = layers.EVERYBODY) -> float:
        """The weight in force."""
        found = await self.versions.newest(environment)
        return self.versions.effective(found, reader)["analyzer"]["weights"]["motion"]

    async def reaches(self, wanted: float) -> None:
        """Waits until a weight is in force."""

        async def reached() -> bool:
            return wanted == await self.motion()

        await testing.wait_until(reached, PATIENCE_S, f"motion is {wanted}, faults: {self.folder.sources}")


def weight(value: object) -> str:
    """A file that sets one weight."""
    return f"analyzer:\n  weights:\n    motion: {value}\n"


@contextlib.asynccontextmanager
async def served(tmp_path: pathlib.Path) -> AsyncIterator[World]:
    """The parts of a service on one state folder and one folder of files."""
    path = tmp_path / "files"
    path.mkdir(exist_ok=True)
    signer = head.Signer.load(tmp_path / "audit.key")
    keeper = head.Keeper(tmp_path / "audit.head", signer)
    async with store_module.Store(tmp_path / "config.sqlite3", keeper) as store:
        events = record.Record(store, signer, keeper)
        known = versions.Versions(store, RULES, builtin.load(), "production", 10)
        async with folder.Folder(path, known, events) as watched:
            yield World(path, known, watched, events)


@pytest.fixture
async def world(tmp_path: pathlib.Path) -> AsyncIterator[World]:
    """A service that watches a folder with one file."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "production.yaml").write_text(weight(2))
    async with served(tmp_path) as world:
        yield world


def replaced(world: World) -> None:
    """A temporary file and a rename, as most editors and `git` save."""
    world.put(".production.yaml.swp", weight(3))
    os.replace(world.path / ".production.yaml.swp", world.path / "production.yaml")


def backed_up(world: World) -> None:
    """The old file renamed away, a new one written piece by piece, the backup removed, as vim saves."""
    os.rename(world.path / "production.yaml", world.path / "production.yaml~")
    with (world.path / "production.yaml").open("w") as opened:
        for letter in weight(3):
            opened.write(letter)
            opened.flush()
    (world.path / "production.yaml~").unlink()


def in_place(world: World) -> None:
    """Cut to nothing and written again."""
    world.put("production.yaml", weight(3))


@pytest.mark.parametrize("save", [replaced, backed_up, in_place])
async def test_saved_file_is_in_force(world: World, save: Callable[[World], None]) -> None:
    """However an editor saves, the file becomes one version, told with its name, and the versions before stay."""
    assert (2, 1) == (await world.motion(), (await world.versions.newest()).number)
    save(world)
    await world.reaches(3)
    newest = await world.versions.newest()
    assert ("folder", "from production.yaml") == (newest.actor, newest.comment)
    assert 2 == world.versions.effective(await world.versions.one("", 1))["analyzer"]["weights"]["motion"]


async def test_swapped_link_changes_all_files_at_once(tmp_path: pathlib.Path) -> None:
    """As Kubernetes updates a mounted ConfigMap: files are links through `..data`, which is swapped by a rename."""
    path = tmp_path / "files"
    for name, value in (("..one", 1), ("..two", 5)):
        (path / name).mkdir(parents=True)
        (path / name / "production.yaml").write_text(weight(value))
        (path / name / "production.jobs.yaml").write_text(weight(value + 1))
    (path / "..data").symlink_to("..one")
    for name in ("production.yaml", "production.jobs.yaml"):
        (path / name).symlink_to(f"..data/{name}")
    async with served(tmp_path) as world:
        assert (1, 2) == (await world.motion(), await world.motion(reader=layers.Reader("jobs")))
        (path / "..data_tmp").symlink_to("..two")
        os.replace(path / "..data_tmp", path / "..data")
        await world.reaches(5)
        assert 6 == await world.motion(reader=layers.Reader("jobs"))
        assert 2 == (await world.versions.newest()).number, "one version, for both files"


BAD = [
    (weight(-1), "analyzer.weights.motion: -1 is less than 0"),
    (weight("[1"), "production.yaml: line "),
    ("analyzer:\n  weights: {moton: 1}\n", "did you mean motion"),
    ("analyzer: {}\nanalyzer: {}\n", "found duplicate key"),
    ("a: &x [1]\nb: *x\n", "aliases are not taken"),
    ("- 1\n", "holds no object"),
    ("analyzer: 2026-01-01\n", "date is no kind of value"),
    ("1: 2\n", "is no text, put it in quotes"),
    ("a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
    ("a: '\x00'\n", "special characters are not allowed"),
    ("analyzer: 2001-99-99\n", "cannot be read: month must be in"),
    ("analyzer: 0x_\n", "cannot be read: "),
    ("a: " + "[" * 2000 + "]" * 2000, "is nested more than"),
    ("x" * 300_000, "has more than"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
async def test_bad_file_is_told_and_never_in_force(tmp_path: pathlib.Path, text: str, said: str) -> None:
    """Status, metric and record say so, once; the version before stays, and the next good file is taken."""
    async with served(tmp_path) as world:
        world.put("production.yaml", weight(2))
        await world.folder.look()
        world.put("production.yaml", text)
        await world.folder.look()
        await world.folder.look()
        (source,) = world.folder.sources
        assert (2, 1, True) == (await world.motion(), source.version, said in source.fault), source.fault
        assert 0 == folder.HEALTHY.labels("production")._value.get()
        outcomes = [(event.entry.action, event.entry.outcome[:8]) for event in await world.record.page(None, 9)]
        assert [("LoadFolder", "refused:"), ("LoadFolder", "done")] == outcomes
        world.put("production.yaml", weight(4))
        await world.folder.look()
        assert (4, "", 1) == (
            await world.motion(),
            world.folder.sources[0].fault,
            folder.HEALTHY.labels("production")._value.get(),
        )


async def test_good_version_is_served_after_a_restart_with_a_bad_file(tmp_path: pathlib.Path) -> None:
    """The last good content is in the store: a bad file does not stop a start."""
    async with served(tmp_path) as world:
        world.put("production.yaml", weight(2))
        await world.folder.look()
        world.put("production.yaml", weight("x"))
    async with served(tmp_path) as world:
        assert (2, True) == (await world.motion(), "is not of type number" in world.folder.sources[0].fault)
    os.rename(tmp_path / "files", tmp_path / "away")
    async with served(tmp_path) as world:
        assert (2, []) == (await world.motion(), world.folder.sources)


async def test_environments_do_not_touch_each_other(world: World) -> None:
    """Each has its files; a bad one of one environment leaves the others alone, and same content makes no version."""
    world.put("staging.yaml", weight(7))
    world.put("staging.analyser.yaml", weight(8))
    world.put("Bad Name.yaml", weight(8))
    world.put("production.yaml", weight(2) + "# a word\n")
    await world.folder.look()
    assert (1, {"Bad Name": 0, "production": 1, "staging": 0}) == (
        (await world.versions.newest()).number,
        {source.environment: source.version for source in world.folder.sources},
    )
    (world.path / "staging.analyser.yaml").unlink()
    await world.folder.look()
    assert 7 == await world.motion("staging")


async def test_calls_cannot_change_what_files_say(world: World) -> None:
    """Only environments with files are closed to calls, and they open when the files are gone."""
    door = gate.Gate(world.folder, "")
    with pytest.raises(errors.FailedPrecondition) as caught:
        door.check_direct("production")
    assert "MANAGED_BY_FILES" == caught.value.reason
    door.check_direct("staging")
    (world.path / "production.yaml").unlink()
    await world.folder.look()
    door.check_direct("production")
    assert 2 == await world.motion()


KEYS = {"access": {"keys": {"0123456789abcdef": {"sha256": "0" * 64, "role": "editor", "tenant": "acme"}}}}
PATH = "access.keys.0123456789abcdef"


async def test_keys_stay_beside_files_that_do_not_name_them(world: World) -> None:
    """Calls make and revoke them, no file takes them away; a file that names keys decides about them alone."""
    door = gate.Gate(world.folder, "*")
    door.check_change("production", [PATH])
    with pytest.raises(errors.FailedPrecondition):
        door.check_change("production", [PATH, "analyzer.weights.motion"])
    with pytest.raises(errors.FailedPrecondition):
        door.check_change("production", [])
    await world.versions.update("", versions.patch([PATH], KEYS), 1)
    world.put("production.yaml", weight(5))
    await world.folder.look()
    newest = await world.versions.newest()
    assert (5, KEYS["access"]) == (await world.motion(), newest.content.document["access"])
    world.put("production.yaml", weight(6) + "access: {}\n")
    await world.folder.look()
    assert {} == (await world.versions.newest()).content.document["access"]
    with pytest.raises(errors.FailedPrecondition):
        door.check_change("production", [PATH])


async def test_two_files_of_one_layer_are_refused(world: World) -> None:
    """Which of them counts would be chance."""
    world.put("production.yml", weight(9))
    await world.folder.look()
    assert (2, True) == (await world.motion(), "another ending" in world.folder.sources[0].fault)


async def test_folder_that_is_replaced_is_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder under the same name, as after a checkout, is noticed at the next look."""
    await world.folder.__aexit__()
    monkeypatch.setattr(folder, "LOOK_S", 0.2)
    async with folder.Folder(world.path, world.versions, world.record):
        await asyncio.sleep(0.1)
        os.rename(world.path, world.path.with_name("old"))
        await asyncio.sleep(0.3)
        world.path.mkdir()
        world.put("production.yaml", weight(6))
        await world.reaches(6)
        world.put("production.yaml", weight(7))
        await world.reaches(7)


def test_mixture_of_two_moments_is_never_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that changes while it is read is read again; one that never stands still is not taken."""
    for name in ("production.yaml", "production.jobs.yaml"):
        (tmp_path / name).write_text(weight(1))
    content, left = files._content, [1]

    def meanwhile(file: pathlib.Path) -> bytes | None:
        found = content(file)
        if left[0]:
            left[0] -= 1
            for name in ("production.yaml", "production.jobs.yaml"):
                (tmp_path / name).write_text(weight(20 + left[0]))
        return found

    monkeypatch.setattr(files, "_content", meanwhile)
    (group,) = files.read(tmp_path)
    assert 1 == len(set(group.texts.values()))
    left[0] = 99
    with pytest.raises(errors.Unavailable, match="too fast"):
        files.read(tmp_path)
