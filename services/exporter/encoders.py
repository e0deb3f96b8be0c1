"""The encoders of this machine, and how they are set."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import av
import av.codec.codec
import av.container
import av.error
import av.video
import numpy as np

from media import pool

# In order of preference for each codec. NVENC is named by many wheels and works on few machines: only a frame tells.
CANDIDATES = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "h264_nvenc", "aac")
SIZE = 256  # pixels of the trial frame: the smallest that every hardware encoder takes
KEY_FRAMES_S = 2  # distance of key frames: platforms cut and scrub at them
BUFFER_S = 2  # seconds over which the highest bit rate is an average
BT709 = 1
LIMITED = 1


def probe(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> list[str]:
    """Task: tries every encoder on one frame; gives the names of those that work."""
    return [name for name in CANDIDATES if works(name)]


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
    context.sample_rate, context.layout, context.format = 48_000, "stereo", "fltp"
    frame = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), format="fltp", layout="stereo")
    frame.sample_rate = 48_000
    return frame


def add_h264(
    container: av.container.OutputContainer,
    rate: Fraction,
    size: tuple[int, int],
    options: Mapping[str, str],
    threads: int,
) -> av.video.stream.VideoStream:
    """Adds an H.264 stream that is tagged as what it is: BT.709, limited range.

    Args:
        container: the file.
        rate: frames per second.
        size: width and height in pixels, even.
        options: of the encoder; see `quality`.
        threads: threads of the encoder; the bytes depend on them.
    """
    stream = container.add_stream("libx264", rate=rate, options=dict(options))
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.thread_count = threads
    context.gop_size = max(1, round(rate * KEY_FRAMES_S))
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = LIMITED
    return stream


def quality(crf: float, speed: str, bit_rate_max_bps: int) -> dict[str, str]:
    """Options for constant quality under a highest bit rate."""
    return {
        "preset": speed,
        "crf": f"{crf:g}",
        "profile": "high",
        "maxrate": str(bit_rate_max_bps),
        "bufsize": str(bit_rate_max_bps * BUFFER_S),
    }


def drained(stream: av.video.stream.VideoStream, frame: av.VideoFrame | None) -> Iterator[av.Packet]:
    """Packets of one frame, or the last ones for None; the encoder decides what becomes a key frame."""
    if frame is not None:
        frame.pict_type = av.video.frame.PictureType.NONE  # a decoded key frame would force one
    yield from stream.encode(frame)
