"""`reelsmith config secrets`: values that are kept encrypted, and handed out one at a time."""

import pathlib
import sys
from typing import Annotated

import rich.markup
import rich.table
import typer
from google.protobuf import json_format

from client import terminal, wording
from client.commands import options, session

app = typer.Typer(no_args_is_help=True, help="Store and read secrets; every access is recorded.")
Service = options.ConfigService
Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as mail/password: a-z 0-9 / _ -.")]
File = Annotated[
    pathlib.Path | None,
    typer.Option(metavar="FILE", help="A file with the value, byte for byte.", exists=True, dir_okay=False),
]


@app.command("set")
def set_secret(name: Name, file: File = None, service: Service = "") -> None:
    """Store a value: from FILE, from a pipe, or typed and not shown."""
    terminal.run(_set(name, _value(file), service))


def _value(file: pathlib.Path | None) -> bytes:
    if file is not None:
        return file.read_bytes()
    if not sys.stdin.isatty():
        return sys.stdin.buffer.read()
    return typer.prompt("Value", hide_input=True, confirmation_prompt=True, err=True).encode()


async def _set(name: str, value: bytes, service: str) -> terminal.Code:
    async with session.configuration(service) as connection:
        made = await connection.set_secret(name, value)
    terminal.say(f"version {made.version} of {made.name}")
    return terminal.Code.DONE


@app.command("get")
def get_secret(
    name: Name,
    version: Annotated[int, typer.Option(min=0, help="An older version.")] = 0,
    service: Service = "",
) -> None:
    """Print a value, byte for byte."""
    terminal.run(_get(name, version, service))


async def _get(name: str, version: int, service: str) -> terminal.Code:
    async with session.configuration(service) as connection:
        sys.stdout.buffer.write(await connection.secret(name, version))
    sys.stdout.flush()
    return terminal.Code.DONE


@app.command("list")
def list_secrets(as_json: options.Json = False, service: Service = "") -> None:
    """List secrets, without values."""
    terminal.run(_list(as_json, service), as_json)


async def _list(as_json: bool, service: str) -> terminal.Code:
    async with session.configuration(service) as connection:
        found = await connection.secrets()
    if as_json:
        terminal.write([json_format.MessageToDict(secret, preserving_proto_field_name=True) for secret in found])
        return terminal.Code.DONE
    table = rich.table.Table("name", "version", "set", "key")
    for secret in found:
        row = secret.name, str(secret.version), wording.moment(secret.create_time), secret.key_id
        table.add_row(*map(rich.markup.escape, row))
    terminal.out.print(table)
    return terminal.Code.DONE


@app.command()
def delete(name: Name, service: Service = "") -> None:
    """Delete a secret: the values of all its versions."""
    terminal.run(_delete(name, service))


async def _delete(name: str, service: str) -> terminal.Code:
    async with session.configuration(service) as connection:
        await connection.delete_secret(name)
    terminal.say(f"{name} is deleted")
    return terminal.Code.DONE


@app.command()
def rotate(service: Service = "") -> None:
    """Encrypt all secrets with a new key, while they can be read."""
    terminal.run(_rotate(service))


async def _rotate(service: str) -> terminal.Code:
    async with session.configuration(service) as connection:
        done = await connection.rotate_keys()
    terminal.say(f"key {done.key_id}: {done.rotated_secrets} versions encrypted anew")
    return terminal.Code.DONE
