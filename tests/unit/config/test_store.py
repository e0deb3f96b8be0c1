"""The store keeps every version, whatever happens."""

import asyncio
import contextlib
import pathlib
import sqlite3
import sys

import pytest

from chassis import errors
from chassis.audit import chain
from services.config import document, layers
from services.config import store as store_module
from services.config.audit import sealing
from services.config.audit import store as audit_store
from services.config.proposals import store as proposal_store
from services.config.secrets import store as secret_store


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the database is."""
    return tmp_path / "state" / "config.sqlite3"


def following(newest: store_module.Version | None) -> store_module.Change:
    """The change that comes next."""
    number = (newest.number if newest else 0) + 1
    return store_module.Change(number, layers.Content({"n": number}), actor="ann", comment="why")


async def test_version_survives_a_restart(file: pathlib.Path) -> None:
    """What was answered is there when the file is opened again."""
    async with store_module.Store(file) as store:
        made = await store.append("production", following)
    async with store_module.Store(file) as store:
        assert made == await store.newest("production") == await store.one("production", 1)
    assert (1, {"n": 1}, "ann", "why") == (made.number, made.content.document, made.actor, made.comment)
    assert document.sha256({"n": 1}) == made.sha256


async def test_environments_count_on_their_own(file: pathlib.Path) -> None:
    """Each environment has its own versions from 1."""
    async with store_module.Store(file) as store:
        numbers = [(await store.append(name, following)).number for name in ("a", "b", "a")]
        assert ([1, 1, 2], None) == (numbers, await store.newest("c"))


async def test_lists_go_both_ways(file: pathlib.Path) -> None:
    """Later ones come oldest first and whole, earlier ones newest first and without documents."""
    async with store_module.Store(file) as store:
        for _ in range(5):
            await store.append("a", following)
        later, earlier = await store.later("a", 1, 3), await store.earlier("a", 5, 3)
    assert ([2, 3, 4], [{"n": 2}, {"n": 3}, {"n": 4}]) == (
        [item.number for item in later],
        [item.content.document for item in later],
    )
    assert ([4, 3, 2], {None}) == ([item.number for item in earlier], {item.content for item in earlier})


async def test_refused_change_leaves_nothing(file: pathlib.Path) -> None:
    """What the decision raises reaches the caller, and the store is as before and works on."""

    def refuse(newest: store_module.Version | None) -> store_module.Change:
        raise errors.Aborted("no")

    async with store_module.Store(file) as store:
        with pytest.raises(errors.Aborted):
            await store.append("a", refuse)
        assert (None, 1) == (await store.newest("a"), (await store.append("a", following)).number)


async def test_appends_at_once_are_all_kept(file: pathlib.Path) -> None:
    """Changes that come together get one number each."""
    async with store_module.Store(file) as store:
        made = await asyncio.gather(*(store.append("a", following) for _ in range(50)))
    assert list(range(1, 51)) == sorted(version.number for version in made)


async def test_second_process_cannot_open_the_file(file: pathlib.Path) -> None:
    """Only one process has the database."""
    async with store_module.Store(file) as store:
        await store.append("a", following)
        code = (
            f"import sqlite3; sqlite3.connect({str(file)!r}, timeout=0.1).execute('SELECT * FROM version').fetchall()"
        )
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
        _, seen = await process.communicate()
    assert b"database is locked" in seen


async def test_second_store_says_that_the_file_is_in_use(file: pathlib.Path) -> None:
    """A second instance on the same folder is told what is wrong."""
    async with store_module.Store(file):
        with pytest.raises(errors.FailedPrecondition) as caught:
            await store_module.Store(file, lock_wait_s=0.1).__aenter__()
    assert "DATABASE_IN_USE" == caught.value.reason


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE version SET document = '{}'", "never changed"),
        ("DELETE FROM version", "newest version is never removed"),
        ("DELETE FROM version WHERE number = 2", "only the oldest version is removed"),
        (
            "INSERT INTO version SELECT environment, 7, document, sha256, actor, comment, 0, '{}' FROM version LIMIT 1",
            "no gap",
        ),
    ],
)
async def test_database_itself_keeps_versions(file: pathlib.Path, statement: str, message: str) -> None:
    """A version cannot be overwritten, removed or skipped, not even by a statement of our own."""
    async with store_module.Store(file) as store:
        for _ in range(3):
            await store.append("a", following)
    with contextlib.closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError, match=message):
        connection.execute(statement)


async def test_content_that_was_tampered_with_is_found(file: pathlib.Path) -> None:
    """A version that does not hash to what was stored with it is an error, not an answer."""
    async with store_module.Store(file) as store:
        await store.append("a", following)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER version_is_never_changed")
        connection.execute("UPDATE version SET document = '{\"n\":2}'")
    async with store_module.Store(file) as store:
        with pytest.raises(errors.DataLoss):
            await store.newest("a")


def test_file_that_is_no_database_is_told(file: pathlib.Path) -> None:
    """A damaged file stops the start with its name."""
    file.parent.mkdir()
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(errors.DataLoss, match=r"config\.sqlite3"):
        asyncio.run(store_module.Store(file).__aenter__())


async def test_file_of_a_newer_release_is_left_alone(file: pathlib.Path) -> None:
    """A format that is not known is refused, not guessed."""
    file.parent.mkdir()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(errors.FailedPrecondition, match="format 99"):
        await store_module.Store(file).__aenter__()


def rows(format_: int) -> list[chain.Row]:
    """The events in a file of an older format; the first had none."""
    made, last = [], chain.GENESIS
    for sequence in range(1, 4 if format_ > 1 else 1):
        content = chain.body(sequence, sequence, chain.Entry("ann", "UpdateConfig", "config/a/versions/1"))
        made.append((sequence, content, last := chain.link(last, content)))
    return made


def older(file: pathlib.Path, format_: int) -> str:
    """Makes a file as an older release left it; returns the hash of its one version."""
    text = '{"n":1}'
    digest = document.sha256({"n": 1})
    file.parent.mkdir()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "".join(
                (
                    store_module.SQL["create"],
                    audit_store.CREATE,
                    secret_store.CREATE,
                    store_module.SQL["layers"],
                    proposal_store.CREATE,
                )[: {1: 1, 2: 3, 3: 5}[format_]]
            )
        )
        connection.execute(f"PRAGMA user_version = {format_}")
        columns = "environment, number, document, sha256, actor, comment, create_time_us"
        connection.execute(f"INSERT INTO version ({columns}) VALUES ('a', 1, ?, ?, 'ann', 'why', 7)", (text, digest))
        for row in rows(format_):
            connection.execute("INSERT INTO event VALUES (?, ?, ?)", row)
        connection.commit()
    return digest


@pytest.mark.parametrize("format_", [1, 2, 3])
async def test_file_of_an_older_release_is_taken_over(file: pathlib.Path, format_: int) -> None:
    """Versions of older formats stay as they were, and what those formats lacked is there, also after a restart."""
    digest = older(file, format_)
    layered = layers.Content({"n": 2}, {"analyzer": {"n": 3}})
    async with store_module.Store(file) as store:
        made = await store.newest("a")
        assert ((1, digest), layers.Content({"n": 1})) == ((made.number, made.sha256), made.content)
        await store.append("a", lambda _: store_module.Change(2, layered))
        old = rows(format_)
        events = await store.read(lambda found: audit_store.earlier(found, 99, 9))
        assert list(range(len(old) + 1, 0, -1)) == [event.sequence for event in events]
        sealed = await store.read(lambda found: audit_store.stretches(found, 0, 9))
        begun = sealing.follow(sealed, [(row[0], row[2]) for row in old], chain.WHOLE)  # heads of then still hold
        tail = await store.read(lambda found: audit_store.later(found, 0, 9))
        assert (len(old) + 1, 0) == (chain.follow(tail, (), begun).events, begun.broken)
    async with store_module.Store(file) as store:
        assert (made, layered) == (await store.one("a", 1), (await store.newest("a")).content)


async def test_layers_that_were_tampered_with_are_found(file: pathlib.Path) -> None:
    """The hash of a version covers the layers over its document."""
    async with store_module.Store(file) as store:
        await store.append("a", lambda _: store_module.Change(1, layers.Content({}, {"analyzer": {"n": 3}})))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER version_is_never_changed")
        connection.execute("UPDATE version SET overlays = replace(overlays, '3', '4')")
    async with store_module.Store(file) as store:
        with pytest.raises(errors.DataLoss):
            await store.newest("a")


async def test_old_versions_go_as_new_ones_come(file: pathlib.Path) -> None:
    """As many versions are kept as is set, in each environment on its own; numbers go on."""
    async with store_module.Store(file, versions_max=3) as store:
        for _ in range(7):
            await store.append("a", following)
        await store.append("b", following)
        kept = [version.number for version in await store.later("a", 0, 99)]
        assert ([5, 6, 7], 8, ["a", "b"]) == (
            kept,
            (await store.append("a", following)).number,
            await store.environments(),
        )


async def test_change_that_cannot_be_recorded_is_none(file: pathlib.Path) -> None:
    """The version and its event are one transaction."""
    async with store_module.Store(file) as store:
        await store.append("a", following)
        with pytest.raises(TypeError):
            await store.append("a", following, object())
        assert 1 == (await store.newest("a")).number


async def test_disk_is_synced_at_every_commit(file: pathlib.Path) -> None:
    """The file is in WAL mode with full synchronization: an answer means that it is on disk."""
    async with store_module.Store(file) as store:
        await store.append("a", following)
        modes = [
            await store._run(lambda name=name: store._open_connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("journal_mode", "synchronous", "locking_mode")
        ]
    assert ["wal", 2, "exclusive"] == modes
