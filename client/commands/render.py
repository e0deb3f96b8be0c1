"""`reelsmith render`: a clip is made once more from its manifest."""

import json
import pathlib
from typing import Annotated

import typer
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from client import follow, terminal
from client.commands import clip, dressing, editing, options

MANIFEST_BYTES_MAX = 4 << 20  # as the exporter reads


def render(
    manifest: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="MANIFEST", help="The manifest of a clip.", exists=True, dir_okay=False, resolve_path=True
        ),
    ],
    video: options.Video,
    timeline: editing.Timeline = "",
    logo: dressing.Logo = None,
    out: options.Out = pathlib.Path("clips"),
    as_json: options.Json = False,
    gateway: options.Gateway = "",
) -> None:
    """Make a clip again from MANIFEST and the VIDEO it was cut from.

    The frames are the same, on the same machine the bytes too. VIDEO must be
    the very file that the manifest is of. A manifest has no files in it: name
    the logo again where the clip has one.
    """
    spec = jobs.JobSpec(clips=[span(manifest)], timelines=editing.timelines(timeline))
    files = follow.Files(video, manifest=manifest, logo=logo)
    terminal.run(clip.made(files, spec, out, as_json, gateway), as_json)


def span(manifest: pathlib.Path) -> media.TimeRange:
    """Where the clip of a manifest lies in its source.

    Raises:
        typer.BadParameter: It is no manifest.
    """
    try:
        if manifest.stat().st_size > MANIFEST_BYTES_MAX:
            raise typer.BadParameter(f"{manifest} is larger than a manifest")
        found = json.loads(manifest.read_bytes())["range"]
        return media.TimeRange(start_s=found["start_s"], end_s=found["end_s"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise typer.BadParameter(f"{manifest} is no manifest of a clip: {error}") from error
