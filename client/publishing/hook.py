"""A webhook: the clip and what is said about it in one request, signed where there is a secret.

A POST of `multipart/form-data`: the part `about` is the JSON document that a folder gets too, `video` and `beside` are
files. `webhook-id` is the same for the same clip at every attempt, so that receivers take it once. The signature is
that of Standard Webhooks (standardwebhooks.com) over the part `about`, which has the hash of every file.
"""

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import time
import urllib.parse
from typing import ClassVar

import httpx

from chassis import errors
from client.publishing import folder, post

TIMEOUT_S = 60.0  # between two signs of life; receivers may store a whole clip before they answer
LOCATION_LENGTH_MAX = 2000  # as records take
PASSING = frozenset({408, 425, 429})  # beside those of 500 and above: worth another try
SECRET_PREFIX = "whsec_"  # noqa: S105 - a mark of the encoding, no secret


@dataclasses.dataclass(frozen=True, slots=True)
class Hook:
    """A receiver.

    Args:
        url: Its address, which may be a secret itself.
        secret: What requests are signed with; empty for none.
    """

    url: str = dataclasses.field(repr=False)
    secret: str = dataclasses.field(default="", repr=False)
    repeatable: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Its origin, and a mark of the rest: addresses of webhooks are passwords."""
        parts = urllib.parse.urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/#{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"

    async def check(self, one: post.Post) -> str:
        """Says what would be sent; nothing is asked, for every request has an effect."""
        signed = "signed" if self.secret else "not signed"
        return f"{len(folder.files(one))} files to {self.name}, {signed}"

    async def find(self, one: post.Post) -> str | None:
        """Nothing: a receiver cannot be asked."""
        return None

    async def send(self, one: post.Post) -> str:
        """Sends a post.

        Raises:
            errors.Unavailable: It did not arrive, and may the next time.
            errors.FailedPrecondition: The receiver refuses it.
        """
        about = folder.described(one)
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
                with contextlib.ExitStack() as opened:
                    parts = [("about", ("about.json", about, "application/json"))]
                    for kind, file in [("video", one.video), *(("beside", file) for file in one.beside)]:
                        content = opened.enter_context(file.path.open("rb"))
                        parts.append((kind, (file.name, content, file.media_type)))
                    # Built anew by the library: files are read as they are sent, never as a whole.
                    answer = await client.post(self.url, files=parts, headers=self._headers(one, about))
        except httpx.HTTPError as error:
            raise errors.Unavailable(f"{self.name}: {type(error).__name__}: {error}", reason="HOOK_AWAY") from error
        if answer.status_code in PASSING or answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise errors.Unavailable(f"{self.name} answers {answer.status_code}", reason="HOOK_AWAY")
        if not answer.is_success:
            raise errors.FailedPrecondition(f"{self.name} answers {answer.status_code}", reason="HOOK_REFUSES")
        location = answer.headers.get("location", "")
        return location if location.isprintable() and len(location) <= LOCATION_LENGTH_MAX else ""

    def _headers(self, one: post.Post, about: bytes) -> dict[str, str]:
        identifier, now = f"{one.job}-{one.name}", str(int(time.time()))
        headers = {"webhook-id": identifier, "webhook-timestamp": now}
        if self.secret:
            plain = self.secret.removeprefix(SECRET_PREFIX)
            key = base64.b64decode(plain) if plain != self.secret else self.secret.encode()
            mark = hmac.new(key, f"{identifier}.{now}.".encode() + about, hashlib.sha256).digest()
            headers["webhook-signature"] = "v1," + base64.b64encode(mark).decode()
        return headers


def hook(url: str, secret: str) -> Hook:
    """The receiver at a URL.

    Raises:
        errors.InvalidArgument: It is no URL of HTTP, has a user in it, or the secret is no base64 after `whsec_`.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and not parts.fragment
        if secret.startswith(SECRET_PREFIX):
            base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        raise errors.InvalidArgument(f"a webhook cannot be called: {error}") from error
    if not usable:
        raise errors.InvalidArgument("a webhook is a URL of the form https://HOST[:PORT]/PATH, without a user")
    return Hook(url, secret)
