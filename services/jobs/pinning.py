"""Pins jobs to the configuration that they began with; see `chassis.pins`."""

import asyncio
import weakref
from collections.abc import AsyncGenerator
from typing import Any

from chassis import errors, live, pins
from chassis import settings as settings_module
from media import errors as media_errors
from media import sessions

SERVICES = ("analyzer", "exporter")  # whose sections say what jobs make


def following(stub: Any, messages: Any, settings: settings_module.Settings) -> live.LiveDocument:
    """The newest configuration as jobs are pinned to it; the last good one is kept on disk.

    Args:
        stub: Of the configuration service.
        messages: Module of its messages.
        settings: Of this process.
    """
    reader = {"environment": settings.environment, "service": settings.name, "instance": settings.instance}

    async def watch(after: int) -> AsyncGenerator[live.Revision, None]:
        async for answer in stub.WatchConfig(messages.WatchConfigRequest(after_version=after, **reader)):
            environment, version = answer.config.environment, answer.config.version
            asked = [
                messages.GetVersionRequest(environment=environment, version=version, service=name) for name in SERVICES
            ]
            try:
                seen = await asyncio.gather(*(stub.GetVersion(one) for one in asked))
            except errors.NotFound:
                continue  # compacted meanwhile, so a later one is on its way
            sections = {
                name: pins.section(live.content(config), name) for name, config in zip(SERVICES, seen, strict=True)
            }
            yield live.Revision(version, {"environment": environment, "sections": sections})

    return live.LiveDocument(live.place(settings, "pins.json"), watch, use=live.Use(variables=None, wait=False))


class Pinner:
    """Keeps in each session what its job goes by.

    Args:
        followed: The newest configuration; see `following`.
        folder: All sessions.
    """

    def __init__(self, followed: live.LiveDocument, folder: sessions.Sessions) -> None:
        self._followed, self._sessions = followed, folder
        self._deciding: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def pin(self, session_id: str) -> str:
        """Path of the configuration that a job is pinned to, which its first step decides.

        Empty as long as nothing is known of any configuration: then each service goes by what it knows itself.

        Raises:
            OSError: It cannot be written.
            media.errors.MediaError: There is no such session.
        """
        async with self._deciding.setdefault(session_id, asyncio.Lock()):  # steps that begin together agree
            value, version = self._followed.value, self._followed.version
            content = pins.packed(pins.Pin(version=version, **value)) if value else b""
            return await asyncio.to_thread(self._kept, session_id, content)

    def _kept(self, session_id: str, content: bytes) -> str:
        session = self._sessions.get(session_id)
        try:
            session.open_read(pins.PATH).close()
        except media_errors.NotThere:
            if not content:
                return ""
            session.write_bytes(pins.PATH, content)
        return pins.PATH
