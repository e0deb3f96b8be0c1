"""Opens a file object for writing media."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NoReturn

import av
import av.container

URL = "sink"  # what FFmpeg knows the file by


@contextlib.contextmanager
def open_sink(
    file: BinaryIO, container_format: str, options: Mapping[str, str] | None = None
) -> Iterator[av.container.OutputContainer]:
    """A container that is written to a file object.

    Args:
        file: An open, writable, seekable binary file with a descriptor.
        container_format: FFmpeg's name of the format, such as `mp4`; a constant of ours, never a caller's text.
        options: Options of the muxer; constants of ours, never a caller's text.
    """

    def reopen(url: str, flags: int, options: Mapping[str, str]) -> _Again:
        # Moving the index to the front reads the file while writing it, through a second opening.
        if url != URL:
            _refuse(url)
        return _Again(file)

    with av.open(
        _Writer(file), "w", format=container_format, container_options=dict(options or {}), io_open=reopen
    ) as container:
        yield container


def _refuse(url: str) -> NoReturn:
    raise PermissionError(f"a muxer may not open {url[:200]}")


class _Writer:
    """A file under the one name that its muxer may open again."""

    name = URL

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.seek, self.tell = file.write, file.seek, file.tell


class _Again:
    """The same file for reading, with a place of its own in it, and without opening anything."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._place = 0

    def read(self, size_bytes: int) -> bytes:
        self._file.flush()
        content = os.pread(self._file.fileno(), size_bytes, self._place)
        self._place += len(content)
        return content

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: os.fstat(self._file.fileno()).st_size}
        self._place = starts[whence] + place
        return self._place

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        """Leaves the file open: it belongs to the sink."""
