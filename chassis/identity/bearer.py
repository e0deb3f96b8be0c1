"""What a caller sends to prove who it is."""

from collections.abc import Sequence

from chassis import errors

HEADER = "authorization"
SCHEME = "bearer"
LENGTH_MAX = 8192  # characters, which is what gRPC takes of all headers together


def read(sent: Sequence[str | bytes]) -> str:
    """The key or token of the `authorization` headers of a call.

    Raises:
        errors.Unauthenticated: There is none, or more than one, or of another scheme.
    """
    if not sent:
        raise errors.Unauthenticated(
            "an API key or a token is needed: `authorization: Bearer ...`", reason="NO_CREDENTIALS"
        )
    scheme, _, token = str(sent[0]).partition(" ")
    if len(sent) > 1 or scheme.lower() != SCHEME or not token or len(token) > LENGTH_MAX:
        raise errors.Unauthenticated(
            "one header `authorization: Bearer ...` is needed, this call has another", reason="BAD_CREDENTIALS"
        )
    return token.strip()


def header(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call by whoever has a key or token; none for an empty one."""
    return ((HEADER, f"Bearer {token}"),) if token else ()
