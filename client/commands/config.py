"""`reelsmith config`: the shared configuration, versioned and live."""

import asyncio
import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Annotated, Any

import rich.markup
import rich.table
import typer
from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2 as pb

from chassis import errors
from client import config, terminal, wording
from client.commands import audit, documents, options, proposals, secrets

app = typer.Typer(no_args_is_help=True, help="Read and change the shared configuration.")
app.add_typer(secrets.app, name="secrets")
app.add_typer(audit.app, name="audit")
app.add_typer(proposals.app)


@app.command("get")
def get_value(
    path: documents.Path = "",
    version: Annotated[int | None, typer.Option(min=0, help="An older version.")] = None,
    origins: Annotated[bool, typer.Option("--origins", help="Print the layer that each value comes from.")] = False,
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Print the document, or the part at PATH, as JSON; with --layer as that service or instance sees it."""
    terminal.run(_get(path, version, origins, documents.connected(service, environment, layer)))


async def _get(path: str, version: int | None, origins: bool, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        found = await connection.get(version, origins=origins)
    value = config.at(config.plain(found), path)
    if origins:
        inside = {
            name: layer for name, layer in found.origins.items() if f"{name}.".startswith(f"{path}." if path else "")
        }
        value = dict(sorted(inside.items()))
    terminal.write(value)
    terminal.err.print(documents.describe(found), style="dim", markup=False, highlight=False)
    return terminal.Code.DONE


@app.command("set", context_settings={"ignore_unknown_options": True})  # -1 is a value, not an option
def set_value(
    path: documents.Path,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="JSON, or plain text.")],
    comment: documents.Comment = "",
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Set the value at PATH; running services take it over at once."""
    document = config.nested(path, config.parsed(value))
    terminal.run(_update(document, [path], comment, documents.connected(service, environment, layer)))


@app.command()
def unset(
    path: documents.Path,
    comment: documents.Comment = "",
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Remove the value at PATH from the layer; the one below shows."""
    terminal.run(_update({}, [path], comment, documents.connected(service, environment, layer)))


@app.command()
def replace(
    file: documents.File,
    comment: documents.Comment = "",
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Replace the whole layer by FILE."""
    terminal.run(_update(documents.document(file), [], comment, documents.connected(service, environment, layer)))


async def _update(
    document: dict[str, Any], paths: list[str], comment: str, connected: documents.Connecting
) -> terminal.Code:
    async with connected as connection:
        made = await connection.update(document, paths, comment)
    terminal.say(documents.describe(made))
    return terminal.Code.DONE


@app.command()
def validate(
    file: documents.File,
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Check FILE as a whole layer; change nothing."""
    terminal.run(_validate(documents.document(file), documents.connected(service, environment, layer)))


async def _validate(document: dict[str, Any], connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        await connection.update(document, [], validate_only=True)
    terminal.say("valid")
    return terminal.Code.DONE


@app.command()
def edit(
    comment: documents.Comment = "",
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Open the document in $EDITOR; what is changed in it becomes part of the layer, and the next version."""
    terminal.run(_edit(comment, documents.connected(service, environment, layer)))


async def _edit(comment: str, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        before = await connection.get()
        with _draft(f"{before.environment}-", documents.shown(before)) as file:
            made = await _edited(connection, before, file, comment)
    if made is None:
        terminal.say("nothing was changed")
        return terminal.Code.DONE
    documents.show_difference(before, made)
    terminal.say(documents.describe(made))
    return terminal.Code.DONE


@contextlib.contextmanager
def _draft(prefix: str, text: str) -> Iterator[pathlib.Path]:
    """A file with a text, for as long as nothing goes wrong; then it stays."""
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".json")
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    try:
        yield pathlib.Path(name)
    except BaseException:
        terminal.complain(f"nothing was changed; what was written is in {name}")
        raise
    os.unlink(name)


async def _edited(connection: config.Config, before: pb.Config, file: pathlib.Path, comment: str) -> pb.Config | None:
    """The version that comes of what is saved; None where that is what was there.

    Raises:
        errors.Error: It cannot be taken, and is not to be written again.
    """
    while True:
        await _opened(file)
        try:
            document = documents.document(file)
            changed = config.changed(config.plain(before), document)
            if not changed:
                return None
            return await connection.update(document, changed, comment, expected=before.version)
        except typer.BadParameter as error:
            refused = errors.InvalidArgument(error.message)
        except errors.InvalidArgument as error:
            refused = error
        terminal.complain(wording.explain(refused))
        if not typer.confirm("Write it again?", default=True, err=True):
            raise refused


async def _opened(file: pathlib.Path) -> None:
    """Has the person's editor open a file, until it is closed.

    Raises:
        errors.FailedPrecondition: There is no such editor, or it failed.
    """
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        code = await asyncio.to_thread(subprocess.call, [*words, str(file)])
    except FileNotFoundError as error:
        raise errors.FailedPrecondition(f"there is no editor {words[0]}; set EDITOR", reason="NO_EDITOR") from error
    if code:
        raise errors.FailedPrecondition(f"the editor {words[0]} failed with code {code}", reason="EDITOR_FAILED")


@app.command()
def diff(
    before: Annotated[int, typer.Argument(metavar="BEFORE", min=0, help="A version.")],
    after: Annotated[int | None, typer.Argument(metavar="AFTER", min=0, help="Another one; the newest.")] = None,
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Show what changed from version BEFORE to AFTER."""
    terminal.run(_diff(before, after, documents.connected(service, environment, layer)))


async def _diff(before: int, after: int | None, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        documents.show_difference(await connection.get(before), await connection.get(after))
    return terminal.Code.DONE


@app.command()
def history(
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    as_json: options.Json = False,
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """List versions, the newest first."""
    terminal.run(_history(count, as_json, environment, service), as_json)


async def _history(count: int, as_json: bool, environment: str, service: str) -> terminal.Code:
    async with documents.connected(service, environment) as connection:
        versions = await connection.history(count)
    if as_json:
        terminal.write([json_format.MessageToDict(found, preserving_proto_field_name=True) for found in versions])
        return terminal.Code.DONE
    table = rich.table.Table("version", "made", "by", "why")
    for found in versions:
        row = str(found.version), wording.moment(found.create_time), found.actor, found.comment
        table.add_row(*map(rich.markup.escape, row))
    terminal.out.print(table)
    return terminal.Code.DONE


@app.command()
def rollback(
    version: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="The version whose content comes back.")],
    propose: Annotated[bool, typer.Option("--propose", help="Have somebody else approve it.")] = False,
    comment: documents.Comment = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Make a new version with the content of VERSION, all of its layers."""
    terminal.run(_rollback(version, propose, comment, documents.connected(service, environment)))


async def _rollback(version: int, propose: bool, comment: str, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        if propose:
            terminal.say(proposals.describe(await connection.propose_rollback(version, comment)))
        else:
            terminal.say(documents.describe(await connection.rollback(version, comment)))
    return terminal.Code.DONE


@app.command()
def watch(
    path: documents.Path = "",
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Print the document, or the part at PATH, now and after every change: one JSON line each."""
    terminal.run(_watch(path, documents.connected(service, environment, layer)))


async def _watch(path: str, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        async for version in connection.watch():
            try:
                value = config.at(config.plain(version), path)
            except errors.NotFound:  # it may come, or come back, with a later version
                value = None
            terminal.say(json.dumps({"version": version.version, "value": value}))
    return terminal.Code.DONE


@app.command()
def describe(
    about: Annotated[str, typer.Argument(metavar="SERVICE", help="Such as exporter; all by default.")] = "",
    as_json: options.Json = False,
    layer: documents.Layer = "",
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """List the settings of services: which change live, to what, and which need a restart."""
    terminal.run(_describe_settings(about, as_json, documents.connected(service, environment, layer)), as_json)


async def _describe_settings(about: str, as_json: bool, connected: documents.Connecting) -> terminal.Code:
    async with connected as connection:
        schema, document = await connection.schema(), config.plain(await connection.get())
    listed = [row for row in config.settings(schema, document) if not about or row["service"] == about]
    if not listed:
        raise errors.NotFound(f"no service is called {about!r}", reason="NO_SUCH_SERVICE")
    if as_json:
        terminal.write(listed)
        return terminal.Code.DONE
    table = rich.table.Table("setting", "now", "takes effect", "what it is")
    for row in listed:
        now = "" if row["value"] is None else json.dumps(row["value"])
        path = f"{row['service']}.settings.{row['name']}"
        when = f"live: set {path}" if row["live"] else f"restart with {row['variable']}"
        table.add_row(*map(rich.markup.escape, (f"{row['service']} {row['name']}", now, when, row["description"])))
    terminal.out.print(table)
    return terminal.Code.DONE
