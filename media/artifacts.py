"""Finished files: what they are called, how large they are and what their content hashes to."""

import dataclasses
import hashlib
import mimetypes
from typing import BinaryIO

HASH_CHUNK_BYTES = 1 << 20  # large enough that hashing, not calling, takes the time

# Names that the system's table may lack or call differently from machine to machine.
MEDIA_TYPES = {
    ".ass": "text/x-ssa",
    ".edl": "text/plain",
    ".fcpxml": "application/xml",
    ".html": "text/html",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".mkv": "video/x-matroska",
    ".mp4": "video/mp4",
    ".otio": "application/json",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
    ".webm": "video/webm",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Artifact:
    """A finished file inside a session.

    Attributes:
        path: Relative to the session folder, with forward slashes.
        size_bytes: Size of the content.
        sha256: Hash of the content, 64 lowercase hexadecimal digits.
        media_type: Such as `video/mp4`.
    """

    path: str
    size_bytes: int
    sha256: str
    media_type: str


def media_type(path: str) -> str:
    """The media type that a file name stands for; bytes of unknown kind otherwise."""
    suffix = path[path.rfind(".") :] if "." in path else ""
    return MEDIA_TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")


def sha256(file: BinaryIO) -> str:
    """The SHA-256 of a whole file, read from its beginning; the file is left at its end."""
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(HASH_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
