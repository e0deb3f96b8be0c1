"""Files that hold keys: made once, readable by their owner alone, replaced as a whole."""

import contextlib
import os
import pathlib
from collections.abc import Callable

import failpoints


def load(file: pathlib.Path, make: Callable[[], str]) -> str:
    """What a file holds; it is made where it does not exist."""
    if not file.exists():
        replace(file, make())
    return file.read_text().strip()


def replace(file: pathlib.Path, text: str) -> None:
    """Writes a file anew: it is on disk, whole, when this returns."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()  # left by a crash; perhaps with other rights
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text + "\n")
        opened.flush()
        with failpoints.around("key.sync"):
            os.fsync(descriptor)
    with failpoints.around("key.rename"):
        os.replace(part, file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        with failpoints.around("key.folder_sync"):
            os.fsync(folder)
    finally:
        os.close(folder)
