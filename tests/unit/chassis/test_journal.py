"""A record in files: what is changed in it is noticed, its bound holds, and no end of a process breaks it."""

import concurrent.futures
import pathlib
import random
from collections.abc import Iterator

import pytest

import failpoints
from chassis import errors, testing
from chassis.audit import chain, journal, record

PLENTY = 64 << 20
EDITS = 100


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """No failpoint stays armed."""
    yield
    failpoints.arm({})


def entry(number: int) -> chain.Entry:
    return chain.Entry("acme/key:1", "CancelJob", f"jobs/{number}")


def filled(folder: pathlib.Path, count: int, bytes_max: int = PLENTY, begin: int = 1) -> journal.Journal:
    """A journal with events, some at a time."""
    made = journal.Journal(folder, bytes_max)
    numbers = range(begin, begin + count)
    for index in range(0, count, 7):
        made.append([(number, entry(number)) for number in numbers[index : index + 7]])
    made.sync()
    return made


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.glob("*.log"))


def test_events_come_back_and_the_chain_is_whole(tmp_path: pathlib.Path) -> None:
    """The newest first, in pages, also by another process that opens the folder later."""
    filled(tmp_path, 20)
    again = journal.Journal(tmp_path, PLENTY)
    again.append([(21, entry(21))])
    assert list(range(21, 0, -1)) == [one.sequence for one in again.earlier(2**62, 100)]
    assert [9, 8, 7] == [one.sequence for one in again.earlier(10, 3)]
    assert entry(8) == again.earlier(9, 1)[0].entry
    verdict = again.verify()
    assert (21, 0, 1) == (verdict.finding.events, verdict.finding.broken, verdict.first)
    assert 0 == again.verify(verdict.head).finding.broken


def test_full_record_lets_the_oldest_go_and_stays_a_chain(tmp_path: pathlib.Path) -> None:
    """Its size stays within the bound, however much is added; a head of what is gone is told so."""
    made = filled(tmp_path, 100, bytes_max=8000)
    old = made.verify().head
    for turn in range(10):
        filled(tmp_path, 100, bytes_max=8000, begin=101 + 100 * turn)
        assert sum(file.stat().st_size for file in files(tmp_path)) <= 8000 + 7 * 300  # and a last batch
    verdict = made.verify()
    assert (1100, 0) == (verdict.finding.events, verdict.finding.broken)
    assert verdict.first > 1000
    assert verdict.first == made.earlier(2**62, 1000)[-1].sequence
    with pytest.raises(errors.FailedPrecondition) as refused:
        made.verify(old)
    assert "HEAD_TOO_OLD" == refused.value.reason


def test_every_edit_of_the_files_is_noticed(tmp_path: pathlib.Path) -> None:
    """Bits, lines, ends and whole files, with the head that was printed; control: the files as they were are whole."""
    made, noise = filled(tmp_path, 60, bytes_max=12_000), random.Random(0)
    kept, whole = made.verify().head, {file: file.read_bytes() for file in files(tmp_path)}
    assert len(whole) > 3
    missed = []
    for turn in range(EDITS):
        file = noise.choice(list(whole)[turn % 5 == 4 :])  # that the oldest file is gone is no edit
        lines = whole[file].split(b"\n")[:-1]
        if turn % 5 == 0:
            # But for the last sign of the signature, which has bits that mean nothing.
            place = noise.choice([at for at in range(len(whole[file])) if at != len(lines[0]) - 1])
            changed = bytearray(whole[file])
            changed[place] ^= 1 << noise.randrange(7)
            file.write_bytes(changed)
        elif turn % 5 == 4:
            file.unlink()
        else:
            place = noise.randrange(len(lines))
            rest = [*lines[:place], *lines[place + 1 :]]
            edited = {1: rest, 2: lines[: place or 1], 3: [*lines, lines[place]]}[turn % 5]
            if edited == lines:
                continue
            file.write_bytes(b"".join(line + b"\n" for line in edited))
        if not made.verify(kept).finding.broken:
            missed.append((turn, file.name))
        for path, content in whole.items():
            path.write_bytes(content)
    assert [] == missed
    assert 0 == made.verify(kept).finding.broken


def test_cut_and_forged_end_is_noticed_by_the_head_beside_it(tmp_path: pathlib.Path) -> None:
    """Without a head from elsewhere too; control: with that head gone as well, nobody notices."""
    made = filled(tmp_path, 20)
    (file,) = files(tmp_path)
    file.write_bytes(b"".join(line + b"\n" for line in file.read_bytes().split(b"\n")[:11]))
    assert 11 == made.verify().finding.broken
    (tmp_path / "audit.head").unlink()
    assert 0 == made.verify().finding.broken


@pytest.mark.parametrize("torn", [b"a", b"0" * 64 + b' [21,7,"acme'])
def test_line_that_was_cut_off_is_none(tmp_path: pathlib.Path, torn: bytes) -> None:
    """A process ended while it wrote: what it wrote was never told of, and the next event takes its place."""
    filled(tmp_path, 20)
    (file,) = files(tmp_path)
    with file.open("ab") as opened:
        opened.write(torn)
    again = journal.Journal(tmp_path, PLENTY)
    assert 20 == again.verify().finding.events
    again.append([(21, entry(21))])
    assert (21, 0) == (again.verify().finding.events, again.verify().finding.broken)


def test_damaged_file_is_left_and_the_record_goes_on(tmp_path: pathlib.Path) -> None:
    """New events are kept; the check names the damage for ever."""
    filled(tmp_path, 20)
    (file,) = files(tmp_path)
    file.write_bytes(b"\n\n\n")
    again = filled(tmp_path, 5, begin=21)
    assert 2 == len(files(tmp_path))
    assert 1 == again.verify().finding.broken
    assert 5 == len(again.earlier(2**62, 5))


def test_processes_share_one_chain(tmp_path: pathlib.Path) -> None:
    """Several gateways of one machine add to one folder, over changes of file too; a lock is of an open file alone."""

    def add(name: str) -> None:
        made = journal.Journal(tmp_path, 20_000)
        for number in range(150):
            made.append([(number, chain.Entry(name, "CancelJob", f"jobs/{number}"))])

    with concurrent.futures.ThreadPoolExecutor() as threads:
        list(threads.map(add, "abc"))
    made = journal.Journal(tmp_path, 20_000)
    assert (450, 0) == (made.verify().finding.events, made.verify().finding.broken)
    assert {"a", "b", "c"} >= {one.entry.actor for one in made.earlier(2**62, 1000)}


async def test_waiting_events_are_written_before_the_end(tmp_path: pathlib.Path) -> None:
    """Whoever adds one waits until it is written; what nobody waits for is written before the process ends."""
    kept = journal.Journal(tmp_path, PLENTY)
    async with record.Record(kept) as adding:
        await adding.add(entry(1))
        assert 1 == len(kept.earlier(2**62, 10))
        for number in range(2, 100):
            adding.put(entry(number))
    assert (99, 0) == (kept.verify().finding.events, kept.verify().finding.broken)
    assert (tmp_path / "audit.head").read_text().startswith("reelsmith-audit.99.")


async def test_any_words_can_be_recorded(tmp_path: pathlib.Path) -> None:
    """Also those that are no text, such as the name of a file; what cannot be written would keep callers waiting."""
    kept = journal.Journal(tmp_path, PLENTY)
    async with record.Record(kept) as adding:
        await adding.add(chain.Entry("a\ud800\r\n", "\x00", "\u2028" * 200, "z" * 9999))
    (event,) = kept.earlier(2**62, 10)
    assert ("a\\ud800\r\n", "\x00") == (event.entry.actor, event.entry.action)
    assert 0 == kept.verify().finding.broken


@pytest.mark.parametrize("place", ["audit.write.before", "audit.write.after", "audit.sync.before"])
async def test_full_disk_refuses_nobody_and_is_counted(tmp_path: pathlib.Path, place: str) -> None:
    """Also one that fills while an event is written: the chain stays whole, and goes on when there is room."""
    kept, lost = journal.Journal(tmp_path, PLENTY), record.LOST._value.get()
    async with record.Record(kept) as adding:
        await adding.add(entry(1))
        failpoints.arm({failpoints.VARIABLE: f"{place}=error(ENOSPC)@1"})
        await adding.add(entry(2))
        await adding.add(entry(3))
    events, written = kept.earlier(2**62, 10), "write" in place
    assert (2 if written else 3) == len(events)
    assert (1 if written else 0) == record.LOST._value.get() - lost
    assert (len(events), 0) == (kept.verify().finding.events, kept.verify().finding.broken)


async def test_waiting_events_are_bounded(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not answer fills no memory, and holds nobody up beyond its answer."""
    monkeypatch.setattr(record, "WAITING_MAX", 10)
    failpoints.arm({failpoints.VARIABLE: "audit.write.before=delay(0.2)@1"})
    kept, lost = journal.Journal(tmp_path, PLENTY), record.LOST._value.get()
    async with record.Record(kept) as adding:
        for number in range(50):
            adding.put(entry(number))
        await testing.wait_until(lambda: not adding._waiting)
    assert (10, 40) == (len(kept.earlier(2**62, 100)), record.LOST._value.get() - lost)
