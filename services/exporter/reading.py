"""Opens a source that is read several times, one after the other."""

import contextlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import av
import av.stream

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


def only(found: source.Source, stream: av.stream.Stream) -> None:
    """Reads no stream but one: containers that know where packets are leave out the others' bytes."""
    for other in found.container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all


def frames(found: source.Source, stream: av.stream.Stream) -> Iterator[Any]:
    """Every frame of a stream from where the source stands to its end."""
    for _, packet in found.packets(stream):
        yield from decoded(found, stream, packet)


def decoded(found: source.Source, stream: av.stream.Stream, packet: av.Packet | None) -> Iterator[Any]:
    """Frames of one packet, or the last ones for None. PyAV gives the last ones no time base."""
    for frame in found.decode(stream, packet):
        if frame.time_base is None:
            frame.time_base = stream.time_base
        yield frame
