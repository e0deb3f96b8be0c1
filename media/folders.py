"""Files beneath a folder that nothing can lead out of, and writing that is whole or not at all.

Each part of a name is opened relative to the folder before it and never through a link, so there is no moment between
looking and opening, and no spelling that leads elsewhere.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

import failpoints
from media import errors

PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")  # no leading dot: hidden names are ours
DEPTH_MAX = 8  # a session is three deep; more is nobody's honest name
TEMPORARY_PREFIX = ".tmp-"
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def parts(relative: str) -> list[str]:
    """The parts of a relative name.

    Raises:
        errors.PathRefused: It is empty, absolute, too deep, or has a part that is no plain name.
    """
    found = relative.split("/")
    if len(found) > DEPTH_MAX or not all(PART.fullmatch(part) for part in found):
        raise errors.PathRefused(
            f"{relative[:200]!r} is not a relative path of plain names", metadata={"path": relative[:200]}
        )
    return found


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns what the system says about a name into our own errors."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise errors.NotThere(f"there is no {what}", metadata={"path": what}) from error
    except IsADirectoryError as error:
        raise errors.PathRefused(f"{what} is a folder", metadata={"path": what}) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise errors.NotThere(f"there is no {what[:200]}", metadata={"path": what[:200]}) from error
        if error.errno == errno.ELOOP:
            raise errors.PathRefused(f"{what} is a link", metadata={"path": what}) from error
        if error.errno in FULL:
            raise errors.StorageFull(f"no space left to write {what}", metadata={"path": what}) from error
        raise


@contextlib.contextmanager
def opened(root: str | os.PathLike[str], folders: list[str], *, create: bool = False) -> Iterator[int]:
    """A descriptor of a folder beneath a root.

    Args:
        root: The folder that nothing leads out of; a real path, no link.
        folders: Names from the root down.
        create: Whether to make what is missing.

    Raises:
        errors.NotThere: It does not exist, or a part of it is a link or no folder.
    """
    with contextlib.ExitStack() as stack, translated("/".join(folders) or str(root)):
        current = os.open(root, FOLDER_FLAGS)
        stack.callback(os.close, current)
        for name in folders:
            current = _stepped(current, name, create)
            stack.callback(os.close, current)
        yield current


def _stepped(folder: int, name: str, create: bool) -> int:
    """A descriptor of a folder in a folder; made where it is missing and that is asked for."""
    if create:
        with contextlib.suppress(FileNotFoundError):  # mostly it is there
            return os.open(name, FOLDER_FLAGS, dir_fd=folder)
        with contextlib.suppress(FileExistsError):
            with failpoints.around("media.folder.make"):
                os.mkdir(name, 0o750, dir_fd=folder)
            with failpoints.around("media.folder.sync"):
                os.fsync(folder)
    return os.open(name, FOLDER_FLAGS, dir_fd=folder)


def open_file(root: str | os.PathLike[str], relative: str) -> BinaryIO:
    """Opens a regular file beneath a root for reading.

    Raises:
        errors.NotThere: There is no such file, or a folder on the way is a link.
        errors.PathRefused: It is a link, or the name is none.
    """
    return open_parts(root, parts(relative))


def open_parts(root: str | os.PathLike[str], names: list[str]) -> BinaryIO:
    """Opens a regular file beneath a root for reading, by the names from the root down.

    Raises:
        errors.NotThere: There is no such file, or a folder on the way is a link.
        errors.PathRefused: It is a link.
    """
    *folders, name = names
    relative = "/".join(names)
    with opened(root, folders) as folder, translated(relative):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise errors.NotThere(f"{relative} is no regular file", metadata={"path": relative})
    return os.fdopen(descriptor, "rb")


@contextlib.contextmanager
def replacing(root: str | os.PathLike[str], relative: str) -> Iterator[BinaryIO]:
    """Writes a file that appears whole at the end of the block, or not at all.

    Temporary file, fsync, rename, fsync of the folder. An exception in the block removes the temporary file; a killed
    process leaves it under a name that a sweep knows.
    """
    *folders, name = parts(relative)
    temporary = f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    with opened(root, folders, create=True) as folder, translated(relative):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(temporary, flags, 0o640, dir_fd=folder), "w+b")
        try:
            with file:
                yield file
                file.flush()
                with failpoints.around("media.replace.sync"):
                    os.fsync(file.fileno())
            with failpoints.around("media.replace.rename"):
                _renamed(folder, temporary, name)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            raise
        with failpoints.around("media.replace.folder_sync"):
            os.fsync(folder)


def _renamed(folder: int, temporary: str, name: str) -> None:
    """Gives a temporary file its name.

    Raises:
        errors.StorageFailed: It is gone: the wall clock jumped, and a sweep took it for an old one. Another try helps.
    """
    try:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError as error:
        raise errors.StorageFailed(f"{name} was swept while it was written") from error


def link_over(root: str | os.PathLike[str], source: str, target: str) -> None:
    """Gives a file a second name, replacing what has that name; repeating it changes nothing.

    Raises:
        errors.NotThere: The source does not exist.
    """
    *source_folders, source_name = parts(source)
    *target_folders, target_name = parts(target)
    temporary = f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}-{source_folders[-1] if source_folders else ''}"
    with (
        opened(root, source_folders) as source_folder,
        opened(root, target_folders, create=True) as target_folder,
        translated(source),
    ):
        with failpoints.around("media.link.link"):
            os.link(source_name, temporary, src_dir_fd=source_folder, dst_dir_fd=target_folder, follow_symlinks=False)
        with failpoints.around("media.link.rename"):
            os.rename(temporary, target_name, src_dir_fd=target_folder, dst_dir_fd=target_folder)
        # Renaming over another name of the same file does nothing and leaves the temporary name.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=target_folder)
        with failpoints.around("media.link.folder_sync"):
            os.fsync(target_folder)


def names(root: str | os.PathLike[str], folders: list[str]) -> list[str]:
    """Sorted names in a folder beneath a root, without temporary ones; empty where there is no such folder."""
    try:
        with opened(root, folders) as folder:
            return sorted(name for name in os.listdir(folder) if not name.startswith(TEMPORARY_PREFIX))
    except errors.NotThere:
        return []


def remove_tree(root: str | os.PathLike[str], folders: list[str]) -> None:
    """Removes a folder beneath a root with all that is in it, never following a link; gone already is fine."""
    *parents, name = folders
    with contextlib.suppress(errors.NotThere), opened(root, parents) as parent:
        _remove(name, parent)
        with failpoints.around("media.remove.sync"):
            os.fsync(parent)


def _remove(name: str, parent: int) -> None:
    try:
        with failpoints.around("media.remove.unlink"):
            os.unlink(name, dir_fd=parent)
    except (IsADirectoryError, PermissionError):
        folder = os.open(name, FOLDER_FLAGS, dir_fd=parent)
        try:
            for child in os.listdir(folder):
                _remove(child, folder)
        finally:
            os.close(folder)
        with failpoints.around("media.remove.rmdir"):
            os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return


def origin(temporary: str) -> str:
    """Name of the folder from which a file is given a second name, by its temporary name; empty for any other."""
    return temporary.removeprefix(TEMPORARY_PREFIX).partition("-")[2]


def sweep(
    root: str | os.PathLike[str], age_min_s: float, now_s: float, chosen: Callable[[str], bool] = lambda name: True
) -> int:
    """Removes temporary files that a killed process left.

    Args:
        root: Folder whose whole tree is swept.
        age_min_s: Younger ones may still be written, and stay.
        now_s: The time now, as file times count it.
        chosen: Which of them, by name.

    Returns:
        How many were removed.
    """
    removed = 0
    with contextlib.suppress(FileNotFoundError):  # the folder itself is gone already, or goes meanwhile
        for _, _, files, folder in os.fwalk(root, follow_symlinks=False):
            for name in files:
                if (
                    name.startswith(TEMPORARY_PREFIX)
                    and chosen(name)
                    and now_s - _modified_s(name, folder, now_s) >= age_min_s
                ):
                    with contextlib.suppress(FileNotFoundError), failpoints.around("media.sweep.unlink"):
                        os.unlink(name, dir_fd=folder)
                        removed += 1
    return removed


def _modified_s(name: str, folder: int, missing_s: float) -> float:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return missing_s
