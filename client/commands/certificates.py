"""`reelsmith certificates`: what services prove to each other who they are with, for development."""

import pathlib
from typing import Annotated

import typer

from client import terminal

app = typer.Typer(no_args_is_help=True, help="Make certificates for services, for development and small suites.")


@app.command()
def create(
    folder: Annotated[pathlib.Path, typer.Argument(metavar="DIR", help="Where they go.", file_okay=False)],
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A host name or address that callers reach the gateway by; may be repeated."),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Who gets a certificate `admin.NAME` of its own; may be repeated."),
    ] = None,
) -> None:
    """Make an authority and one certificate for each service, and one, `admin`, for people.

    Whoever shows a certificate with a name stands in the record of the configuration by it, and only such people count
    as two where changes need a second person.

    Services that run take new ones over by themselves. The key of the authority is not kept.
    """
    terminal.run(_create(folder, host or [], person or []))


async def _create(folder: pathlib.Path, hosts: list[str], people: list[str]) -> terminal.Code:
    from chassis.identity import authority  # its library takes a while to load, and no other command needs it

    authority.Authority.make().write(folder, hosts, people)
    names = (*authority.SERVICES, *(f"admin.{name}" for name in people))
    terminal.say(f"{folder}: ca.pem, and NAME.pem with NAME.key for {', '.join(names)}")
    return terminal.Code.DONE
