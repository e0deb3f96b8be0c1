"""Finds the exact frames of a range before anything is rendered.

Reading packets is a hundred times cheaper than decoding, and in a sound file every packet is one frame. So the time
stamps come from packets; that they are those of the frames is checked on the first frames of the file here and on all
frames of the range when they are rendered. Where that fails, `decoding` asks for the slow, certain way.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np

from media import errors as media_errors
from media import pool, source
from services.exporter import analysis, containers, reading

HEAD_FRAMES = 24  # frames at the start whose time stamps must be those of the packets: a few groups of B-frames
SLACK = Fraction(1, 1_000_000)  # seconds: times in requests and analyses are rounded to microseconds
ANCHOR_LEAD_S = 2  # seconds before an anchor at which reading begins, so that no packet with an earlier place is missed
CHECK_EVERY = 256  # packets between two looks at whether enough are known
FRAMES_MAX = 1 << 20  # five hours at 60: more than any preset takes


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A range: by time in seconds, or by frame number; the other one is None."""

    seconds: tuple[Fraction, Fraction] | None = None
    frames: tuple[int, int] | None = None

    @classmethod
    def from_value(cls, value: dict[str, Any]) -> "Wanted":
        """Reads what `to_value` wrote."""
        if value["frames"] is not None:
            return cls(frames=(int(value["frames"][0]), int(value["frames"][1])))
        return cls(seconds=(Fraction(value["seconds"][0]), Fraction(value["seconds"][1])))

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "seconds": [str(edge) for edge in self.seconds] if self.seconds else None,
            "frames": list(self.frames) if self.frames else None,
        }


@dataclasses.dataclass(slots=True)
class Stamps:
    """Time stamps of consecutive frames, ascending, and the number of the first of them."""

    pts: list[int]
    number: int
    complete: bool
    """Whether the last one is the last frame of the file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """The frames of a range."""

    pts: np.ndarray
    """int64 (n,), time stamps."""
    start_frame: int
    """Number of the first one, counted from the first frame of the source."""
    end_pts: int | None
    """Time stamp of the frame after the last one; None at the end of the source."""
    counted: bool
    """Whether the file has no usable time stamps, so that frames are counted and `pts` are their numbers."""


def run(
    request: Mapping[str, Any], files: pool.Files, report: pool.Report
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Task: finds the frames of `request["wanted"]` in `files.inputs["source"]`; the stamps are the array `pts`."""
    shots = analysis.Analysis.from_value(request["found"]).shots
    wanted = Wanted.from_value(request["wanted"])
    facts, pts = find(files.inputs["source"], wanted, shots, decoding=request["decoding"], report=report)
    return facts, {"pts": pts}


def find(
    file: BinaryIO, wanted: Wanted, anchors: tuple[analysis.Shot, ...], *, decoding: bool, report: pool.Report
) -> tuple[dict[str, Any], np.ndarray]:
    """Finds the frames of a range and what the streams are.

    Args:
        file: the source.
        wanted: the range.
        anchors: shots of an analysis, from which frames may be counted instead of from the start.
        decoding: whether to decode from the start instead of trusting packets.
        report: takes a sign of life now and then.

    Returns:
        Facts as plain JSON values, and the time stamps of the frames, int64 (n,).

    Raises:
        media_errors.Unreadable: there is no video, or no frame of it decodes.
    """
    with reading.opened(file) as opened:
        head, stamps, sound = _head(opened)
        facts = _facts(opened, head[0]) | {"audio": _audio(opened)}
    file.seek(0)
    facts["container"] = containers.of(file.read(containers.HEADER_BYTES), facts["coding"])
    base = Fraction(facts["time_base"])
    broken = any(frame is None for frame in stamps) or stamps != sorted(set(stamps))
    if decoding or broken or not sound:
        found = _decoded(file, wanted, base, facts["nominal"], report)
    else:
        found = _scanned(file, wanted, base, stamps[0], anchors)
    facts |= {
        "origin_pts": 0 if found.counted else stamps[0],
        "start_frame": found.start_frame,
        "end_pts": found.end_pts,
        "counted": found.counted,
        "decoded": decoding or broken or not sound,
    }
    if found.counted:
        facts["time_base"] = str(1 / Fraction(facts["nominal"] or 25))
    return facts, found.pts


def _head(opened: source.Source) -> tuple[list[av.VideoFrame], list[int | None], bool]:
    """The first frame, stamps of the first frames, and whether they are those of the packets."""
    video = opened.video
    if video is None:
        raise media_errors.Unreadable("the source has no video", reason="NO_VIDEO")
    first, decoded, packets = [], [], []
    for _, packet in opened.packets(video):
        if packet is not None and visible(packet, video.codec_context.name):
            packets.append(packet.pts)
        for frame in reading.decoded(opened, video, packet):
            first = first or [frame]
            decoded.append(frame.pts)
        if len(decoded) >= HEAD_FRAMES:
            break
    if not decoded:
        raise media_errors.Unreadable("no frame of the video decodes", reason="NO_FRAMES")
    if None in packets or None in decoded:
        return first, decoded, False
    return first, decoded, sorted(packets)[: len(decoded)] == decoded


def visible(packet: av.Packet, codec: str) -> bool:
    """Whether a packet is a frame that is shown: VP8 has packets that only serve as reference.

    Source: RFC 6386, section 9.1: bit 4 of the first byte is show_frame.
    """
    if packet.is_discard:
        return False
    return codec not in {"vp8", "libvpx"} or bool(memoryview(packet)[0] >> 4 & 1)


def _facts(opened: source.Source, frame: av.VideoFrame) -> dict[str, Any]:
    video = opened.video
    nominal = video.average_rate or video.guessed_rate
    aspect = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio
    return {
        "width": frame.width,
        "height": frame.height,
        "pixel_format": frame.format.name,
        "pixel_aspect": str(aspect) if aspect else None,
        "rotation": frame.rotation,
        "interlaced": bool(frame.interlaced_frame),
        "matrix": int(frame.colorspace),
        "range": int(frame.color_range),
        "transfer": int(frame.color_trc),
        "primaries": int(frame.color_primaries),
        "codec": video.codec_context.name,
        "coding": video.codec_context.codec.canonical_name,
        "time_base": str(video.time_base),
        "nominal": str(nominal) if nominal else None,
        "timecode": (video.metadata.get("timecode") or opened.container.metadata.get("timecode") or "")[:16] or None,
    }


def _audio(opened: source.Source) -> dict[str, Any] | None:
    if opened.audio is None:
        return None
    context = opened.audio.codec_context
    return {
        "codec": context.name,
        "coding": context.codec.canonical_name,
        "header": bool(context.extradata),
        "sample_rate_hz": context.sample_rate,
        "channels": context.layout.nb_channels if context.layout else 0,
        "layout": context.layout.name if context.layout else "",
    }


def _scanned(file: BinaryIO, wanted: Wanted, base: Fraction, origin: int, anchors: tuple[analysis.Shot, ...]) -> Found:
    for anchor in _anchor(wanted, anchors):
        stamps = _from_anchor(file, wanted, base, origin, anchor)
        if stamps is not None:
            return choose(stamps, wanted, base, origin)
    with reading.opened(file) as opened:
        pts, complete = collect(opened, _enough(wanted, base, origin, 0))
    return choose(Stamps(pts, 0, complete), wanted, base, origin)


def _anchor(wanted: Wanted, anchors: tuple[analysis.Shot, ...]) -> Iterator[analysis.Shot]:
    """The last shot that begins at or before the range and well after the start, if there is one."""
    if wanted.frames is not None:
        before = [shot for shot in anchors if shot.start_frame <= wanted.frames[0]]
    else:
        before = [shot for shot in anchors if shot.start_s <= wanted.seconds[0]]
    yield from (shot for shot in before[-1:] if shot.start_s > 2 * ANCHOR_LEAD_S)


def _from_anchor(file: BinaryIO, wanted: Wanted, base: Fraction, origin: int, anchor: analysis.Shot) -> Stamps | None:
    """Stamps from an anchor on; None where the file does not lead there."""
    place = origin + Fraction(anchor.start_s) / base
    with reading.opened(file) as opened:
        try:
            opened.container.seek(int(place - ANCHOR_LEAD_S / base), stream=opened.video, backward=True)
        except (OSError, ValueError):  # no way to seek in this file
            return None
        pts, complete = collect(opened, _enough(wanted, base, origin, anchor.start_frame, place))
    if not pts or pts[0] > place - ANCHOR_LEAD_S / base / 2:
        return None
    index = bisect.bisect_left(pts, place - SLACK / base)
    if index == len(pts) or abs(pts[index] - place) > max(1, 2 * SLACK / base):
        return None
    return Stamps(pts[index:], anchor.start_frame, complete)


def collect(opened: source.Source, enough: Callable[[list[int], int], bool]) -> tuple[list[int], bool]:
    """Time stamps of packets, sorted, until enough are known.

    Args:
        opened: a source at the place to read from.
        enough: tells from the sorted stamps and the current decoding stamp whether to stop.

    Returns:
        The stamps, and whether the file ended.
    """
    video, pts = opened.video, []
    packets = (packet for _, packet in opened.packets(video) if packet is not None)
    shown = (packet for packet in packets if visible(packet, video.codec_context.name) and packet.pts is not None)
    for count, packet in enumerate(shown, 1):
        pts.append(packet.pts)
        if count % CHECK_EVERY == 0 and packet.dts is not None:
            pts.sort()
            if enough(pts, packet.dts):
                return pts, False
    return sorted(set(pts)), True


def _enough(
    wanted: Wanted, base: Fraction, origin: int, number: int, place: Fraction | None = None
) -> Callable[[list[int], int], bool]:
    """Whether the range and the frame after it are known: a packet that decodes later is also shown later."""
    if wanted.seconds is not None:
        edge = origin + (wanted.seconds[1] - SLACK) / base

        def by_time(pts: list[int], dts: int) -> bool:
            index = bisect.bisect_left(pts, edge)
            return index < len(pts) and dts > pts[index]

        return by_time

    def by_frame(pts: list[int], dts: int) -> bool:
        first = bisect.bisect_left(pts, place - SLACK / base) if place is not None else 0
        index = first + wanted.frames[1] - number
        return index < len(pts) and dts > pts[index]

    return by_frame


def choose(stamps: Stamps, wanted: Wanted, base: Fraction, origin: int) -> Found:
    """The frames of a range among consecutive frames: by time, those that begin in it."""
    pts = stamps.pts
    if wanted.frames is not None:
        first, last = (min(max(edge - stamps.number, 0), len(pts)) for edge in wanted.frames)
    else:
        first, last = (bisect.bisect_left(pts, origin + (edge - SLACK) / base) for edge in wanted.seconds)
    last = min(last, first + FRAMES_MAX)
    return Found(
        pts=np.array(pts[first:last], np.int64),
        start_frame=stamps.number + first,
        end_pts=pts[last] if last < len(pts) else None,
        counted=False,
    )


def _decoded(file: BinaryIO, wanted: Wanted, base: Fraction, nominal: str | None, report: pool.Report) -> Found:
    """The certain way: decodes from the start and takes what comes."""
    pts, more = [], _until(wanted, base)
    with reading.opened(file) as opened:
        frames = reading.frames(opened, opened.video)
        for frame in itertools.takewhile(lambda frame: more(frame.pts), frames):
            pts.append(frame.pts)
            report({"stage": "survey", "frames": len(pts)})
    if any(stamp is None for stamp in pts) or pts != sorted(set(pts)):
        rate = 1 / Fraction(nominal or 25)
        found = choose(Stamps(list(range(len(pts))), 0, True), wanted, rate, 0)
        return dataclasses.replace(found, counted=True)
    return choose(Stamps(pts, 0, True), wanted, base, pts[0])


def _until(wanted: Wanted, base: Fraction) -> Callable[[int | None], bool]:
    """Goes on until a few frames after the range: the next stamp tells how long the last frame is shown."""
    seen = {"count": 0, "origin": None, "after": 0}

    def more(pts: int | None) -> bool:
        seen["count"] += 1
        seen["origin"] = pts if seen["origin"] is None else seen["origin"]
        if wanted.frames is not None:
            return seen["count"] <= wanted.frames[1] + 1
        after = pts is not None and (pts - seen["origin"]) * base >= wanted.seconds[1]
        seen["after"] += after
        return seen["after"] <= 1

    return more
