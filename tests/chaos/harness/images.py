"""The disk as it may be after a power cut, from what `disk.c` wrote down.

What an fsync covered is there. Of what came later each write may be there, missing or torn at a sector, in any order;
names of a folder come and go in their order, and their last ones may be missing. That is less than file systems with a
journal promise, and what POSIX does.
"""

import bisect
import dataclasses
import os
import pathlib
import random
import struct
from collections.abc import Callable, Iterator

RECORD = struct.Struct("<IQQQQQQIII")
DATA, LENGTH, SYNCED, ADDED, REMOVED, RENAMED = range(1, 7)
SECTOR = 512
FILE, FOLDER, SECOND_NAME = 0, 1, 2


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One change."""

    what: int
    begin_ns: int
    end_ns: int
    inode: int
    folder: int
    offset: int
    other: int
    name: str
    other_name: str
    data: bytes


def records(*logs: pathlib.Path) -> list[Record]:
    """The changes of several processes in the order in which they ended."""
    return sorted((record for log in logs for record in _records(log)), key=lambda record: record.end_ns)


def _records(log: pathlib.Path) -> Iterator[Record]:
    content, at = log.read_bytes(), 0
    while at + RECORD.size <= len(content):
        *numbers, name, other, data = RECORD.unpack_from(content, at)
        at += RECORD.size
        parts = []
        for length in (name, other, data):
            parts.append(content[at : at + length])
            at += length
        if at > len(content):
            return  # the process was killed while it wrote
        yield Record(*numbers, parts[0].decode(), parts[1].decode(), parts[2])


class Content:
    """The bytes of a file: those on disk, and the changes that may be there."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Record] = []

    def sync(self, begin_ns: int) -> None:
        """An fsync that began then has ended."""
        for record in self.pending:
            if record.end_ns <= begin_ns:
                _apply(self.durable, record, len(record.data))
        self.pending = [record for record in self.pending if record.end_ns > begin_ns]

    def after(self, chance: Callable[[], float]) -> bytes:
        """The bytes after a power cut; `chance` gives numbers from 0 to 1."""
        content = bytearray(self.durable)
        for record in self.pending:
            if (luck := chance()) < 0.5:
                continue
            sectors = len(record.data) // SECTOR
            torn = luck < 0.6 and sectors > 1
            _apply(content, record, SECTOR * int(chance() * sectors) if torn else len(record.data))
        return bytes(content)


def _apply(content: bytearray, record: Record, length: int) -> None:
    if record.what == LENGTH:
        del content[record.offset :]
        content.extend(bytes(record.offset - len(content)))
        return
    content.extend(bytes(max(0, record.offset - len(content))))
    content[record.offset : record.offset + length] = record.data[:length]


class Folder:
    """The names of a folder: those on disk, and the changes that may be there."""

    def __init__(self) -> None:
        self.durable: dict[str, Content | Folder] = {}
        self.pending: list[tuple[Record, Content | Folder | None]] = []

    def sync(self, begin_ns: int) -> None:
        """An fsync that began then has ended."""
        while self.pending and self.pending[0][0].end_ns <= begin_ns:
            _rename(self.durable, *self.pending.pop(0))

    def after(self, chance: Callable[[], float]) -> dict[str, "Content | Folder"]:
        """The names after a power cut: all up to some moment."""
        names = dict(self.durable)
        for record, node in self.pending[: round(chance() * len(self.pending))]:
            _rename(names, record, node)
        return names


def _rename(names: dict, record: Record, node: "Content | Folder | None") -> None:
    if record.what == ADDED:
        names[record.name] = node
    elif record.what == REMOVED:
        names.pop(record.name, None)
    elif (moved := names.pop(record.name, None)) is not None:
        names[record.other_name] = moved


class Disk:
    """A folder whose changes are played back up to any moment.

    Args:
        root: The folder as it was when the recording began: folders in it are taken as they are, on disk.
    """

    def __init__(self, root: pathlib.Path, folders: tuple[str, ...]) -> None:
        self.root = Folder()
        self._nodes: dict[int, Content | Folder] = {root.stat().st_ino: self.root}
        for name in folders:
            self.root.durable[name] = self._nodes[(root / name).stat().st_ino] = Folder()

    def play(self, record: Record) -> None:
        """One change happens."""
        if record.what in (DATA, LENGTH):
            self._nodes[record.inode].pending.append(record)
        elif record.what == SYNCED:
            if (node := self._nodes.get(record.inode)) is not None:
                node.sync(record.begin_ns)
        else:
            if record.what == ADDED and record.offset != SECOND_NAME:
                self._nodes[record.inode] = Folder() if record.offset == FOLDER else Content()
            assert record.what != RENAMED or record.folder == record.other, "no name moves between folders"
            self._nodes[record.folder].pending.append((record, self._nodes.get(record.inode)))

    def write(self, target: pathlib.Path, chance: Callable[[], float]) -> None:
        """Writes the folder as it may be after a power cut now."""
        _write(self.root, target, chance, {})


def _write(folder: Folder, target: pathlib.Path, chance: Callable[[], float], known: dict[int, bytes]) -> None:
    target.mkdir()
    for name, node in folder.after(chance).items():
        if isinstance(node, Folder):
            _write(node, target / name, chance, known)
            continue
        if id(node) not in known:  # a file with two names has one content
            known[id(node)] = node.after(chance)
        (target / name).write_bytes(known[id(node)])


def moments(changes: list[Record], accepted: list[int], count: int, draw: random.Random) -> list[int]:
    """Moments of a power cut: half of them anywhere between two changes, half just after something was accepted."""
    anywhere = [draw.choice(changes).end_ns + draw.randrange(2000) for _ in range(count - count // 2)]
    return sorted([*anywhere, *(draw.choice(accepted) for _ in range(count // 2))])


def played(
    root: pathlib.Path, folders: tuple[str, ...], changes: list[Record], at: list[int]
) -> Iterator[tuple[int, Disk]]:
    """The disk at each of some moments, in order."""
    disk, done = Disk(root, folders), 0
    ends = [record.end_ns for record in changes]
    for moment in at:
        until = bisect.bisect_right(ends, moment)
        for record in changes[done:until]:
            disk.play(record)
        done = until
        yield moment, disk


def chances(draw: random.Random) -> Callable[[], float]:
    """How much of what no fsync covers survives: nothing, or some of it."""
    return draw.choice([lambda: 0.0, draw.random])


def remove(folder: pathlib.Path) -> None:
    """Removes an image."""
    for path, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(path, name))
        for name in folders:
            os.rmdir(os.path.join(path, name))
    os.rmdir(folder)
