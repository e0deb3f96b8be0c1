"""Log files that stay small."""

import json
import pathlib

SIZE_MAX = 8 * 2**20  # bytes of a file: hours of a busy service, and opened by any editor
FILES_MAX = 3  # a file and two older ones: 24 MiB per process at most
TAIL_BYTES = 64 * 2**10  # enough for the last lines and a traceback


class RollingFile:
    """A log file that is put aside when it is full; the oldest one is dropped.

    Args:
        path: The file. Older ones get `.1`, `.2` behind the name.
        size_max: Bytes from which a new file is begun.
        files_max: Files that are kept, the current one included.
    """

    def __init__(self, path: pathlib.Path, size_max: int = SIZE_MAX, files_max: int = FILES_MAX) -> None:
        self.path, self.size_max, self.files_max = path, size_max, files_max
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Appends bytes, at once visible to readers."""
        if self._file.tell() >= self.size_max:
            self._roll()
        self._file.write(data)

    def close(self) -> None:
        """Ends the writing."""
        self._file.close()

    def _roll(self) -> None:
        self._file.close()
        for number in range(self.files_max - 1, 0, -1):
            older = self.path if number == 1 else numbered(self.path, number - 1)
            if older.exists():
                older.replace(numbered(self.path, number))
        self._file = self.path.open("wb", buffering=0)


def numbered(path: pathlib.Path, number: int) -> pathlib.Path:
    """The name of an older file."""
    return path.with_name(f"{path.name}.{number}")


def tail(path: pathlib.Path, lines: int = 12) -> str:
    """The last lines of a log, for a person; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(readable(line) for line in text.splitlines()[-lines:])


def readable(line: str) -> str:
    """A line of a JSON log as a person reads it: time, level, message and what was raised; any other line as it is."""
    try:
        entry = json.loads(line)
        text = f"{entry['time']} {entry['level']} {entry['message']}"
        raised = entry.get("exc_info") or ""
    except (ValueError, KeyError, TypeError):
        return line
    return f"{text}\n  {raised.splitlines()[-1]}" if raised else text
