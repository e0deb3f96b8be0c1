"""Secrets are encrypted, bound to their names, and outlive their keys."""

import asyncio
import contextlib
import pathlib
import sqlite3
from collections.abc import AsyncIterator

import pytest

from chassis import errors
from chassis.audit import chain
from services.config import store as store_module
from services.config.secrets import mounted, ring, store, vault

ENTRY = chain.Entry("ann", "SetSecret", "secrets/x")


@contextlib.asynccontextmanager
async def opened(folder: pathlib.Path) -> AsyncIterator[vault.Vault]:
    """Secrets as the service has them."""
    async with store_module.Store(folder / "config.sqlite3") as kept:
        yield vault.Vault(kept, ring.Ring(folder / "secrets.keys"))


async def value(secrets: vault.Vault, name: str, version: int = 0) -> bytes:
    """The value of a secret."""
    return (await secrets.access(name, version, ENTRY))[1]


async def test_secret_survives_a_restart(tmp_path: pathlib.Path) -> None:
    """Each version keeps its value."""
    async with opened(tmp_path) as secrets:
        versions = [(await secrets.put("a/b", content, ENTRY)).version for content in (b"one", b"two")]
    async with opened(tmp_path) as secrets:
        assert ([1, 2], b"one", b"two") == (versions, await value(secrets, "a/b", 1), await value(secrets, "a/b"))


async def test_secret_that_was_moved_or_changed_is_refused(tmp_path: pathlib.Path) -> None:
    """A token that stands under another name or version is no secret of that name."""
    async with opened(tmp_path) as secrets:
        for name in ("a", "b"):
            await secrets.put(name, name.encode(), ENTRY)
        await secrets.put("a", b"newer", ENTRY)
    for sql in (
        "UPDATE secret SET token = (SELECT token FROM secret WHERE name = 'b') WHERE name = 'a' AND version = 2",
        "UPDATE secret SET token = (SELECT token FROM secret WHERE name = 'a' AND version = 1) WHERE name = 'a'",
        "UPDATE secret SET token = x'00ff' WHERE name = 'a'",
    ):
        connection = sqlite3.connect(tmp_path / "config.sqlite3")
        connection.execute(sql)
        connection.commit()
        connection.close()
        async with opened(tmp_path) as secrets:
            with pytest.raises(errors.DataLoss, match="version 2 of secret a was changed or moved"):
                await value(secrets, "a")
            assert b"b" == await value(secrets, "b")


async def test_token_alone_does_not_say_whose_it_is(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the bond, a swapped token opens as if it belonged there."""
    monkeypatch.setattr(ring, "_bound", lambda name, version, key_id: b"")
    keys = ring.Ring(tmp_path / "secrets.keys")
    token, key_id = keys.seal("a", 1, b"value")
    assert b"value" == keys.unseal("b", 9, key_id, token)


async def test_lost_key_is_told(tmp_path: pathlib.Path) -> None:
    """Which key it is, and where it should be."""
    async with opened(tmp_path) as secrets:
        key_id = (await secrets.put("a", b"x", ENTRY)).key_id
    (tmp_path / "secrets.keys").unlink()
    async with opened(tmp_path) as secrets:
        with pytest.raises(errors.DataLoss, match=f"key {key_id}, which is not in secrets.keys"):
            await value(secrets, "a")


@pytest.mark.parametrize("text", ["", "one", "ab12 notakey", "a b c"])
def test_malformed_keys_are_refused(tmp_path: pathlib.Path, text: str) -> None:
    """A service does not start with them; nothing of them is said."""
    file = tmp_path / "secrets.keys"
    file.write_text(text)
    with pytest.raises(errors.FailedPrecondition) as caught:
        ring.Ring(file)
    assert "KEYS_MALFORMED" == caught.value.reason
    assert "notakey" not in str(caught.value)


async def filled(secrets: vault.Vault, names: list[str]) -> None:
    """Sets many secrets at once, which one after the other would each wait for the disk."""

    def fill(connection: store_module.Connection) -> None:
        for name in names:
            token, key_id = secrets._ring.seal(name, 1, name.encode())
            store.insert(connection, store.Sealed(name, 1, key_id, token, 7))

    await secrets._store.write(fill, lambda _: ENTRY)


@pytest.mark.parametrize(
    ("count", "batch"), [(60, 7), pytest.param(10_000, 200, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
async def test_keys_turn_while_secrets_are_read(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, count: int, batch: int
) -> None:
    """No read fails, every secret has the new key, and the old ones are forgotten."""
    monkeypatch.setattr(vault, "BATCH", batch)
    async with opened(tmp_path) as secrets:
        names = [f"s{index}" for index in range(count)]
        await filled(secrets, names)
        turning = asyncio.create_task(secrets.turn(ENTRY))
        reads = 0
        while not turning.done():
            name = names[reads * 37 % len(names)]
            assert name.encode() == await value(secrets, name)
            reads += 1
        key_id, turned = await turning
        listed = await secrets.page("", count + 1)
        assert (count, {key_id}, (key_id,)) == (
            turned, {sealed.key_id for sealed in listed}, ring.Ring(tmp_path / "secrets.keys").ids,
        )  # fmt: skip
        assert reads > 5


async def test_turn_that_was_cut_off_is_finished_by_the_next(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets under both keys can be read in between."""
    monkeypatch.setattr(vault, "BATCH", 2)
    async with opened(tmp_path) as secrets:
        for name in "abcde":
            await secrets.put(name, name.encode(), ENTRY)
        replace, count = store.replace, 0

        def fail(connection: sqlite3.Connection, sealed: store.Sealed) -> None:
            nonlocal count
            count += 1
            if count > 3:
                raise errors.Unavailable("cut off")
            replace(connection, sealed)

        monkeypatch.setattr(store, "replace", fail)
        with pytest.raises(errors.Unavailable):
            await secrets.turn(ENTRY)
    monkeypatch.setattr(store, "replace", replace)
    async with opened(tmp_path) as secrets:
        assert 2 == len({sealed.key_id for sealed in await secrets.page("", 9)})
        assert [name.encode() for name in "abcde"] == [await value(secrets, name) for name in "abcde"]
        assert 5 == (await secrets.turn(ENTRY))[1]
    assert 1 == len(ring.Ring(tmp_path / "secrets.keys").ids)


async def test_mounted_keys_are_turned_by_whoever_mounts_them(tmp_path: pathlib.Path) -> None:
    """The file is only read; a key that comes while the service runs is used, and one that is taken out is told of."""
    file = tmp_path / "mounted.keys"
    with pytest.raises(errors.FailedPrecondition) as refusal:
        mounted.Mounted(file)
    assert "KEYS_MISSING" == refusal.value.reason
    old, new = (f"{key.id} {key.value}\n" for key in (ring.Key.make(), ring.Key.make()))
    file.write_text(old)
    file.chmod(0o400)

    def swap(text: str) -> None:
        other = tmp_path / "next.keys"
        other.write_text(text)
        other.replace(file)

    async with store_module.Store(tmp_path / "config.sqlite3") as kept:
        secrets = vault.Vault(kept, mounted.Mounted(file))
        first = await secrets.put("a", b"x", ENTRY)
        assert (first.key_id, 0) == await secrets.turn(ENTRY)  # there is no other one
        swap("")
        with pytest.raises(errors.FailedPrecondition):
            await secrets.turn(ENTRY)
        assert b"x" == await value(secrets, "a")
        swap(new + old)
        before = file.read_bytes()
        key_id, count = await secrets.turn(ENTRY)
        assert (new.split()[0], 1, before) == (key_id, count, file.read_bytes())
        swap(new)
        assert b"x" == await value(secrets, "a")
        swap(old)
        with pytest.raises(errors.DataLoss, match=f"key {key_id}, which is not in mounted.keys"):
            await value(vault.Vault(kept, mounted.Mounted(file)), "a")
        late = vault.Vault(kept, mounted.Mounted(file))
        swap(new + old)
        assert b"x" == await value(late, "a")  # the key came after its start


async def test_deleted_secret_is_gone_and_counts_on(tmp_path: pathlib.Path) -> None:
    """No version of it can be read, lists leave it out, and the next one is no old number."""
    async with opened(tmp_path) as secrets:
        await secrets.put("a", b"x", ENTRY)
        await secrets.delete("a", ENTRY)
        with pytest.raises(errors.NotFound):
            await value(secrets, "a", 1)
        with pytest.raises(errors.NotFound):
            await secrets.delete("a", ENTRY)
        assert ([], 2) == (await secrets.page("", 9), (await secrets.put("a", b"y", ENTRY)).version)


async def test_there_is_an_end_to_secrets(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a word for it."""
    monkeypatch.setattr(vault, "VERSIONS_MAX", 2)
    async with opened(tmp_path) as secrets:
        for name in "ab":
            await secrets.put(name, b"x", ENTRY)
        with pytest.raises(errors.ResourceExhausted, match="2 versions"):
            await secrets.put("c", b"x", ENTRY)
