"""Finds the model that the operator named, and holds its files open: what was checked at the start is what runs.

Nothing is ever downloaded.
"""

import contextlib
import dataclasses
import hashlib
import importlib.util
import pathlib
import re
from collections.abc import Mapping
from typing import BinaryIO, Self

from media import errors

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # of a folder in that of the models; anything else is a path
INPUT = "model/"  # before the names of a model's files among the inputs of a task
NEEDED = ("config.json", "model.bin", "tokenizer.json")
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")  # one of them
OPTIONAL = ("preprocessor_config.json",)


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """A model of speech recognition.

    Attributes:
        name: Name of its folder.
        sha256: Of all its files: SHA-256 of a line `HASH  NAME` for each, sorted by name, as `sha256sum` writes them.
        files: The open files, by name.
        size_bytes: Size of them all.
    """

    name: str
    sha256: str
    files: Mapping[str, BinaryIO]
    size_bytes: int

    @classmethod
    def open(cls, place: str, folder: pathlib.Path, sha256: str) -> Self:
        """Opens a model.

        Args:
            place: A path of a folder, or the name of one in `folder`.
            folder: The folder of models.
            sha256: What its hash, or that of its `model.bin`, must be; empty for any.

        Raises:
            errors.Unsupported: The engine is not installed (NOT_INSTALLED), or the hash is another (WRONG_MODEL).
            errors.NotThere: There is no such folder, or it lacks a file (NO_MODEL).
            errors.StorageFailed: A file cannot be read.
        """
        if importlib.util.find_spec("faster_whisper") is None:
            raise errors.Unsupported("reelsmith[asr] is not installed", reason="NOT_INSTALLED")
        path = folder / place if NAME.fullmatch(place) else pathlib.Path(place).expanduser()
        with contextlib.ExitStack() as stack:
            try:
                files = {name: stack.enter_context((path / name).open("rb")) for name in _names(path)}
                hashes = {name: hashlib.file_digest(file, "sha256").hexdigest() for name, file in sorted(files.items())}
            except OSError as error:
                raise errors.StorageFailed(f"the model {path} cannot be read: {error}") from error
            lines = "".join(f"{digest}  {name}\n" for name, digest in hashes.items())
            total = hashlib.sha256(lines.encode()).hexdigest()
            if sha256 and sha256 not in (total, hashes["model.bin"]):
                detail = f"{path} is {total} and its model.bin {hashes['model.bin']}, not {sha256}"
                raise errors.Unsupported(detail, reason="WRONG_MODEL")
            size_bytes = sum(file.tell() for file in files.values())
            stack.pop_all()
        return cls(path.resolve().name, total, files, size_bytes)

    def close(self) -> None:
        """Closes the files."""
        for file in self.files.values():
            file.close()


def _names(path: pathlib.Path) -> list[str]:
    names = [name for name in (*NEEDED, *VOCABULARIES, *OPTIONAL) if (path / name).is_file()]
    missing = [name for name in NEEDED if name not in names]
    if missing or not set(VOCABULARIES) & set(names):
        lacked = ", ".join(missing or VOCABULARIES[:1])
        raise errors.NotThere(f"{path} is no model of speech recognition: it lacks {lacked}", reason="NO_MODEL")
    return names
