"""A process that keeps uploads and a live document: what the gateway, the analyzer and the exporter keep on disk."""

import asyncio
import hashlib
import os
import pathlib
from collections.abc import AsyncGenerator

from chassis import live
from media import sessions

PIECES, PIECE = 3, b"piece of an upload " * 100


def expected() -> str:
    """The hash of the upload."""
    return hashlib.sha256(PIECE * PIECES).hexdigest()


def upload(root: pathlib.Path) -> None:
    """Sends an upload from where it stands, as a caller does after its gateway died."""
    uploads = sessions.Uploads(root)
    kept = root / "upload-id"
    if not kept.exists():
        kept.write_text(uploads.create().id)
    at = uploads.get(kept.read_text())
    while not at.finished and at.size_bytes < PIECES * len(PIECE):  # each turn adds a piece
        rest = len(PIECE) - at.size_bytes % len(PIECE)
        at = uploads.append(at.id, at.size_bytes, PIECE[-rest:])
    done = uploads.finish(at.id)
    (root / "upload-done").write_text(done.sha256)


async def follow(root: pathlib.Path) -> None:
    """Follows a source of five versions."""

    async def watch(after: int) -> AsyncGenerator[live.Revision, None]:
        for version in range(max(after, 0) + 1, 6):
            yield live.Revision(version, {"version": version})
        await asyncio.sleep(3600)

    async with live.LiveDocument(root / "live.json", watch) as document:
        while document.version < 5:  # each turn waits for the next
            await document.changed(document.version, 10)
        for _ in range(1000):  # until the newest is on disk too
            if b'"version": 5' in (root / "live.json").read_bytes():
                break
            await asyncio.sleep(0.01)


def main() -> None:
    """Does both, and says that it is done."""
    root = pathlib.Path(os.environ["DOCUMENTS_ROOT"])
    upload(root)
    asyncio.run(follow(root))
    (root / "done").touch()
