"""A folder whose finished recordings are submitted once each, whatever is killed meanwhile.

A file is finished when its size and time have stood still. Its request id is made of the folder and the hash of its
content, and the job manager gives one job per id for ever: that is what makes it once. The ledger only saves hashing
again what was submitted before.
"""

import asyncio
import dataclasses
import hashlib
import json
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping

from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import errors
from client import submission

ENDINGS = frozenset(".mp4 .m4v .mov .mkv .webm .avi .ts .mts .m2ts .mpg .mpeg .flv .wmv .ogv".split())
POLL_S = 1.0  # how often the folder is looked at: recordings take minutes, and network folders tell no changes
FILES_MAX = 1_000_000  # in one folder, those below it included: beyond that it is no drop folder


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """How a file looked.

    Args:
        size_bytes: Its size.
        time_ns: When it was last written.
    """

    size_bytes: int
    time_ns: int


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A file that was submitted.

    Args:
        path: Where it was.
        seen: How it looked then.
        sha256: Hash of its content.
        job: Identifier of its job; empty where another run of other words has submitted it.
    """

    path: str
    seen: Seen
    sha256: str
    job: str


class Ledger:
    """What was submitted, one line each; a line is on disk before its file counts as done.

    Args:
        path: Where the ledger is.
    """

    def __init__(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        self._done: dict[str, Seen] = {}
        self._jobs: dict[str, str] = {}
        self._file.seek(0)
        for line in self._file:
            self._learn(line)
        if self._file.tell() and not line.endswith(b"\n"):
            self._file.write(b"\n")  # what a killed run left half written ends here

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def has(self, path: str, seen: Seen) -> bool:
        """Whether a file was submitted as it looks now."""
        return self._done.get(path) == seen

    def job(self, sha256: str) -> str | None:
        """The job of a content; None where it was never submitted."""
        return self._jobs.get(sha256)

    def add(self, entry: Entry) -> None:
        """Writes a file down."""
        line = json.dumps(dataclasses.asdict(entry)).encode() + b"\n"
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._learn(line)

    def _learn(self, line: bytes) -> None:
        try:
            found = json.loads(line)
            entry = Entry(**{**found, "seen": Seen(**found["seen"])})
        except (ValueError, TypeError, KeyError):
            return  # half a line of a killed run: its file is hashed and submitted again, under the same id
        self._done[entry.path] = entry.seen
        self._jobs[entry.sha256] = entry.job


class Folder:
    """The files of a folder, and which of them stand still.

    Args:
        root: The folder.
        settle_s: How long a file has to stand still.
    """

    def __init__(self, root: pathlib.Path, settle_s: float) -> None:
        self.root = root
        self._settle_s = settle_s
        self._since: dict[str, tuple[Seen, float]] = {}
        self._given_up: dict[str, Seen] = {}  # as many as there are files

    def give_up(self, path: str, seen: Seen) -> None:
        """Leaves a file alone, until it looks otherwise or the next run."""
        self._given_up[path] = seen

    @property
    def waits(self) -> bool:
        """Whether the last look found a file that did not stand still for long enough."""
        return bool(self._since)

    def finished(self, ledger: Ledger) -> list[tuple[str, Seen]]:
        """Files that stand still and were not submitted, the oldest first. They no longer count as waiting."""
        now_s, before, self._since = time.monotonic(), self._since, {}
        found = []
        for path, seen in self._files():
            if ledger.has(path, seen) or self._given_up.get(path) == seen:
                continue
            known = before.get(path)
            since_s = known[1] if known and known[0] == seen else now_s
            if seen.size_bytes and now_s - since_s >= self._settle_s:
                found.append((path, seen))
            else:
                self._since[path] = seen, since_s
        return sorted(found, key=lambda item: (item[1].time_ns, item[0]))

    def _files(self) -> Iterator[tuple[str, Seen]]:
        count = 0
        for folder, names, files in os.walk(self.root):  # follows no links
            names[:] = [name for name in names if not name.startswith(".")]
            for name in files:
                path = os.path.join(folder, name)
                if name.startswith(".") or os.path.splitext(name)[1].lower() not in ENDINGS or os.path.islink(path):
                    continue
                count += 1
                if count > FILES_MAX:
                    raise errors.ResourceExhausted(f"{self.root} has more than {FILES_MAX} files", reason="TOO_MANY")
                try:
                    yield path, look(path)
                except FileNotFoundError:
                    continue  # gone since it was listed


def look(path: str) -> Seen:
    """How a file looks now."""
    status = os.stat(path)
    return Seen(status.st_size, status.st_mtime_ns)


def shown(path: str) -> str:
    """A name as text: not every name of a file is some."""
    return os.fsencode(path).decode("utf-8", "replace")


def key(root: pathlib.Path, sha256: str) -> str:
    """The request id of a content in a folder."""
    return "watch-" + hashlib.sha256(os.fsencode(root) + b"\0" + sha256.encode()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What to make of the files of a folder.

    Args:
        spec: Of each file.
        presets: Other presets, by the name of a folder directly below.
    """

    spec: jobs.JobSpec
    presets: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def of(self, relative: pathlib.PurePath) -> jobs.JobSpec:
        """What to make of a file, named from the folder on."""
        spec = jobs.JobSpec()
        spec.CopyFrom(self.spec)
        spec.title = shown(relative.name)
        if len(relative.parts) > 1:
            spec.preset = self.presets.get(relative.parts[0], spec.preset)
        return spec


@dataclasses.dataclass(frozen=True, slots=True)
class Watch:
    """Submits what is finished.

    Args:
        submissions: Takes it to the suite.
        folder: What is watched.
        ledger: What was submitted.
        wanted: What to make of each file.
        say: Told what happens, in words.
    """

    submissions: submission.Submissions
    folder: Folder
    ledger: Ledger
    wanted: Wanted
    say: Callable[[str], None]

    async def run(self, *, once: bool) -> None:
        """Watches until it is cancelled, or until all that is there now has been submitted."""
        quiet = False
        while True:  # ended by the caller
            finished = await asyncio.to_thread(self.folder.finished, self.ledger)
            try:
                for path, seen in finished:
                    try:
                        await self._submit(path, seen)
                    except submission.FAULTS as error:
                        self.say(f"{shown(path)}: {error}")
                        self.folder.give_up(path, seen)
                quiet = False
            except submission.OUTAGES as error:
                if not quiet:
                    self.say(f"waits for the suite: {error.message}")
                quiet = True
            if once and not quiet and not self.folder.waits:
                return
            await asyncio.sleep(POLL_S)

    async def _submit(self, path: str, seen: Seen) -> None:
        sha256 = await asyncio.to_thread(submission.sha256, path)
        if sha256 is None or look(path) != seen:
            return  # gone, or written to meanwhile: it is looked at again
        job = self.ledger.job(sha256)
        if job is None:
            spec = self.wanted.of(pathlib.PurePath(path).relative_to(self.folder.root))
            job = await self.submissions.file(pathlib.Path(path), sha256, key(self.folder.root, sha256), spec)
            self.say(f"{shown(path)}: job {job}" if job else f"{shown(path)}: submitted before")
        else:
            self.say(f"{shown(path)}: the same recording as that of job {job}")
        await asyncio.to_thread(self.ledger.add, Entry(path, seen, sha256, job))
