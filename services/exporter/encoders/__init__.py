"""The encoders of this machine: one per file, behind one small interface, tried before they are trusted."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

import av
import av.codec.codec
import av.container
import av.error
import av.video
import numpy as np

from media import errors as media_errors
from media import pool
from services.exporter.encoders import nvenc, quality, svtav1, vp9, x264, x265

SIZE = 256  # pixels of the trial frame: the smallest that every hardware encoder takes
KEY_FRAMES_S = 2  # distance of key frames: platforms cut and scrub at them
BT709 = 1
LIMITED = 1
SOUND = {"aac": "aac", "opus": "libopus"}


class Encoder(Protocol):
    """An encoder of pictures."""

    NAME: str
    """FFmpeg's."""
    CODEC: str
    """What it makes, as presets name it."""

    @staticmethod
    def options(wanted: quality.Quality) -> dict[str, str]:
        """Options for constant quality under a highest bit rate."""

    @staticmethod
    def edge(crf: float, number: int) -> dict[str, str]:
        """Options for one group of pictures in the order in which they are shown, with parameters under a number."""


# In order of preference for each codec: software first, for its bytes are the same on every machine. NVENC is named by
# many wheels and works on few machines: only a frame tells.
CATALOGUE: Sequence[Encoder] = (x264, x265, svtav1, vp9, nvenc.H264, nvenc.HEVC, nvenc.AV1)


def probe(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> list[str]:
    """Task: tries every encoder on one frame; gives the names of those that work."""
    names = [*(encoder.NAME for encoder in CATALOGUE), *SOUND.values()]
    return [name for name in names if works(name)]


def works(name: str) -> bool:
    """Whether an encoder gives packets on this machine."""
    try:
        context = av.CodecContext.create(name, "w")
        frame = _prepare_audio(context) if context.type == "audio" else _prepare_video(context)
        return bool([*context.encode(frame), *context.encode(None)])
    except (av.error.FFmpegError, av.codec.codec.UnknownCodecError, ValueError, MemoryError):
        return False


def _prepare_video(context: av.VideoCodecContext) -> av.VideoFrame:
    context.width = context.height = SIZE
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    return av.VideoFrame.from_ndarray(np.full((SIZE * 3 // 2, SIZE), 128, np.uint8), format="yuv420p")


def _prepare_audio(context: av.AudioCodecContext) -> av.AudioFrame:
    context.sample_rate, context.layout, context.format = 48_000, "stereo", "flt" if "opus" in context.name else "fltp"
    context.open()
    samples = np.zeros((1, 2 * 960) if "opus" in context.name else (2, 4096), np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format=context.format.name, layout="stereo")
    frame.sample_rate = 48_000
    return frame


def choose(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> dict[str, str]:
    """Task: the first encoder of `request["codec"]` that works, and why it is not the first of all.

    Raises:
        media_errors.Unsupported: none does (ENCODER_MISSING).
    """
    names = [encoder.NAME for encoder in CATALOGUE if encoder.CODEC == request["codec"]]
    for name in names:
        if works(name):
            missing = ", ".join(names[: names.index(name)])
            return {"name": name, "reason": f"{missing} does not work here" if missing else ""}
    raise media_errors.Unsupported(
        f"no encoder for {request['codec']} works here; tried {', '.join(names)}", reason="ENCODER_MISSING"
    )


def named(name: str) -> Encoder:
    """The encoder of a name of the catalogue."""
    return next(encoder for encoder in CATALOGUE if encoder.NAME == name)


def add(
    container: av.container.OutputContainer,
    name: str,
    rate: Fraction,
    size: tuple[int, int],
    wanted: quality.Quality,
    threads: int,
) -> av.video.stream.VideoStream:
    """Adds a stream of pictures that is tagged as what it is: BT.709, limited range.

    Args:
        container: the file.
        name: of the encoder.
        rate: frames per second.
        size: width and height in pixels, even.
        wanted: how good and how large.
        threads: threads of the encoder; the bytes depend on them.
    """
    stream = container.add_stream(name, rate=rate, options=named(name).options(wanted))
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.thread_count = threads
    context.gop_size = max(1, round(rate * KEY_FRAMES_S))
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = LIMITED
    if named(name).CODEC == "hevc" and container.format.name == "mp4":
        context.codec_tag = "hvc1"  # players of Apple take no other
    return stream


def drained(stream: av.video.stream.VideoStream, frame: av.VideoFrame | None) -> Iterator[av.Packet]:
    """Packets of one frame, or the last ones for None; the encoder decides what becomes a key frame."""
    if frame is not None:
        frame.pict_type = av.video.frame.PictureType.NONE  # a decoded key frame would force one
    yield from stream.encode(frame)
