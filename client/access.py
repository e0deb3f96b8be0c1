"""API keys in the shared configuration: made, listed and revoked by compare-and-set."""

import dataclasses
import datetime
import time
from collections.abc import Mapping
from typing import Any

from chassis import errors
from chassis.identity import caller, keys
from client import config

PATH = "access.keys"
TRIES_MAX = 10  # changes of others in between, one after the other


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """A key as it is kept.

    Attributes:
        id: Its identifier.
        entry: What is kept.
    """

    id: str
    entry: Mapping[str, Any]

    @property
    def expired(self) -> bool:
        """Whether it has ended."""
        return "expire_time" in self.entry and keys.read_time(self.entry["expire_time"]) <= time.time()


async def create(
    connection: config.Config,
    role: caller.Role,
    tenant: str,
    lifetime: datetime.timedelta | None,
    comment: str = "",
) -> keys.Made:
    """Makes a key and puts its hash into the configuration.

    Args:
        connection: The configuration service.
        role: What it may do.
        tenant: Whose jobs it sees.
        lifetime: How long it is good; None for ever.
        comment: What it is for.

    Raises:
        errors.InvalidArgument: The tenant is no name of one, or there are too many keys.
    """
    if not caller.TENANT.fullmatch(tenant):
        raise errors.InvalidArgument(f"tenant {tenant!r} is not 1 to 63 of a-z 0-9 -, with no hyphen at either end")
    made = keys.make(role, tenant, lifetime, comment)
    await _change(connection, made.id, made.entry, f"key {made.id} is made")
    return made


async def listed(connection: config.Config) -> list[Listed]:
    """All keys, the newest first."""
    document = config.plain(await connection.get())
    found = document.get("access", {}).get("keys", {})
    return sorted((Listed(*pair) for pair in found.items()), key=lambda one: one.entry.get("create_time", ""))[::-1]


async def revoke(connection: config.Config, key_id: str) -> None:
    """Takes a key out; gateways refuse it as soon as they hear of it, which takes milliseconds.

    Raises:
        errors.NotFound: There is no such key.
    """
    if key_id not in {one.id for one in await listed(connection)}:
        raise errors.NotFound(f"there is no key {key_id!r}", reason="NO_SUCH_KEY")
    await _change(connection, key_id, None, f"key {key_id} is revoked")


async def _change(connection: config.Config, key_id: str, entry: Mapping[str, Any] | None, why: str) -> None:
    path = f"{PATH}.{key_id}"
    document = config.nested(path, entry) if entry is not None else {}
    for left in range(TRIES_MAX - 1, -1, -1):
        try:
            await connection.update(document, [path], why)
        except errors.Aborted:  # somebody else made a change in between, most likely to something else
            if not left:
                raise
        else:
            return
