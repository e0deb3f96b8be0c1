"""Sessions (one folder per job), uploads, and the sources that callers name.

A session is named by 128 random bits and has a fixed shape; see `FOLDERS`. Every name a caller gives is resolved
beneath its folder by `media.folders`, from which there is no way out.
"""

import asyncio
import contextlib
import dataclasses
import fcntl
import itertools
import os
import pathlib
import re
import secrets
import sys
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import BinaryIO

import failpoints
from media import artifacts, errors, folders

FOLDERS = ("video_clips", "audio", "images", "scripts", "metadata", "final_output", "logs")
ID = re.compile(r"[0-9a-f]{32}")
LANGUAGE = "[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}"  # a tag as BCP 47 writes it
BESIDE_MAX = 100_000  # names in a folder that are looked at; in larger ones only the plain names are tried
UPLOAD_PART, UPLOAD_WHOLE = "part", "source"
OWNER_BYTES_MAX = 256  # names of tenants have 63 characters at most


def new_id() -> str:
    """A name that nobody can guess: 128 random bits as 32 lowercase hexadecimal digits."""
    return secrets.token_hex(16)


def checked_id(text: str, kind: str) -> str:
    """The identifier itself.

    Raises:
        errors.PathRefused: It is not 32 lowercase hexadecimal digits.
    """
    if not ID.fullmatch(text):
        raise errors.PathRefused(
            f"{text[:64]!r} is no {kind} identifier: expected 32 lowercase hexadecimal digits", reason="BAD_IDENTIFIER"
        )
    return text


def _made(root: str | os.PathLike[str], name: str) -> pathlib.Path:
    """A folder of the storage root, by its real path: from here on no link is followed."""
    folder = pathlib.Path(root) / name
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder.resolve()


@dataclasses.dataclass(slots=True)
class Pending:
    """A file that is being written; `artifact` is there once the block has ended well."""

    file: BinaryIO
    artifact: artifacts.Artifact | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """The folder of one job."""

    id: str
    root: pathlib.Path

    def open_read(self, relative: str) -> BinaryIO:
        """Opens a file of the session.

        Raises:
            errors.NotThere: There is no such file.
            errors.PathRefused: The name leads elsewhere.
        """
        return folders.open_file(self.root, relative)

    def read(self, relative: str, size_max_bytes: int) -> bytes:
        """The content of a small file of the session.

        Raises:
            errors.Refused: It is larger than expected.
        """
        with self.open_read(relative) as file:
            content = file.read(size_max_bytes + 1)
        if len(content) > size_max_bytes:
            raise errors.Refused(f"{relative} is larger than {size_max_bytes} bytes", reason="TOO_LARGE")
        return content

    @contextlib.contextmanager
    def write(self, relative: str) -> Iterator[Pending]:
        """Writes a file that appears whole at the end of the block, or not at all."""
        with folders.replacing(self.root, relative) as file:
            pending = Pending(file)
            yield pending
            file.flush()
            artifact = artifacts.Artifact(
                relative, os.fstat(file.fileno()).st_size, artifacts.sha256(file), artifacts.media_type(relative)
            )
        pending.artifact = artifact

    def write_bytes(self, relative: str, content: bytes) -> artifacts.Artifact:
        """Writes a small file whole."""
        with self.write(relative) as pending:
            pending.file.write(content)
        assert pending.artifact is not None  # noqa: S101 - set when the block ended well
        return pending.artifact

    def stat(self, relative: str) -> artifacts.Artifact:
        """What a file of the session is; reads it whole for the hash."""
        with self.open_read(relative) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            return artifacts.Artifact(relative, size_bytes, artifacts.sha256(file), artifacts.media_type(relative))

    def publish(self, source: str, target: str) -> None:
        """Gives a finished file its final name, replacing what has it; repeating it changes nothing."""
        folders.link_over(self.root, source, target)

    def list(self, folder: str) -> list[str]:
        """Sorted names in a folder of the session."""
        return folders.names(self.root, folders.parts(folder))

    def remove(self, relative: str) -> None:
        """Removes a file or a folder of the session; gone already is fine."""
        folders.remove_tree(self.root, folders.parts(relative))


@contextlib.asynccontextmanager
async def writing(session: Session, relative: str) -> AsyncIterator[Pending]:
    """`Session.write`, whose end hashes and waits for the disk, outside of the event loop."""
    block = session.write(relative)
    pending = await asyncio.to_thread(block.__enter__)
    try:
        yield pending
    except BaseException:
        await asyncio.shield(asyncio.to_thread(block.__exit__, *sys.exc_info()))
        raise
    await asyncio.to_thread(block.__exit__, None, None, None)


class Sessions:
    """All sessions below one storage root.

    Args:
        root: The storage root; sessions live in its folder `sessions`.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = _made(root, "sessions")

    def create(self, session_id: str | None = None) -> Session:
        """Makes a session with its folders; one that exists already is returned as it is."""
        name = checked_id(session_id or new_id(), "session")
        with folders.opened(self._root, [name], create=True) as session:
            there = set(os.listdir(session))
        for folder in sorted(set(FOLDERS) - there):
            with folders.opened(self._root, [name, folder], create=True):
                continue
        return Session(name, self._root / name)

    def get(self, session_id: str) -> Session:
        """A session that exists.

        Raises:
            errors.NotThere: It does not.
            errors.PathRefused: The identifier is none.
        """
        with folders.opened(self._root, [checked_id(session_id, "session")]):
            return Session(session_id, self._root / session_id)

    def delete(self, session_id: str) -> None:
        """Removes a session with all files; gone already is fine."""
        folders.remove_tree(self._root, [checked_id(session_id, "session")])

    def list(self) -> list[str]:
        """Identifiers of all sessions."""
        return [name for name in folders.names(self._root, []) if ID.fullmatch(name)]

    def sweep(self, age_min_s: float) -> int:
        """Removes temporary files that killed processes left; returns how many."""
        return folders.sweep(self._root, age_min_s, time.time())


@dataclasses.dataclass(frozen=True, slots=True)
class Upload:
    """How far an upload is.

    Attributes:
        size_bytes: What has arrived and is on disk.
        finished: Whether all has arrived and was checked.
        sha256: Hash of the whole; empty until finished.
    """

    id: str
    size_bytes: int
    finished: bool = False
    sha256: str = ""


class Uploads:
    """Sources that arrive in pieces.

    Args:
        root: The storage root; uploads live in its folder `uploads`.
        size_max_bytes: Largest upload that is taken.
    """

    def __init__(self, root: str | os.PathLike[str], size_max_bytes: int = 1 << 40) -> None:
        self._root = _made(root, "uploads")
        self._size_max_bytes = size_max_bytes

    def create(self, owner: str = "") -> Upload:
        """Starts an upload.

        Args:
            owner: Whose it is; empty for nobody's.
        """
        upload_id = new_id()
        if owner:
            with folders.replacing(self._root, f"{upload_id}/owner") as file:
                file.write(owner.encode("ascii"))
        with folders.opened(self._root, [upload_id], create=True) as folder:
            os.close(os.open(UPLOAD_PART, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640, dir_fd=folder))
            with failpoints.around("media.upload.make"):
                os.fsync(folder)
        return Upload(upload_id, 0)

    def get(self, upload_id: str) -> Upload:
        """How far an upload is.

        Raises:
            errors.NotThere: There is no such upload.
        """
        checked_id(upload_id, "upload")
        with (
            contextlib.suppress(errors.NotThere),
            folders.open_file(self._root, f"{upload_id}/{UPLOAD_WHOLE}") as file,
            folders.open_file(self._root, f"{upload_id}/sha256") as digest,
        ):
            return Upload(upload_id, os.fstat(file.fileno()).st_size, True, digest.read(64).decode("ascii"))
        with folders.open_file(self._root, f"{upload_id}/{UPLOAD_PART}") as file:
            return Upload(upload_id, os.fstat(file.fileno()).st_size)

    def owner(self, upload_id: str) -> str:
        """Whose an upload is; empty for nobody's.

        Raises:
            errors.NotThere: There is no such upload.
        """
        self.get(upload_id)
        try:
            with folders.open_file(self._root, f"{upload_id}/owner") as file:
                return file.read(OWNER_BYTES_MAX).decode("ascii")
        except errors.NotThere:
            return ""

    def append(self, upload_id: str, offset: int, chunk: bytes) -> Upload:
        """Adds a piece at the end; it is on disk when this returns.

        Raises:
            errors.Conflict: The upload does not stand at that offset, or is finished; metadata has the `offset`.
            errors.Refused: It would become too large.
        """
        if offset + len(chunk) > self._size_max_bytes:
            raise errors.Refused(f"an upload may have {self._size_max_bytes} bytes at most", reason="TOO_LARGE")
        upload = self.get(upload_id)
        if upload.finished:
            raise _elsewhere(upload, offset)
        with folders.opened(self._root, [upload_id]) as folder, folders.translated(f"upload {upload_id}"):
            descriptor = os.open(UPLOAD_PART, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            with os.fdopen(descriptor, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # two callers that send the same piece write it once
                size_bytes = os.fstat(descriptor).st_size
                if offset != size_bytes:
                    raise _elsewhere(Upload(upload_id, size_bytes), offset)
                file.seek(offset)
                file.write(chunk)
                file.flush()
                with failpoints.around("media.upload.append"):
                    os.fsync(descriptor)
        return Upload(upload_id, offset + len(chunk))

    def finish(self, upload_id: str, sha256: str = "") -> Upload:
        """Ends an upload after checking its hash; repeating it gives the same answer.

        Raises:
            errors.Refused: The content hashes to something else (CHECKSUM_MISMATCH).
        """
        upload = self.get(upload_id)
        if not upload.finished:
            with folders.open_file(self._root, f"{upload_id}/{UPLOAD_PART}") as file:
                found = artifacts.sha256(file)
            _check_hash(upload_id, sha256, found)
            with folders.replacing(self._root, f"{upload_id}/sha256") as file:
                file.write(found.encode("ascii"))
            with folders.opened(self._root, [upload_id]) as folder:
                with failpoints.around("media.upload.rename"):
                    os.rename(UPLOAD_PART, UPLOAD_WHOLE, src_dir_fd=folder, dst_dir_fd=folder)
                with failpoints.around("media.upload.sync"):
                    os.fsync(folder)
            upload = Upload(upload_id, upload.size_bytes, True, found)
        _check_hash(upload_id, sha256, upload.sha256)
        return upload

    def open_read(self, upload_id: str) -> BinaryIO:
        """Opens a finished upload.

        Raises:
            errors.NotThere: It does not exist or is not finished.
        """
        return folders.open_file(self._root, f"{checked_id(upload_id, 'upload')}/{UPLOAD_WHOLE}")

    def delete(self, upload_id: str) -> None:
        """Removes an upload; gone already is fine."""
        folders.remove_tree(self._root, [checked_id(upload_id, "upload")])

    def sweep(self, age_min_s: float) -> int:
        """Removes unfinished uploads to which nothing was added for so long; returns how many."""
        removed = 0
        for upload_id in filter(ID.fullmatch, folders.names(self._root, [])):
            with (
                contextlib.suppress(errors.NotThere),
                folders.open_file(self._root, f"{upload_id}/{UPLOAD_PART}") as file,
            ):
                if time.time() - os.fstat(file.fileno()).st_mtime >= age_min_s:
                    self.delete(upload_id)
                    removed += 1
        return removed


def _elsewhere(upload: Upload, offset: int) -> errors.Conflict:
    return errors.Conflict(
        f"upload {upload.id} stands at {upload.size_bytes} bytes, not at {offset}",
        metadata={"offset": str(upload.size_bytes), "finished": str(upload.finished).lower()},
    )


def _check_hash(upload_id: str, expected: str, found: str) -> None:
    if expected and expected != found:
        raise errors.Refused(
            f"upload {upload_id} hashes to {found}, not to {expected[:64]}",
            reason="CHECKSUM_MISMATCH",
            metadata={"sha256": found},
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """Opens what callers name as sources: `file:///path` and `upload:ID`, and `session:ID/PATH` of what was fetched.

    Attributes:
        uploads: Where uploads are.
        roots: Folders that files may come from; None allows any path, for the embedded default on one's own machine.
        sessions: Where fetched sources are; None for none.
    """

    uploads: Uploads
    roots: tuple[pathlib.Path, ...] | None = None
    sessions: Sessions | None = None

    def open(self, uri: str) -> BinaryIO:
        """Opens a source for reading.

        Returns:
            The file, open for reading.

        Raises:
            errors.NotThere: There is no such file or upload.
            errors.PathRefused: It is no allowed path, or the URI is of another kind.
        """
        scheme, _, rest = uri.partition(":")
        if scheme == "upload":
            return self.uploads.open_read(rest)
        if scheme == "session" and self.sessions is not None:
            session_id, _, name = rest.partition("/")
            return self.sessions.get(session_id).open_read(name)
        path = _unquoted(rest)
        if scheme != "file" or not path.startswith("/") or not _is_name(path):
            raise errors.PathRefused(
                f"{uri[:200]!r} is no source: expected file:///absolute/path or upload:ID", reason="BAD_SOURCE_URI"
            )
        try:
            return self._open_path(path)
        except PermissionError as error:
            raise errors.PathRefused(f"{path[:200]} may not be read", reason="SOURCE_NOT_ALLOWED") from error

    def beside(self, uri: str, endings: Sequence[str]) -> tuple[str, BinaryIO] | None:
        """Opens the file that lies beside a source and is named after it.

        For `talk.mp4` that is `talk.srt`, or else one with a language such as `talk.en.srt`, the first by name. It must
        be a regular file under an allowed folder and is never reached through a link. Uploads have none.

        Args:
            uri: The source.
            endings: Endings that it may have, with their dots, the preferred one first.

        Returns:
            Its name and the open file; None where there is none.
        """
        scheme, _, rest = uri.partition(":")
        path = _unquoted(rest)
        if scheme != "file" or not path.startswith("/") or not _is_name(path):
            return None
        folder = pathlib.Path(os.path.realpath(os.path.dirname(path)))
        for name in _names_beside(folder, pathlib.PurePosixPath(path).stem, endings):
            with contextlib.suppress(errors.NotThere, errors.PathRefused, PermissionError):
                root = self._root_of(folder)
                return name, folders.open_parts(root, [*folder.relative_to(root).parts, name])
        return None

    def _root_of(self, real: pathlib.Path) -> pathlib.Path:
        allowed = [pathlib.Path("/")] if self.roots is None else [root.resolve() for root in self.roots]
        root = next((root for root in allowed if real.is_relative_to(root)), None)
        if root is None:
            raise errors.PathRefused(f"{str(real)[:200]} is not under an allowed folder", reason="SOURCE_NOT_ALLOWED")
        return root

    def _open_path(self, path: str) -> BinaryIO:
        real = pathlib.Path(os.path.realpath(path))
        root = self._root_of(real)
        if real == root:
            raise errors.NotThere(f"{path[:200]} is no regular file", metadata={"path": path[:200]})
        # The real path has no links: one that appears now was put there in between, and is refused.
        return folders.open_parts(root, list(real.relative_to(root).parts))


def _names_beside(folder: pathlib.Path, stem: str, endings: Sequence[str]) -> list[str]:
    """Names in a folder that a file beside `stem` may have, the plain ones first."""
    tagged = re.compile(rf"{re.escape(stem)}\.{LANGUAGE}({'|'.join(map(re.escape, endings))})")
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in itertools.islice(entries, BESIDE_MAX + 1)]
    except (PermissionError, FileNotFoundError, NotADirectoryError):  # it may be passed and not listed, or be none
        names = []
    marked = sorted(filter(tagged.fullmatch, names)) if len(names) <= BESIDE_MAX else []
    return [*(f"{stem}{ending}" for ending in endings), *marked]


def display_name(uri: str) -> str:
    """The name of a source for people: its file name, or the URI of an upload."""
    scheme, _, rest = uri.partition(":")
    return pathlib.PurePosixPath(_unquoted(rest)).name if scheme in ("file", "session") else uri


def _unquoted(rest: str) -> str:
    return urllib.parse.unquote(rest.removeprefix("//localhost").removeprefix("//"))


def _is_name(path: str) -> bool:
    """Whether the system can be asked for this path at all."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False
