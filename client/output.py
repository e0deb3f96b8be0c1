"""Files for the person who asked: whole or not at all."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

MODE = 0o644  # temporary files are private; results are ordinary files


@contextlib.contextmanager
def whole(target: pathlib.Path) -> Iterator[BinaryIO]:
    """A file to write into that takes the place of `target` when the block ends well, and vanishes otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    part = pathlib.Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        part.chmod(MODE)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
