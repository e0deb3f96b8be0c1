"""Log-in by the device flow, with a small identity provider over real HTTP; keys of this person."""

import http.server
import json
import pathlib
import threading
import time
import urllib.parse
from collections.abc import Iterator

import pytest

from chassis import client, discovery, errors, testing
from chassis.identity import bearer
from chassis.testing import echo
from client import credentials, login, place, renewal

ANSWERS = {
    "pending": (400, {"error": "authorization_pending"}),
    "slower": (400, {"error": "slow_down"}),
    "denied": (400, {"error": "access_denied", "error_description": "the person said no"}),
    "tokens": (200, {"access_token": "first", "refresh_token": "again", "expires_in": 300}),
    "fresh": (200, {"access_token": "second", "expires_in": 300}),
    "ended": (400, {"error": "invalid_grant"}),
}


class Provider(http.server.ThreadingHTTPServer):
    """Says what the test wants it to say, and writes down what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.device = {"device_code": "D", "user_code": "WDJB-MJHT", "interval": 0.01, "expires_in": 30}

    @property
    def issuer(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    """One question."""

    server: Provider

    def do_GET(self) -> None:
        places = {"device_authorization_endpoint": "device", "token_endpoint": "token"}
        found = {name: f"{self.server.issuer}/{path}" for name, path in places.items()}
        self.say(200, {"issuer": self.server.issuer, **found})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(dict(urllib.parse.parse_qsl(text)))
        if self.path == "/device":
            self.say(200, {"verification_uri": f"{self.server.issuer}/activate", **self.server.device})
        else:
            self.say(*ANSWERS[self.server.script.pop(0)])

    def say(self, code: int, found: dict) -> None:
        """Answers."""
        body = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Says nothing."""


@pytest.fixture
def provider(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A running provider, and a home for what is kept."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(login, "SLOWER_S", 0.01)
    for name in (credentials.KEY, credentials.KEY_FILE, credentials.INSECURE):
        monkeypatch.delenv(name, raising=False)
    running = Provider()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def at(provider: Provider) -> login.Provider:
    """The provider as the command knows it."""
    return login.Provider(provider.issuer, "cli")


async def test_login_waits_for_the_person_and_keeps_the_token(provider: Provider) -> None:
    """The person is told where to go; questions go on, slower when asked; the token is kept for its owner only."""
    provider.script = ["pending", "slower", "pending", "tokens"]
    told: list[login.Prompt] = []
    await login.login(at(provider), told.append)
    assert [("WDJB-MJHT", f"{provider.issuer}/activate")] == [(prompt.code, prompt.address) for prompt in told]
    assert "first" == await login.token()
    assert 0o600 == login.file().stat().st_mode & 0o777
    device, *questions = provider.asked
    assert ("cli", "openid offline_access") == (device["client_id"], device["scope"])
    assert [("D", login.DEVICE)] * 4 == [(one["device_code"], one["grant_type"]) for one in questions]


async def test_token_that_ends_is_renewed(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the person; the token to renew with is kept where the provider gives no other."""
    provider.script = ["tokens", "fresh", "ended"]
    await login.login(at(provider), lambda prompt: None)
    later = time.time() + 280
    monkeypatch.setattr(login.time, "time", lambda: later)
    assert ("second", "again") == (await login.token(), provider.asked[-1]["refresh_token"])
    later += 280
    with pytest.raises(errors.Unauthenticated, match="reelsmith login"):
        await login.token()


async def test_refusal_of_the_person_is_told(provider: Provider) -> None:
    """Nothing is kept."""
    provider.script = ["pending", "denied"]
    with pytest.raises(errors.PermissionDenied, match="the person said no"):
        await login.login(at(provider), lambda prompt: None)
    assert ("", False) == (await login.token(), login.logout())


async def test_login_that_nobody_confirms_ends(provider: Provider) -> None:
    """When the code has ended, so does the waiting."""
    provider.script, provider.device["expires_in"] = ["pending"] * 1000, 0.1
    with pytest.raises(errors.DeadlineExceeded):
        await login.login(at(provider), lambda prompt: None)


async def test_provider_without_encryption_is_not_asked() -> None:
    """Beyond this machine secrets go nowhere in the open."""
    with pytest.raises(errors.InvalidArgument, match="not encrypted"):
        await login.login(login.Provider("http://login.example", "cli"), lambda prompt: None)


def test_key_comes_from_the_environment_or_a_private_file(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that others may read is refused, with what to do about it."""
    path = credentials.settings_folder() / "api-key"
    assert "" == credentials.token()
    credentials.write_private(path, "from-file\n")
    assert "from-file" == credentials.token()
    path.chmod(0o640)
    with pytest.raises(errors.FailedPrecondition, match="chmod 600"):
        credentials.token()
    monkeypatch.setenv(credentials.KEY, "from-environment")
    assert "from-environment" == credentials.token()


def test_key_is_not_sent_in_the_open(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over loopback or encrypted it is; elsewhere only where somebody says that nobody listens."""
    near, far = place.Place("127.0.0.1:1", "127.0.0.1:2", True), place.Place("suite.example:1", "suite.example:2", True)
    sent = (("authorization", "Bearer k"),)
    assert (sent, sent) == (
        credentials.metadata(near, "k", encrypted=False),
        credentials.metadata(far, "k", encrypted=True),
    )
    assert () == credentials.metadata(far, "", encrypted=False)
    with pytest.raises(errors.FailedPrecondition, match="without encryption"):
        credentials.metadata(far, "k", encrypted=False)
    monkeypatch.setenv(credentials.INSECURE, "1")
    assert sent == credentials.metadata(far, "k", encrypted=False)


async def test_long_run_renews_the_login(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the token ends; what a provider refuses leaves the last one as it was."""
    monkeypatch.setattr(renewal, "LOOK_S", 0.01)
    provider.script = ["tokens", "fresh", "ended", *["ended"] * 1000]
    await login.login(at(provider), lambda prompt: None)
    now = time.time()
    monkeypatch.setattr(login.time, "time", lambda: now)
    async with renewal.Proof() as proof:
        assert "first" == proof.token
        now += 280
        await testing.wait_until(lambda: proof.token == "second")
        now += 280
        before = len(provider.asked)
        await testing.wait_until(lambda: len(provider.asked) > before + 2)
        assert "second" == proof.token


async def test_long_run_takes_over_a_replaced_key(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is away for a moment, or open to others, changes nothing."""
    monkeypatch.setattr(renewal, "LOOK_S", 0.01)
    path = credentials.settings_folder() / "key"
    monkeypatch.setenv(credentials.KEY_FILE, str(path))
    credentials.write_private(path, "old")
    looks, token = [], credentials.token

    def counted() -> str:
        looks.append(1)
        return token()

    monkeypatch.setattr(credentials, "token", counted)
    async with renewal.Proof() as proof:
        for spoil in (path.unlink, lambda: path.write_text("open to all")):
            spoil()
            before = len(looks)
            await testing.wait_until(lambda before=before: len(looks) > before + 2)
            assert "old" == proof.token
        credentials.write_private(path, "new")
        await testing.wait_until(lambda: proof.token == "new")


async def test_every_call_sends_what_proves_it_then(provider: Provider) -> None:
    """Not what proved it when the connection was made."""
    token = "one"
    async with (
        testing.serving([echo.service(servicer := Listening())]) as server,
        client.Clients(
            discovery.StaticRegistry({"echo": [server.address]}), metadata=lambda: bearer.header(token)
        ) as clients,
    ):
        stub = echo.EchoStub(clients.channel("echo"))
        await stub.Read(echo.Echo(), timeout=30)
        token = "two"
        await stub.Read(echo.Echo(), timeout=30)
    assert ["Bearer one", "Bearer two"] == servicer.heard


class Listening(echo.EchoServicer):
    """Writes down who calls."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    async def Read(self, request, context):
        self.heard += [value for key, value in context.invocation_metadata() if key == bearer.HEADER]
        return request
