"""Options that several commands share."""

import datetime
import enum
import os
import pathlib
import re
from typing import Annotated

import typer
from google.protobuf import timestamp_pb2
from reelsmith.exporter.v1 import exporter_pb2 as exporter
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

AHEAD = re.compile(r"\+(\d{1,5}(?:\.\d{1,3})?)([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
CLOCK = re.compile(r"\d{2}:\d{2}(?::\d{2})?")
DURATION = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)(?::(\d{1,3}))?")
_TIME = r"((?:\d{1,3}:){0,2}\d{1,6}(?:\.\d{1,3})?)"
STRETCH = re.compile(f"{_TIME}-{_TIME}")


class Aspect(enum.StrEnum):
    """Shape of the delivered picture."""

    UPRIGHT = "9:16"
    SQUARE = "1:1"
    PORTRAIT = "4:5"
    WIDE = "16:9"


class Layout(enum.StrEnum):
    """How the source's picture fills the delivered one."""

    AUTO = "auto"
    FILL = "fill"
    FIT_BLUR = "fit-blur"
    LETTERBOX = "letterbox"
    SPLIT = "split"
    STACK = "stack"


class Mode(enum.StrEnum):
    """How clips come about."""

    RENDER = "render"
    SMART_CUT = "smart-cut"


class Codec(enum.StrEnum):
    """Codec of the picture."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"
    VP9 = "vp9"


def mode(chosen: Mode | None) -> exporter.ExportMode:
    """The way clips come about as the API names it."""
    name = "UNSPECIFIED" if chosen is None else chosen.value.replace("-", "_").upper()
    return exporter.ExportMode.Value(f"EXPORT_MODE_{name}")


def video_codec(chosen: Codec | None) -> exporter.VideoCodec:
    """The codec as the API names it."""
    name = "UNSPECIFIED" if chosen is None else chosen.value.upper()
    return exporter.VideoCodec.Value(f"VIDEO_CODEC_{name}")


def aspect_ratio(aspect: Aspect | None) -> exporter.AspectRatio:
    """The shape as the API names it."""
    name = "UNSPECIFIED" if aspect is None else aspect.value.replace(":", "_")
    return exporter.AspectRatio.Value(f"ASPECT_RATIO_{name}")


def layout(chosen: Layout | None) -> exporter.Layout:
    """The layout as the API names it."""
    name = "UNSPECIFIED" if chosen is None else chosen.value.replace("-", "_").upper()
    return exporter.Layout.Value(f"LAYOUT_{name}")


def duration(text: str) -> media.ClipDuration:
    """`SECONDS` or `SECONDS:COUNT` as the API has it.

    Raises:
        typer.BadParameter: It is neither.
    """
    found = DURATION.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"--duration {text}: SECONDS or SECONDS:COUNT, such as 30:3")
    return media.ClipDuration(target_s=float(found[1]), count=int(found[2] or 0))


def stretch(text: str, option: str = "--exclude") -> media.TimeRange:
    """`FROM-TO` as the API has it, each in seconds or as `[H:]M:S`.

    Raises:
        typer.BadParameter: It is none.
    """
    found = STRETCH.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"{option} {text}: FROM-TO, in seconds or as 1:02:03, such as 0:00-1:30")
    start_s, end_s = map(_seconds, found.groups())
    return media.TimeRange(start_s=start_s, end_s=end_s)


def pair(text: str, option: str, form: str) -> tuple[str, str]:
    """Two words with `=` between them.

    Raises:
        typer.BadParameter: One of them is missing.
    """
    first, _, second = text.rpartition("=")
    if not first or not second:
        raise typer.BadParameter(f"{option} {text}: {form}")
    return first, second


def _seconds(text: str) -> float:
    return sum(float(part) * 60**power for power, part in enumerate(reversed(text.split(":"))))


def choose(
    spec: jobs.JobSpec,
    count: int,
    lengths_s: tuple[float, float],
    keywords: list[str] | None,
    genre: str,
    diversity: float,
    durations: list[str] | None,
    apart: bool,
    gap_s: float,
    exclude: list[str] | None,
) -> None:
    """Says in a specification which clips are wanted.

    Raises:
        typer.BadParameter: The longest is shorter than the shortest, or an option cannot be read.
    """
    spec.count, (spec.duration_min_s, spec.duration_max_s) = count, lengths_s
    if spec.duration_max_s < spec.duration_min_s:
        raise typer.BadParameter(f"--max {lengths_s[1]:g} is less than --min {lengths_s[0]:g}")
    spec.keywords.extend(keywords or ())
    spec.genre, spec.diversity, spec.gap_min_s, spec.durations_apart = genre, diversity, gap_s, apart
    spec.durations.extend(map(duration, durations or ()))
    spec.exclusions.extend(map(stretch, exclude or ()))


def moment(text: str, option: str) -> timestamp_pb2.Timestamp | None:
    """A time as the API has it: `+2h`, the next `22:00`, or a date with a time; None for an empty text.

    Raises:
        typer.BadParameter: It is none.
    """
    if not text:
        return None
    now = datetime.datetime.now().astimezone()
    try:
        if found := AHEAD.fullmatch(text):
            time = now + datetime.timedelta(**{UNITS[found[2]]: float(found[1])})
        elif CLOCK.fullmatch(text):
            time = datetime.datetime.combine(now.date(), datetime.time.fromisoformat(text)).astimezone()
            time += datetime.timedelta(days=time <= now)
        else:
            time = datetime.datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{option} {text}: a time such as +2h, 22:00 or 2027-01-31T22:00") from error
    said = timestamp_pb2.Timestamp()
    said.FromDatetime(time)
    return said


def video(text: str) -> pathlib.Path | str:
    """A video as it is named: a file that is there, or a URL that the suite is to fetch.

    Raises:
        typer.BadParameter: There is no such file.
    """
    if text.startswith(("https://", "http://", "s3://")):
        return text
    found = pathlib.Path(text).resolve()
    if not found.is_file():
        raise typer.BadParameter(f"there is no file {text!r}")
    if not os.access(found, os.R_OK):
        raise typer.BadParameter(f"the file {text!r} cannot be read")
    return found


Filling = Annotated[
    Layout | None, typer.Option("--layout", help="How the picture is filled; by default auto: by shot, with reasons.")
]
WayToMake = Annotated[
    Mode | None, typer.Option("--mode", help="Render all, or copy and encode the edges only (preset source).")
]
VideoCodec = Annotated[Codec | None, typer.Option("--codec", help="Video codec; the preset's by default.")]
ConfigService = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="The configuration service; that of this user's suite by default.")
]
Video = Annotated[
    object,
    typer.Argument(metavar="VIDEO", help="The video file, or a URL that the suite may fetch.", parser=video),
]
Transcript = Annotated[
    pathlib.Path | None,
    typer.Option(
        metavar="FILE", help="SRT or WebVTT with what is said; by default one beside VIDEO, or VIDEO's own.",
        exists=True, dir_okay=False, readable=True, resolve_path=True,
    ),
]  # fmt: skip
Language = Annotated[
    str,
    typer.Option(metavar="CODE", help="Language that is spoken, such as de, where a model hears it; else found out."),
]
Genre = Annotated[
    str, typer.Option(metavar="NAME", help="Weigh clips as talk, gaming, sport, film or music; auto lets VIDEO tell.")
]
Diversity = Annotated[
    float, typer.Option(min=0, max=1, help="How much clips are to differ: 0 only the best, 1 as much as can be.")
]
Durations = Annotated[
    list[str] | None,
    typer.Option("--duration", metavar="S[:N]", help="N clips of up to S seconds, instead of --min, --max and --count; "
                 "may be repeated."),
]  # fmt: skip
Apart = Annotated[bool, typer.Option("--apart", help="Clips of different --duration do not overlap either.")]
Gap = Annotated[float, typer.Option("--gap", min=0, max=3600, metavar="S", help="Least time between clips, seconds.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="FROM-TO", help="A stretch to leave out, such as 0:00-1:30; may be repeated."),
]
Priority = Annotated[
    int, typer.Option(min=-100, max=100, help="Higher runs first; a point is worth ten minutes of waiting.")
]
StartAt = Annotated[str, typer.Option(metavar="TIME", help="Start then: +2h, 22:00 or 2027-01-31T22:00; else now.")]
Deadline = Annotated[str, typer.Option(metavar="TIME", help="Give up then; clips that are finished stay.")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Print the job and leave; `reelsmith jobs watch` and `download` go on.")
]
Gateway = Annotated[str, typer.Option(metavar="HOST:PORT", help="The gateway; the suite of this user by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Out = Annotated[pathlib.Path, typer.Option(help="Folder that gets a folder for the job.", file_okay=False)]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Identifier of the job.")]
