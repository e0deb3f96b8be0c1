"""Log-in with an identity provider, by the OAuth 2.0 device flow: the browser may be on any other machine."""

import asyncio
import dataclasses
import json
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from chassis import errors
from client import credentials

TIMEOUT_S = 10.0  # of one answer of the provider
INTERVAL_S = 5.0  # between two questions, where the provider does not say (RFC 8628, 3.2)
SLOWER_S = 5.0  # longer with every `slow_down` (RFC 8628, 3.5)
EARLY_S = 30.0  # before its end a token is replaced: it still has to reach the gateway
ANSWER_BYTES_MAX = 1 << 20  # tokens have some kilobytes
SCOPE = "openid offline_access"  # who it is, and a token to renew the token with
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclasses.dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider, and what this command is to it.

    Attributes:
        issuer: Its address, without `/.well-known/...`.
        client_id: What it calls this command.
        scope: What is asked for.
        audience: Whom the token is for; empty where the provider decides.
    """

    issuer: str
    client_id: str
    scope: str = SCOPE
    audience: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Prompt:
    """What the person has to do.

    Attributes:
        address: Where to go.
        code: What to type there.
        whole: An address that has the code already; empty where there is none.
    """

    address: str
    code: str
    whole: str


def file() -> pathlib.Path:
    """Where the log-in is kept, for this user's eyes only."""
    return credentials.settings_folder() / "login.json"


async def login(provider: Provider, tell: Callable[[Prompt], None]) -> None:
    """Logs this person in: tells what to do, waits until it is done, and keeps the tokens.

    Args:
        provider: Who says who this person is.
        tell: Tells the person what to do.

    Raises:
        errors.PermissionDenied: The person, or the provider, refused.
        errors.DeadlineExceeded: Nothing happened in time.
        errors.Unavailable: The provider does not answer as it should.
    """
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as web:
        places = await _places(web, provider.issuer)
        asked = {"client_id": provider.client_id, "scope": provider.scope}
        if provider.audience:
            asked["audience"] = provider.audience
        begun = await _ask(web, places["device_authorization_endpoint"], asked)
        whole = begun.get("verification_uri_complete", "")
        tell(Prompt(_text(begun, "verification_uri"), _text(begun, "user_code"), whole))
        found = await _wait(web, places["token_endpoint"], provider, begun)
    _keep(provider, places["token_endpoint"], found)


async def token() -> str:
    """The token of the last log-in, a fresh one where it is about to end; empty without a log-in.

    Raises:
        errors.Unauthenticated: It has ended, and the provider gives no other.
    """
    try:
        kept = json.loads(credentials.read_private(file()))
    except FileNotFoundError:
        return ""
    if kept["expire_s"] - EARLY_S > time.time():
        return kept["token"]
    if not kept.get("refresh_token"):
        raise errors.Unauthenticated("the log-in has ended: `reelsmith login` again", reason="LOGIN_ENDED")
    provider = Provider(**kept["provider"])
    asked = {"client_id": provider.client_id, "grant_type": "refresh_token", "refresh_token": kept["refresh_token"]}
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as web:
        found = await _ask(web, kept["token_endpoint"], asked)
    if "error" in found:
        raise errors.Unauthenticated(
            f"the log-in has ended ({_why(found)}): `reelsmith login` again", reason="LOGIN_ENDED"
        )
    return _keep(provider, kept["token_endpoint"], {"refresh_token": kept["refresh_token"], **found})


def logout() -> bool:
    """Forgets the log-in; says whether there was one."""
    there = file().exists()
    file().unlink(missing_ok=True)
    return there


async def _wait(web: httpx.AsyncClient, place: str, provider: Provider, begun: Mapping[str, Any]) -> Mapping[str, Any]:
    """Asks until the person has done what was told, as slowly as the provider wants it."""
    interval_s = float(begun.get("interval", INTERVAL_S))
    asked = {"grant_type": DEVICE, "device_code": _text(begun, "device_code"), "client_id": provider.client_id}
    try:
        async with asyncio.timeout(float(begun.get("expires_in", 600))):
            while True:  # bounded by the timeout
                await asyncio.sleep(interval_s)
                found = await _ask(web, place, asked)
                if "error" not in found:
                    return found
                if found["error"] == "slow_down":
                    interval_s += SLOWER_S
                elif found["error"] != "authorization_pending":
                    raise errors.PermissionDenied(f"no log-in: {_why(found)}", reason="LOGIN_REFUSED")
    except TimeoutError as late:
        raise errors.DeadlineExceeded("nobody confirmed the log-in in time", reason="LOGIN_LATE") from late


async def _places(web: httpx.AsyncClient, issuer: str) -> Mapping[str, str]:
    """The provider's addresses, by OpenID Connect Discovery."""
    found = await _ask(web, f"{issuer.rstrip('/')}/.well-known/openid-configuration", None)
    if found.get("issuer", "").rstrip("/") != issuer.rstrip("/"):
        raise errors.Unavailable(f"{issuer} says that it is {found.get('issuer')!r}", reason="BAD_PROVIDER")
    return {name: _text(found, name) for name in ("device_authorization_endpoint", "token_endpoint")}


async def _ask(web: httpx.AsyncClient, place: str, form: Mapping[str, str] | None) -> dict[str, Any]:
    """One answer of the provider, an error of OAuth included."""
    if not place.startswith("https://") and httpx.URL(place).host not in LOCAL:
        raise errors.InvalidArgument(f"{place} is not encrypted: secrets are not sent there", reason="BAD_PROVIDER")
    try:
        answer = await (web.get(place) if form is None else web.post(place, data=dict(form)))
        found = json.loads(answer.content[:ANSWER_BYTES_MAX])
    except (httpx.HTTPError, ValueError) as failure:
        raise errors.Unavailable(f"{place} does not answer as it should: {failure}", reason="BAD_PROVIDER") from failure
    if not isinstance(found, dict) or (answer.is_error and "error" not in found):
        raise errors.Unavailable(f"{place} answers {answer.status_code}", reason="BAD_PROVIDER")
    return found


def _keep(provider: Provider, place: str, found: Mapping[str, Any]) -> str:
    """Writes the tokens down; the access token is what the gateway is sent."""
    kept = {
        "provider": dataclasses.asdict(provider),
        "token_endpoint": place,
        "token": _text(found, "access_token"),
        "refresh_token": found.get("refresh_token", ""),
        "expire_s": time.time() + float(found.get("expires_in", 300)),
    }
    credentials.write_private(file(), json.dumps(kept))
    return kept["token"]


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise errors.Unavailable(
            f"the provider says no {name}{': ' + _why(found) if 'error' in found else ''}", reason="BAD_PROVIDER"
        )
    return value


def _why(found: Mapping[str, Any]) -> str:
    return f"{found.get('error')}: {found.get('error_description', '')}".removesuffix(": ")[:200]
