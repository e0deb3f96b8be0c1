"""What a source is: container, streams, and what is wrong with it; nothing that a header declares is trusted."""

import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import av
import av.stream

from media import pool, source
from services.analyzer import ledger

SHORT_S, SHORT_SHARE = 1.0, 0.02  # a stream may miss this much of the declared length before it counts as cut off
FIRST_FRAME_PACKETS_MAX = 600  # packets that may pass before the first picture; ten seconds of most videos
REPORT_S = 0.25  # between two words of progress
RATE_MAX = 1000  # frames per second; a header that declares more is wrong
FULL_RANGE = 2
HDR = frozenset({"smpte2084", "arib-std-b67"})
# FFmpeg's names of the codes of ITU-T H.273.
PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
             10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}  # fmt: skip
TRANSFERS = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100",
             10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12",
             16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"}  # fmt: skip
MATRICES = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
            10: "bt2020c", 14: "ictcp"}  # fmt: skip

Report = Callable[[Mapping[str, Any]], None]


@dataclasses.dataclass(slots=True)
class Survey:
    """What is known of a source while it is read.

    Attributes:
        opened: The open source.
        size_bytes: Size of the file.
        ledgers: What the packets say, by index of the stream.
        first: The first picture of the chosen video; None before it, or without one.
        whole: Whether the container was read to its end.
        looked: Whether pictures were asked for.
    """

    opened: source.Source
    size_bytes: int
    ledgers: dict[int, ledger.Ledger]
    first: av.VideoFrame | None = None
    whole: bool = True
    looked: bool = True

    @classmethod
    def begin(cls, opened: source.Source, size_bytes: int) -> "Survey":
        """A survey of a source that was just opened."""
        return cls(opened, size_bytes, {stream.index: ledger.Ledger(stream) for stream in opened.container.streams})

    def add(self, stream: av.stream.Stream, packet: av.Packet | None) -> None:
        """Takes the next packet."""
        if packet is not None:
            self.ledgers[stream.index].add(packet)


def run(request: Mapping[str, Any], files: pool.Files, report: Report) -> dict[str, Any]:
    """The task: reads what a source is. The only picture that is decoded is the first."""
    file = files.inputs["source"]
    size_bytes = os.fstat(file.fileno()).st_size
    with source.open_source(file) as opened:
        survey, last = Survey.begin(opened, size_bytes), time.monotonic()
        for stream, packet in opened.packets(*opened.container.streams):
            survey.add(stream, packet)
            _look(survey, stream, packet)
            if time.monotonic() - last > REPORT_S:
                last = time.monotonic()
                report({"stage": "probe", "fraction": position(packet, size_bytes)})
        return describe(survey)


def position(packet: av.Packet | None, size_bytes: int) -> float:
    """How far into the file a packet lies, 0 to 1."""
    place = packet.pos if packet is not None and packet.pos is not None else 0
    return min(max(place / max(size_bytes, 1), 0.0), 1.0)


def _look(survey: Survey, stream: av.stream.Stream, packet: av.Packet | None) -> None:
    if stream is not survey.opened.video or survey.first is not None:
        return
    if survey.ledgers[stream.index].packets <= FIRST_FRAME_PACKETS_MAX:
        survey.first = next(iter(survey.opened.decode(stream, packet)), None)


def describe(survey: Survey) -> dict[str, Any]:
    """A source after it was read, in the words of the API's `MediaInfo`."""
    opened = survey.opened
    tracks = {index: entry.finish() for index, entry in survey.ledgers.items()}
    duration = opened.container.duration
    declared_s = duration / av.time_base if duration and duration > 0 else None
    streams = opened.container.streams
    info = {
        "format": opened.container.format.name,
        "size_bytes": survey.size_bytes,
        "declared_duration_s": declared_s,
        "video_streams": [_video(survey, stream, tracks[stream.index]) for stream in streams.video],
        "audio_streams": [_audio(stream, tracks[stream.index]) for stream in streams.audio],
        "other_streams": [_other(stream) for stream in streams if stream.type not in ("video", "audio")],
        "selected_video_stream": opened.video.index if opened.video is not None else None,
        "selected_audio_stream": opened.audio.index if opened.audio is not None else None,
        "faults": faults(survey, tracks, declared_s),
    }
    return {name: value for name, value in info.items() if value is not None}


def _video(survey: Survey, stream: av.stream.Stream, track: ledger.Track) -> dict[str, Any]:
    context = stream.codec_context
    first = survey.first if stream is survey.opened.video else None
    look = first if first is not None else context
    color = color_of(look)
    entry = {
        "index": stream.index,
        "codec": codec_name(stream),
        "profile": str(stream.profile or "") if context is not None else "",
        "width": first.width if first is not None else getattr(context, "width", 0),
        "height": first.height if first is not None else getattr(context, "height", 0),
        "rotation": rotation_of(first),
        "sample_aspect_ratio": rational(aspect_of(stream)),
        "pixel_format": first.format.name if first is not None else getattr(context, "pix_fmt", None) or "",
        "frame_rate": rational(rate_of(stream, track)),
        "time_base": rational(stream.time_base),
        "variable_frame_rate": track.variable,
        "interlaced": bool(first is not None and first.interlaced_frame),
        "color": color,
        "hdr": color["transfer"] in HDR,
        "declared_frames": stream.frames or None,
        "packets": track.packets if survey.whole else None,
        "key_frames_s": list(track.key_frames_s),
        "cover_art": source.cover_art(stream),
        "duration_s": length_of(track),
    }
    return {name: value for name, value in entry.items() if value is not None}


def _audio(stream: av.stream.Stream, track: ledger.Track) -> dict[str, Any]:
    context = stream.codec_context
    entry = {
        "index": stream.index,
        "codec": codec_name(stream),
        "sample_rate_hz": getattr(context, "sample_rate", 0) or 0,
        "channels": context.layout.nb_channels if context is not None else 0,
        "channel_layout": context.layout.name if context is not None else "",
        "language": language_of(stream),
        "duration_s": length_of(track),
        "default": bool(stream.disposition & av.stream.Disposition.default),
    }
    return {name: value for name, value in entry.items() if value is not None}


def _other(stream: av.stream.Stream) -> dict[str, Any]:
    return {
        "index": stream.index,
        "kind": stream.type or "unknown",
        "codec": codec_name(stream),
        "language": language_of(stream),
    }


def codec_name(stream: av.stream.Stream) -> str:
    """The coding of a stream, such as `h264`, whichever decoder reads it; empty where unknown."""
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else ""


def language_of(stream: av.stream.Stream) -> str:
    """The language that the container names; empty where it names none."""
    language = stream.metadata.get("language", "")
    return "" if language == "und" else language


def rotation_of(frame: av.VideoFrame | None) -> int:
    """The clockwise turn that shows a picture upright: 0, 90, 180 or 270 degrees."""
    return round(-(frame.rotation or 0) / 90) * 90 % 360 if frame is not None else 0


def aspect_of(stream: av.stream.Stream) -> Fraction:
    """The shape of a pixel; square where nobody says."""
    return stream.sample_aspect_ratio or getattr(stream.codec_context, "sample_aspect_ratio", None) or Fraction(1)


def rate_of(stream: av.stream.Stream, track: ledger.Track) -> Fraction | None:
    """Frames per second: as the container has it, else from the time stamps; None where neither tells."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= RATE_MAX:
            return Fraction(rate)
    return Fraction(1 / track.step_s).limit_denominator(1001) if track.step_s else None


def color_of(look: av.VideoFrame | av.VideoCodecContext | None) -> dict[str, str]:
    """What the numbers of a picture mean; empty words where nobody says."""
    primaries, transfer, matrix, scale = (
        int(getattr(look, name, 0) or 0) for name in ("color_primaries", "color_trc", "colorspace", "color_range")
    )
    return {
        "primaries": PRIMARIES.get(primaries, ""),
        "transfer": TRANSFERS.get(transfer, ""),
        "matrix": MATRICES.get(matrix, "") if matrix else "",
        "range": "full" if scale == FULL_RANGE else "limited" if scale else "",
    }


def rational(value: Fraction | None) -> dict[str, int] | None:
    """A fraction as the API has it."""
    return None if value is None else {"numerator": value.numerator, "denominator": value.denominator}


def length_of(track: ledger.Track) -> float | None:
    """Length of a stream in seconds, from its time stamps."""
    return None if track.start_s is None or track.end_s is None else track.end_s - track.start_s


def faults(survey: Survey, tracks: Mapping[int, ledger.Track], declared_s: float | None) -> list[dict[str, str]]:
    """What is wrong with a source that was read."""
    found = []
    if declared_s is None:
        found.append(("NO_DURATION", "the header declares no duration"))
    found += _cut_off(survey, tracks, declared_s)
    for index, track in tracks.items():
        if track.misplaced:
            detail = f"the index marks {track.misplaced} packets of stream {index} as key frames that are none"
            found.append(("WRONG_KEY_FRAMES", detail))
        if track.corrupt:
            found.append(("DAMAGED", f"{track.corrupt} packets of stream {index} are marked as damaged"))
    if survey.looked and survey.opened.video is not None and survey.first is None:
        found.append(("NO_VIDEO_FRAMES", f"stream {survey.opened.video.index} holds no picture that can be decoded"))
    found += [(_code(name), _detail(name, count)) for name, count in sorted(survey.opened.faults.items())]
    return [{"code": code, "detail": detail} for code, detail in dict.fromkeys(found)]


def _cut_off(survey: Survey, tracks: Mapping[int, ledger.Track], declared_s: float | None) -> list[tuple[str, str]]:
    chosen = [stream for stream in (survey.opened.video, survey.opened.audio) if stream is not None]
    lengths = {stream.type: length_of(tracks[stream.index]) or 0.0 for stream in chosen}
    if not survey.whole or not lengths:
        return []
    longest_s = max(lengths.values())
    found = []
    if declared_s is not None and declared_s - longest_s > max(SHORT_S, SHORT_SHARE * declared_s):
        found.append(("TRUNCATED", f"the header declares {declared_s:.3f} s, {longest_s:.3f} s were found"))
    for kind, length_s in lengths.items():
        if length_s and longest_s - length_s > max(SHORT_S, SHORT_SHARE * longest_s):
            found.append((f"SHORT_{kind.upper()}", f"{kind} has {length_s:.3f} s of {longest_s:.3f} s"))
    return found


def _code(name: str) -> str:
    return "DAMAGED" if name == "CONCEALED" else name


def _detail(name: str, count: int) -> str:
    return {
        "TRUNCATED": "the container ends in the middle of a packet or a header",
        "DAMAGED": f"{count} packets could not be decoded",
        "CONCEALED": f"{count} frames were patched by the decoder",
    }.get(name, f"{name} was met {count} times")
