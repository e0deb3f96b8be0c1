"""A record in files: lines that are only ever added, each with a hash that covers all before it.

A file begins with the signed head of what came before it, so that the oldest may go and the rest is still a chain.
Several processes may add to one folder: each holds its lock while it writes, and reads on where another has written.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence

import failpoints
from chassis import errors
from chassis.audit import chain, head

FILES = 8  # that a full record is spread over: so much of it goes at once
NAME = re.compile(r"(\d{18})\.log")  # sequence of its first event
LINE = re.compile(rb"([0-9a-f]{64}) (.+)", re.DOTALL)
LINE_LENGTH_MAX = 8192  # bytes: an actor, a resource and an outcome are bounded, and far shorter


@dataclasses.dataclass(frozen=True, slots=True)
class Reached:
    """How far a record is: the last event, and the file that it is in."""

    sequence: int
    hash: bytes
    file: pathlib.Path
    size_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the record says.

    Args:
        finding: What was found.
        first: Sequence of the first event that is kept.
        head: The signed head of what is whole.
        public_key: What heads can be checked with.
    """

    finding: chain.Finding
    first: int
    head: str
    public_key: str


class Journal:
    """The record in one folder, which is made where it does not exist.

    Args:
        folder: Where it is.
        bytes_max: How much is kept.

    Raises:
        OSError: The folder cannot be used.
    """

    def __init__(self, folder: pathlib.Path, bytes_max: int) -> None:
        self._folder, self._bytes_max = folder, bytes_max
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._reached: Reached | None = None
        with self._locked():
            self._signer = head.Signer.load(folder / "audit.key")
            self._keeper = head.Keeper(folder / "audit.head", self._signer)

    def append(self, entries: Sequence[tuple[int, chain.Entry]]) -> None:
        """Adds events, which outlive this process when this returns; `sync` brings them to the disk.

        Args:
            entries: When, in microseconds since 1970 UTC, and what.

        Raises:
            OSError: They cannot be written.
        """
        with self._locked():
            last = self._caught_up()
            if last.size_bytes > self._bytes_max // FILES:
                last = self._begin(last.sequence, last.hash)
            sequence, digest, lines = last.sequence, last.hash, []
            for time_us, entry in entries:
                sequence += 1
                content = chain.body(sequence, time_us, entry)
                digest = chain.link(digest, content)
                lines.append(digest.hex().encode() + b" " + content + b"\n")
            written = b"".join(lines)
            self._reached = None  # until it is known how far the file is
            try:
                with last.file.open("r+b") as file, failpoints.around("audit.write"):
                    file.truncate(last.size_bytes)  # of a line that was cut off when a process ended
                    file.seek(last.size_bytes)
                    file.write(written)
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(last.file, last.size_bytes)
                raise
            self._reached = Reached(sequence, digest, last.file, last.size_bytes + len(written))

    def sync(self) -> None:
        """Forces all events to disk, and keeps the signed head beside them.

        Raises:
            OSError: The disk does not take them.
        """
        with self._locked():
            last = self._caught_up()
            with last.file.open("rb") as file, failpoints.around("audit.sync"):
                os.fdatasync(file.fileno())
            self._keeper.keep(last.sequence, last.hash)

    def earlier(self, before: int, count: int) -> list[chain.Event]:
        """Events before one, the newest first, at most `count`.

        Raises:
            errors.DataLoss: One cannot be read.
        """
        found: list[chain.Event] = []
        for first, lines in reversed(self._lines()):
            rows = lines[1 : max(1, 1 + before - first)]
            wanted = rows[max(0, len(rows) - count + len(found)) :]
            try:
                found += [chain.event(content, digest) for _, content, digest in map(_row, reversed(wanted))]
            except (ValueError, TypeError) as error:
                raise errors.DataLoss(f"an event cannot be read: {error}", reason="RECORD_DAMAGED") from error
            if len(found) >= count:
                break
        return found

    def verify(self, asked: str = "") -> Verdict:
        """Follows the record from the first event that is kept, past the head beside it and one from elsewhere.

        Args:
            asked: A head from elsewhere; none by default.

        Raises:
            errors.InvalidArgument: It is no head of this record.
            errors.FailedPrecondition: It is of events that are not kept any more.
        """
        heads = [self._signer.read(asked)] if asked else []
        heads += self._kept()  # before the events are read: there may be more of them by then, never fewer
        files = self._lines()
        first = files[0][0] if files else 1
        if asked and heads[0][0] < first - 1:
            message = f"events up to {first - 1} are not kept any more, and head is of event {heads[0][0]}"
            raise errors.FailedPrecondition(message, reason="HEAD_TOO_OLD", metadata={"first": str(first)})
        found: chain.Finding | None = None
        for begins, lines in files:
            found = self._followed(begins, lines, heads, found)
            if found.broken:
                break
        found = chain.ended(found or chain.WHOLE, heads)
        return Verdict(found, first, self._signer.sign(found.events, found.hash), self._signer.public_key)

    def _followed(
        self, first: int, lines: list[bytes], heads: list[chain.Head], begun: chain.Finding | None
    ) -> chain.Finding:
        try:
            sequence, digest = self._signer.read(lines[0].decode())
        except (IndexError, UnicodeDecodeError, errors.InvalidArgument):
            sequence, digest = -1, chain.GENESIS  # before anything
        begun = begun or chain.Finding(first - 1, digest, 0)
        known = {digest, *(other for number, other in heads if number == begun.events)}
        if not sequence == begun.events == first - 1 or known != {begun.hash}:
            return dataclasses.replace(begun, broken=begun.events + 1)
        return chain.follow(_rows(lines[1:]), heads, begun)

    def _lines(self) -> list[tuple[int, list[bytes]]]:
        """The lines of each file, and the sequence of its first event; as they are at one moment."""
        with contextlib.ExitStack() as opened:
            with self._locked():
                files = [(_first(file), opened.enter_context(file.open("rb"))) for file in self._files()]
                sizes = [os.fstat(file.fileno()).st_size for _, file in files]
            return [(first, _whole(file.read(size))) for (first, file), size in zip(files, sizes, strict=True)]

    def _kept(self) -> list[chain.Head]:
        text = self._keeper.kept()
        try:
            return [self._signer.read(text)] if text else []
        except errors.InvalidArgument as error:
            message = "the head that is kept beside the record was changed"
            raise errors.DataLoss(message, reason="HEAD_DAMAGED") from error

    def _files(self) -> list[pathlib.Path]:
        """Its files, the oldest first."""
        return sorted(file for file in self._folder.iterdir() if NAME.fullmatch(file.name))

    def _caught_up(self) -> Reached:
        """How far the record is, also by other processes."""
        files = self._files()
        known = self._reached
        if known and files and files[-1] == known.file and known.file.stat().st_size == known.size_bytes:
            return known
        self._reached = self._read_on(files[-1]) if files else self._begin(0, chain.GENESIS)
        return self._reached

    def _read_on(self, file: pathlib.Path) -> Reached:
        lines = _whole(file.read_bytes())
        size_bytes = sum(map(len, lines)) + len(lines)
        try:
            if len(lines) > 1:
                _, _, digest = _row(lines[-1])
                return Reached(_first(file) + len(lines) - 2, digest, file, size_bytes)
            return Reached(*self._signer.read(lines[0].decode()), file, size_bytes)
        except (IndexError, ValueError, errors.InvalidArgument):
            # What is damaged stays as it is, for whoever looks into it; the check names it.
            sequence, digest = max(self._kept(), default=(0, chain.GENESIS))
            return self._begin(max(sequence, _first(file) + len(lines)), digest)

    def _begin(self, sequence: int, digest: bytes) -> Reached:
        """A new file after an event; what has no room any more goes."""
        file = self._folder / f"{sequence + 1:018d}.log"
        text = f"{self._signer.sign(sequence, digest)}\n".encode()
        part = file.with_suffix(".part")
        part.write_bytes(text)
        os.replace(part, file)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # else a power cut takes the name, and all that is written under it
        finally:
            os.close(folder)
        files = self._files()
        while len(files) > 1 and sum(one.stat().st_size for one in files) > self._bytes_max * (FILES - 1) // FILES:
            files.pop(0).unlink()
        return Reached(sequence, digest, file, len(text))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else adds meanwhile. The kernel takes the lock from a process that ends."""
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def now_us() -> int:
    """The time as events have it."""
    return time.time_ns() // 1000


def _first(file: pathlib.Path) -> int:
    return int(file.stem)


def _whole(content: bytes) -> list[bytes]:
    """The lines of a file; one that was cut off was never told of, and is none."""
    return content.split(b"\n")[:-1]


def _row(line: bytes) -> chain.Row:
    """An event as it is stored.

    Raises:
        ValueError: The line is none.
    """
    parts = LINE.fullmatch(line)
    if not parts or len(line) > LINE_LENGTH_MAX:
        raise ValueError(f"{line[:80]!r} is no event")
    sequence = json.loads(parts[2])[0]
    return (sequence, parts[2], bytes.fromhex(parts[1].decode()))


def _rows(lines: Iterable[bytes]) -> Iterator[chain.Row]:
    """The events of a file; what is none breaks the chain where it stands."""
    for line in lines:
        try:
            yield _row(line)
        except (ValueError, TypeError, LookupError, RecursionError):
            yield (0, line, chain.GENESIS)
