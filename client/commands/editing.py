"""Options of how clips are edited."""

import re
from collections.abc import Sequence
from typing import Annotated

import typer
from reelsmith.exporter.v1 import exporter_pb2 as exporter

from client.commands import options

_LENGTH = r"(\d{1,2}(?:\.\d{1,3})?)"
FADE = re.compile(f"{_LENGTH}(?::{_LENGTH})?")
FORMATS = {"otio": "FORMAT_OTIO", "fcpxml": "FORMAT_FCPXML", "edl": "FORMAT_EDL"}

Join = Annotated[
    list[str] | None,
    typer.Option(metavar="FROM-TO", help="A part, such as 1:00-1:20; one clip is made of all, in their order."),
]
Tighten = Annotated[bool, typer.Option("--tighten", help="Take long silences and filler words out, with jump cuts.")]
Speed = Annotated[float, typer.Option(min=0.25, max=4, help="Speed of the clips; the pitch is kept.")]
Fade = Annotated[
    str, typer.Option(metavar="S[:S]", help="Fade picture and sound in and out, seconds; one number is for both.")
]
AudioTrack = Annotated[
    str, typer.Option("--audio", metavar="N|LANG", help="Which sound: number from 0, or language such as de.")
]
Timeline = Annotated[
    str, typer.Option(metavar="FORMATS", help="Timelines for editing programs: of otio, fcpxml, edl, by commas.")
]


def edit(join: Sequence[str], tighten: bool, speed: float, fade: str, audio: str) -> exporter.Edit | None:
    """The edit as the API has it; None where nothing is asked.

    Raises:
        typer.BadParameter: A part or a fade is none.
    """
    made = exporter.Edit(ranges=[exporter.SourceRange(time=options.stretch(one, "--join")) for one in join])
    if tighten:
        made.tightening.SetInParent()
    if speed != 1:
        made.speed = speed
    if fade:
        found = FADE.fullmatch(fade)
        if not found:
            raise typer.BadParameter(f"--fade {fade}: seconds, or IN:OUT, such as 0.5:1")
        rise_s, fall_s = float(found[1]), float(found[2] or found[1])
        made.fades.MergeFrom(
            exporter.Fades(picture_in_s=rise_s, picture_out_s=fall_s, sound_in_s=rise_s, sound_out_s=fall_s)
        )
    if audio.isdecimal():
        made.audio_track.number = int(audio[:9])
    elif audio:
        made.audio_track.language = audio
    return made if made.ByteSize() else None


def timelines(text: str) -> list[int]:
    """Formats of timelines as the API has them.

    Raises:
        typer.BadParameter: One is not known.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in FORMATS]:
        raise typer.BadParameter(f"--timeline {unknown[0]}: must be of {', '.join(FORMATS)}")
    return [exporter.ExportTimelineRequest.Format.Value(FORMATS[name]) for name in dict.fromkeys(names)]
