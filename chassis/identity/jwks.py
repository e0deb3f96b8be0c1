"""The public keys of whoever issues tokens, from a file or an address, fetched anew at a bounded rate."""

import asyncio
import contextvars
import json
import logging
import pathlib
import time
from collections.abc import Callable

import httpx
import jwt

from chassis import errors

TIMEOUT_S = 5.0  # of a whole fetch: callers with keys that are not known wait for it, once per refresh
SIZE_MAX_BYTES = 1 << 20  # a set of keys has some kilobytes
FRESH_S = 3600.0  # after that the keys are fetched again even though all that are asked for are known
LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
PAUSE_S = 30.0  # at most one fetch in this time, whatever callers send: unknown names cost nothing

# Of the way there, and of an answer that is no set of keys, which the library finds out by tripping over it.
FAILURES = (
    *(OSError, httpx.HTTPError, httpx.InvalidURL, jwt.PyJWTError),
    *(ValueError, AttributeError, TypeError, LookupError, RecursionError),
)

logger = logging.getLogger(__name__)


class KeySet:
    """Keys by name.

    Args:
        place: A file, or an address that begins with `https://`; `http://` only on this machine.
        now: Tells the monotonic time.

    Raises:
        errors.InvalidArgument: The address is not encrypted.
    """

    def __init__(self, place: str, now: Callable[[], float] = time.monotonic) -> None:
        if place.startswith("http://") and httpx.URL(place).host not in LOCAL:
            raise errors.InvalidArgument(
                f"keys are not believed that come from {place}: use https", reason="BAD_SETTING"
            )
        self._place, self._now = place, now
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_s = self._tried_s = -float("inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, name: str) -> jwt.PyJWK | None:
        """The key of a name; None where there is none.

        Only who asks for a name that is not known waits for a fetch, and none ends with the caller that began it: one
        whose deadline is short would keep the keys from everybody.

        Raises:
            errors.Unavailable: No keys could be had yet.
        """
        if name not in self._keys or self._now() - self._fetched_s > FRESH_S:
            self._begin()
        if name not in self._keys and self._fetching:  # many callers, one fetch
            await asyncio.shield(self._fetching)
        if not self._keys:
            raise errors.Unavailable(
                "the keys that tokens are checked with cannot be had now", reason="NO_KEYS", retry_after_s=PAUSE_S
            )
        return self._keys.get(name)

    def _begin(self) -> None:
        """Begins a fetch, unless one is under way or was just made."""
        if (self._fetching and not self._fetching.done()) or self._now() - self._tried_s < PAUSE_S:
            return
        self._tried_s = self._now()
        # In a context of its own: it belongs to no call, nor to the trace of one.
        self._fetching = asyncio.create_task(self._refresh(), name="keys", context=contextvars.Context())

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                text = await self._read()
            found = jwt.PyJWKSet.from_dict(json.loads(text))
            keys = {key.key_id: key for key in found.keys if key.key_id}
        except FAILURES as failure:
            logger.warning("the keys at %s cannot be had, those before stay: %r", self._place, failure)
            return
        self._keys, self._fetched_s = keys, self._tried_s
        logger.info("%d keys for tokens come from %s", len(self._keys), self._place)

    async def _read(self) -> bytes:
        if not self._place.startswith(("http://", "https://")):
            return await asyncio.to_thread(pathlib.Path(self._place).read_bytes)
        content = bytearray()
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client,
            client.stream("GET", self._place) as answer,
        ):
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > SIZE_MAX_BYTES:
                    raise ValueError(f"more than {SIZE_MAX_BYTES} bytes")
        return bytes(content)
