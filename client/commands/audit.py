"""`reelsmith audit` and `reelsmith config audit`: what was done and refused, and whether the record of it is whole."""

import contextlib
import json
import pathlib
from collections.abc import AsyncIterator
from typing import Annotated, Protocol

import rich.markup
import rich.table
import typer
from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2
from reelsmith.gateway.v1 import gateway_pb2

from client import terminal, wording
from client.commands import options, session

app = typer.Typer(no_args_is_help=True, help="Read the record of changes, accesses and refusals, and check it.")
suite = typer.Typer(no_args_is_help=True, help="Read the gateway's record of who did what to which job, and check it.")
Service = options.ConfigService
Count = Annotated[int, typer.Option(min=1, help="How many at most.")]
File = Annotated[pathlib.Path, typer.Argument(metavar="FILE", help="Where the events go.", dir_okay=False)]
Head = Annotated[str, typer.Option(metavar="HEAD", help="A head that was printed before and kept elsewhere.")]


class Recorded(Protocol):
    """A service with a record."""

    def events(self, count: int | None = None) -> AsyncIterator[config_pb2.AuditEvent]:
        """What was done and refused, the newest first."""

    async def verify(self, head: str = "") -> config_pb2.VerifyAuditResponse | gateway_pb2.VerifyAuditResponse:
        """Has the record checked, past a head that was kept elsewhere."""


Connecting = contextlib.AbstractAsyncContextManager[Recorded]


@app.command("list")
def list_events(count: Count = 20, as_json: options.Json = False, service: Service = "") -> None:
    """List events, the newest first."""
    terminal.run(_list(session.configuration(service), count, as_json), as_json)


@app.command()
def export(file: File, service: Service = "") -> None:
    """Write all events to FILE, one JSON line each, the newest first."""
    terminal.run(_export(session.configuration(service), file))


@app.command()
def verify(head: Head = "", as_json: options.Json = False, service: Service = "") -> None:
    """Check the record, and print its head: keep that elsewhere, and nothing before it can be changed unnoticed."""
    terminal.run(_verify(session.configuration(service), head, as_json), as_json)


@suite.command("list")
def list_suite(count: Count = 20, as_json: options.Json = False, gateway: options.Gateway = "") -> None:
    """List events, the newest first."""
    terminal.run(_list(session.running(gateway), count, as_json), as_json)


@suite.command("export")
def export_suite(file: File, gateway: options.Gateway = "") -> None:
    """Write all events to FILE, one JSON line each, the newest first."""
    terminal.run(_export(session.running(gateway), file))


@suite.command("verify")
def verify_suite(head: Head = "", as_json: options.Json = False, gateway: options.Gateway = "") -> None:
    """Check the record, and print its head: keep that elsewhere, and nothing before it can be changed unnoticed."""
    terminal.run(_verify(session.running(gateway), head, as_json), as_json)


async def _list(connecting: Connecting, count: int, as_json: bool) -> terminal.Code:
    async with connecting as connection:
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


async def _export(connecting: Connecting, file: pathlib.Path) -> terminal.Code:
    count = 0
    async with connecting as connection:
        with file.open("w", encoding="utf-8") as lines:
            async for event in connection.events():
                document = json_format.MessageToDict(event, preserving_proto_field_name=True)
                lines.write(json.dumps(document, ensure_ascii=False) + "\n")
                count += 1
    terminal.say(f"{count} events in {file}")
    return terminal.Code.DONE


async def _verify(connecting: Connecting, head: str, as_json: bool) -> terminal.Code:
    async with connecting as connection:
        found = await connection.verify(head)
    code = terminal.Code.DONE if found.intact else terminal.Code.FAILED
    if as_json:
        terminal.write(json_format.MessageToDict(found, preserving_proto_field_name=True))
        return code
    if found.intact:
        kept = getattr(found, "first_sequence", 1)  # the record of the configuration keeps all
        before = f", those before {kept} are not kept any more" if kept > 1 else ""
        terminal.say(f"{found.events} events, none was changed{before}")
        terminal.say(found.head)
    else:
        terminal.complain(f"the record is broken at event {found.broken_sequence}")
    return code
