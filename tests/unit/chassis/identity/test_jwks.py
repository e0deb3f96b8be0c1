"""The keys of an identity provider: fetched once for many, again for an unknown name, and never too often."""

import asyncio
import http.server
import json
import pathlib
import threading
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from chassis import errors, testing
from chassis.identity import jwks, tokens


def published(*names: str) -> str:
    """A set of keys."""
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    key = json.loads(jwt.get_algorithm_by_name("EdDSA").to_jwk(public))
    return json.dumps({"keys": [{**key, "kid": name} for name in names]})


class Provider(http.server.ThreadingHTTPServer):
    """Publishes keys, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.text, self.asked = published("one"), 0
        self.answers = threading.Event()
        self.answers.set()

    @property
    def place(self) -> str:
        """Where the keys are."""
        return f"http://127.0.0.1:{self.server_port}/keys"


class Handler(http.server.BaseHTTPRequestHandler):
    """One question."""

    server: Provider

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.answers.wait(20)
        body = self.server.text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Says nothing."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A running provider."""
    running = Provider()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


class Clock:
    """A time that the test moves."""

    now_s = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


async def test_keys_are_fetched_once_for_many(provider: Provider) -> None:
    """Fifty callers at once cost one question, and so do all that come after them."""
    keys = jwks.KeySet(provider.place)
    found = await asyncio.gather(*(keys.find("one") for _ in range(50)))
    assert ({"one"}, 1) == ({key.key_id for key in found}, provider.asked)


async def test_unknown_name_is_asked_for_at_a_bounded_rate(provider: Provider) -> None:
    """A thousand made-up names cost one question in half a minute; a key that was added is found after it."""
    clock = Clock()
    keys = jwks.KeySet(provider.place, clock)
    assert await keys.find("one")
    provider.text = published("one", "two")
    assert {None} == {await keys.find(f"made-up-{number}") for number in range(1000)}
    assert 1 == provider.asked
    clock.now_s += jwks.PAUSE_S
    assert (await keys.find("two")).key_id == "two"
    assert 2 == provider.asked


async def test_keys_stay_while_the_provider_is_away(provider: Provider) -> None:
    """Nonsense instead of keys changes nothing; a key that was taken away is gone with the next good answer."""
    clock = Clock()
    keys = jwks.KeySet(provider.place, clock)
    assert await keys.find("one")
    provider.text = "<html>"
    clock.now_s += 2 * jwks.FRESH_S
    assert await keys.find("one")
    await testing.wait_until(lambda: keys._fetching.done())
    provider.text = published("two")
    clock.now_s += jwks.PAUSE_S
    assert await keys.find("one")  # a key that is known waits for nobody
    await testing.wait_until(lambda: keys._fetching.done())
    assert (None, 3) == (await keys.find("one"), provider.asked)


async def test_caller_that_leaves_takes_no_keys_from_others(provider: Provider) -> None:
    """The fetch that it began goes on, and whoever comes later within the pause has the keys of it."""
    provider.answers.clear()
    keys = jwks.KeySet(provider.place)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(keys.find("made-up"), 0.001)
    provider.answers.set()
    assert ("one", 1) == ((await keys.find("one")).key_id, provider.asked)


async def test_known_key_waits_for_no_fetch(provider: Provider) -> None:
    """Neither for that of an unknown name nor for that of keys that are old."""
    clock = Clock()
    keys = jwks.KeySet(provider.place, clock)
    assert await keys.find("one")
    provider.answers.clear()
    clock.now_s += 2 * jwks.FRESH_S
    unknown = asyncio.create_task(keys.find("made-up"))
    await testing.wait_until(lambda: 2 == provider.asked)
    assert ("one", False) == ((await keys.find("one")).key_id, unknown.done())
    provider.answers.set()
    assert None is await unknown


async def test_provider_that_never_answers_is_given_up(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole fetch has a bound, and then it is said that there are no keys."""
    monkeypatch.setattr(jwks, "TIMEOUT_S", 0.05)
    provider.answers.clear()
    with pytest.raises(errors.Unavailable):
        await jwks.KeySet(provider.place).find("one")
    provider.answers.set()


@pytest.mark.parametrize("text", ["null", "[]", "5", '{"keys": 5}', '{"keys": [5]}', '{"keys": [{"kty": 5}]}', "{}"])
async def test_answer_that_is_no_set_of_keys_is_none(tmp_path: pathlib.Path, text: str) -> None:
    """Whatever JSON it is, callers are told that there are no keys now."""
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(errors.Unavailable):
        await jwks.KeySet(str(tmp_path / "keys.json")).find("one")


async def test_nobody_gets_in_before_there_are_keys(tmp_path: pathlib.Path) -> None:
    """UNAVAILABLE, with the time after which a retry may help; not a word about the token."""
    with pytest.raises(errors.Unavailable) as refused:
        await jwks.KeySet(str(tmp_path / "missing.json")).find("one")
    assert jwks.PAUSE_S == refused.value.retry_after_s


def test_keys_in_the_open_and_weak_algorithms_are_refused() -> None:
    """By the settings already: an address without encryption, no signature, a secret on both sides."""
    with pytest.raises(errors.InvalidArgument, match="use https"):
        jwks.KeySet("http://login.example/keys")
    for name in ("none", "HS256"):
        with pytest.raises(errors.InvalidArgument, match=name):
            tokens.Terms("issuer", "audience", algorithms=("RS256", name))
