"""The callers of the gateway: by API keys of the shared configuration, and by tokens of an identity provider."""

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from chassis import live
from chassis.identity import bearer, caller, jwks, keys, ledger, limiter, patterns, tokens
from gateway import record
from gateway import settings as settings_module

SECTION = "access"

logger = logging.getLogger(__name__)


class Callers:
    """Knows callers, and how much they may ask for.

    Args:
        document: The configuration, followed as it changes.
        checked: What tokens are checked by; None where only keys are taken.
        counted: Where it is kept how much was asked for.
        told: Tells the record what is noticed about callers, and which keys come and go.
        bounds: What is still usual.
    """

    def __init__(
        self,
        document: live.LiveDocument,
        checked: tokens.Tokens | None,
        counted: ledger.Ledger,
        told: record.Told | None = None,
        bounds: patterns.Bounds | None = None,
    ) -> None:
        self._document, self._tokens = document, checked
        self._limiter = limiter.Limiter(counted)
        self._read: Mapping[str, Any] | None = None  # the document that keys and limits were read from
        self._version = 0  # of it; 0 where none is known
        self._keys, self._rules = keys.Keys({}), limiter.Rules({})
        self._told = told or record.Told(None)
        self._patterns = patterns.Patterns(bounds or patterns.Bounds(), self._notice)
        self._take_over()

    async def identify(self, authorizations: tuple[str, ...]) -> caller.Caller:
        """Whoever sent these headers.

        Raises:
            errors.Unauthenticated: They prove nothing.
        """
        sent = bearer.read(authorizations)
        if self._tokens is None or keys.TOKEN.fullmatch(sent):
            self._take_over()
            return self._keys.identify(sent)
        return await self._tokens.identify(sent)

    def refused(self, who: caller.Caller | None, address: str) -> None:
        """Notes a refusal."""
        self._patterns.refused(who.name if who else f"address:{address}")

    def used(self, who: caller.Caller, address: str) -> None:
        """Notes where a caller calls from."""
        self._patterns.used(who.name, address)

    @contextlib.asynccontextmanager
    async def admitted(self, who: caller.Caller) -> AsyncIterator[None]:
        """Holds the caller's place for the time of a call.

        Raises:
            errors.ResourceExhausted: It has no place left, or calls too often.
        """
        self._take_over()
        async with self._limiter.admitted(who, self._rules):
            yield

    async def uploaded(self, size_bytes: int) -> None:
        """Counts bytes that whoever is behind this call uploads.

        Raises:
            errors.ResourceExhausted: They are more than its tenant may upload in a day.
        """
        who = caller.current()
        if who is not None:
            await self._limiter.uploaded(who, self._rules, size_bytes)

    def _take_over(self) -> None:
        """Reads the newest version of keys and limits, once."""
        document = self._document.value
        if document is self._read:
            return
        section = document.get(SECTION, {})
        self._keys, self._rules = keys.Keys(section.get("keys", {})), limiter.Rules(section)
        version = self._document.version
        if self._read is not None and (self._version or version == 1):  # what is known first of all is no news
            self._tell_keys(self._read.get(SECTION, {}).get("keys", {}), section.get("keys", {}))
        self._read, self._version = document, version

    def _tell_keys(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                what = "KeyMade" if key not in before else "KeyRevoked" if key not in after else "KeyChanged"
                self._told.seen(f"config:{self._document.version}", what, f"keys/{key}")

    def _notice(self, who: str, what: str) -> None:
        logger.warning("noticed about %s: %s", who, what)
        self._told.seen(who, "Notice", "gateway", what)


def accept(document: Mapping[str, Any]) -> None:
    """Refuses a configuration whose keys or limits cannot be read; the one before it stays in force.

    Raises:
        ValueError: It is such a one.
    """
    section = document.get(SECTION, {})
    keys.Keys(section.get("keys", {}))
    limiter.Rules(section)


@contextlib.asynccontextmanager
async def opened(
    settings: settings_module.Settings, document: live.LiveDocument, told: record.Told
) -> AsyncIterator[Callers | None]:
    """What the settings ask for; None where callers need not prove who they are.

    Args:
        settings: Of the gateway.
        document: The configuration, followed as it changes.
        told: Tells the record what is noticed.

    Raises:
        errors.InvalidArgument: The settings about tokens cannot be used.
    """
    if not settings.identity:
        yield None
        return
    checked = tokens.Tokens(settings.terms, jwks.KeySet(settings.jwt_keys)) if settings.terms else None
    url = settings.redis_url.get_secret_value()
    counted: ledger.Ledger = ledger.Shared(url) if url else ledger.Local()
    try:
        yield Callers(document, checked, counted, told, settings.usual)
    finally:
        await counted.close()
