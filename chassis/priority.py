"""Whether somebody waits for a call: a full server refuses those that nobody waits for first.

A caller says `reelsmith-priority: batch` in the metadata; the calls made on behalf of that one say it too.
"""

import contextlib
import contextvars
from collections.abc import Iterable, Iterator

KEY, BATCH = "reelsmith-priority", "batch"

_batch: contextvars.ContextVar[bool] = contextvars.ContextVar("batch", default=False)

Metadata = Iterable[tuple[str, str | bytes]]


def said(metadata: Metadata | None) -> bool:
    """Whether the metadata of a call says that nobody waits for it."""
    return any(key == KEY and value == BATCH for key, value in metadata or ())


def batch() -> bool:
    """Whether the calls made now are such that nobody waits for them."""
    return _batch.get()


@contextlib.contextmanager
def within(is_batch: bool) -> Iterator[None]:
    """Makes the calls of the block such that nobody waits for them, or that somebody does."""
    token = _batch.set(is_batch)
    try:
        yield
    finally:
        _batch.reset(token)
