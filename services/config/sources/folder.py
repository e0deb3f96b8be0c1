"""A watched folder: what is valid in it becomes a version, what is not leaves the last good one in force."""

import asyncio
import contextlib
import dataclasses
import logging
import pathlib
import time
from collections.abc import AsyncGenerator

import prometheus_client
import watchfiles

from chassis import errors
from chassis.audit import chain
from services.config import lasting, layers
from services.config import versions as versions_module
from services.config.audit import record
from services.config.sources import files

ACTION, ACTOR = "LoadFolder", "folder"  # on record
STEP_MS, SETTLE_MS = 50, 200  # an editor's save is several changes: it is over after this much silence
LOOK_S = 10.0  # between two looks without a change: for file systems that tell nothing, and folders that are replaced

HEALTHY = prometheus_client.Gauge(
    "reelsmith_config_source_healthy", "Whether the files of an environment are in force as they are.", ["environment"]
)
LOADS = prometheus_client.Counter(
    "reelsmith_config_source_loads_total", "Readings of files that were new, by outcome.", ["environment", "outcome"]
)

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """How the files of an environment stand.

    Args:
        environment: Its name.
        files: Their names.
        digest: Hash of what they hold.
        fault: What is wrong with them; empty where nothing is.
        load_time_us: When something in them was last new, in microseconds since 1970 UTC.
        version: The version that they made last; 0 for none.
        lasting: Whether they speak of the sections that calls change otherwise, such as keys.
    """

    environment: str
    files: tuple[str, ...]
    digest: str
    fault: str
    load_time_us: int
    version: int
    lasting: bool = False


class Folder:
    """Watches a folder of files; use as `async with`.

    Args:
        path: The folder; None for none, which does nothing.
        versions: What can be done with versions.
        events: The record of what was done and refused.
    """

    def __init__(self, path: pathlib.Path | None, versions: versions_module.Versions, events: record.Record) -> None:
        self._path, self._versions, self._events = path, versions, events
        self._sources: dict[str, Source] = {}
        self._looking = asyncio.Lock()
        self._trouble = ""  # why the folder cannot be read; empty while it can
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Folder":
        if self._path:
            await self.look()
            self._task = asyncio.create_task(self._follow(), name="folder")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def sources(self) -> list[Source]:
        """How the files of each environment stand."""
        return [self._sources[name] for name in sorted(self._sources)]

    def has(self, environment: str) -> bool:
        """Whether an environment's document comes from files."""
        unknown = bool(self._trouble) and not self._sources  # it could not be read yet: it may say anything
        return unknown or environment in self._sources

    def keeps(self, environment: str) -> bool:
        """Whether files also say what keys an environment has; else calls do, beside them."""
        source = self._sources.get(environment)
        return source is None or source.lasting

    async def look(self) -> None:
        """Reads the files, and takes over what is new in them."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        try:
            groups = await asyncio.to_thread(files.read, self._path)
        except errors.Unavailable as error:
            self._note(str(error))
            return
        self._note("")
        for gone in set(self._sources) - {group.environment for group in groups}:
            logger.warning("%s has no files any more: its last version stays, and can be changed by calls", gone)
            HEALTHY.remove(gone)
            del self._sources[gone]
        for group in groups:
            known = self._sources.get(group.environment)
            if known is None or known.digest != group.digest:
                self._sources[group.environment] = await self._load(group, known)

    async def _load(self, group: files.Group, known: Source | None) -> Source:
        name = group.environment
        fault, digest = "", group.digest
        version, speaks = (known.version, known.lasting) if known else (0, False)
        try:
            content = files.content(group)
            version, speaks = await self._taken(group, content), lasting.named(content)
        except errors.Error as error:
            fault = str(error)
            if not isinstance(error, record.REFUSALS):
                digest = ""  # not their fault, a full disk for one: the next look tries again
            logger.warning("the files of %s are not taken, the version before stays: %s", name, fault)
            resource = f"config/{name}"[: versions_module.ACTOR_LENGTH_MAX]
            await self._events.refused(chain.Entry(ACTOR, ACTION, resource), error)
        HEALTHY.labels(name).set(not fault)
        LOADS.labels(name, "refused" if fault else "done").inc()
        return Source(name, tuple(sorted(group.texts)), digest, fault, time.time_ns() // 1000, version, speaks)

    async def _taken(self, group: files.Group, found: layers.Content) -> int:
        newest = await self._versions.newest(group.environment)
        content = lasting.unsaid(found, newest.content)
        if content == newest.content:
            self._versions.check(content)  # the rules may be others than when it was made
            return newest.number
        said = f"from {', '.join(sorted(group.texts))}"[: versions_module.COMMENT_LENGTH_MAX]
        made = await self._versions.rewrite(
            group.environment,
            lambda now: lasting.unsaid(found, now),
            None,
            actor=ACTOR,
            comment=said,
            action=ACTION,
        )
        logger.info("version %d of %s is made %s", made.number, group.environment, said)
        return made.number

    async def _follow(self) -> None:
        while True:  # for the life of the process; begins anew where the folder itself is replaced, or is not there
            try:
                async with contextlib.aclosing(_changes(self._path)) as changes:
                    async for _ in changes:
                        await self.look()
            except OSError as error:
                self._note(f"{self._path.name} cannot be watched: {error.strerror or error}")
                await asyncio.sleep(LOOK_S)
            await self.look()

    def _note(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            logger.warning("%s; what was read before stays", trouble)
        self._trouble = trouble


async def _changes(path: pathlib.Path) -> AsyncGenerator[None, None]:
    """Says when to look again, as long as the folder is the one that is watched."""
    watched = await asyncio.to_thread(path.stat)
    watch = watchfiles.awatch(
        path,
        watch_filter=None,  # a link that is swapped has a name of its own
        step=STEP_MS,
        debounce=SETTLE_MS,
        rust_timeout=int(LOOK_S * 1000),
        yield_on_timeout=True,
        recursive=False,
    )
    async with contextlib.aclosing(watch):
        while True:  # until the folder is another one
            heard = asyncio.create_task(_next(watch))
            try:
                await asyncio.sleep(0)  # the watch begins: what changes from here on is heard
                yield
                await heard
            finally:
                heard.cancel()
                await asyncio.gather(heard, return_exceptions=True)
            now = await asyncio.to_thread(path.stat)
            if (now.st_dev, now.st_ino) != (watched.st_dev, watched.st_ino):
                return


async def _next(watch: AsyncGenerator[object, None]) -> None:
    await anext(watch)
