"""How files come into a session and manifests out of it."""

import asyncio
import collections
import os
from typing import Any, BinaryIO

from chassis import errors
from media import artifacts, sessions
from services.exporter import manifest

HASHES_MAX = 256  # sources whose hash is remembered; one takes a hundred bytes


def place(directory: str, folder: str, name: str) -> str:
    """Path of a file in its session: in the call's own folder if it has one, else in the folder of its kind."""
    return f"{directory or folder}/{name}"


class Hashes:
    """SHA-256 of sources, remembered while a file stays the same."""

    def __init__(self) -> None:
        self._known: collections.OrderedDict[tuple[int, ...], str] = collections.OrderedDict()

    async def of(self, file: BinaryIO) -> str:
        """Hashes a file, or remembers."""
        state = os.fstat(file.fileno())
        key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
        if key not in self._known:
            self._known[key] = await asyncio.to_thread(artifacts.sha256, file)
        self._known.move_to_end(key)
        if len(self._known) > HASHES_MAX:
            self._known.popitem(last=False)
        return self._known[key]


async def read_manifest(session: sessions.Session, path: str) -> dict[str, Any]:
    """Reads a manifest of a session.

    Raises:
        errors.FailedPrecondition: it is none.
    """
    data = await asyncio.to_thread(session.read, path, manifest.BYTES_MAX)
    try:
        return await asyncio.to_thread(manifest.load, data)
    except manifest.Malformed as error:
        raise malformed(path, error) from error


def malformed(path: str, error: manifest.Malformed) -> errors.FailedPrecondition:
    """The error of a manifest that cannot be read."""
    return errors.FailedPrecondition(f"{path}: {error}", reason="MANIFEST_MALFORMED", metadata={"path": path})
