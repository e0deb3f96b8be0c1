"""Encodes the frames beside the copied part, and looks at every one of them again."""

import collections
import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import av
import numpy as np

from services.exporter import encoders
from services.exporter.smart import units

PSNR_MIN_DB = 41.0  # of every frame and plane: below 40, eyes may see where the encoded part begins
# Quality that is tried, best effort last, on the scale of each encoder.
CRFS = {"h264": (16, 10, 4, 1), "hevc": (14, 8, 3, 0), "vp9": (14, 7, 2, 0), "av1": (16, 8, 3, 1)}
NAMES = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
DECODERS = {"h264": "h264", "hevc": "hevc", "vp9": "vp9", "av1": "libdav1d"}
PSNR_EQUAL_DB = 100.0  # of equal pictures, whose PSNR is infinite
WAITING_MAX = 128  # frames that an encoder may hold back


class Unlike(ValueError):
    """Encoded frames cannot be made like the source's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What the source's pictures are; the encoded ones are the same."""

    codec: str
    width: int
    height: int
    pixel_format: str
    rate: Fraction
    pixel_aspect: Fraction | None
    colors: tuple[int, int, int, int]
    """Primaries, transfer, matrix and range, in H.273 codes."""
    threads: int


@dataclasses.dataclass(frozen=True, slots=True)
class Edge:
    """Encoded frames, in the order in which they are shown."""

    packets: tuple[bytes, ...]
    sets: tuple[bytes, ...]
    """Parameters of H.264 and HEVC, which packets do not hold."""
    crf: float
    psnr_db: float
    """Of the worst plane of the worst frame."""


def encoded(look: Look, number: int, frames: Callable[[], Iterable[av.VideoFrame]]) -> Edge:
    """Encodes frames so that each is as good as asked for.

    Args:
        look: what they are.
        number: identifier of their parameters.
        frames: gives them anew.

    Raises:
        Unlike: the best effort is not good enough, or the encoder does not take such pictures.
    """
    context = av.codec.Codec(NAMES[look.codec], "w")
    if look.pixel_format not in {found.name for found in context.video_formats or ()}:
        raise Unlike(f"{context.name} does not encode {look.pixel_format}")
    for crf in CRFS[look.codec]:
        packets, worst = _attempt(look, crf, number, frames())
        if worst >= PSNR_MIN_DB:
            return _edge(look.codec, number, packets, crf, worst)
    raise Unlike(f"encoded frames come no nearer to the source than {worst:.1f} dB")


def _edge(codec: str, number: int, packets: list[bytes], crf: float, worst: float) -> Edge:
    sets: dict[bytes, None] = {}
    if codec in ("h264", "hevc"):
        found = [units.split(packet, 0) for packet in packets]
        if codec == "hevc":
            found = [[units.renamed(unit, number) for unit in packet] for packet in found]
        sets = dict.fromkeys(unit for packet in found for unit in packet if units.is_set(unit, codec))
        packets = [units.joined(unit for unit in packet if not units.is_set(unit, codec)) for packet in found]
    return Edge(tuple(packets), tuple(sets), crf, round(worst, 2))


def _attempt(look: Look, crf: float, number: int, frames: Iterable[av.VideoFrame]) -> tuple[list[bytes], float]:
    encoder, decoder = _encoder(look, crf, number), av.CodecContext.create(DECODERS[look.codec], "r")
    waiting: collections.deque[av.VideoFrame] = collections.deque()
    packets, worst = [], PSNR_EQUAL_DB
    for packet in _encode(encoder, frames, waiting):
        packets.append(bytes(packet))
        worst = min(worst, *_compared(decoder.decode(packet), waiting), PSNR_EQUAL_DB)
    worst = min(worst, *_compared(decoder.decode(None), waiting), PSNR_EQUAL_DB)
    if waiting:
        raise Unlike(f"{len(waiting)} encoded frames were lost")
    return packets, worst


def _encode(
    encoder: av.VideoCodecContext, frames: Iterable[av.VideoFrame], waiting: collections.deque[av.VideoFrame]
) -> Iterator[av.Packet]:
    for number, frame in enumerate(frames):
        if len(waiting) > WAITING_MAX:
            raise Unlike("the encoder holds too many frames back")
        waiting.append(frame)
        frame.pts, frame.time_base = number, encoder.time_base
        frame.pict_type = av.video.frame.PictureType.NONE
        yield from encoder.encode(frame)
    yield from encoder.encode(None)


def _encoder(look: Look, crf: float, number: int) -> av.VideoCodecContext:
    encoder = encoders.named(NAMES[look.codec])
    context = av.CodecContext.create(encoder.NAME, "w")
    context.width, context.height, context.pix_fmt = look.width, look.height, look.pixel_format
    context.time_base, context.framerate = 1 / look.rate, look.rate
    context.sample_aspect_ratio = look.pixel_aspect or Fraction(0)  # as FFmpeg says that nobody said
    context.thread_count, context.gop_size, context.max_b_frames = look.threads, 1 << 20, 0
    context.color_primaries, context.color_trc, context.colorspace, context.color_range = look.colors
    context.options = encoder.edge(crf, number)
    return context


def _compared(decoded: Iterable[av.VideoFrame], waiting: collections.deque[av.VideoFrame]) -> Iterator[float]:
    for frame in decoded:
        if not waiting:
            raise Unlike("more frames came out than went in")
        yield psnr(waiting.popleft(), frame)


def psnr(before: av.VideoFrame, after: av.VideoFrame) -> float:
    """Peak signal to noise ratio of the worst plane, in dB; PSNR_EQUAL_DB for equal pictures.

    Args:
        before: a planar picture of 8 to 16 bits.
        after: another one of the same size and format.
    """
    if (before.width, before.height, before.format.name) != (after.width, after.height, after.format.name):
        return 0.0
    peak = (1 << before.format.components[0].bits) - 1
    errors = [
        float(np.square(one.astype(np.float32) - other).mean(dtype=np.float64))
        for one, other in zip(planes(before), planes(after), strict=True)
    ]
    return min(10 * math.log10(peak * peak / error) if error else PSNR_EQUAL_DB for error in errors)


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Planes of a planar picture without padding: uint8 or uint16 (height, width)."""
    kind = np.dtype(np.uint16 if frame.format.components[0].bits > 8 else np.uint8)
    return [
        np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)[:, : plane.width]
        for plane in frame.planes
    ]
