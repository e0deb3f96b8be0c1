"""Deadlines that shrink from hop to hop: no outgoing call may outlive the incoming one that it serves."""

import contextlib
import contextvars
import time
from collections.abc import Iterator

from chassis import errors

MARGIN_SHARE = 0.05  # of what is left, kept back for answering
MARGIN_MAX_S = 0.1  # answering takes milliseconds however long the call

_expiry: contextvars.ContextVar[float | None] = contextvars.ContextVar("expiry", default=None)  # monotonic seconds


@contextlib.contextmanager
def within(timeout_s: float | None) -> Iterator[None]:
    """Lets everything called inside the block know when the caller stops waiting.

    Args:
        timeout_s: Seconds from now; None for a caller that waits for ever.
    """
    token = _expiry.set(None if timeout_s is None else time.monotonic() + timeout_s)
    try:
        yield
    finally:
        _expiry.reset(token)


def remaining_s() -> float | None:
    """Seconds until the caller of this call stops waiting; None where it set no deadline."""
    expiry = _expiry.get()
    return None if expiry is None else expiry - time.monotonic()


def cap(timeout_s: float) -> float:
    """The wanted timeout, or less where the incoming call ends sooner.

    Raises:
        errors.DeadlineExceeded: There is no time left.
    """
    left = remaining_s()
    if left is None:
        return timeout_s
    usable = left - min(MARGIN_MAX_S, left * MARGIN_SHARE)
    if usable <= 0:
        raise errors.DeadlineExceeded("no time is left for a further call", reason="NO_TIME_LEFT")
    return min(timeout_s, usable)
