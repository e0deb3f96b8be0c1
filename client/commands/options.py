"""Options that several commands share."""

import enum
import pathlib
from typing import Annotated

import typer
from reelsmith.exporter.v1 import exporter_pb2 as exporter


class Aspect(enum.StrEnum):
    """Shape of the delivered picture."""

    UPRIGHT = "9:16"
    SQUARE = "1:1"
    PORTRAIT = "4:5"
    WIDE = "16:9"


class Layout(enum.StrEnum):
    """How the source's picture fills the delivered one."""

    FILL = "fill"
    FIT_BLUR = "fit-blur"
    LETTERBOX = "letterbox"
    SPLIT = "split"
    STACK = "stack"


def aspect_ratio(aspect: Aspect | None) -> exporter.AspectRatio:
    """The shape as the API names it."""
    name = "UNSPECIFIED" if aspect is None else aspect.value.replace(":", "_")
    return exporter.AspectRatio.Value(f"ASPECT_RATIO_{name}")


def layout(chosen: Layout | None) -> exporter.Layout:
    """The layout as the API names it."""
    name = "UNSPECIFIED" if chosen is None else chosen.value.replace("-", "_").upper()
    return exporter.Layout.Value(f"LAYOUT_{name}")


Video = Annotated[
    pathlib.Path,
    typer.Argument(
        metavar="VIDEO", help="The video file.", exists=True, dir_okay=False, readable=True, resolve_path=True
    ),
]
Transcript = Annotated[
    pathlib.Path | None,
    typer.Option(
        metavar="FILE", help="SRT or WebVTT with what is said; by default one beside VIDEO, or VIDEO's own.",
        exists=True, dir_okay=False, readable=True, resolve_path=True,
    ),
]  # fmt: skip
Gateway = Annotated[str, typer.Option(metavar="HOST:PORT", help="The gateway; the suite of this user by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Out = Annotated[pathlib.Path, typer.Option(help="Folder that gets a folder for the job.", file_okay=False)]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Identifier of the job.")]
