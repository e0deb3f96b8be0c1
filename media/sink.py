"""Opens a file object for writing media."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import av
import av.container


@contextlib.contextmanager
def open_sink(
    file: BinaryIO, container_format: str, options: Mapping[str, str] | None = None
) -> Iterator[av.container.OutputContainer]:
    """A container that is written to a file object.

    Args:
        file: An open, writable, seekable binary file.
        container_format: FFmpeg's name of the format, such as `mp4`; a constant of ours, never a caller's text.
        options: Options of the muxer; constants of ours, never a caller's text.
    """
    with av.open(file, "w", format=container_format, container_options=dict(options or {})) as container:
        yield container
