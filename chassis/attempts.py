"""One budget of second tries for all layers: only the layer above a failure tries again.

A second try says so to the next layer, which then makes none of its own. A failure for which second tries are used up
says so to the layer above, in gRPC's own words (A6): `grpc-retry-pushback-ms` below zero is *do not try again*.
"""

import contextlib
import contextvars
from collections.abc import Iterable, Iterator

AGAIN = "reelsmith-again"  # metadata of a call that is a second try, or serves one
PUSHBACK = "grpc-retry-pushback-ms"
NEVER = "-1"

_again: contextvars.ContextVar[bool] = contextvars.ContextVar("again", default=False)

Metadata = Iterable[tuple[str, str | bytes]]


def again() -> bool:
    """Whether the incoming call that is served now is a second try."""
    return _again.get()


@contextlib.contextmanager
def within(metadata: Metadata | None) -> Iterator[None]:
    """Lets the calls made inside the block know whether the incoming one is a second try.

    Args:
        metadata: That of the incoming call.
    """
    token = _again.set(any(key == AGAIN for key, _ in metadata or ()))
    try:
        yield
    finally:
        _again.reset(token)


def spent(metadata: Metadata | None) -> bool:
    """Whether the end of a call says that trying again is of no use."""
    return any(key == PUSHBACK and str(value).startswith("-") for key, value in metadata or ())
