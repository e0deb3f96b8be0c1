"""Keys of secrets, and what is encrypted with them.

A token of Fernet says nothing of what it is for: whoever can write the database could swap two of them. So each token
holds the name, the version and the key's id beside the value, and is refused where it stands under others.
"""

import dataclasses
import json
import pathlib
import secrets
from collections.abc import Sequence
from typing import Protocol

from cryptography import fernet

from chassis import errors, keyfile

ID_BYTES = 4  # eight hexadecimal digits tell a handful of keys apart


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Args:
        id: Eight hexadecimal digits.
        value: As Fernet takes it: 32 bytes in URL-safe Base64.
    """

    id: str
    value: str = dataclasses.field(repr=False)

    @classmethod
    def make(cls) -> "Key":
        """A new key."""
        return cls(secrets.token_hex(ID_BYTES), fernet.Fernet.generate_key().decode())


class Keys(Protocol):
    """What secrets are encrypted with, wherever it is kept."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the keys; the first one encrypts."""

    def turn(self) -> str:
        """Encrypts with a new key from now on; returns its id."""

    def forget(self) -> None:
        """Lets go of all keys but the first; nothing may be encrypted with them any more."""

    def seal(self, name: str, version: int, value: bytes) -> tuple[bytes, str]:
        """Encrypts a value of a version of a secret; returns the token, and the id of the key."""

    def unseal(self, name: str, version: int, key_id: str, token: bytes) -> bytes:
        """Decrypts it.

        Raises:
            errors.DataLoss: The token was changed, moved, or made with a key that is not here.
        """


class Box:
    """Keys in memory: the first one encrypts, all of them decrypt.

    Args:
        keys: The keys; at least one.
        place: Where they are from, for messages.
    """

    def __init__(self, keys: Sequence[Key], place: str) -> None:
        self.keys, self._place = tuple(keys), place
        self._fernet = fernet.MultiFernet([fernet.Fernet(key.value) for key in keys])

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the keys."""
        return tuple(key.id for key in self.keys)

    def seal(self, name: str, version: int, value: bytes) -> tuple[bytes, str]:
        """Encrypts a value; see `Keys`."""
        key_id = self.keys[0].id
        return self._fernet.encrypt(_bound(name, version, key_id) + value), key_id

    def unseal(self, name: str, version: int, key_id: str, token: bytes) -> bytes:
        """Decrypts a value; see `Keys`."""
        if key_id not in self.ids:
            message = f"secret {name} is encrypted with key {key_id}, which is not in {self._place}"
            raise errors.DataLoss(message, reason="KEY_MISSING")
        bound = _bound(name, version, key_id)
        try:
            content = self._fernet.decrypt(token)
        except fernet.InvalidToken as error:
            raise _damaged(name, version) from error
        if not content.startswith(bound):
            raise _damaged(name, version)
        return content.removeprefix(bound)


class Ring:
    """Keys that the service looks after itself.

    Args:
        file: Where they are kept, one per line; made, with one key, where it does not exist.

    Raises:
        errors.FailedPrecondition: The file holds something else.
    """

    def __init__(self, file: pathlib.Path) -> None:
        self._file = file
        self._box = Box(parsed(file, keyfile.load(file, lambda: _line(Key.make()))), file.name)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the keys; the first one encrypts."""
        return self._box.ids

    def turn(self) -> str:
        """Makes a new key, which encrypts from now on; returns its id. It is on disk before anything needs it."""
        self._keep([Key.make(), *self._box.keys])
        return self.ids[0]

    def forget(self) -> None:
        """Lets go of all keys but the first; nothing may be encrypted with them any more."""
        self._keep(self._box.keys[:1])

    def _keep(self, keys: Sequence[Key]) -> None:
        keyfile.replace(self._file, "\n".join(map(_line, keys)))
        self._box = Box(keys, self._file.name)  # in one step: another thread may be sealing

    def seal(self, name: str, version: int, value: bytes) -> tuple[bytes, str]:
        """Encrypts a value; see `Keys`."""
        return self._box.seal(name, version, value)

    def unseal(self, name: str, version: int, key_id: str, token: bytes) -> bytes:
        """Decrypts a value; see `Keys`."""
        return self._box.unseal(name, version, key_id, token)


def _bound(name: str, version: int, key_id: str) -> bytes:
    """What stands before the value: JSON holds no bare line feed, so none of it can pass for another."""
    return json.dumps([key_id, name, version]).encode() + b"\n"


def _damaged(name: str, version: int) -> errors.DataLoss:
    return errors.DataLoss(f"version {version} of secret {name} was changed or moved", reason="SECRET_DAMAGED")


def _line(key: Key) -> str:
    return f"{key.id} {key.value}"


def parsed(file: pathlib.Path, text: str) -> list[Key]:
    """The keys that a file holds, one per line.

    Raises:
        errors.FailedPrecondition: It holds something else.
    """
    try:
        keys = [Key(*line.split()) for line in text.splitlines()]
        for key in keys:
            fernet.Fernet(key.value)
    except (TypeError, ValueError) as error:
        message = f"{file.name} does not hold keys, one per line: an id and 32 bytes in URL-safe Base64"
        raise errors.FailedPrecondition(message, reason="KEYS_MALFORMED") from error
    if not keys:
        raise errors.FailedPrecondition(f"{file.name} holds no key", reason="KEYS_MALFORMED")
    return keys
