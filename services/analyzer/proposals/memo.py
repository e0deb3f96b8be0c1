"""Keeps what was worked out of an analysis, for whoever asks again with other weights."""

import collections
import threading
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar, cast

KEPT_BYTES_MAX = 64 << 20  # three lengths of clips of a film of eight hours


class Sized(Protocol):
    """Something that knows its size."""

    @property
    def size_bytes(self) -> int:
        """Memory that it takes, nearly."""


Value = TypeVar("Value", bound=Sized)


class Memo:
    """What was used last, up to a size.

    Args:
        bytes_max: Memory that all of it may take; what is larger is made each time.
    """

    def __init__(self, bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._kept: collections.OrderedDict[Hashable, Sized] = collections.OrderedDict()
        self._lock = threading.Lock()  # proposals are made in threads

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What belongs to a key, made now where it is not there; the key says all that it depends on."""
        with self._lock:
            kept = self._kept.pop(key, None)
        found = cast(Value, kept) if kept is not None else make()
        if found.size_bytes <= self._bytes_max:
            with self._lock:
                self._kept[key] = found
                while self.size_bytes > self._bytes_max:  # ends, for it drops one
                    self._kept.popitem(last=False)
        return found

    @property
    def size_bytes(self) -> int:
        """Memory of all that is kept."""
        return sum(one.size_bytes for one in self._kept.values())

    def clear(self) -> None:
        """Lets go of all."""
        with self._lock:
            self._kept.clear()
