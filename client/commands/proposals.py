"""`reelsmith config propose`, `approve` and `reject`: changes that two people decide about; and `sources`."""

from typing import Annotated

import rich.markup
import rich.table
import typer
from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2 as pb

from chassis import errors
from client import config, terminal, wording
from client.commands import documents, options

app = typer.Typer()
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="Number of the proposal.")]
Actor = Annotated[str, typer.Option("--as", metavar="NAME", help="Who; this user by default.")]


@app.command(context_settings={"ignore_unknown_options": True})  # -1 is a value, not an option
def propose(
    path: documents.Path,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="JSON, or plain text.")],
    comment: documents.Comment = "",
    actor: Actor = "",
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Propose VALUE at PATH; it takes effect when somebody else approves."""
    document = config.nested(path, config.parsed(value))
    terminal.run(_propose(document, path, comment, actor, documents.connected(service, environment, layer)))


async def _propose(
    document: dict, path: str, comment: str, actor: str, connected: documents.Connecting
) -> terminal.Code:
    async with connected as connection:
        made = await connection.propose(document, [path], comment, actor)
    terminal.say(describe(made))
    return terminal.Code.DONE


def describe(made: pb.Proposal) -> str:
    """What comes next for a proposal."""
    return f"proposal {made.id}: somebody else approves it with `reelsmith config approve {made.id}`"


@app.command()
def proposals(
    number: Annotated[int | None, typer.Argument(metavar="NUMBER", min=1, help="Show this one's change.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those that were decided about.")] = False,
    as_json: options.Json = False,
    service: documents.Service = "",
) -> None:
    """List the proposals that wait, or show what NUMBER changes."""
    connected = documents.connected(service, "")
    terminal.run(_list(all_, as_json, connected) if number is None else _show(number, as_json, service), as_json)


async def _list(whole: bool, as_json: bool, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        found = await connection.proposals(config.PAGE_SIZE, pending_only=not whole)
    if as_json:
        terminal.write([_plain(proposal) for proposal in found])
        return terminal.Code.DONE
    table = rich.table.Table("proposal", "of", "made", "by", "why", "state")
    for one in found:
        state = _state(one)
        row = str(one.id), _layer(one), wording.moment(one.create_time), one.actor, one.comment, state
        table.add_row(*map(rich.markup.escape, row))
    terminal.out.print(table)
    return terminal.Code.DONE


async def _show(number: int, as_json: bool, service: str) -> terminal.Code:
    async with documents.connected(service, "") as connection:
        found = await connection.proposal(number)
    if as_json:
        terminal.write(_plain(found))
        return terminal.Code.DONE
    layer = "/".join(filter(None, (found.service, found.instance)))
    async with documents.connected(service, found.environment, layer) as connection:
        documents.show_difference(await connection.get(found.expected_version), found)
    terminal.say(f"proposal {found.id} by {found.actor} for {_layer(found)}, {_state(found)}")
    return terminal.Code.DONE


@app.command()
def approve(
    number: Number,
    comment: documents.Comment = "",
    actor: Actor = "",
    service: documents.Service = "",
) -> None:
    """Make proposal NUMBER the next version; not one's own."""
    terminal.run(_approve(number, comment, actor, documents.connected(service, "")))


async def _approve(number: int, comment: str, actor: str, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        decided = await connection.approve(number, comment, actor)
    terminal.say(f"proposal {decided.id} is version {decided.version} of {decided.environment}")
    return terminal.Code.DONE


@app.command()
def reject(number: Number, comment: documents.Comment = "", actor: Actor = "", service: documents.Service = "") -> None:
    """Turn proposal NUMBER down."""
    terminal.run(_reject(number, comment, actor, documents.connected(service, "")))


async def _reject(number: int, comment: str, actor: str, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        decided = await connection.reject(number, comment, actor)
    terminal.say(f"proposal {decided.id} is rejected")
    return terminal.Code.DONE


@app.command()
def sources(as_json: options.Json = False, service: documents.Service = "") -> None:
    """List the environments whose documents come from files, and what is wrong with those."""
    terminal.run(_sources(as_json, documents.connected(service, "")), as_json)


async def _sources(as_json: bool, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        found = await connection.sources()
    code = terminal.Code.FAILED if any(source.fault for source in found) else terminal.Code.DONE
    if as_json:
        terminal.write([json_format.MessageToDict(source, preserving_proto_field_name=True) for source in found])
        return code
    if not found:
        raise errors.NotFound("no document comes from files: REELSMITH_CONFIG_FOLDER names none", reason="NO_SOURCES")
    table = rich.table.Table("environment", "files", "read", "version", "fault")
    for source in found:
        row = source.environment, ", ".join(source.files), wording.moment(source.load_time), str(source.version)
        table.add_row(*map(rich.markup.escape, (*row, source.fault)))
    terminal.out.print(table)
    return code


def _plain(proposal: pb.Proposal) -> dict:
    return json_format.MessageToDict(proposal, preserving_proto_field_name=True)


def _layer(proposal: pb.Proposal) -> str:
    return "/".join(filter(None, (proposal.environment, proposal.service, proposal.instance)))


def _state(proposal: pb.Proposal) -> str:
    state = pb.Proposal.State.Name(proposal.state).removeprefix("STATE_").lower()
    version = f" as version {proposal.version}" if proposal.version else ""
    return f"{state} by {proposal.decider}{version}" if proposal.decider else state
