"""Where the gateway gets its callers from, and what it does while that is away."""

import asyncio
import contextlib
import datetime
import json
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis import errors, live, testing
from chassis.identity import caller, keys, ledger
from gateway import access, record, settings

DAY = datetime.timedelta(days=1)


@pytest.fixture
def made() -> keys.Made:
    """A key."""
    return keys.make(caller.Role.EDITOR, "acme", DAY)


def document(*known: keys.Made, **more: Any) -> dict[str, Any]:
    """A configuration with keys."""
    return {"access": {"keys": {one.id: one.entry for one in known}, **more}}


class Source:
    """A configuration service that tells what it is told, or is away."""

    def __init__(self, *revisions: dict[str, Any]) -> None:
        self.revisions = [live.Revision(number, value) for number, value in enumerate(revisions, start=1)]
        self.asked = 0

    async def watch(self, after: int) -> AsyncIterator[live.Revision]:
        """What is later, then nothing more."""
        self.asked += 1
        newest = self.revisions[-1:] if self.asked > 1 else self.revisions  # nobody is told twice what is old
        for revision in (one for one in newest if one.version > after):
            yield revision
        raise errors.Unavailable("the configuration service is away")


@contextlib.asynccontextmanager
async def opened(source: Source, folder: pathlib.Path) -> AsyncIterator[access.Callers]:
    """The callers that a gateway knows, some time after its start."""
    async with live.LiveDocument(folder / "config.json", source.watch, use=live.Use((access.accept,))) as followed:
        await testing.wait_until(lambda: source.asked > 1, what="the source was asked twice")
        yield access.Callers(followed, None, ledger.Local())


def sent(token: str) -> tuple[str, ...]:
    """The headers of a call."""
    return (f"Bearer {token}",)


async def test_keys_stay_good_while_the_configuration_is_away(tmp_path: pathlib.Path, made: keys.Made) -> None:
    """A gateway that starts without it takes the keys that were last known to be good, and no others."""
    async with opened(Source(document(made)), tmp_path) as callers:
        assert "acme" == (await callers.identify(sent(made.token))).tenant
    async with opened(Source(), tmp_path) as callers:
        assert "acme" == (await callers.identify(sent(made.token))).tenant
        with pytest.raises(errors.Unauthenticated):
            await callers.identify(sent(keys.make(caller.Role.ADMIN, "acme", DAY).token))


async def test_nobody_gets_in_where_no_keys_were_ever_known(tmp_path: pathlib.Path, made: keys.Made) -> None:
    """No configuration is no reason to let everybody in."""
    async with opened(Source(), tmp_path) as callers:
        with pytest.raises(errors.Unauthenticated):
            await callers.identify(sent(made.token))


@pytest.mark.parametrize(
    "bad",
    [
        {"limits": {"key": {"calls_per_day": 1}}},
        {"limits": {"key": {"calls_per_s": 0}}},
        {"tenants": {"acme": {"concurrent_calls_max": "many"}}},
        {"keys": {"0" * 16: {"role": "king"}}},
        {"keys": {"0" * 16: {"role": "editor", "sha256": "00" * 32, "tenant": 5}}},
        None,
    ],
    ids=["limits", "zero", "text", "keys", "tenant", "null"],
)
async def test_version_that_cannot_be_read_changes_nothing(
    tmp_path: pathlib.Path, made: keys.Made, bad: dict[str, Any] | None
) -> None:
    """Keys and limits stay as they were in the version before."""
    async with opened(Source(document(made), {"access": bad}), tmp_path) as callers:
        assert "acme" == (await callers.identify(sent(made.token))).tenant
    assert 1 == json.loads((tmp_path / "config.json").read_text())["version"]


async def test_key_that_is_gone_is_refused_with_the_next_version(tmp_path: pathlib.Path, made: keys.Made) -> None:
    """Also limits come into force without a restart."""
    other = keys.make(caller.Role.EDITOR, "acme", DAY)
    few = {"limits": {"key": {"calls_per_s": 0.01, "calls_burst": 1}}}
    async with opened(Source(document(made), document(other, **few)), tmp_path) as callers:
        with pytest.raises(errors.Unauthenticated):
            await callers.identify(sent(made.token))
        who = await callers.identify(sent(other.token))
        async with callers.admitted(who):
            pass
        with pytest.raises(errors.ResourceExhausted):
            await callers.admitted(who).__aenter__()


async def test_record_is_told_which_keys_come_and_go(tmp_path: pathlib.Path, made: keys.Made) -> None:
    """With the version of the configuration, whose own record says by whom; those of the start are no news."""
    other, seen = keys.make(caller.Role.EDITOR, "acme", DAY), []

    class Told(record.Told):
        """Writes down what it is told."""

        def seen(self, actor: str, action: str, resource: str, outcome: str = "done") -> None:
            seen.append((actor, action, resource))

    follow = asyncio.Event()

    async def watch(after: int) -> AsyncIterator[live.Revision]:
        yield live.Revision(1, document(made))
        await follow.wait()
        yield live.Revision(2, document(other))
        await asyncio.Event().wait()

    async with live.LiveDocument(tmp_path / "config.json", watch, use=live.Use((access.accept,))) as followed:
        callers = access.Callers(followed, None, ledger.Local(), Told(None))
        await callers.identify(sent(made.token))
        follow.set()
        await followed.changed(1, 60)
        await callers.identify(sent(other.token))
    expected = {("config:2", "KeyRevoked", f"keys/{made.id}"), ("config:2", "KeyMade", f"keys/{other.id}")}
    assert expected == set(seen)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"])
def test_loopback_is_open_by_default(host: str) -> None:
    """On one machine of one person nobody is asked."""
    assert not settings.Settings(host=host).exposed


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "gateway"])
def test_everywhere_else_somebody_has_to_decide(host: str) -> None:
    """Identity, or the word that none is meant."""
    assert settings.Settings(host=host).exposed
    assert not settings.Settings(host=host, identity=True).exposed
    assert not settings.Settings(host=host, insecure=True).exposed


def test_settings_about_tokens_are_whole_or_refused() -> None:
    """An issuer needs keys, keys need an issuer, groups need roles that there are."""
    for given in ({"jwt_issuer": "https://x"}, {"jwt_keys": "keys.json"}):
        with pytest.raises(ValueError, match="jwt_"):
            settings.Settings(**given)
    whole = {"jwt_issuer": "https://x", "jwt_keys": "keys.json"}
    assert None is settings.Settings().terms
    terms = settings.Settings(**whole, jwt_roles="media=editor, leads = operator").terms
    assert {"media": caller.Role.EDITOR, "leads": caller.Role.OPERATOR} == terms.roles
    with pytest.raises(ValueError, match="none of viewer"):
        _ = settings.Settings(**whole, jwt_roles="media=king").terms
