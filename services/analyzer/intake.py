"""Sources that are fetched: from a URL into a session, with progress."""

import asyncio
import time

from media import artifacts, sessions
from media.ingest import fetching
from services.analyzer import analyses, progress

STAGE = "fetch"
FOLDER = "source"


class Intake:
    """Fetches sources into sessions.

    Args:
        fetcher: Fetches one.
        store: All sessions.
    """

    def __init__(self, fetcher: fetching.Fetcher, store: sessions.Sessions) -> None:
        self._fetcher, self._store = fetcher, store

    async def fetch(self, url: str, target: analyses.Target, listener: analyses.Listener) -> artifacts.Artifact:
        """A source as a file of a session.

        Args:
            url: Where it is.
            target: Where it goes.
            listener: Called with the progress.

        Raises:
            media.errors.MediaError: It may not be fetched, or does not come.
        """
        session = await asyncio.to_thread(self._store.get, target.session_id)
        begin_s = time.monotonic()

        def heard(done: int, total: int | None) -> None:
            fraction = min(1.0, done / total) if total else 0.0
            past_s = time.monotonic() - begin_s
            eta_s = past_s * (1 - fraction) / fraction if fraction > progress.TRUSTED else None
            listener(progress.Progress(min(fraction, progress.NEARLY), STAGE, eta_s=eta_s))

        return await self._fetcher.fetch(url, session, target.directory or FOLDER, heard)
