"""Opens a finished file again and checks it: what does not pass is not delivered."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from media import pool
from services.exporter import camera, loudness, mp4, prints, reading, sound

AV_OFFSET_MAX_S = 0.020
LOUDNESS_TOLERANCE_LU = 0.5
STEP_TOLERANCES_S = {True: Fraction(1, 10_000), False: Fraction(11, 10_000)}  # of MP4; of Matroska's milliseconds
PICTURE_MAX = 10.0  # steps of luma by which the worst frame may differ: encoding stays below 3, a wrong frame does not
STRETCH_MAX = 3  # frames in a row that may turn black or still: encoding blurs the borders of such stretches
LOUDNESS_LENGTH_MIN_S = 0.5  # shorter sound has no integrated loudness: the measure works on blocks of 0.4 s
JERK_SLACK = 1.01  # it is measured from places that are rounded in the last digits
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One check of a finished clip."""

    name: str
    state: str
    measured: str
    expected: str

    def to_value(self) -> dict[str, str]:
        """The same as plain JSON values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """What a clip must be."""

    frames: int
    rate: Fraction
    width: int
    height: int
    sound: bool
    loudness_lufs: float | None
    """None where the source has nothing that counts as sound."""
    loudness_limited: bool
    """Whether the source is so quiet that the greatest gain does not reach the target."""
    true_peak_max_dbtp: float
    size_max_bytes: int
    duration_max_s: float
    pictures: prints.Facts | None
    """What the file showed when it was made; None while it is being made."""
    video_codec: str = "h264"
    audio_codec: str = "aac"
    container: str = "mp4"
    texts: int = 0
    """Texts of the track inside; 0 for no track."""
    framing: Mapping[str, Any] | None = None
    """How the planned windows frame the subject and move; see `framing.Framing`."""
    subject_inside_min: float = 0.0


def inspect(
    request: Mapping[str, Any], files: pool.Files, report: pool.Report
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Task: measures the file `files.inputs["clip"]`.

    Returns:
        Facts, and the array `prints`, uint8 (frames, 16, 9), of the pictures as decoded.
    """
    file = files.inputs["clip"]
    video, seen = _video(file, request["threads"], report)
    heard, fast = _audio(file, report), mp4.starts_fast(file)
    return {"video": video, "audio": heard, "fast_start": fast, "texts": _texts(file)}, {"prints": seen}


def _video(file: BinaryIO, threads: int, report: pool.Report) -> tuple[dict[str, Any], np.ndarray]:
    stamps, seen = [], []
    with reading.opened(file, threads=threads) as opened:
        stream = opened.video
        if stream is None:
            return {"frames": 0, "faults": {"NO_VIDEO": 1}}, np.zeros((0, prints.ROWS, prints.COLUMNS), np.uint8)
        for frame in reading.frames(opened, stream):
            stamps.append(frame.pts)
            seen.append(prints.of(frame))
            report({"stage": "check", "frames": len(stamps)})
        context, base = stream.codec_context, stream.time_base
        facts = {
            "codec": context.codec.canonical_name,
            "pixel_format": context.pix_fmt,
            "colors": [int(context.colorspace), int(context.color_primaries), int(context.color_trc)],
            "range": int(context.color_range),
            "width": context.width,
            "height": context.height,
            "frames": len(stamps),
            "start_s": float(stamps[0] * base) if stamps else 0.0,
            "duration_s": float(stream.duration * base) if stream.duration else _spanned(stamps, base),
            "steps": sorted({str((after - before) * base) for before, after in itertools.pairwise(stamps)}),
            "faults": dict(opened.faults),
        }
    return facts, np.array(seen, np.uint8).reshape(-1, prints.ROWS, prints.COLUMNS)


def _spanned(stamps: list[int], base: Fraction) -> float:
    """How long frames are shown, where the container does not say so for each stream."""
    if len(stamps) < 2:
        return 0.0
    return float((stamps[-1] - stamps[0]) * base * Fraction(len(stamps), len(stamps) - 1))


def _audio(file: BinaryIO, report: pool.Report) -> dict[str, Any] | None:
    with reading.opened(file) as opened:
        stream = opened.audio
        if stream is None:
            return None
        context, meter, start, samples = stream.codec_context, loudness.Meter(), None, 0
        for place, chunk in sound.mixed(reading.frames(opened, stream), Fraction(0)):
            start = place if start is None else start
            samples += chunk.shape[1]
            meter.add(chunk)
            report({"stage": "check", "frames": 0})
        return {
            "codec": context.codec.canonical_name,
            "sample_rate_hz": context.sample_rate,
            "channels": context.layout.nb_channels,
            "start_s": (start or 0) / sound.RATE_HZ,
            "duration_s": float(stream.duration * stream.time_base) if stream.duration else samples / sound.RATE_HZ,
            "samples": samples,
            "loudness": meter.result().to_value(),
            "faults": dict(opened.faults),
        }


def _texts(file: BinaryIO) -> int:
    """Texts of the text tracks; the empty ones between them do not count."""
    with reading.opened(file) as opened:
        streams = opened.container.streams.subtitles
        packets = (packet for _, packet in opened.packets(*streams) if packet is not None) if streams else ()
        return sum(bytes(packet)[:2] != b"\0\0" for packet in packets)


def judge(
    found: Mapping[str, Any], size_bytes: int, expected: Expected, decoded: np.ndarray, rendered: np.ndarray | None
) -> tuple[Check, ...]:
    """Compares what was measured with what must be.

    Args:
        found: from `inspect`.
        size_bytes: size of the file.
        expected: what must be.
        decoded: uint8 (n, 16, 9), prints of the pictures of the file.
        rendered: the same of the pictures that were encoded; None where only the file is there.

    Returns:
        Every check, in a fixed order.
    """
    return (
        *_stream_checks(found, expected),
        *_timing_checks(found, expected),
        *_sound_checks(found["audio"], expected),
        *_picture_checks(decoded, rendered, expected),
        *_text_checks(found["texts"], expected.texts),
        *_framing_checks(expected.framing or {}, expected.subject_inside_min),
        *size_checks(found["fast_start"], size_bytes, expected.container, expected.size_max_bytes),
    )


def size_checks(fast_start: bool, size_bytes: int, container: str, size_max_bytes: int) -> Iterator[Check]:
    """Checks of the file as a whole. Only MP4 has an index that playing has to wait for."""
    if container == "mp4":
        yield check("fast_start", fast_start, "index first" if fast_start else "media first", "index first")
    else:
        yield Check("fast_start", SKIPPED, f"{container} plays as it comes", "index first")
    yield check("file_size", size_bytes <= size_max_bytes, f"{size_bytes} B", f"<= {size_max_bytes} B")


def check(name: str, good: bool, measured: str, expected: str) -> Check:
    """A check that passed or failed."""
    return Check(name, PASSED if good else FAILED, measured, expected)


def _stream_checks(found: Mapping[str, Any], expected: Expected) -> Iterator[Check]:
    video, audio = found["video"], found["audio"]
    faults = video["faults"] | ((audio or {}).get("faults") or {})
    yield check("decodes", not faults, "to the end" if not faults else f"faults {faults}", "to the end, no fault")
    shape = f"{video.get('width')}x{video.get('height')}"
    yield check("size", shape == f"{expected.width}x{expected.height}", shape, f"{expected.width}x{expected.height}")
    picture = f"{video.get('codec')} {video.get('pixel_format')}"
    wanted = f"{expected.video_codec} yuv420p"
    yield check("video_codec", picture == wanted, picture, wanted)
    tagged = video.get("colors") == [1, 1, 1] and video.get("range") == 1
    yield check("color", tagged, f"matrix, primaries, transfer {video.get('colors')}, range {video.get('range')}",
                "BT.709 [1, 1, 1], limited range 1")  # fmt: skip
    heard = f"{audio['codec']} {audio['sample_rate_hz']} Hz {audio['channels']} channels" if audio else "none"
    wanted = f"{expected.audio_codec} 48000 Hz 2 channels" if expected.sound else "none"
    yield check("audio_codec", heard == wanted, heard, wanted)


def _timing_checks(found: Mapping[str, Any], expected: Expected) -> Iterator[Check]:
    video, audio = found["video"], found["audio"]
    yield check("frames", video["frames"] == expected.frames, f"{video['frames']} frames", f"{expected.frames} frames")
    step = 1 / expected.rate
    steps = video.get("steps") or []
    even = all(abs(Fraction(one) - step) < STEP_TOLERANCES_S[expected.container == "mp4"] for one in steps)
    yield check("frame_rate", even, f"steps of {', '.join(steps[:4]) or 'none'} s", f"steps of {step} s")
    length, wanted = video.get("duration_s", 0.0), float(expected.frames * step)
    yield check("duration", abs(length - wanted) <= float(step) and wanted <= expected.duration_max_s,
                f"{length:.3f} s", f"{wanted:.3f} s +- 1 frame, <= {expected.duration_max_s:g} s")  # fmt: skip
    if audio is None:
        yield Check("av_offset", SKIPPED, "no sound", f"<= {1000 * AV_OFFSET_MAX_S:.0f} ms")
        return
    offset_s = audio["start_s"] - video.get("start_s", 0.0)
    yield check("av_offset", abs(offset_s) <= AV_OFFSET_MAX_S, f"{1000 * offset_s:.1f} ms",
                f"<= {1000 * AV_OFFSET_MAX_S:.0f} ms")  # fmt: skip
    tail_s = audio["duration_s"] - length
    yield check("av_length", abs(tail_s) <= max(float(step), AV_OFFSET_MAX_S), f"{1000 * tail_s:.1f} ms",
                f"<= {1000 * max(float(step), AV_OFFSET_MAX_S):.0f} ms")  # fmt: skip


def _sound_checks(audio: Mapping[str, Any] | None, expected: Expected) -> Iterator[Check]:
    target, peak_max = expected.loudness_lufs, expected.true_peak_max_dbtp
    if audio is None or target is None:
        why = "no sound" if audio is None else "the source is silent"
        wanted = "silence stays silence" if audio else "none"
        yield Check("loudness", SKIPPED, why, wanted)
        yield Check("true_peak", SKIPPED, why, wanted)
        return
    found = loudness.Loudness.from_value(audio["loudness"])
    level, peak = found.integrated_lufs, found.true_peak_dbtp
    text, wanted = (
        ("too quiet" if level is None else f"{level:.1f} LUFS"),
        f"{target:g} +- {LOUDNESS_TOLERANCE_LU:g} LUFS",
    )
    if audio["samples"] < LOUDNESS_LENGTH_MIN_S * sound.RATE_HZ:
        yield Check("loudness", SKIPPED, f"{text}, shorter than {LOUDNESS_LENGTH_MIN_S:g} s", wanted)
    elif expected.loudness_limited and (level is None or level < target - LOUDNESS_TOLERANCE_LU):
        yield Check("loudness", SKIPPED, text, f"{wanted}, but the source needs more gain than is allowed")
    else:
        yield check("loudness", level is not None and abs(level - target) <= LOUDNESS_TOLERANCE_LU, text, wanted)
    yield check("true_peak", peak is None or peak <= peak_max, "none" if peak is None else f"{peak:.2f} dBTP",
                f"<= {peak_max:g} dBTP")  # fmt: skip


def _text_checks(found: int, expected: int) -> Iterator[Check]:
    if found or expected:
        yield check("text_track", found == expected, f"{found} texts", f"{expected} texts")


def _framing_checks(framing: Mapping[str, Any], least: float) -> Iterator[Check]:
    share, wanted = framing.get("subject_inside"), f">= {100 * least:g} % of the frames with a subject"
    if share is None:
        yield Check("subject", SKIPPED, "no subject is known", wanted)
    else:
        yield check("subject", share >= least, f"fully inside in {100 * share:.1f} %", wanted)
    jerk, bound = framing.get("jerk_max"), camera.Limits().jerk_max
    wanted = f"jerk <= {bound:g} windows/s^3"
    if jerk is None:
        yield Check("camera", SKIPPED, "no window is known", wanted)
        return
    turns, travel = framing["reversals_per_s"], framing["travel_px_per_s"]
    measured = f"jerk {jerk:.1f} windows/s^3, {turns:.2f} reversals/s, {travel:.0f} px/s"
    yield check("camera", jerk <= bound * JERK_SLACK, measured, wanted)


def _picture_checks(decoded: np.ndarray, rendered: np.ndarray | None, expected: Expected) -> Iterator[Check]:
    seen = prints.facts(decoded)
    facts = f"black {seen.black_frames}, frozen {seen.frozen_frames} of {seen.frames} frames"
    if rendered is None or len(rendered) != len(decoded):
        if expected.pictures is not None:
            yield check("picture", seen == expected.pictures, facts, "the same as when it was made")
        return
    source = prints.facts(rendered)
    then = f"as rendered: black {source.black_frames}, frozen {source.frozen_frames}"
    black, stalled = prints.lost(rendered, decoded)
    yield check("black", black <= STRETCH_MAX, f"{facts}; longest new black stretch {black} frames", then)
    yield check("frozen", stalled <= STRETCH_MAX, f"{facts}; longest new still stretch {stalled} frames", then)
    worst = float(prints.difference(rendered, decoded).max(initial=0.0))
    yield check("picture", worst <= PICTURE_MAX, f"worst frame {worst:.2f} steps off", f"<= {PICTURE_MAX:g} steps")
