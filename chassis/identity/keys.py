"""API keys: 256 random bits, shown once, kept as a hash."""

import dataclasses
import datetime
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from chassis import errors
from chassis.identity import caller

PREFIX = "reelsmith"  # lets scanners of secrets find a key that was committed by mistake
ID_BYTES, SECRET_BYTES = 8, 32  # an identifier only has to be unique; a secret has to be out of reach of guessing
TOKEN = re.compile(rf"{PREFIX}_([0-9a-f]{{{2 * ID_BYTES}}})_[0-9a-f]{{{2 * SECRET_BYTES}}}")
NOBODY = bytes(32)  # compared with where the identifier is unknown, so that this takes the same time


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A key that was just made.

    Args:
        id: Its identifier, for lists and logs.
        token: What the caller sends; nobody can be told it again.
        entry: What is kept.
    """

    id: str
    token: str
    entry: dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept.

    Args:
        sha256: Hash of the token.
        who: Whom it stands for.
        expire_s: Unix time of its end; None for none.
    """

    sha256: bytes
    who: caller.Caller
    expire_s: float | None


def make(role: caller.Role, tenant: str, lifetime: datetime.timedelta | None, comment: str = "") -> Made:
    """A new key.

    Args:
        role: What it may do.
        tenant: Whose jobs it sees.
        lifetime: How long it is good; None for ever.
        comment: What it is for.
    """
    key_id = secrets.token_hex(ID_BYTES)
    token = f"{PREFIX}_{key_id}_{secrets.token_hex(SECRET_BYTES)}"
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    entry = {
        "sha256": hashlib.sha256(token.encode()).hexdigest(),
        "role": role.word,
        "tenant": tenant,
        "create_time": _written(now),
    }
    if lifetime is not None:
        entry["expire_time"] = _written(now + lifetime)
    if comment:
        entry["comment"] = comment
    return Made(key_id, token, entry)


class Keys:
    """The keys that are good.

    Args:
        entries: What is kept of each, by identifier.
        now: Tells the Unix time.

    Raises:
        ValueError: An entry cannot be read.
    """

    def __init__(self, entries: Mapping[str, Mapping[str, Any]], now: Callable[[], float] = time.time) -> None:
        if not isinstance(entries, Mapping):
            raise ValueError("access.keys is no table of keys")  # noqa: TRY004  as promised, like all else that is wrong
        self._keys = {key_id: _read(key_id, entry) for key_id, entry in entries.items()}
        self._now = now

    def identify(self, token: str) -> caller.Caller:
        """Whom a key stands for.

        Raises:
            errors.Unauthenticated: It is none of ours, or has expired.
        """
        found = TOKEN.fullmatch(token)
        key = self._keys.get(found[1]) if found else None
        same = hmac.compare_digest(hashlib.sha256(token.encode()).digest(), key.sha256 if key else NOBODY)
        if key is None or not same:
            raise errors.Unauthenticated("the API key is not known, or was revoked", reason="KEY_UNKNOWN")
        if key.expire_s is not None and key.expire_s <= self._now():
            raise errors.Unauthenticated(
                f"the API key {key.who.id} has expired", reason="KEY_EXPIRED", metadata={"key": key.who.id}
            )
        return key.who


def _read(key_id: str, entry: Mapping[str, Any]) -> Key:
    try:
        role, tenant = caller.Role[entry["role"].upper()], entry["tenant"]
        digest = bytes.fromhex(entry["sha256"])
        expire_s = read_time(entry["expire_time"]) if "expire_time" in entry else None
        named = caller.TENANT.fullmatch(tenant)
    except (KeyError, AttributeError, TypeError) as wrong:
        raise ValueError(f"access.keys.{key_id} cannot be read: {wrong!r}") from wrong
    if len(digest) != hashlib.sha256().digest_size or not named:
        raise ValueError(f"access.keys.{key_id} has no hash, or no tenant")
    return Key(digest, caller.Caller(caller.Kind.KEY, key_id, tenant, role), expire_s)


def _written(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: str) -> float:
    """The Unix time of `2026-11-26T12:00:00Z`.

    Raises:
        ValueError: It is no such time.
    """
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC).timestamp()
