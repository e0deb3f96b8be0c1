"""The containers that clips are delivered in, and what fits into each."""

import collections
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import av
import av.container
import av.stream

from services.exporter import mp4

BITEXACT = {"fflags": "+bitexact"}  # no dates and versions: the same clip gives the same bytes
TIMESCALE = {"movie_timescale": "48000"}  # edit lists count in it: a millisecond would round the sound away
CODECS = ("h264", "hevc", "vp9", "av1")
EBML = b"\x1a\x45\xdf\xa3"
HEADER_BYTES = 64  # within which a Matroska file says whether it is a WebM file


@dataclasses.dataclass(frozen=True, slots=True)
class Container:
    """A kind of file."""

    muxer: str
    """FFmpeg's name."""
    video: tuple[str, ...]
    audio: tuple[str, ...]
    """Codecs of sound that are encoded for it, the best first."""


CATALOGUE: Mapping[str, Container] = {
    "mp4": Container("mp4", CODECS, ("aac", "opus")),
    "mkv": Container("matroska", CODECS, ("aac", "opus")),
    "webm": Container("webm", ("vp9", "av1"), ("opus",)),
}


def of(header: bytes, video: str) -> str:
    """The container that keeps what a source is: WebM, Matroska, or MP4 for all others.

    Args:
        header: the first HEADER_BYTES of the file.
        video: its codec.
    """
    if not header.startswith(EBML):
        return "mp4"
    return "webm" if b"webm" in header and video in CATALOGUE["webm"].video else "mkv"


def options(name: str, frames: int, packets: int, spare: int = 0) -> dict[str, str]:
    """Options of the muxer.

    Args:
        name: of the container.
        frames: frames of the video.
        packets: packets of the audio.
        spare: bytes of the index for what else is in the file.
    """
    if name != "mp4":
        return dict(BITEXACT)
    return BITEXACT | TIMESCALE | {"moov_size": str(mp4.reserve(frames, packets) + spare)}


def interleaver(
    container: av.container.OutputContainer, stream: av.stream.Stream | None, packets: Sequence[av.Packet]
) -> Callable[[av.Packet | None], None]:
    """Writes packets of the picture, with those of the sound that belong before them; None writes the rest.

    Args:
        container: the file.
        stream: where the sound goes; None without any.
        packets: the sound, in order.
    """
    waiting = collections.deque((part.dts * float(part.time_base), part) for part in packets)

    def write(packet: av.Packet | None) -> None:
        edge_s = math.inf if packet is None else packet.dts * float(packet.time_base)
        while waiting and waiting[0][0] <= edge_s:
            _, part = waiting.popleft()
            part.stream = stream
            container.mux(part)
        if packet is not None:
            container.mux(packet)

    return write
