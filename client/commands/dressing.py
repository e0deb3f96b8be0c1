"""Options for what is laid over clips or stands beside them."""

import enum
import pathlib
from typing import Annotated

import typer
from reelsmith.exporter.v1 import exporter_pb2 as exporter

FORMATS = ("srt", "vtt", "ass")


class Style(enum.StrEnum):
    """How captions look."""

    PLAIN = "plain"
    BOXED = "boxed"
    KARAOKE = "karaoke"
    POP = "pop"


class Corner(enum.StrEnum):
    """Where a logo stands."""

    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"


def captions(style: Style | None, files: str, track: bool) -> exporter.CaptionOptions | None:
    """Captions as the API has them; None where none are asked for.

    Raises:
        typer.BadParameter: A format is not known, or named twice.
    """
    names = [name.strip().lower() for name in files.split(",") if name.strip()]
    if unknown := [name for name in names if name not in FORMATS or names.count(name) > 1]:
        raise typer.BadParameter(
            f"--caption-files {unknown[0]}: some of {', '.join(FORMATS)}, each once, such as srt,ass"
        )
    if style is None and not names and not track:
        return None
    formats = [exporter.CaptionOptions.Format.Value(f"FORMAT_{name.upper()}") for name in names]
    return exporter.CaptionOptions(style=style or "", formats=formats, text_track=track)


def overlays(title: str, hook: str, progress_bar: bool, logo_corner: Corner | None) -> exporter.Overlays | None:
    """Overlays as the API has them; None where none are asked for. The place of the logo is filled in later."""
    if not (title or hook or progress_bar or logo_corner):
        return None
    corner = f"CORNER_{logo_corner.value.replace('-', '_').upper()}" if logo_corner else "CORNER_UNSPECIFIED"
    return exporter.Overlays(
        title=title, hook=hook, progress_bar=progress_bar, logo_corner=exporter.Overlays.Corner.Value(corner)
    )


Captions = Annotated[Style | None, typer.Option("--captions", help="Burn in what is said, in this style.")]
CaptionFiles = Annotated[
    str, typer.Option("--caption-files", metavar="FORMATS", help="Captions beside each clip: srt, vtt, ass.")
]
CaptionTrack = Annotated[bool, typer.Option("--caption-track", help="Captions inside each clip, to show or hide.")]
TitleCard = Annotated[str, typer.Option("--title-card", metavar="TEXT", help="A title at the top of each clip.")]
HookCard = Annotated[str, typer.Option("--hook-card", metavar="TEXT", help="A card at the beginning of each clip.")]
ProgressBar = Annotated[bool, typer.Option("--progress-bar", help="A bar that grows with each clip.")]
Logo = Annotated[
    pathlib.Path | None,
    typer.Option(
        metavar="PNG", help="A logo in a corner of each clip.",
        exists=True, dir_okay=False, readable=True, resolve_path=True,
    ),
]  # fmt: skip
LogoCorner = Annotated[Corner, typer.Option("--logo-corner", help="Where the logo stands.")]
