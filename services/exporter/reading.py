"""Opens a source that is read several times, one after the other."""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO

from media import source


@contextlib.contextmanager
def opened(file: BinaryIO, *, threads: int = 1) -> Iterator[source.Source]:
    """Opens a source from its beginning, wherever an earlier reader left the file.

    Args:
        file: the source.
        threads: threads of the video decoder; several decode frames side by side.

    Raises:
        media.errors.MediaError: as `media.source.open_source`.
    """
    file.seek(0)
    with source.open_source(file, threads=threads) as found:
        if found.video is not None:
            found.video.codec_context.thread_type = "AUTO"
        yield found
