"""Small copies of clips, to be embedded in the report."""

import dataclasses
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.video.reformatter

from media import errors as media_errors
from media import pool, sink
from services.exporter import containers, encoders, geometry, reading, sound
from services.exporter.encoders import quality, x264

SIDE = 480  # longest side in pixels: enough to judge a clip, a twentieth of its bytes
RATE_MAX = 30
CRF = 27
AUDIO_BPS = 64_000
VIDEO_BPS_MIN = 90_000  # below it the preview is shortened instead
VIDEO_BPS_MAX = 700_000
OVERHEAD = 0.9  # share of the budget for the streams: the index takes some


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """How much of a clip is shown, and at which bit rate."""

    duration_s: float
    video_bps: int


def plan(duration_s: float, budget_bytes: int) -> Plan:
    """Fits a preview into its share of the page: first a lower bit rate, then a shorter preview."""
    rate = budget_bytes * 8 * OVERHEAD / max(duration_s, 0.1) - AUDIO_BPS
    if rate >= VIDEO_BPS_MIN:
        return Plan(duration_s, int(min(rate, VIDEO_BPS_MAX)))
    return Plan(budget_bytes * 8 * OVERHEAD / (VIDEO_BPS_MIN + AUDIO_BPS), VIDEO_BPS_MIN)


def run(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> dict[str, Any]:
    """Task: writes a small copy of `files.inputs["clip"]` into `files.outputs["preview"]`."""
    file, duration = files.inputs["clip"], Fraction(request["duration_s"]).limit_denominator(1000)
    rate, source = _look(file)
    divisor = max(1, -int(-(rate / RATE_MAX) // 1))
    size = small(*source)
    packets: list[av.Packet] = []
    if request["sound"]:
        lead_s = Fraction(sound.LEAD, sound.RATE_HZ)
        heard = sound.pcm(file, -lead_s, round((duration + lead_s) * sound.RATE_HZ))
        packets, _ = sound.encode(heard, AUDIO_BPS)
    options = containers.options("mp4", round(duration * rate) + 8, len(packets))
    with sink.open_sink(files.outputs["preview"], "mp4", options) as container:
        wanted = quality.Quality(CRF, "veryfast", request["video_bps"])
        video = encoders.add(container, x264.NAME, rate / divisor, size, wanted, request["threads"])
        audio = sound.AAC.add(container, AUDIO_BPS) if packets else None
        write = containers.interleaver(container, audio, packets)
        for number, frame in enumerate(_small_frames(file, duration, divisor, size)):
            frame.pts, frame.time_base = number, divisor / rate
            for packet in encoders.drained(video, frame):
                write(packet)
            report({"stage": "preview", "frames": number + 1})
        for packet in encoders.drained(video, None):
            write(packet)
        write(None)
    return {"width": size[0], "height": size[1]}


def small(width: int, height: int) -> tuple[int, int]:
    """Size of the preview of a picture."""
    factor = SIDE / max(width, height)
    return geometry.even(width * factor), geometry.even(height * factor)


def _look(file: BinaryIO) -> tuple[Fraction, tuple[int, int]]:
    with reading.opened(file) as opened:
        video = opened.video
        if video is None:
            raise media_errors.Unreadable("the clip has no video", reason="NO_VIDEO")
        return Fraction(video.average_rate or 25), (video.codec_context.width, video.codec_context.height)


def _small_frames(file: BinaryIO, duration: Fraction, divisor: int, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    reformatter = av.video.reformatter.VideoReformatter()
    with reading.opened(file) as opened:
        for number, frame in enumerate(reading.frames(opened, opened.video)):
            if frame.pts * frame.time_base >= duration:
                return
            if number % divisor == 0:
                yield reformatter.reformat(frame, size[0], size[1], "yuv420p", interpolation="AREA")
