"""Checks a clip that was cut without encoding all of it.

Copied packets are the source's, which is shown by their hash. So only what is new is decoded in full: the encoded
edges, and the groups of pictures beside them. Between them, key frames are decoded here and there.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import av
import numpy as np

from media import errors as media_errors
from media import pool
from services.exporter import gate, mp4, prints, reading
from services.exporter.smart import edges, finding, keys, units, write

KEYS_MAX = 48  # key frames between the edges that are decoded
SOUND_PACKETS = 200  # at each end, that are decoded: four seconds of AAC
EIGHT_BITS = ("yuv420p", "yuvj420p")  # pictures that need no conversion before their luma is read
STAMP_TOLERANCE_S = 0.0011  # Matroska counts in milliseconds


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """What a clip must be."""

    codec: str
    container: str
    frames: int
    width: int
    height: int
    copied: tuple[int, int]
    """First frame that is copied, and frame behind the last."""
    sha256: str
    """Of what was copied from the source."""
    psnr_min_db: float | None
    """Of the worst encoded frame, as measured while it was made; None where none was encoded."""
    sound: bool
    duration_s: float
    size_max_bytes: int
    duration_max_s: float
    pictures: prints.Facts | None
    """What the decoded frames showed when the file was made; None while it is being made."""


def inspect(
    request: Mapping[str, Any], files: pool.Files, report: pool.Report
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Task: measures `files.inputs["clip"]`, of which the frames `request["copied"]` are copied.

    Returns:
        Facts, and the arrays `prints`, uint8 (n, 16, 9), of the decoded frames, and `times_s`, float64 (frames,).
    """
    file = files.inputs["clip"]
    start, end = request["copied"]
    read, digest = _read(file, request["codec"], start, end)
    spans = _decoded_spans(read, start, end)
    found, seen = _decoded(file, spans, request["threads"], report)
    with reading.opened(file) as opened:
        base, context = opened.video.time_base, opened.video.codec_context
        facts = {"codec": context.codec.canonical_name, "width": context.width, "height": context.height}
        facts["duration_s"] = float((opened.video.duration or 0) * base)
    times = np.array([float(stamp * base) for stamp in sorted(stamp for stamp, _ in read)])
    clean = {"frames": len(read), "sha256": digest, "fast_start": mp4.starts_fast(file), **found}
    return facts | clean | {"audio": _sound(file, report)}, {"prints": seen, "times_s": times}


def _read(file: BinaryIO, codec: str, start: int, end: int) -> tuple[list[tuple[int, bool]], str]:
    """Time stamp of each packet and whether decoding may begin with it, and the digest of the copied ones."""
    digest, read = write.Digest(codec), []
    with reading.opened(file) as opened:
        if opened.video is None:
            raise media_errors.Unreadable("the clip has no video", reason="NO_VIDEO")
        reading.only(opened, opened.video)
        try:
            head = finding.header(opened, codec)
            for packet in (packet for _, packet in opened.packets(opened.video) if packet is not None):
                data = bytes(packet)
                if start <= len(read) < end:
                    digest.add(data, head.length_bytes)
                read.append((_stamp(packet), keys.entry(codec, data, head.length_bytes) != keys.Entry.NONE))
        except units.Unusual as error:
            raise media_errors.Unreadable(f"packet {len(read)} of the clip: {error}", reason="DAMAGED") from error
    return read, digest.value


def _stamp(packet: av.Packet) -> int:
    if packet.pts is None:
        raise units.Unusual("it has no time stamp")
    return packet.pts


def _decoded_spans(read: Sequence[tuple[int, bool]], start: int, end: int) -> list[tuple[int, int]]:
    """Packets that are decoded together, each from a place where decoding may begin.

    Returns:
        From the beginning through the first copied group; some key frames; from the last copied group to the end.
    """
    entries = [index for index in range(start, min(end, len(read))) if read[index][1]]
    if len(entries) < 3:
        return [(0, len(read))]
    middle = entries[1:-1]
    step = max(1, -(-len(middle) // KEYS_MAX))
    return [(0, entries[1]), *((index, index + 1) for index in middle[::step]), (entries[-1], len(read))]


def _decoded(
    file: BinaryIO, spans: Sequence[tuple[int, int]], threads: int, report: pool.Report
) -> tuple[dict[str, Any], np.ndarray]:
    """Decodes spans of packets; pictures that are shown before a span begins belong to what is not decoded."""
    seen, due, starts = [], 0, dict(spans)
    with reading.opened(file, threads=threads) as opened:
        reading.only(opened, opened.video)
        context, until, first, shown = opened.video.codec_context, 0, None, set()

        def take(packet: av.Packet | None) -> Iterator[av.VideoFrame]:
            for frame in reading.decoded(opened, opened.video, packet):
                if frame.pts is not None and frame.pts >= first:
                    shown.add(frame.pts)
                    yield frame

        for index, packet in enumerate(packet for _, packet in opened.packets(opened.video) if packet is not None):
            if index in starts:
                first, until = packet.pts if index else 0, starts[index]
            if index >= until:
                continue
            due += packet.pts >= first
            seen += [_print(frame) for frame in take(packet)]
            if index + 1 == until:
                seen += [_print(frame) for frame in take(None)]
                context.flush_buffers()
            report({"stage": "check", "frames": index + 1})
        facts = {"decoded": len(shown), "due": due, "faults": dict(opened.faults)}
    return facts, np.array(seen, np.uint8).reshape(-1, prints.ROWS, prints.COLUMNS)


def _print(frame: av.VideoFrame) -> np.ndarray:
    return prints.of(frame if frame.format.name in EIGHT_BITS else frame.reformat(format="yuv420p"))


def _sound(file: BinaryIO, report: pool.Report) -> dict[str, Any] | None:
    """Where the sound begins and how long it is; its first and last packets are decoded."""
    with reading.opened(file) as opened:
        stream = opened.audio
        if stream is None:
            return None
        reading.only(opened, stream)
        packets = [packet for _, packet in opened.packets(stream) if packet is not None]
        report({"stage": "check", "frames": 0})
        last = packets[-1]
        ending = packets[max(SOUND_PACKETS, len(packets) - SOUND_PACKETS) :]
        heard = [frame for packet in packets[:SOUND_PACKETS] for frame in reading.decoded(opened, stream, packet)]
        stream.codec_context.flush_buffers()
        for packet in (*ending, None):
            heard += reading.decoded(opened, stream, packet)
        starts = [frame.pts * stream.time_base for frame in heard if frame.pts is not None]
        end = stream.duration or last.pts + last.duration
        return {
            "start_s": float(min(starts, default=0)),
            "duration_s": float(end * stream.time_base),
            "decoded": len(heard),
            "faults": dict(opened.faults),
        }


def judge(
    found: Mapping[str, Any], arrays: Mapping[str, np.ndarray], size_bytes: int, expected: Expected, times_s: np.ndarray
) -> tuple[gate.Check, ...]:
    """Compares what was measured with what must be.

    Args:
        found: from `inspect`.
        arrays: from `inspect`.
        size_bytes: size of the file.
        expected: what must be.
        times_s: float64 (frames,), when each frame is shown; empty where only the file is there.

    Returns:
        Every check, in a fixed order.
    """
    return (
        *_picture_checks(found, arrays, expected, times_s),
        *_sound_checks(found, expected),
        *gate.size_checks(found["fast_start"], size_bytes, expected.container, expected.size_max_bytes),
    )


def _picture_checks(
    found: Mapping[str, Any], arrays: Mapping[str, np.ndarray], expected: Expected, times_s: np.ndarray
) -> Iterator[gate.Check]:
    check, faults = gate.check, found["faults"] | ((found["audio"] or {}).get("faults") or {})
    whole = not faults and found["decoded"] == found["due"]
    came = f"{found['decoded']} of {found['due']} frames at the joins and between" + (f", {faults}" if faults else "")
    yield check("decodes", whole, came, "all, no fault")
    shape, wanted = f"{found['width']}x{found['height']}", f"{expected.width}x{expected.height}"
    yield check("size", shape == wanted, shape, wanted)
    yield check("video_codec", found["codec"] == expected.codec, found["codec"], expected.codec)
    yield check("frames", found["frames"] == expected.frames, f"{found['frames']} frames", f"{expected.frames} frames")
    yield check("copied", found["sha256"] == expected.sha256, found["sha256"], expected.sha256)
    if expected.psnr_min_db is not None:
        yield check("edges", expected.psnr_min_db >= edges.PSNR_MIN_DB, f"{expected.psnr_min_db:.2f} dB at worst",
                    f">= {edges.PSNR_MIN_DB:g} dB")  # fmt: skip
    if len(times_s) and len(times_s) == len(arrays["times_s"]):
        worst = float(np.abs(arrays["times_s"] - times_s).max())
        yield check("frame_times", worst <= STAMP_TOLERANCE_S, f"at most {1000 * worst:.2f} ms off",
                    f"<= {1000 * STAMP_TOLERANCE_S:g} ms")  # fmt: skip
    seen = prints.facts(arrays["prints"])
    if expected.pictures is not None:
        facts = f"black {seen.black_frames}, frozen {seen.frozen_frames} of {seen.frames} frames"
        yield check("picture", seen == expected.pictures, facts, "the same as when it was made")


def _sound_checks(found: Mapping[str, Any], expected: Expected) -> Iterator[gate.Check]:
    audio, frame_s = found["audio"], expected.duration_s / max(expected.frames, 1)
    there = audio is not None and audio["decoded"] > 0
    yield gate.check("audio", there == expected.sound, "there" if there else "none",
                     "there" if expected.sound else "none")  # fmt: skip
    length = found["duration_s"] or expected.duration_s
    yield gate.check("duration", abs(length - expected.duration_s) <= frame_s + STAMP_TOLERANCE_S
                     and expected.duration_s <= expected.duration_max_s, f"{length:.3f} s",
                     f"{expected.duration_s:.3f} s +- 1 frame, <= {expected.duration_max_s:g} s")  # fmt: skip
    if audio is None:
        yield gate.Check("av_offset", gate.SKIPPED, "no sound", f"<= {1000 * gate.AV_OFFSET_MAX_S:.0f} ms")
        return
    yield gate.check("av_offset", abs(audio["start_s"]) <= gate.AV_OFFSET_MAX_S, f"{1000 * audio['start_s']:.1f} ms",
                     f"<= {1000 * gate.AV_OFFSET_MAX_S:.0f} ms")  # fmt: skip
