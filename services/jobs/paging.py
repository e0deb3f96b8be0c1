"""Page tokens: opaque to callers, and good only for the list that they came from."""

import base64
import binascii
import hashlib
import json

from chassis import errors
from services.jobs import codec
from services.jobs import store as stores

TOKEN_LENGTH_MAX = 256  # ours have about 80


def token(wanted: stores.Filter, last_number: int) -> str:
    """The token of the page after the job of that number."""
    text = codec.dumps({"before": last_number, "filter": _fingerprint(wanted)})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def before(wanted: stores.Filter, text: str) -> int:
    """The number below which the page of a token goes on.

    Raises:
        errors.InvalidArgument: The token is none of ours, or belongs to another list.
    """
    if len(text) > TOKEN_LENGTH_MAX:
        raise _refused("is not one of ours")
    try:
        data = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        number, fingerprint = int(data["before"]), data["filter"]
    except (ValueError, KeyError, TypeError, binascii.Error, OverflowError, RecursionError) as error:
        raise _refused("is not one of ours") from error
    if fingerprint != _fingerprint(wanted):
        raise _refused("belongs to a list with other filters")
    if not 0 < number <= stores.NUMBER_MAX:
        raise _refused("is not one of ours")
    return number


def _fingerprint(wanted: stores.Filter) -> str:
    text = codec.dumps({"states": sorted(wanted.states), "labels": dict(wanted.labels), "tenant": wanted.tenant})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refused(description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(
        f"page_token {description}", reason="BAD_PAGE_TOKEN", fields=[errors.Field("page_token", description)]
    )
