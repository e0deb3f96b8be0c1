"""A stream does not outlive what its caller proved: real streams, keys and tokens that end in the middle."""

import asyncio
import contextlib
import datetime
import json
import pathlib
from collections.abc import AsyncIterator, Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chassis import client, discovery, errors, live, server, testing
from chassis.identity import bearer, caller, jwks, keys, ledger, policy, tokens
from chassis.interceptors import standing
from chassis.testing import echo
from gateway import access

DAY = datetime.timedelta(days=1)
RULES = policy.by_role(echo.FULL_NAME, dict.fromkeys(echo.METHODS, caller.Role.EDITOR))
TERMS = tokens.Terms("https://issuer.example", "reelsmith", algorithms=("ES256",))


class Suite:
    """A server that streams, and the configuration that says who may call it."""

    def __init__(self) -> None:
        self.made = keys.make(caller.Role.EDITOR, "acme", DAY)
        self.entry = dict(self.made.entry)
        self._changed = asyncio.Event()
        self._signing = ec.generate_private_key(ec.SECP256R1())

    async def watch(self, after: int) -> AsyncIterator[live.Revision]:
        """The configuration, and once more when it has changed."""
        yield live.Revision(1, {"access": {"keys": {self.made.id: self.made.entry}}})
        await self._changed.wait()
        yield live.Revision(2, {"access": {"keys": {self.made.id: self.entry} if self.entry else {}}})
        await asyncio.Event().wait()

    def change(self, entry: dict[str, str]) -> None:
        """Replaces the entry of the key; an empty one revokes it."""
        self.entry = entry
        self._changed.set()

    def published(self) -> str:
        """The keys of the issuer."""
        key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._signing.public_key()))
        return json.dumps({"keys": [{**key, "kid": "k", "alg": "ES256"}]})

    def token(self) -> str:
        """A token that is good for an hour."""
        now = datetime.datetime.now(datetime.UTC)
        claims = {"iss": TERMS.issuer, "aud": TERMS.audience, "sub": "ann", "exp": now + datetime.timedelta(hours=1)}
        claims |= {TERMS.role_claim: "editor", TERMS.tenant_claim: "acme"}
        return jwt.encode(claims, self._signing, algorithm="ES256", headers={"kid": "k"})


@pytest.fixture
async def suite(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Suite, str]]:
    """A running server, and its address."""
    monkeypatch.setattr(standing, "LOOK_S", 0.02)
    made = Suite()
    (tmp_path / "keys.json").write_text(made.published())
    async with live.LiveDocument(tmp_path / "config.json", made.watch, use=live.Use((access.accept,))) as followed:
        checked = tokens.Tokens(TERMS, jwks.KeySet(str(tmp_path / "keys.json")))
        callers = access.Callers(followed, checked, ledger.Local())
        served = server.Service(echo.EchoServicer(), echo.add_to_server, echo.FULL_NAME, RULES)
        async with server.Server(testing.settings(), [served], callers=callers) as running:
            yield made, running.address


@contextlib.asynccontextmanager
async def streaming(address: str, token: str) -> AsyncIterator[Callable]:
    """Reads the next message of a stream that has begun and never ends by itself."""
    registry = discovery.StaticRegistry({"echo": [address]})
    async with client.Clients(registry, metadata=bearer.header(token)) as clients:
        stream = aiter(echo.EchoStub(clients.channel("echo")).Watch(echo.Echo(delay_s=0.01), timeout=60))
        await anext(stream)
        yield lambda: anext(stream)


async def ended(following: Callable) -> errors.Error:
    """Reads a stream to its end."""
    while True:  # bounded by the deadline of the stream
        try:
            await following()
        except errors.Error as failure:
            return failure


async def test_stream_ends_with_its_key(suite: tuple[Suite, str]) -> None:
    """One that is revoked; the stream goes on as long as the key is good, over many looks."""
    made, address = suite
    async with streaming(address, made.made.token) as following:
        for _ in range(20):
            await following()
        made.change({})
        failure = await ended(following)
    assert (errors.Unauthenticated, "CREDENTIALS_ENDED", "KEY_UNKNOWN") == (
        type(failure),
        failure.reason,
        failure.metadata["why"],
    )


@pytest.mark.parametrize(("field", "value"), [("role", "viewer"), ("tenant", "umbrella")])
async def test_stream_ends_with_the_rights_of_its_key(suite: tuple[Suite, str], field: str, value: str) -> None:
    """What it streams belongs to the tenant that the key had, for the role that it had."""
    made, address = suite
    async with streaming(address, made.made.token) as following:
        made.change({**made.entry, field: value})
        assert "CREDENTIALS_ENDED" == (await ended(following)).reason


async def test_stream_ends_with_its_token(suite: tuple[Suite, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that was good when the stream began."""
    made, address = suite

    class Later(datetime.datetime):
        """Two hours later."""

        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + datetime.timedelta(hours=2)

    async with streaming(address, made.token()) as following:
        monkeypatch.setattr("jwt.api_jwt.datetime", Later)
        failure = await ended(following)
    assert ("CREDENTIALS_ENDED", "TOKEN_EXPIRED") == (failure.reason, failure.metadata["why"])


async def test_stream_goes_on_while_tokens_cannot_be_checked(
    suite: tuple[Suite, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An identity provider that is away speaks against nobody."""
    made, address = suite
    asked: list[str] = []

    async def away(self: jwks.KeySet, name: str) -> None:
        asked.append(name)
        raise errors.Unavailable("the keys cannot be had now", reason="NO_KEYS")

    async with streaming(address, made.token()) as following:
        monkeypatch.setattr(jwks.KeySet, "find", away)
        while len(asked) < 3:  # bounded by the deadline of the stream
            await following()


async def test_stream_outlives_its_key_without_the_look(
    suite: tuple[Suite, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: nothing else ends it."""
    made, address = suite
    monkeypatch.setattr(standing, "LOOK_S", 3600)
    async with streaming(address, made.made.token) as following:
        made.change({})
        registry = discovery.StaticRegistry({"echo": [address]})
        async with client.Clients(registry, metadata=bearer.header(made.made.token)) as clients:
            stub = echo.EchoStub(clients.channel("echo"))

            async def refused() -> bool:
                try:
                    await stub.Read(echo.Echo(), timeout=30)
                except errors.Unauthenticated:
                    return True
                return False

            await testing.wait_until(refused, what="the key is gone")
        for _ in range(20):
            await following()


async def test_caller_that_leaves_is_cancelled_as_before(suite: tuple[Suite, str]) -> None:
    """What ends a stream otherwise is told in its own words."""
    made, address = suite
    registry = discovery.StaticRegistry({"echo": [address]})
    async with client.Clients(registry, metadata=bearer.header(made.made.token)) as clients:
        with pytest.raises(errors.DeadlineExceeded):
            async for _ in echo.EchoStub(clients.channel("echo")).Watch(echo.Echo(delay_s=0.01), timeout=1):
                pass
