"""A document that follows its source and survives without it: last known good, on disk."""

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import random
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import failpoints
from chassis import errors

PAUSE_S, PAUSE_MAX_S = 0.2, 10.0  # between watches that fail
NOTHING = -1  # later than no version: the source begins with its newest
FIRST_TIMEOUT_S = 3.0  # how long a start waits for the source where nothing is known yet

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Revision:
    """One version of a document.

    Args:
        version: Grows with every change.
        value: The content, as JSON has it.
    """

    version: int
    value: Mapping[str, Any]


Watch = Callable[[int], AsyncGenerator[Revision, None]]
Accept = Callable[[Mapping[str, Any]], None]


class LiveDocument:
    """Holds the newest version that was accepted; use as `async with`.

    The last good version is kept on disk, so that a process starts and keeps serving while the source is down. A
    version that is refused changes nothing: the one before it stays.

    Args:
        path: File of the last version known to be good.
        watch: Async generator function of the revisions later than a version; for a negative one the newest comes
            first. It may end or fail, and is called again.
        default: The value where neither the disk nor the source knows one; its version is 0.
        accept: Checks a value before it takes effect; raises `errors.Error` or ValueError to refuse it.
    """

    def __init__(
        self, path: pathlib.Path, watch: Watch, default: Mapping[str, Any] | None = None, accept: Accept | None = None
    ) -> None:
        self.interrupted: str = ""  # why the source is not followed now; empty while it is
        self._path = path
        self._watch = watch
        self._accept = accept or (lambda value: None)
        self._current = Revision(0, dict(default or {}))
        self._changed = asyncio.Event()
        self._heard = asyncio.Event()  # set with the first answer of the source
        self._after = NOTHING  # the version that the source is asked from: the default is none of its own
        self._task: asyncio.Task[None] | None = None

    @property
    def value(self) -> dict[str, Any]:
        """The content in force, to be read only: a change arrives as a new dictionary."""
        return self._current.value  # type: ignore[return-value]  always made by `dict` or by the JSON parser

    @property
    def version(self) -> int:
        """The version in force; 0 for the default."""
        return self._current.version

    async def __aenter__(self) -> "LiveDocument":
        stored = await asyncio.to_thread(self._load)
        if stored:
            self._take(stored)
        self._task = asyncio.create_task(self._follow(), name=f"live {self._path.name}")
        if not stored:
            with contextlib.suppress(TimeoutError):  # the default holds until the source answers
                await asyncio.wait_for(self._heard.wait(), FIRST_TIMEOUT_S)
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def changed(self, after: int, timeout_s: float | None = None) -> int:
        """Waits until a version other than the given one is in force, and returns it.

        Args:
            after: The version that the caller knows.
            timeout_s: How long to wait; None for ever.

        Raises:
            TimeoutError: There is none in time.
        """
        async with asyncio.timeout(timeout_s):
            while self.version == after:  # bounded by the timeout
                await self._changed.wait()
        return self.version

    async def _follow(self) -> None:
        failures = 0
        while True:  # for the life of the process; paused after every end of the watch
            try:
                async with contextlib.aclosing(self._watch(self._after)) as revisions:
                    async for revision in revisions:
                        failures = 0
                        self._note("")
                        await self._offer(revision)
                        self._heard.set()
                failures, reason = failures + 1, "the watch ended"
            except errors.Error as failure:
                failures, reason = failures + 1, str(failure)
            if failures > 1:  # the first is a restart of the source, or the end of a long stream
                self._note(reason)
            length_s = min(PAUSE_MAX_S, PAUSE_S * 2 ** min(failures - 1, 10))  # 10: the cap is long reached
            await asyncio.sleep(length_s * random.uniform(0.8, 1.2))  # noqa: S311  spreads the watchers of a restart

    async def _offer(self, revision: Revision) -> None:
        """Takes a revision over, and stores it, if it is acceptable."""
        if revision.version == self.version and revision.value == self.value:
            return
        try:
            self._accept(revision.value)
        except (errors.Error, ValueError) as refusal:
            logger.warning("version %d of %s is refused: %s", revision.version, self._path.name, refusal)
            return
        self._take(revision)
        try:
            await asyncio.to_thread(self._store, revision)
        except OSError as failure:
            logger.warning("version %d is in force, but not kept at %s: %s", revision.version, self._path, failure)

    def _take(self, revision: Revision) -> None:
        self._current, self._after = revision, revision.version
        self._changed.set()
        self._changed = asyncio.Event()
        logger.info("version %d of %s is in force", revision.version, self._path.name)

    def _note(self, reason: str) -> None:
        if reason and not self.interrupted:
            logger.warning("%s is not followed now; version %d stays: %s", self._path.name, self.version, reason)
        if self.interrupted and not reason:
            logger.info("%s is followed again", self._path.name)
        self.interrupted = reason

    def _load(self) -> Revision | None:
        """The version on disk, if there is one that can be read and is still acceptable."""
        try:
            content = json.loads(self._path.read_bytes())
            revision = Revision(int(content["version"]), dict(content["value"]))
            self._accept(revision.value)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, errors.Error) as failure:
            logger.warning("%s is not used: %s", self._path, failure)
            return None
        return revision

    def _store(self, revision: Revision) -> None:
        """Replaces the file as a whole: a reader sees the old version or the new one, also after a power cut."""
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump({"version": revision.version, "value": dict(revision.value)}, file)
                file.flush()
                with failpoints.around("live.sync"):
                    os.fsync(file.fileno())
            with failpoints.around("live.rename"):
                os.replace(temporary, self._path)
        except OSError:
            pathlib.Path(temporary).unlink(missing_ok=True)
            raise
        with failpoints.around("live.folder_sync"):
            _sync_folder(folder)


def _sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
