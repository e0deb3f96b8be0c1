"""`reelsmith verify`: is this file still the clip that was made?"""

import dataclasses
import pathlib
from typing import Annotated

import typer

from client import terminal, verification
from client.commands import options

MARKS = {True: "✓", False: "✗", None: "?"}


def verify(
    clip: Annotated[pathlib.Path, typer.Argument(metavar="CLIP", help="A finished clip.", exists=True, dir_okay=False)],
    manifest: Annotated[
        pathlib.Path | None,
        typer.Option(metavar="FILE", help="Its manifest; found by itself where it lies in its place.", exists=True),
    ] = None,
    trust: Annotated[
        pathlib.Path | None,
        typer.Option(metavar="FILE", help="Certificates (PEM) whose signatures are trusted.", exists=True),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check that CLIP is unchanged: by its manifest, and by the signed credentials inside.

    Needs no suite. Ends with 1 where something is wrong.
    """
    try:
        found = verification.verify(
            clip, manifest or verification.manifest_beside(clip), trust.read_text() if trust else ""
        )
    except verification.Unreadable as error:
        raise typer.BadParameter(str(error)) from error
    if as_json:
        terminal.write([dataclasses.asdict(one) for one in found])
    for one in [] if as_json else found:
        terminal.say(f"{MARKS[one.good]} {one.name}: {one.text}")
    raise typer.Exit(terminal.Code.DONE if found and all(one.good for one in found) else terminal.Code.FAILED)
