"""Recognizes speech in workers of its own, or says why it cannot.

A worker is shut in as any other; its model comes as open files and is loaded inside, so that the threads of the engine
are shut in as well. Each source has a worker of its own, which ends with it.
"""

import asyncio
import contextlib
import dataclasses
import logging
import pathlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from media import errors, pool
from services.analyzer.recognition import model

logger = logging.getLogger(__name__)

TASKS = {"probe": "services.analyzer.recognition.hearing:probe", "run": "services.analyzer.recognition.hearing:run"}
PRELOAD = ("services.analyzer.recognition.hearing:warm",)
MEMORY_MIN_BYTES = 3 << 30  # address space: threads reserve much, and a window takes some
MEMORY_PER_BYTE = 6  # of a model: what was read, what is being converted, and what it becomes
PROBE_DEADLINE_S = 600.0  # for loading the largest model from a slow disk
FAULTS = (errors.MediaError, pool.TaskFailed)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What recognizes speech, and how much it may use.

    Attributes:
        model: Path of a model, or its name in the folder of models; empty for no recognition.
        folder: The folder of models.
        sha256: What the hash of the model must be; empty for any.
        language: The language that is spoken; empty to find out.
        threads: That compute at once for a source.
        workers: Sources that are heard side by side.
        queue_limit: Sources that may wait.
        deadline_s: Longest time for a source in seconds.
        heartbeat_s: Longest time for half a minute of speech in seconds.
    """

    model: str
    folder: pathlib.Path
    sha256: str = ""
    language: str = ""
    threads: int = 1
    workers: int = 1
    queue_limit: int = 64
    deadline_s: float = 6 * 3600.0
    heartbeat_s: float = 600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """Whether speech can be recognized.

    Attributes:
        available: Whether it can.
        detail: Why not, or what the model is, for people.
        model: Name of the model; empty where there is none.
        sha256: Its hash.
        languages: Codes of those that it knows.
    """

    available: bool
    detail: str
    model: str = ""
    sha256: str = ""
    languages: tuple[str, ...] = ()


class Recognizer:
    """Writes down what is said; use as an async context manager.

    Args:
        settings: What recognizes, and how much it may use.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: pool.Pool | None = None
        self._model: model.Model | None = None
        self._began = contextlib.AsyncExitStack()
        self.status = Status(False, "no model is given: REELSMITH_ANALYZER_ASR_MODEL names one")

    @property
    def pools(self) -> tuple[pool.Pool, ...]:
        """The pool that it works in, if it does."""
        return (self._pool,) if self._pool is not None else ()

    @property
    def language(self) -> str:
        """The language that sources are taken to be in; empty where it is found out."""
        return self._settings.language

    async def __aenter__(self) -> "Recognizer":
        if not self._settings.model:
            return self
        try:
            await self._begin()
        except FAULTS as error:
            await self._began.aclose()
            self._give_up(error)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._began.aclose()

    async def _begin(self) -> None:
        settings = self._settings
        self._model = await asyncio.to_thread(model.Model.open, settings.model, settings.folder, settings.sha256)
        self._began.callback(self._model.close)
        workers = pool.PoolSettings(
            workers=settings.workers,
            queue_limit=settings.queue_limit,
            memory_bytes=MEMORY_MIN_BYTES + MEMORY_PER_BYTE * self._model.size_bytes,
            cpu_s=round(settings.deadline_s * (settings.threads + 1)),  # one more reads the sound
            output_max_bytes=0,
            preload=PRELOAD,
        )
        self._pool = await self._began.enter_async_context(pool.Pool(workers))
        request = {"threads": settings.threads, "language": settings.language}
        facts = await self._pool.run(
            TASKS["probe"], request, inputs=self._inputs(), deadline_s=PROBE_DEADLINE_S, heartbeat_s=PROBE_DEADLINE_S
        )
        self.status = Status(
            True,
            f"{self._model.size_bytes >> 20} MiB, {settings.threads} threads",
            self._model.name,
            self._model.sha256,
            tuple(facts.value["languages"]),
        )
        logger.info("speech is recognized by %s", self.status.model)

    def refuse_unknown(self, language: str) -> None:
        """Refuses a language that cannot be heard here; without a model nothing is heard, and any is fine.

        Raises:
            errors.Unsupported: The model does not know it (WRONG_LANGUAGE).
        """
        if language and self.status.available and language not in self.status.languages:
            known = ", ".join(self.status.languages)
            raise errors.Unsupported(
                f"the model {self.status.model} does not know the language {language!r}; it knows {known}",
                reason="WRONG_LANGUAGE",
            )

    async def transcribe(self, file: BinaryIO, order: Mapping[str, Any], on_progress: pool.Report) -> Mapping[str, Any]:
        """The transcript of a source and how long it took; see `hearing.run`.

        Args:
            file: The open source.
            order: What `hearing.Order` says of the source; without a language that of the settings.
            on_progress: Called with each progress.

        Raises:
            errors.Unsupported: Speech is not recognized here (NO_MODEL).
            errors.Busy: Too many sources wait.
            errors.WorkerLost: The worker died, hung or ran out of time or memory.
            errors.MediaError: The source cannot be read.
        """
        if self._pool is None:
            raise errors.Unsupported(f"speech is not recognized: {self.status.detail}", reason="NO_MODEL")
        request = {
            **order,
            "language": order.get("language") or self._settings.language,
            "threads": self._settings.threads,
            "name": self.status.model,
            "sha256": self.status.sha256,
        }
        result = await self._pool.run(
            TASKS["run"],
            request,
            inputs={"source": file, **self._inputs()},
            deadline_s=self._settings.deadline_s,
            heartbeat_s=self._settings.heartbeat_s,
            on_progress=on_progress,
        )
        return result.value

    def _give_up(self, error: Exception) -> None:
        self._pool = None
        self.status = Status(False, str(error).strip().splitlines()[-1][:500])
        logger.error("speech is not recognized: %s", self.status.detail)

    def _inputs(self) -> dict[str, BinaryIO]:
        return {f"{model.INPUT}{name}": file for name, file in self._model.files.items()} if self._model else {}
