"""Sources that arrive in pieces; a broken upload goes on where it stopped."""

import asyncio
import contextlib
import dataclasses
import logging
import re
import weakref
from collections.abc import AsyncIterator

from chassis import errors
from gateway import tenants
from media import errors as media_errors
from media import sessions

PIECE_BYTES_MAX = 1 << 20  # as the API says
FILE_NAME_LENGTH_MAX = 255  # characters, what file systems allow
SWEEP_MAX_S = 3600.0  # between two looks for uploads that were left alone: they may stay for days
SHA256 = re.compile(r"[0-9a-f]{64}")

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """What one message brings.

    Args:
        offset: Place of the first byte.
        data: The bytes.
        finish: Whether this is the last piece.
        sha256: Hash of the whole, to check at the end; empty for none.
    """

    offset: int
    data: bytes
    finish: bool
    sha256: str


class Uploads:
    """Takes pieces one after the other, whatever streams they come from.

    Args:
        store: Where uploads are kept.
    """

    def __init__(self, store: sessions.Uploads) -> None:
        self._store = store
        # A stream whose client vanished may still be writing when the next one goes on with the same upload. The locks
        # live as long as a stream holds them.
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def start(self, upload_id: str, file_name: str) -> sessions.Upload:
        """A new upload, or one that goes on.

        Raises:
            errors.InvalidArgument: The file name is too long.
            media.errors.NotThere: There is no such upload.
        """
        if len(file_name) > FILE_NAME_LENGTH_MAX:
            raise invalid("file_name", f"has {len(file_name)} characters, {FILE_NAME_LENGTH_MAX} are allowed")
        if upload_id:
            return await self.get(upload_id)
        return await asyncio.to_thread(self._store.create, tenants.mine())

    async def get(self, upload_id: str) -> sessions.Upload:
        """How far an upload is.

        Raises:
            media.errors.NotThere: There is no such upload, or it is another tenant's.
        """
        found, owner = await asyncio.to_thread(self._found, upload_id)
        if found is None or not tenants.owned(owner):  # in the same words: nobody learns what others have
            raise media_errors.NotThere(f"there is no upload {upload_id}", metadata={"upload_id": upload_id})
        return found

    async def delete(self, upload_id: str) -> None:
        """Removes an upload; whoever still sends it is told that it is not there.

        Raises:
            media.errors.NotThere: There is no such upload, or it is another tenant's.
        """
        await self.get(upload_id)
        async with self._locks.setdefault(upload_id, asyncio.Lock()):
            await asyncio.to_thread(self._store.delete, upload_id)

    @contextlib.asynccontextmanager
    async def swept(self, keep_s: float) -> AsyncIterator[None]:
        """Removes what is not whole and was left alone for so long, during the block."""
        sweeping = asyncio.create_task(self._sweep(keep_s), name="sweep of uploads")
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    async def _sweep(self, keep_s: float) -> None:
        while True:  # the life of the process
            try:
                removed = await asyncio.to_thread(self._store.sweep, keep_s)
            except (OSError, media_errors.MediaError) as error:
                logger.warning("uploads that were left alone stay until the next look: %s", error)
            else:
                if removed:
                    logger.info("%d uploads that were left alone are removed", removed)
            await asyncio.sleep(min(keep_s, SWEEP_MAX_S))

    async def take(self, upload_id: str, piece: Piece) -> sessions.Upload:
        """Adds a piece; it is on disk when this returns.

        Raises:
            errors.InvalidArgument: The piece is larger than the API allows, or its hash is none.
            media.errors.Conflict: The upload stands elsewhere; metadata has the `offset`.
            media.errors.Refused: The whole is too large, or hashes to something else.
        """
        if len(piece.data) > PIECE_BYTES_MAX:
            raise invalid("data", f"has {len(piece.data)} bytes, {PIECE_BYTES_MAX} are allowed")
        if piece.sha256 and not SHA256.fullmatch(piece.sha256):
            raise invalid("sha256", "is not 64 lowercase hexadecimal digits")
        # A caller that goes away does not stop a thread that writes: the lock is held until it has ended.
        writing = asyncio.create_task(self._locked(upload_id, piece))
        writing.add_done_callback(_heard)
        return await asyncio.shield(writing)

    async def _locked(self, upload_id: str, piece: Piece) -> sessions.Upload:
        lock = self._locks.setdefault(upload_id, asyncio.Lock())
        async with lock:
            return await asyncio.to_thread(self._write, upload_id, piece)

    def _found(self, upload_id: str) -> tuple[sessions.Upload | None, str]:
        try:
            return self._store.get(upload_id), self._store.owner(upload_id)
        except media_errors.NotThere:
            return None, ""

    def _write(self, upload_id: str, piece: Piece) -> sessions.Upload:
        upload = self._store.get(upload_id)
        if piece.data or (piece.finish and not upload.finished):
            upload = self._store.append(
                upload_id, piece.offset, piece.data
            )  # refuses another offset, also for no bytes
        return self._store.finish(upload_id, piece.sha256) if piece.finish else upload


def _heard(writing: asyncio.Task[sessions.Upload]) -> None:
    if not writing.cancelled():
        writing.exception()  # whoever still waits raises it; with nobody left it is no news


def invalid(field: str, message: str) -> errors.InvalidArgument:
    """The error of one wrong field."""
    return errors.InvalidArgument(f"{field} {message}", reason="INVALID_FIELD", fields=[errors.Field(field, message)])
