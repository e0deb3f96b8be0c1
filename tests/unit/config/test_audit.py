"""The record of events: whatever is changed in it is noticed, its end included."""

import contextlib
import dataclasses
import pathlib
import random
import sqlite3
from collections.abc import Callable, Sequence

import pytest

from chassis import errors
from chassis.audit import chain, head
from services.config import store as store_module
from services.config.audit import record, sealing

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


Stored = tuple[list[sealing.Stretch], list[chain.Row]]


def stored(actors: Sequence[str]) -> Stored:
    """A record as it is stored: stretches of four events, and those after them; who did each."""
    stretches, tail, before = [], [], chain.GENESIS
    for sequence, actor in enumerate(actors, 1):
        content = chain.body(sequence, sequence * 7, chain.Entry(actor, "SetSecret", f"secrets/{sequence}"))
        tail.append((sequence, content, before := chain.link(before, content)))
        if sequence % 4 == 0:
            stretches.append(sealing.sealed(tail, stretches[-1].seal if stretches else chain.GENESIS))
            tail, before = [], stretches[-1].seal
    return stretches, tail


def check_stored(found: Stored, heads: Sequence[chain.Head] = ()) -> chain.Finding:
    """Checks a stored record as a whole."""
    sealed = sealing.follow(found[0], heads, chain.WHOLE)
    return chain.ended(sealed if sealed.broken else chain.follow(found[1], heads, sealed), heads)


def sealed_flipped(found: Stored, noise: random.Random) -> Stored:
    """One bit of a stretch is another."""
    stretches, place = list(found[0]), noise.randrange(len(found[0]))
    name = noise.choice(("first", "last", "bodies", "hashes", "seal"))
    value = getattr(stretches[place], name)
    if isinstance(value, int):
        changed = value ^ 1 << noise.randrange(5)
    else:
        data = bytearray(value)
        data[noise.randrange(len(data))] ^= 1 << noise.randrange(8)
        changed = bytes(data)
    stretches[place] = dataclasses.replace(stretches[place], **{name: changed})
    return stretches, found[1]


def sealed_moved(found: Stored, noise: random.Random) -> Stored:
    """A stretch is missing, is there twice, or has changed places with another."""
    stretches = list(found[0])
    one, other = noise.sample(range(len(stretches)), 2)
    act = noise.randrange(3)
    if act == 0:
        del stretches[one]
    elif act == 1:
        stretches.insert(one, stretches[other])
    else:
        stretches[one], stretches[other] = stretches[other], stretches[one]
    return stretches, found[1]


def sealed_cut(found: Stored, noise: random.Random) -> Stored:
    """The end is missing, from a stretch on, or the events after the last stretch."""
    return found[0][: noise.randrange(len(found[0]) + 1)], []


def sealed_anew(found: Stored, noise: random.Random) -> Stored:
    """An event was changed, and every seal from there on made anew, but no hash of a later event."""
    stretches, place = list(found[0]), noise.randrange(len(found[0]))
    before = stretches[place - 1].seal if place else chain.GENESIS
    bodies = stretches[place].bodies.replace(b"ann", b"eve", noise.randrange(1, 5))
    for index in range(place, len(stretches)):
        one = dataclasses.replace(stretches[index], bodies=bodies if index == place else stretches[index].bodies)
        stretches[index] = dataclasses.replace(one, seal=(before := sealing.seal(before, one.bodies, one.hashes)))
    return stretches, found[1]


def sealed_forked(found: Stored, noise: random.Random) -> Stored:
    """From some event on all was made anew, as it should be."""
    count, place = 4 * len(found[0]) + len(found[1]), noise.randrange(4 * len(found[0]))
    return stored(["ann"] * place + ["eve"] * (count - place))


SEALED_EDITORS = (sealed_flipped, sealed_moved, sealed_cut, sealed_anew, sealed_forked)


@pytest.mark.parametrize("tail", [0, 3])
def test_every_edit_of_sealed_events_is_noticed(tail: int) -> None:
    """Ten thousand random ones, against the head as it was; without a head, cuts and forks pass."""
    noise, count = random.Random(tail), 12 + tail
    whole = stored(["ann"] * count)
    hash_ = whole[1][-1][2] if tail else whole[0][-1].hashes[-32:]
    assert chain.Finding(count, hash_, 0) == dataclasses.replace(check_stored(whole, [(count, hash_)]), next=b"")
    unnoticed = dict.fromkeys(SEALED_EDITORS, 0)
    blind = dict(unnoticed)
    for turn in range(EDITS // 2):
        editor = SEALED_EDITORS[turn % len(SEALED_EDITORS)]
        edited = editor(whole, noise)
        if edited == whole:  # nothing was after the last stretch
            continue
        found = check_stored(edited, [(count, hash_)])
        unnoticed[editor] += not found.broken == found.events + 1 <= count
        blind[editor] += not check_stored(edited).broken
    assert dict.fromkeys(SEALED_EDITORS, 0) == unnoticed
    assert {sealed_cut, sealed_forked} <= {editor for editor in SEALED_EDITORS if blind[editor]}


def test_break_of_a_sealed_event_is_told_where_it_is() -> None:
    """The events before it stand; where only the seal was changed, the last one of its stretch is not sealed."""
    stretches, tail = stored(["ann"] * 11)
    second = stretches[1]
    hashes = [stretches[0].hashes[-32:]] + [second.hashes[at : at + 32] for at in range(0, 128, 32)]  # from event 4 on
    for changed, broken in (
        (dataclasses.replace(second, bodies=second.bodies.replace(b"secrets/7", b"secrets/8")), 7),
        (dataclasses.replace(second, seal=bytes(32)), 8),
        (dataclasses.replace(second, last=9), 8),
        (dataclasses.replace(second, first=6), 5),
    ):
        found = check_stored(([stretches[0], changed], tail))
        assert (broken - 1, hashes[broken - 5], broken) == (found.events, found.hash, found.broken)


def test_head_of_any_time_is_followed_into_a_sealed_stretch() -> None:
    """One that was exported before its stretch was sealed holds afterwards, and another's does not."""
    whole, other = stored(["ann"] * 10), stored(["ann"] * 5 + ["eve"] * 5)
    for sequence in range(1, 11):
        stretch = whole[0][(sequence - 1) // 4] if sequence <= 8 else None
        place = (sequence - 1) % 4
        digest = stretch.hashes[32 * place : 32 * place + 32] if stretch else whole[1][place][2]
        assert 0 == check_stored(whole, [(sequence, digest)]).broken
        assert (0 if sequence <= 5 else sequence) == check_stored(other, [(sequence, digest)]).broken


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


async def test_long_record_is_sealed_and_stays_whole(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event is listed and checked as before, old heads hold, and nothing sealed can be changed or removed."""
    monkeypatch.setattr(sealing, "EVENTS", 4)
    async with opened(folder) as events:
        await refused(events, 3)
        exported = (await events.verify()).head
        await refused(events, 8)
        for count in (1, 2, 100):
            monkeypatch.setattr(record, "STRETCHES", count)
            verdict = await events.verify(exported)
            assert (11, 0) == (verdict.finding.events, verdict.finding.broken)
        listed = [event for before in (None, 9, 5, 1) for event in await events.page(before, 4 if before else 3)]
        assert list(range(11, 0, -1)) == [event.sequence for event in listed]
        assert verdict.finding.hash == listed[0].hash
    connection = sqlite3.connect(folder / "config.sqlite3")
    counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("stretch", "event")]
    assert [2, 3] == counts
    for sql in ("DELETE FROM stretch", "UPDATE stretch SET seal = zeroblob(32)", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            connection.execute(sql)
    connection.execute("DROP TRIGGER stretch_is_never_changed")
    connection.execute("UPDATE stretch SET bodies = CAST(replace(bodies, 's/1', 's/2') AS BLOB) WHERE last = 4")
    connection.commit()
    connection.close()
    async with opened(folder) as events:
        assert 2 == (await events.verify()).finding.broken


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
