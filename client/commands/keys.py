"""`reelsmith keys`: who may call the gateway."""

import datetime
import enum
import pathlib
import re
from typing import Annotated

import rich.markup
import rich.table
import typer

from chassis.identity import caller
from client import access, credentials, terminal
from client.commands import documents, options, session

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys of the gateway.")
Service, Environment = documents.Service, documents.Environment
UNITS = {"h": "hours", "d": "days", "w": "weeks"}
LIFETIME = re.compile(rf"(\d{{1,5}})([{''.join(UNITS)}])")
NEVER = "never"


class Role(enum.StrEnum):
    """What a key may do."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OPERATOR = "operator"
    ADMIN = "admin"


def lifetime(text: str) -> datetime.timedelta | None:
    """How long `90d` is; None for `never`.

    Raises:
        typer.BadParameter: It is no such text.
    """
    found = LIFETIME.fullmatch(text)
    if text == NEVER:
        return None
    if not found or not int(found[1]):
        raise typer.BadParameter(f"--expires {text}: a number of hours, days or weeks, such as 90d, or {NEVER}")
    return datetime.timedelta(**{UNITS[found[2]]: int(found[1])})


@app.command()
def create(
    role: Annotated[Role, typer.Option(help="What it may do; each includes those before it.")] = Role.EDITOR,
    tenant: Annotated[str, typer.Option(help="Whose jobs it sees and makes.")] = caller.DEFAULT_TENANT,
    expires: Annotated[str, typer.Option(metavar="90d", help="How long it is good: 12h, 90d, 52w or never.")] = "90d",
    comment: Annotated[str, typer.Option(help="What it is for.")] = "",
    out: Annotated[
        pathlib.Path | None, typer.Option(metavar="FILE", help="Write it into FILE, for its owner's eyes only.")
    ] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep it as the key that this command uses.")] = False,
    environment: Environment = "",
    service: Service = "",
) -> None:
    """Make a key and print it: it is shown this once, and kept nowhere but as a hash."""
    target = credentials.settings_folder() / "api-key" if save else out
    wanted = caller.Role[role.name], tenant, lifetime(expires), comment
    terminal.run(_create(wanted, target, environment, service))


async def _create(
    wanted: tuple[caller.Role, str, datetime.timedelta | None, str],
    target: pathlib.Path | None,
    environment: str,
    service: str,
) -> terminal.Code:
    async with session.configuration(service, environment) as connection:
        made = await access.create(connection, *wanted)
    until = f"until {made.entry['expire_time']}" if "expire_time" in made.entry else "for ever"
    said = f"key {made.id}: {made.entry['role']} of {made.entry['tenant']}, {until}"
    if target:
        credentials.write_private(target, f"{made.token}\n")
        said += f", in {target}"
    else:
        terminal.say(made.token)
    terminal.err.print(said, style="dim", markup=False, highlight=False, soft_wrap=True)
    return terminal.Code.DONE


@app.command("list")
def list_keys(as_json: options.Json = False, environment: Environment = "", service: Service = "") -> None:
    """List keys, the newest first; what callers send is not known any more."""
    terminal.run(_list(as_json, environment, service), as_json)


async def _list(as_json: bool, environment: str, service: str) -> terminal.Code:
    async with session.configuration(service, environment) as connection:
        found = await access.listed(connection)
    if as_json:
        shown = ("role", "tenant", "create_time", "expire_time", "comment")
        terminal.write([{"id": one.id, **{name: one.entry.get(name, "") for name in shown}} for one in found])
        return terminal.Code.DONE
    table = rich.table.Table("id", "role", "tenant", "made", "good until", "for")
    for one in found:
        until = one.entry.get("expire_time", NEVER)
        cells = one.id, one.entry["role"], one.entry["tenant"], one.entry.get("create_time", ""), until
        row = [*cells, one.entry.get("comment", "")]
        table.add_row(*map(rich.markup.escape, row), style="red" if one.expired else "")
    terminal.out.print(table)
    return terminal.Code.DONE


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the key, as `list` shows it.")],
    environment: Environment = "",
    service: Service = "",
) -> None:
    """Take a key out of force, at once."""
    terminal.run(_revoke(key_id, environment, service))


async def _revoke(key_id: str, environment: str, service: str) -> terminal.Code:
    async with session.configuration(service, environment) as connection:
        await access.revoke(connection, key_id)
    terminal.say(f"key {key_id} is revoked")
    return terminal.Code.DONE
