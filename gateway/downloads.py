"""Finished files of a session, sent in pieces."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import BinaryIO

from chassis import errors
from media import artifacts, sessions
from media import errors as media_errors

PIECE_BYTES = 256 * 1024  # measured as the fastest: larger pieces are copied more, smaller ones called more


async def pieces(
    store: sessions.Sessions, session_id: str, artifact: artifacts.Artifact, offset: int
) -> AsyncIterator[tuple[int, bytes]]:
    """Yields a file from a place on; an empty piece where the place is its end.

    Args:
        store: The sessions.
        session_id: The session that holds the file.
        artifact: The file, as it was committed.
        offset: The first byte.

    Yields:
        The place of a piece, and its bytes: at most `PIECE_BYTES`.

    Raises:
        errors.OutOfRange: The place is behind the end.
        errors.PermissionDenied: The name leads out of the session.
        errors.DataLoss: The file is not what was committed.
    """
    if not 0 <= offset <= artifact.size_bytes:
        raise errors.OutOfRange(
            f"{artifact.path} has {artifact.size_bytes} bytes: there is no byte {offset}",
            reason="OFFSET_OUT_OF_RANGE",
            metadata={"size_bytes": str(artifact.size_bytes)},
        )
    file = await asyncio.to_thread(_opened, store, session_id, artifact)
    try:
        await asyncio.to_thread(file.seek, offset)
        while True:
            data = await asyncio.to_thread(file.read, min(PIECE_BYTES, artifact.size_bytes - offset))
            if not data and offset < artifact.size_bytes:
                raise _damaged(artifact, offset)
            yield offset, data
            offset += len(data)
            if offset >= artifact.size_bytes:
                return
    finally:
        file.close()


def refuse_way_out(path: str) -> None:
    """Refuses a name that leads out of its session.

    Raises:
        errors.PermissionDenied: It does.
    """
    if path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/"):
        raise errors.PermissionDenied(
            f"{path[:200]!r} leads out of the session", reason="PATH_REFUSED", metadata={"path": path[:200]}
        )


def _opened(store: sessions.Sessions, session_id: str, artifact: artifacts.Artifact) -> BinaryIO:
    try:
        file = store.get(session_id).open_read(artifact.path)
    except media_errors.PathRefused as refusal:
        raise errors.PermissionDenied(str(refusal), reason=refusal.reason, metadata=refusal.metadata) from refusal
    size_bytes = os.fstat(file.fileno()).st_size
    if size_bytes != artifact.size_bytes:
        file.close()
        raise _damaged(artifact, size_bytes)
    return file


def _damaged(artifact: artifacts.Artifact, size_bytes: int) -> errors.DataLoss:
    return errors.DataLoss(
        f"{artifact.path} was committed with {artifact.size_bytes} bytes and has {size_bytes}",
        reason="FILE_DAMAGED",
        metadata={"path": artifact.path},
    )
