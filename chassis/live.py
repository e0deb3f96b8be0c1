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
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from google.protobuf import json_format

import failpoints
from chassis import errors, references, steering
from chassis import settings as settings_module

PAUSE_S, PAUSE_MAX_S = 0.2, 10.0  # between watches that fail
NEWEST = -1  # later than no version: the source begins with its newest
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
Take = Callable[[Mapping[str, Any]], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """How a process uses a document.

    Args:
        accept: Each checks a value before it takes effect; raises `errors.Error` or ValueError to refuse it. Whatever
            else it raises refuses the value too.
        take: Each is told the value when it takes effect.
        variables: What `${NAME}` in the document may see, see `references`; None leaves it as it is.
        wait: Whether a start waits a moment for the source where nothing is known yet.
    """

    accept: Sequence[Accept] = ()
    take: Sequence[Take] = ()
    variables: Mapping[str, str] | None = dataclasses.field(default_factory=dict)
    wait: bool = True


class LiveDocument:
    """Holds the newest version that was accepted; use as `async with`.

    The last good version is kept on disk, so that a process starts and keeps serving while the source is down. A
    version that is refused changes nothing: the one before it stays.

    Args:
        path: File of the last version known to be good.
        watch: Async generator function of the revisions later than a version; for a negative one the newest comes
            first. It may end or fail, and is called again.
        default: The value where neither the disk nor the source knows one; its version is 0.
        use: How it is used.
    """

    def __init__(
        self, path: pathlib.Path, watch: Watch, default: Mapping[str, Any] | None = None, use: Use | None = None
    ) -> None:
        self.interrupted: str = ""  # why the source is not followed now; empty while it is
        self._path = path
        self._watch = watch
        self._use = use or Use()
        self._current = Revision(0, dict(default or {}))
        self._changed = asyncio.Event()
        self._heard = asyncio.Event()  # set with the first answer of the source
        self._task: asyncio.Task[None] | None = None
        self._storing: tuple[asyncio.Future[None], ...] = ()  # the last write, which may be under way

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
        else:
            self._tell()
        self._task = asyncio.create_task(self._follow(), name=f"live {self._path.name}")
        if not stored and self._use.wait:
            with contextlib.suppress(TimeoutError):  # the default holds until the source answers
                await asyncio.wait_for(self._heard.wait(), FIRST_TIMEOUT_S)
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*self._storing, return_exceptions=True)  # a thread ends what it began

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
                async with contextlib.aclosing(self._watch(NEWEST)) as revisions:
                    async for revision in revisions:
                        failures = 0
                        self._note("")
                        await self._offer(revision)
                        self._heard.set()
                failures, reason = failures + 1, "the watch ended"
            except errors.Error as failure:
                failures, reason = failures + 1, str(failure)
            except Exception as bug:  # whatever it is: a revoked key must not stay good for ever
                failures, reason = failures + 1, repr(bug)
                if reason != self.interrupted:  # the same one comes again with each watch
                    logger.exception("following %s failed: this is a bug", self._path.name)
                self._note(reason)
            if failures > 1:  # the first is a restart of the source, or the end of a long stream
                self._note(reason)
            length_s = min(PAUSE_MAX_S, PAUSE_S * 2 ** min(failures - 1, 10))  # 10: the cap is long reached
            await asyncio.sleep(length_s * random.uniform(0.8, 1.2))  # noqa: S311  spreads the watchers of a restart

    async def _offer(self, revision: Revision) -> None:
        """Takes a revision over, and stores it, if it is acceptable."""
        try:
            resolved = self._resolved(revision)
        except ValueError as refusal:
            logger.warning("version %d of %s is refused: %s", revision.version, self._path.name, refusal)
            return
        if resolved == self._current:
            return
        self._take(resolved)
        try:
            await self._kept(revision)
        except OSError as failure:
            logger.warning("version %d is in force, but not kept at %s: %s", revision.version, self._path, failure)

    async def _kept(self, revision: Revision) -> None:
        """Stores a revision.

        Raises:
            OSError: It cannot be stored.
        """
        task = asyncio.ensure_future(asyncio.to_thread(self._store, revision))
        self._storing = (task,)
        await asyncio.shield(task)

    def _take(self, revision: Revision) -> None:
        self._current = revision
        self._tell()
        self._changed.set()
        self._changed = asyncio.Event()
        logger.info("version %d of %s is in force", revision.version, self._path.name)

    def _tell(self) -> None:
        for take in self._use.take:
            try:
                take(self.value)
            except Exception:  # the others are told all the same, and a process starts with what it has on disk
                logger.exception("version %d of %s was not taken over: this is a bug", self.version, self._path.name)

    def _resolved(self, revision: Revision) -> Revision:
        """The revision with what its variables say.

        Raises:
            ValueError: It is not acceptable.
        """
        try:
            value, variables = dict(revision.value), self._use.variables
            if variables is not None:
                value = references.resolved(value, variables)
            for accept in self._use.accept:
                accept(value)
        except (errors.Error, ValueError) as refusal:
            raise ValueError(str(refusal)) from refusal
        except Exception as tripped:  # a check that trips over a document has not found it good
            raise ValueError(repr(tripped)) from tripped
        return Revision(revision.version, value)

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
            revision = self._resolved(Revision(int(content["version"]), dict(content["value"])))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as failure:
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


def content(config: Any) -> dict[str, Any]:
    """The document of a message `Config`, as JSON has it."""
    return json_format.MessageToDict(config.document)


class Answer(Protocol):
    """What the configuration service streams."""

    config: Any


def following(
    call: Callable[[Any], AsyncIterable[Answer]], request: Callable[..., Any], settings: settings_module.Settings
) -> Watch:
    """Revisions of the shared configuration as a process sees it.

    Args:
        call: Method `WatchConfig` of a stub.
        request: Class of its request.
        settings: Environment, name and instance of the process.
    """
    reader = {"environment": settings.environment, "service": settings.name, "instance": settings.instance}

    async def watch(after: int) -> AsyncGenerator[Revision, None]:
        async for answer in call(request(after_version=after, **reader)):
            yield Revision(answer.config.version, content(answer.config))

    return watch


def shared(
    call: Callable[[Any], AsyncIterable[Answer]],
    request: Callable[..., Any],
    settings: settings_module.Settings,
    steered: steering.Steering[Any],
    *accept: Accept,
    wait: bool = True,
) -> LiveDocument:
    """The shared configuration as a process follows it, its own settings among it.

    Args:
        call: Method `WatchConfig` of a stub.
        request: Class of its request.
        settings: Settings that the process was started with.
        steered: Its settings as they are now.
        *accept: Each checks a document before it takes effect.
        wait: Whether the start waits a moment for the service where nothing is known yet.
    """
    variables = references.visible(settings.document_variables, os.environ)
    use = Use((*accept, steered.accept), (steered.take,), variables, wait)
    return LiveDocument(place(settings, "config.json"), following(call, request, settings), use=use)


def place(settings: settings_module.Settings, ending: str) -> pathlib.Path:
    """The file of a process in which something of its configuration is kept."""
    # Of this environment: what was good in another is not for this one. Escaped, for it may be any text.
    environment = settings.environment and "@" + urllib.parse.quote(settings.environment, safe="")
    return settings.state_dir / ".".join(filter(None, (settings.name, settings.instance, environment, ending)))


async def revealed(text: str, call: Callable[[Any], Awaitable[Any]], request: Callable[..., Any], actor: str) -> bytes:
    """The value that a text of a document stands for: that of the secret it refers to, else its own.

    Ask for it when it is needed and do not keep it: each access is on record, and the secret may change.

    Args:
        text: Such as `secret://mail/password`.
        call: Method `AccessSecret` of a stub.
        request: Class of its request.
        actor: Service that asks, for the record.

    Raises:
        errors.NotFound: There is no such secret.
    """
    name = references.secret_name(text)
    if not name:
        return text.encode()
    return (await call(request(name=name, actor=actor))).value


def _sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
