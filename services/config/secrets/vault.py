"""What can be done with secrets: set, access, list, delete, and turn their keys."""

import asyncio
import dataclasses
import re
import time

from chassis import errors
from chassis.audit import chain
from services.config import store as store_module
from services.config.secrets import ring as ring_module
from services.config.secrets import store

NAME = re.compile(r"[a-z0-9/_-]{1,128}")
VALUE_BYTES_MAX = 64 * 1024  # as the API says
VERSIONS_MAX = 100_000  # of all secrets together: some hundred megabytes at worst
BATCH = 200  # secrets encrypted anew in one transaction: readers wait for some milliseconds


class Vault:
    """The secrets of a suite.

    Args:
        kept: Where they are kept.
        ring: Keys that they are encrypted with.
    """

    def __init__(self, kept: store_module.Store, ring: ring_module.Keys) -> None:
        self._store, self._ring = kept, ring
        self._turning = asyncio.Lock()

    async def put(self, name: str, value: bytes, entry: chain.Entry) -> store.Sealed:
        """Sets a value: a new version, which is on disk when this returns.

        Raises:
            errors.InvalidArgument: The name or the value cannot be.
            errors.ResourceExhausted: There are too many.
        """
        _check_name(name)
        if not 0 < len(value) <= VALUE_BYTES_MAX:
            raise _invalid("value", f"has {len(value)} bytes, 1 to {VALUE_BYTES_MAX} are allowed")

        def write(connection: store_module.Connection) -> store.Sealed:
            if store.versions(connection) >= VERSIONS_MAX:
                message = f"{VERSIONS_MAX} versions of secrets are kept: delete some"
                raise errors.ResourceExhausted(message, reason="TOO_MANY_SECRETS")
            last = store.newest(connection, name)
            version = last.version + 1 if last else 1
            token, key_id = self._ring.seal(name, version, value)
            made = store.Sealed(name, version, key_id, token, time.time_ns() // 1000)
            store.insert(connection, made)
            return made

        return await self._store.write(write, lambda _: entry)

    async def access(self, name: str, version: int, entry: chain.Entry) -> tuple[store.Sealed, bytes]:
        """The value of a version, of the newest for 0; the access is on record before it is handed out.

        Raises:
            errors.NotFound: There is no such secret or version.
            errors.DataLoss: It cannot be decrypted.
        """
        _check_name(name)

        def open_(connection: store_module.Connection) -> tuple[store.Sealed, bytes]:
            found = store.one(connection, name, version) if version else store.newest(connection, name)
            if found is None or not found.token:
                raise _missing(name, version)
            return found, self._ring.unseal(name, found.version, found.key_id, found.token)

        return await self._store.write(open_, lambda _: entry)

    async def page(self, after: str, count: int) -> list[store.Sealed]:
        """The newest versions, by name.

        Args:
            after: Only names after this one.
            count: How many at most.
        """
        return await self._store.read(lambda connection: store.page(connection, after, count))

    async def delete(self, name: str, entry: chain.Entry) -> None:
        """Deletes all versions of a secret.

        Raises:
            errors.NotFound: There is no such secret.
        """
        _check_name(name)

        def write(connection: store_module.Connection) -> None:
            found = store.newest(connection, name)
            if found is None or not found.token:
                raise _missing(name, 0)
            store.empty(connection, name)

        await self._store.write(write, lambda _: entry)

    async def turn(self, entry: chain.Entry) -> tuple[str, int]:
        """Makes a new key and encrypts every secret with it, while they can be read; then forgets the older keys.

        A crash on the way leaves all keys in place; the next turn finishes the work.

        Returns:
            Id of the new key, and how many versions were encrypted anew.
        """
        async with self._turning:
            key_id = await asyncio.to_thread(self._ring.turn)
            turned = 0
            while count := await self._store.read(self._turn_some):
                turned += count
            told = dataclasses.replace(entry, resource=f"keys/{key_id}")
            await self._store.write(lambda connection: None, lambda _: told)
            await asyncio.to_thread(self._ring.forget)
            return key_id, turned

    def _turn_some(self, connection: store_module.Connection) -> int:
        found = store.other_keys(connection, self._ring.ids[0], BATCH)
        with store_module.transaction(connection):
            for sealed in found:
                value = self._ring.unseal(sealed.name, sealed.version, sealed.key_id, sealed.token)
                token, key_id = self._ring.seal(sealed.name, sealed.version, value)
                store.replace(connection, dataclasses.replace(sealed, token=token, key_id=key_id))
        return len(found)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise _invalid("name", "must be 1 to 128 of a-z 0-9 / _ -")


def _invalid(field: str, message: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"{field} {message}", reason="BAD_SECRET", fields=[errors.Field(field, message)])


def _missing(name: str, version: int) -> errors.NotFound:
    what = f"version {version} of secret {name}" if version else f"secret {name}"
    return errors.NotFound(f"there is no {what}", reason="NO_SUCH_SECRET", metadata={"name": name})
