"""Keys of secrets, and what is encrypted with them.

A token of Fernet says nothing of what it is for: whoever can write the database could swap two of them. So each token
holds the name, the version and the key's id beside the value, and is refused where it stands under others.
"""

import dataclasses
import json
import pathlib
import secrets

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


class Ring:
    """The keys of a service: the first one encrypts, all of them decrypt.

    Args:
        file: Where they are kept, one per line; made, with one key, where it does not exist.

    Raises:
        errors.FailedPrecondition: The file holds something else.
    """

    def __init__(self, file: pathlib.Path) -> None:
        self._file = file
        self._use(_parsed(file, keyfile.load(file, lambda: _line(Key.make()))))

    def _use(self, keys: list[Key]) -> None:
        made = fernet.MultiFernet([fernet.Fernet(key.value) for key in keys])
        self._used = keys, made  # in one step: another thread may be sealing

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the keys; the first one encrypts."""
        return tuple(key.id for key in self._used[0])

    def turn(self) -> str:
        """Makes a new key, which encrypts from now on; returns its id. It is on disk before anything needs it."""
        self._keep([Key.make(), *self._used[0]])
        return self.ids[0]

    def forget(self) -> None:
        """Lets go of all keys but the first; nothing may be encrypted with them any more."""
        self._keep(self._used[0][:1])

    def _keep(self, keys: list[Key]) -> None:
        keyfile.replace(self._file, "\n".join(map(_line, keys)))
        self._use(keys)

    def seal(self, name: str, version: int, value: bytes) -> tuple[bytes, str]:
        """Encrypts a value.

        Args:
            name: Name of the secret.
            version: Version of it.
            value: The value.

        Returns:
            The token, and the id of the key.
        """
        keys, made = self._used
        return made.encrypt(_bound(name, version, keys[0].id) + value), keys[0].id

    def unseal(self, name: str, version: int, key_id: str, token: bytes) -> bytes:
        """Decrypts a value.

        Raises:
            errors.DataLoss: The token was changed, moved, or made with a key that is not here.
        """
        if key_id not in self.ids:
            message = f"secret {name} is encrypted with key {key_id}, which is not in {self._file.name}"
            raise errors.DataLoss(message, reason="KEY_MISSING")
        bound = _bound(name, version, key_id)
        try:
            content = self._used[1].decrypt(token)
        except fernet.InvalidToken as error:
            raise _damaged(name, version) from error
        if not content.startswith(bound):
            raise _damaged(name, version)
        return content.removeprefix(bound)


def _bound(name: str, version: int, key_id: str) -> bytes:
    """What stands before the value: JSON holds no bare line feed, so none of it can pass for another."""
    return json.dumps([key_id, name, version]).encode() + b"\n"


def _damaged(name: str, version: int) -> errors.DataLoss:
    return errors.DataLoss(f"version {version} of secret {name} was changed or moved", reason="SECRET_DAMAGED")


def _line(key: Key) -> str:
    return f"{key.id} {key.value}"


def _parsed(file: pathlib.Path, text: str) -> list[Key]:
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
