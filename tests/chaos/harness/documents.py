"""A process that keeps uploads, a record and a live document: what all but the job manager keep on disk."""

import asyncio
import hashlib
import os
import pathlib
from collections.abc import AsyncGenerator

from chassis import live
from chassis.audit import chain, journal
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


def tell(root: pathlib.Path) -> None:
    """Adds to a record, which must be whole.

    Raises:
        ValueError: It is not.
    """
    kept = journal.Journal(root / "record", 1 << 20)
    kept.append([(journal.now_us(), chain.Entry("ann", "CreateClips", "jobs/1"))])
    kept.sync()
    if (finding := kept.verify().finding).broken:
        raise ValueError(f"the record is broken: {finding}")


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
    """Does all, and says that it is done."""
    root = pathlib.Path(os.environ["DOCUMENTS_ROOT"])
    upload(root)
    tell(root)
    asyncio.run(follow(root))
    (root / "done").touch()
