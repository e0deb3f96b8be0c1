"""Where an analysis runs: on a card that can, else on the processor. What is found does not depend on it.

Each task has a process of its own, so one whose card failed is replaced in any case. The card is then left alone for a
while and tried again before it gets the next source; meanwhile, and for whatever it cannot decode, there is the
processor.
"""

import asyncio
import contextlib
import dataclasses
import importlib.util
import logging
import pathlib
import time
from collections.abc import Mapping
from typing import Any, Literal

from media import errors, pool, sandbox, source
from services.analyzer import tasks

logger = logging.getLogger(__name__)

Asked = Literal["auto", "cpu", "cuda"]
PAUSE_S = 60.0  # from a failure of the card to the next trial: a driver that resets it takes seconds
PROBE_DEADLINE_S = 120.0  # of a trial; the first one compiles the kernels
CONTROL = pathlib.Path("/dev/nvidiactl")  # there where a driver is
FAILURES = ("DEVICE_FAILED", "CRASHED", "SILENT", "OUT_OF_MEMORY")  # of a worker with a card: it may be the card
FAULTS = (errors.MediaError, pool.TaskFailed)


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """What measures pictures now.

    Attributes:
        backend: `cpu` or `cuda`.
        detail: Why, for people.
        devices: Names of the cards in use.
        decoders: What they decode.
    """

    backend: Literal["cpu", "cuda"]
    detail: str
    devices: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()


class Placement:
    """Runs tasks on one of two pools; use as an async context manager, within that of the processor's pool.

    Args:
        processor: The pool whose children have no device.
        settings: Those of a pool whose children have one.
        asked: Which backend is wanted. A worker with a card stands in a weaker box, so nothing but the word `cuda`
            takes one.
    """

    def __init__(self, processor: pool.Pool, settings: pool.PoolSettings, asked: Asked) -> None:
        self._processor, self._settings, self._asked = processor, settings, asked
        self._card: pool.Pool | None = None
        self._began = contextlib.AsyncExitStack()
        self._trying = asyncio.Lock()
        self._lost_s = 0.0
        self._status = Status("cpu", _untried(asked))

    @property
    def status(self) -> Status:
        """What measures pictures now."""
        return self._status

    @property
    def pools(self) -> tuple[pool.Pool, ...]:
        """The pools that tasks run in."""
        return (self._processor, self._card) if self._card is not None else (self._processor,)

    def protections(self) -> list[sandbox.Protection]:
        """The protections around all children; those around children with a card begin with `cuda:`."""
        card = self._card.protections() if self._card is not None else []
        return [*self._processor.protections(), *(dataclasses.replace(one, name=f"cuda:{one.name}") for one in card)]

    async def __aenter__(self) -> "Placement":
        if self._asked == "cuda":
            await self._try()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._began.aclose()

    async def run(
        self, task: str, request: Mapping[str, Any], *, pictures: bool = False, **options: Any
    ) -> pool.Result:
        """Runs a task; see `pool.Pool.run`.

        Args:
            task: The function.
            request: What it is asked; the backend is added.
            pictures: Whether it measures pictures, which a card can.
            options: As the pool takes them.
        """
        card = await self._usable() if pictures else None
        if card is not None:
            try:
                return await card.run(task, {**request, "backend": "cuda"}, **options)
            except errors.Unsupported as error:
                if error.reason != source.NOT_ON_DEVICE:
                    raise
                logger.info("%s; the processor takes it", error.message)
            except errors.WorkerLost as error:
                if error.reason == "DEVICE_MEMORY":
                    logger.warning("%s; the processor takes it", error.message)
                elif error.reason in FAILURES:
                    self._lose(error)
                else:
                    raise
            except pool.TaskFailed as error:  # what the driver raised, and nobody expected
                self._lose(error)
        return await self._processor.run(task, request, **options)

    async def _usable(self) -> pool.Pool | None:
        """The pool with the card, where it works and has a free worker: nobody waits while the processor can begin."""
        if self._asked != "cuda" or self._trying.locked():
            return None
        if self._status.backend == "cpu" and time.monotonic() - self._lost_s >= PAUSE_S:
            await self._try()
        card = self._card if self._status.backend == "cuda" else None
        return card if card is not None and card.busy < card.workers else None

    async def _try(self) -> None:
        """Finds out in a fresh process whether the card works."""
        async with self._trying:
            try:
                if not installed():
                    raise errors.Unsupported("reelsmith[gpu] is not installed")
                if self._card is None:
                    self._card = await self._began.enter_async_context(pool.Pool(self._settings))
                facts = (await self._card.run(tasks.CARD_PROBE, {}, deadline_s=PROBE_DEADLINE_S)).value
            except FAULTS as error:
                self._lose(error)
            else:
                detail = f"driver {facts['driver']}, compute capability {facts['compute']}"
                self._status = Status("cuda", detail, (facts["name"],), tuple(facts["decoders"]))
                logger.info("pictures are measured on %s, %s", facts["name"], detail)

    def _lose(self, error: Exception) -> None:
        self._lost_s = time.monotonic()
        self._status = Status("cpu", f"the card cannot be used: {str(error).strip().splitlines()[-1]}"[:500])
        logger.error("pictures are measured on the processor: %s", self._status.detail)


def _untried(asked: Asked) -> str:
    """Why no card was tried."""
    if asked == "cpu":
        return "as asked"
    return "a card is there, and used where the backend is `cuda`" if CONTROL.exists() else "no card is there"


def installed() -> bool:
    """Whether the library that speaks to cards is installed (`reelsmith[gpu]`)."""
    return importlib.util.find_spec("cupy") is not None
