"""Options and steps of all commands about documents of the configuration."""

import contextlib
import difflib
import json
import pathlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer
from reelsmith.config.v1 import config_pb2 as pb

from client import config, terminal
from client.commands import options, session

Service = options.ConfigService
Environment = Annotated[str, typer.Option(help="Which document; the service's own by default.")]
Layer = Annotated[
    str,
    typer.Option(metavar="SERVICE[/INSTANCE]", help="Layer over the document, such as analyzer or analyzer/one."),
]
Comment = Annotated[str, typer.Option(help="Why, for the record.")]
Path = Annotated[str, typer.Argument(metavar="PATH", help="A path such as analyzer.weights.motion.")]
File = Annotated[
    pathlib.Path,
    typer.Argument(
        metavar="FILE", help="A JSON file with a whole document.", exists=True, dir_okay=False, readable=True
    ),
]


Connecting = contextlib.AbstractAsyncContextManager[config.Config]
COLORS = {"+": "green", "-": "red", "@": "cyan"}  # of the lines of a difference


@contextlib.asynccontextmanager
async def connected(service: str, environment: str, layer: str = "") -> AsyncIterator[config.Config]:
    """A connection to the configuration service, for one layer."""
    async with session.configuration(service, environment, layer) as connection:
        yield connection


def document(file: pathlib.Path) -> dict[str, Any]:
    """The document in a file.

    Raises:
        typer.BadParameter: It holds none.
    """
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{file} does not hold a JSON object")
    return found


def describe(version: pb.Config) -> str:
    """A version in a line."""
    why = f": {version.comment}" if version.comment else ""
    return f"version {version.version} of {version.environment}{why}"


def show_difference(before: pb.Config, after: pb.Config | pb.Proposal) -> None:
    """Prints what changed from one version to another, or to what is proposed."""
    name = f"proposal {after.id}" if isinstance(after, pb.Proposal) else f"version {after.version}"
    texts = [shown(found).splitlines() for found in (before, after)]
    for line in difflib.unified_diff(*texts, f"version {before.version}", name, lineterm=""):
        terminal.out.print(line, style=COLORS.get(line[0], ""), markup=False, highlight=False, soft_wrap=True)


def shown(found: pb.Config | pb.Proposal) -> str:
    """A document as people read and edit it."""
    return json.dumps(config.plain(found), indent=2, ensure_ascii=False) + "\n"
