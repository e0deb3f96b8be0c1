"""`reelsmith watch`: each finished recording in a folder becomes clips, once."""

import contextlib
import hashlib
import os
import pathlib
from typing import Annotated

import typer
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from client import place, submission, terminal, watched
from client.commands import dressing, options, session


def watch(
    folder: Annotated[
        pathlib.Path,
        typer.Argument(metavar="DIR", help="The folder.", exists=True, file_okay=False, resolve_path=True),
    ],
    preset: Annotated[str, typer.Option(help="Delivery preset, such as tiktok.")] = "default",
    count: Annotated[int, typer.Option(min=1, max=100, help="How many clips at most of each recording.")] = 5,
    min_s: Annotated[float, typer.Option("--min", min=0.5, max=3600, metavar="S", help="Shortest clip, seconds.")] = 15,
    max_s: Annotated[float, typer.Option("--max", min=0.5, max=3600, metavar="S", help="Longest clip, seconds.")] = 60,
    aspect: Annotated[options.Aspect | None, typer.Option(help="Shape; the preset's by default.")] = None,
    preset_in: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER=PRESET", help="Another preset for a folder directly in DIR; may be repeated."),
    ] = None,
    layout: options.Filling = None,
    captions: dressing.Captions = None,
    settle_s: Annotated[
        float, typer.Option("--settle", min=0, max=86400, metavar="S", help="How long a file must stand still.")
    ] = 10,
    once: Annotated[bool, typer.Option("--once", help="Submit what is there now, and end.")] = False,
    gateway: options.Gateway = "",
) -> None:
    """Submit each finished recording in DIR, and below it, once.

    A file is finished when it has stood still. Killed and started again, it
    goes on where it was: the same content never makes a second job.
    """
    wanted = watched.Wanted(
        each(preset, count, (min_s, max_s), aspect, layout, captions),
        dict(options.pair(text, "--preset-in", "FOLDER=PRESET") for text in preset_in or ()),
    )
    terminal.run(_watch(watched.Folder(folder, settle_s), wanted, once, gateway))


def each(
    preset: str,
    count: int,
    lengths_s: tuple[float, float],
    aspect: options.Aspect | None,
    layout: options.Layout | None,
    captions: dressing.Style | None,
) -> jobs.JobSpec:
    """What to make of each recording.

    Raises:
        typer.BadParameter: The longest clip is shorter than the shortest.
    """
    if lengths_s[1] < lengths_s[0]:
        raise typer.BadParameter(f"--max {lengths_s[1]:g} is less than --min {lengths_s[0]:g}")
    return jobs.JobSpec(
        preset=preset,
        count=count,
        duration_min_s=lengths_s[0],
        duration_max_s=lengths_s[1],
        aspect_ratio=options.aspect_ratio(aspect),
        layout=options.layout(layout),
        captions=dressing.captions(captions, "", False),
    )


async def _watch(folder: watched.Folder, wanted: watched.Wanted, once: bool, address: str) -> terminal.Code:
    name = hashlib.sha256(os.fsencode(folder.root)).hexdigest()[:32]
    ledger = watched.Ledger(place.home() / "watched" / f"{name}.jsonl")
    with contextlib.closing(ledger):
        async with session.running(address) as suite:
            submissions = submission.Submissions(suite, place.local(place.find(address).gateway))
            await watched.Watch(submissions, folder, ledger, wanted, terminal.say).run(once=once)
    return terminal.Code.DONE
