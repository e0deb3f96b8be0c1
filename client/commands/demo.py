"""`reelsmith demo`: from nothing to clips, with a suite started for it."""

import asyncio
import pathlib
import sys
from typing import Annotated

import typer
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import errors
from client import follow, progress, results, terminal
from client.commands import clip, session

FILM_TIMEOUT_S = 120.0  # it takes some 10 s
# Short enough for a source of 8 s, long enough to be clips.
COUNT, DURATION_MIN_S, DURATION_MAX_S = 3, 4.0, 20.0


def demo(
    video: Annotated[
        pathlib.Path | None,
        typer.Argument(
            metavar="[VIDEO]",
            help="A video; a sample film by default.",
            exists=True,
            dir_okay=False,
            readable=True,
            resolve_path=True,
        ),
    ] = None,
    out: Annotated[pathlib.Path, typer.Option(help="Folder that gets a folder for the job.", file_okay=False)] = (
        pathlib.Path("out")
    ),
) -> None:
    """Cut VIDEO, or a film made by code, into upright clips, with a suite that runs for this only.

    The suite runs as separate processes, with a Consul agent of its own where the program is there.
    """
    terminal.run(_demo(video, out.absolute()))


async def _demo(video: pathlib.Path | None, out: pathlib.Path) -> terminal.Code:
    spec = jobs.JobSpec(count=COUNT, duration_min_s=DURATION_MIN_S, duration_max_s=DURATION_MAX_S, preset="tiktok")
    with progress.shown(terminal.err) as display:
        film = video or await _film(out, display)
        async with session.private(display, discovery="auto") as (suite, where):
            job = await follow.run(suite, where, spec, follow.Files(film), display)
            folder = await results.fetch(suite, job, out, display) if job.state in clip.USABLE else None
    return clip.told(job, folder, as_json=False, kept=False)


async def _film(out: pathlib.Path, display: follow.Display) -> pathlib.Path:
    """The sample film; made once, for it is the same each time."""
    film = out / "sample_film.mp4"
    if film.exists():
        return film
    display.note("making a sample film of a minute")
    command = [sys.executable, "-m", "deploy.local.sample_film", str(film)]
    child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(FILM_TIMEOUT_S):
            _, said = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise errors.Internal(f"the sample film could not be made: {said.decode(errors='replace').strip()[-500:]}")
    return film
