"""The record of events: whatever is changed in it is noticed, its end included."""

import contextlib
import pathlib
import random
import sqlite3
from collections.abc import Callable, Sequence

import pytest

from chassis import errors
from chassis.audit import chain, head
from services.config import store as store_module
from services.config.audit import record

EDITS = 10_000


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """The state folder of the service."""
    return tmp_path / "state"


@contextlib.asynccontextmanager
async def opened(folder: pathlib.Path):
    """A record as the service has it."""
    signer = head.Signer.load(folder / "audit.key")
    keeper = head.Keeper(folder / "audit.head", signer)
    async with store_module.Store(folder / "config.sqlite3", keeper) as store:
        yield record.Record(store, signer, keeper)


async def refused(events: record.Record, count: int) -> None:
    """Adds some events."""
    for index in range(count):
        entry = chain.Entry("ann", "AccessSecret", f"secrets/{index}")
        await events.refused(entry, errors.NotFound("there is none", reason="NO_SUCH_SECRET"))


def rows(count: int) -> list[chain.Row]:
    """A whole chain."""
    made, last = [], chain.GENESIS
    for sequence in range(1, count + 1):
        content = chain.body(sequence, sequence * 7, chain.Entry("ann", "SetSecret", f"secrets/{sequence}"))
        last = chain.link(last, content)
        made.append((sequence, content, last))
    return made


def check(found: list[chain.Row], heads: Sequence[chain.Head] = ()) -> chain.Finding:
    """Checks a chain as a whole."""
    return chain.ended(chain.follow(found, heads), heads)


def flipped(found: list[chain.Row], noise: random.Random) -> list[chain.Row]:
    """One bit of a body or of a hash is another."""
    place, part = noise.randrange(len(found)), noise.choice((1, 2))
    row = list(found[place])
    data = bytearray(row[part])
    data[noise.randrange(len(data))] ^= 1 << noise.randrange(8)
    row[part] = bytes(data)
    return [*found[:place], tuple(row), *found[place + 1 :]]


def dropped(found: list[chain.Row], noise: random.Random) -> list[chain.Row]:
    """An event is missing, and the others have moved up or not."""
    place = noise.randrange(len(found))
    rest = [*found[:place], *found[place + 1 :]]
    if noise.random() < 0.5:
        return rest
    return [(sequence, content, digest) for sequence, (_, content, digest) in enumerate(rest, 1)]


def swapped(found: list[chain.Row], noise: random.Random) -> list[chain.Row]:
    """Two events have changed places."""
    one, other = noise.sample(range(len(found)), 2)
    found = list(found)
    found[one], found[other] = (found[one][0], *found[other][1:]), (found[other][0], *found[one][1:])
    return found


def cut(found: list[chain.Row], noise: random.Random) -> list[chain.Row]:
    """The end is missing."""
    return found[: noise.randrange(len(found))]


def replayed(found: list[chain.Row], noise: random.Random) -> list[chain.Row]:
    """An event is there once more, as the last or in another's place."""
    content, digest = found[noise.randrange(len(found) - 1)][1:]
    place = noise.choice((len(found), len(found) - 1))
    return [*found[:place], (place + 1, content, digest)]


def forked(found: list[chain.Row], noise: random.Random) -> list[chain.Row]:
    """From some event on the chain was made anew, every hash as it should be."""
    place = noise.randrange(len(found))
    made = found[:place]
    last = made[-1][2] if made else chain.GENESIS
    for sequence in range(place + 1, len(found) + 1):
        content = chain.body(sequence, sequence * 7, chain.Entry("eve", "SetSecret", f"secrets/{sequence}"))
        last = chain.link(last, content)
        made.append((sequence, content, last))
    return made


EDITORS: tuple[Callable[[list[chain.Row], random.Random], list[chain.Row]], ...] = (
    flipped, dropped, swapped, cut, replayed, forked,
)  # fmt: skip


def test_every_edit_is_noticed() -> None:
    """Ten thousand random ones, against the head as it was; without a head, cuts and forks pass."""
    noise, whole = random.Random(0), rows(12)
    kept = [(12, whole[-1][2])]
    assert 0 == check(whole, kept).broken
    unnoticed = dict.fromkeys(EDITORS, 0)
    blind = dict(unnoticed)
    for turn in range(EDITS):
        editor = EDITORS[turn % len(EDITORS)]
        edited = editor(whole, noise)
        if edited == whole:  # two equal things swapped
            continue
        found = check(edited, kept)
        unnoticed[editor] += not (found.broken and found.events < 12 + (len(edited) > 12))
        blind[editor] += not check(edited).broken
    assert dict.fromkeys(EDITORS, 0) == unnoticed
    assert {cut, forked} <= {editor for editor in EDITORS if blind[editor]}


def test_break_is_told_where_it_is() -> None:
    """The events before it stand."""
    whole = rows(9)
    changed = [*whole[:4], (5, b"[]", whole[4][2]), *whole[5:]]
    assert chain.Finding(4, whole[3][2], 5) == check(changed)
    assert chain.Finding(7, whole[6][2], 8) == check(whole[:7], [(9, whole[8][2])])


async def test_record_survives_a_restart_and_its_head_holds(folder: pathlib.Path) -> None:
    """A head that was exported is checked by the service when it runs again; somebody else's is refused."""
    async with opened(folder) as events:
        await refused(events, 3)
        exported = (await events.verify()).head
        await refused(events, 2)
    async with opened(folder) as events:
        verdict = await events.verify(exported)
        assert (5, 0) == (verdict.finding.events, verdict.finding.broken)
        assert ["secrets/1", "secrets/0"] == [event.entry.resource for event in (await events.page(6, 9))[3:]]
        with pytest.raises(errors.InvalidArgument, match="not signed"):
            await events.verify(head.Signer(bytes(32)).sign(3, bytes(32)))


@pytest.mark.parametrize(
    "sql", ["DELETE FROM event WHERE sequence > 2", "UPDATE event SET body = x'5b5d' WHERE sequence = 3"]
)
async def test_database_that_was_edited_is_noticed(folder: pathlib.Path, sql: str) -> None:
    """Also one whose end was cut off: the head is kept beside it. Without that file the cut goes unnoticed."""
    async with opened(folder) as events:
        await refused(events, 4)
    connection = sqlite3.connect(folder / "config.sqlite3")
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute(sql)
    connection.executescript(f"DROP TRIGGER event_is_never_changed; DROP TRIGGER event_is_never_removed; {sql};")
    connection.close()
    async with opened(folder) as events:
        assert 3 == (await events.verify()).finding.broken
    (folder / "audit.head").unlink()
    async with opened(folder) as events:
        assert (0 if "DELETE" in sql else 3) == (await events.verify()).finding.broken


async def test_long_record_is_checked_in_stretches(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same is found, whatever their length."""
    async with opened(folder) as events:
        await refused(events, 7)
        heads = set()
        for length in (1, 2, 3, 7, 100):
            monkeypatch.setattr(record, "STRETCH", length)
            verdict = await events.verify()
            heads.add((verdict.head, verdict.finding))
    assert [(7, 0)] == [(finding.events, finding.broken) for _, finding in heads]


async def test_head_that_cannot_be_kept_stops_nothing(folder: pathlib.Path) -> None:
    """The event is on record all the same."""
    async with opened(folder) as events:
        (folder / "audit.head.part").mkdir()
        await refused(events, 1)
        assert 1 == (await events.verify()).finding.events


async def test_failures_of_the_service_are_no_refusals(folder: pathlib.Path) -> None:
    """Only what says something about a caller is recorded."""
    async with opened(folder) as events:
        await events.refused(chain.Entry("ann", "SetSecret", "secrets/a"), errors.Unavailable("the store is closed"))
        assert 0 == (await events.verify()).finding.events
