"""News of a job for a webhook: what it says, and the signature that proves where it comes from. Pure.

Signed as Standard Webhooks (standardwebhooks.com, version 1) has it: HMAC-SHA256 over identifier, time and body, so
that receivers verify it with a library that exists in their language. Every delivery has the same identifier.
"""

import base64
import binascii
import dataclasses
import datetime
import hashlib
import hmac
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from services.jobs import codec
from services.jobs import job as jobs
from services.jobs import spec as specs

SECRET_PREFIX = "whsec_"  # noqa: S105 - a mark of the encoding, no secret


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """One piece of news on its way."""

    number: int
    job_id: str
    notice_id: str
    url: str
    secret: str
    body: str
    attempts: int


@dataclasses.dataclass(frozen=True, slots=True)
class Targets:
    """Where news may go, and what it is signed with; empty where webhooks are off.

    Args:
        origins: Origins that may be called, such as `https://hooks.example.com`.
        secrets: Secrets by name.
    """

    origins: frozenset[str] = frozenset()
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)

    def allow(self, url: str) -> bool:
        """Whether news may go to a URL."""
        where = origin(url)  # empty for what is no http URL, which nobody can have allowed
        return bool(where) and where in self.origins

    def violations(self, hook: specs.Webhook | None) -> Iterator[specs.Violation]:
        """Why a webhook cannot be called."""
        if hook is None:
            return
        if not self.origins:
            yield "webhook", "cannot be called: this job manager allows no webhooks"
        elif not self.allow(hook.url):
            yield "webhook.url", "is of an origin that this job manager may not call"
        elif hook.secret not in self.secrets:
            yield "webhook.secret", "is not the name of a secret of this job manager"


def origin(url: str) -> str:
    """Scheme, host and port of a URL, the port only where it is not that of the scheme; empty where it is not http."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def notice_id(job: jobs.Job, event: jobs.Event) -> str:
    """The identifier of the news that an event is."""
    return f"{job.id}-{event.sequence}"


def body(job: jobs.Job, event: jobs.Event) -> str:
    """What is told when an event changed the state of a job."""
    state, error = event.delta.state, event.delta.error
    data = {
        "job_id": job.id,
        "tenant": job.tenant,
        "title": job.spec.title,
        "state": state.value,
        "sequence": event.sequence,
        "labels": dict(job.spec.labels),
        "create_time": _time(job.create_us),
        "start_time": _time(event.delta.start_us),
        "end_time": _time(event.delta.end_us),
        "error": {"code": error.code, "reason": error.reason, "message": error.message} if error else None,
        "clips": [_clip(job, step) for step in job.steps if step.clip is not None],
    }
    return codec.dumps({"type": f"job.{state.value.lower()}", "timestamp": _time(event.time_us), "data": data})


def _clip(job: jobs.Job, step: jobs.Step) -> dict[str, Any]:
    made = job.artifact(jobs.Role.CLIP, step.clip.name) if step.clip else None
    return {"rank": step.clip.rank if step.clip else 0, "state": step.state.value, "path": made.path if made else None}


def _time(time_us: int | None) -> str | None:
    if time_us is None:
        return None
    return datetime.datetime.fromtimestamp(time_us / 1e6, datetime.UTC).isoformat(timespec="milliseconds")


def key(secret: str) -> bytes:
    """The bytes of a secret: of base64 after `whsec_`, else the text itself.

    Raises:
        ValueError: What follows `whsec_` is no base64.
    """
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("what follows whsec_ is no base64") from error


def headers(identifier: str, text: str, secret: str, now_s: int) -> dict[str, str]:
    """The headers of one delivery.

    Args:
        identifier: Of the news, the same at every delivery.
        text: The body.
        secret: What it is signed with.
        now_s: Wall time of this delivery, in seconds since 1970; receivers refuse what is too old.
    """
    signed = f"{identifier}.{now_s}.{text}".encode()
    mark = base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": str(now_s),
        "webhook-signature": f"v1,{mark}",
    }
