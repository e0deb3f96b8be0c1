"""A folder on this machine: each clip with its captions, its picture, and what is said about it as JSON."""

import asyncio
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import socket
import tempfile
from typing import ClassVar

from chassis import errors
from client.publishing import post


@dataclasses.dataclass(frozen=True, slots=True)
class Folder:
    """A folder.

    Args:
        root: The folder; made where it is not there.
    """

    root: pathlib.Path
    repeatable: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What it is called in records: another machine has other folders."""
        return f"file://{socket.gethostname()}{self.root.as_uri().removeprefix('file://')}"

    async def check(self, one: post.Post) -> str:
        """Looks whether files can be made there."""
        place = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
        if not place.is_dir() or not os.access(place, os.W_OK):
            raise errors.FailedPrecondition(f"{place} is no folder in which files can be made", reason="NOT_WRITABLE")
        return f"{len(files(one)) + 1} files to {self.root}"

    async def find(self, one: post.Post) -> str | None:
        """The clip, where it is there with the same content; its description is written last."""
        return await asyncio.to_thread(self._found, one)

    async def send(self, one: post.Post) -> str:
        """Copies the files, each whole or not at all, what is said about them last."""
        return await asyncio.to_thread(self._sent, one)

    def _found(self, one: post.Post) -> str | None:
        if not (self.root / f"{one.name}.json").is_file():
            return None
        same = all(_sha256(self.root / file.name) == file.sha256 for file in files(one))
        return str(self.root / one.video.name) if same else None

    def _sent(self, one: post.Post) -> str:
        self.root.mkdir(parents=True, exist_ok=True)
        for file in files(one):
            self._put(file.name, file.path)
        with tempfile.TemporaryDirectory() as name:
            about = pathlib.Path(name) / "about.json"
            about.write_bytes(described(one))
            self._put(f"{one.name}.json", about)
        return str(self.root / one.video.name)

    def _put(self, name: str, source: pathlib.Path) -> None:
        """A file appears whole: a link that has its name is replaced, not followed."""
        handle, part = tempfile.mkstemp(dir=self.root, prefix=".reelsmith-")
        try:
            with os.fdopen(handle, "wb") as file, source.open("rb") as content:
                shutil.copyfileobj(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(part, 0o644)  # temporary files are private; results are ordinary files
            os.replace(part, self.root / name)
        finally:
            pathlib.Path(part).unlink(missing_ok=True)


def files(one: post.Post) -> list[post.File]:
    """The clip and what belongs to it."""
    return [one.video, *one.beside]


def described(one: post.Post) -> bytes:
    """What is said about a clip, as JSON."""
    document = {
        "schema": "reelsmith.post/1",
        "job": one.job,
        "rank": one.rank,
        "text": dataclasses.asdict(one.text),
        "video": {"name": one.video.name, "sha256": one.video.sha256, "media_type": one.video.media_type},
        "beside": [{"name": file.name, "sha256": file.sha256, "media_type": file.media_type} for file in one.beside],
    }
    return json.dumps(document, ensure_ascii=False, indent=2).encode()


def _sha256(path: pathlib.Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
