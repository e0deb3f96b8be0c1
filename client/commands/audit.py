"""`reelsmith config audit`: what was done and refused, and whether the record of it is whole."""

import json
import pathlib
from typing import Annotated

import rich.markup
import rich.table
import typer
from google.protobuf import json_format

from client import terminal, wording
from client.commands import options, session

app = typer.Typer(no_args_is_help=True, help="Read the record of changes, accesses and refusals, and check it.")
Service = options.ConfigService


@app.command("list")
def list_events(
    count: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: options.Json = False,
    service: Service = "",
) -> None:
    """List events, the newest first."""
    terminal.run(_list(count, as_json, service), as_json)


async def _list(count: int, as_json: bool, service: str) -> terminal.Code:
    async with session.configuration(service) as connection:
        found = [event async for event in connection.events(count)]
    if as_json:
        terminal.write([json_format.MessageToDict(event, preserving_proto_field_name=True) for event in found])
        return terminal.Code.DONE
    table = rich.table.Table("event", "when", "who", "what", "on", "outcome")
    for event in found:
        row = str(event.sequence), wording.moment(event.time), event.actor, event.action, event.resource, event.outcome
        table.add_row(*map(rich.markup.escape, row))
    terminal.out.print(table)
    return terminal.Code.DONE


@app.command()
def export(
    file: Annotated[pathlib.Path, typer.Argument(metavar="FILE", help="Where the events go.", dir_okay=False)],
    service: Service = "",
) -> None:
    """Write all events to FILE, one JSON line each, the newest first."""
    terminal.run(_export(file, service))


async def _export(file: pathlib.Path, service: str) -> terminal.Code:
    count = 0
    async with session.configuration(service) as connection:
        with file.open("w", encoding="utf-8") as lines:
            async for event in connection.events():
                document = json_format.MessageToDict(event, preserving_proto_field_name=True)
                lines.write(json.dumps(document, ensure_ascii=False) + "\n")
                count += 1
    terminal.say(f"{count} events in {file}")
    return terminal.Code.DONE


@app.command()
def verify(
    head: Annotated[str, typer.Option(metavar="HEAD", help="A head that was printed before and kept elsewhere.")] = "",
    as_json: options.Json = False,
    service: Service = "",
) -> None:
    """Check the record, and print its head: keep that elsewhere, and nothing before it can be changed unnoticed."""
    terminal.run(_verify(head, as_json, service), as_json)


async def _verify(head: str, as_json: bool, service: str) -> terminal.Code:
    async with session.configuration(service) as connection:
        found = await connection.verify(head)
    code = terminal.Code.DONE if found.intact else terminal.Code.FAILED
    if as_json:
        terminal.write(json_format.MessageToDict(found, preserving_proto_field_name=True))
        return code
    if found.intact:
        terminal.say(f"{found.events} events, none was changed")
        terminal.say(found.head)
    else:
        terminal.complain(f"the record is broken at event {found.broken_sequence}")
    return code
