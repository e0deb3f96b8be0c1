"""Delivers the news of jobs to their webhooks: at least once, signed, with patience."""

import asyncio
import http.cookiejar
import logging
import random
import time
import typing
from collections.abc import Sequence

from chassis import errors
from services.jobs import notice as notices
from services.jobs import retry
from services.jobs import store as stores

if typing.TYPE_CHECKING:
    import httpx

LOOK_S = 0.5  # between two looks at the outbox; news is no matter of milliseconds
BATCH_MAX = 16  # deliveries at once: a receiver that hangs keeps the others waiting for one timeout at most
TIMEOUT_S = 5.0  # a receiver takes news and works on it later
ATTEMPTS_MAX = 30  # about 15 hours with the waits below: longer outages want a person
BACKOFF = retry.Backoff(first_s=2.0, cap_s=3600.0)
HOLD_MAX_S = 60.0  # a receiver that is dead costs the others one timeout a minute, and is found again within that
FAILING_MAX = 1024  # receivers whose failures are remembered: more than an operator allows; the others begin anew
ERROR_LENGTH_MAX = 200  # a line for a person
GONE = 410  # says that it wants no more news, as Standard Webhooks has it

logger = logging.getLogger(__name__)


class Courier:
    """Empties the outbox.

    Args:
        store: The outbox.
        targets: Where news may go.
    """

    def __init__(self, store: stores.Store, targets: notices.Targets) -> None:
        self._store = store
        self._targets = targets
        self._failing: dict[str, int] = {}  # rounds in a row in which nothing arrived, by address

    async def run(self) -> None:
        """Delivers until it is cancelled."""
        import httpx  # a third of what a service loads at its start, and most have no webhook

        # The environment's proxies are for others: what may be called is said by origin.
        # No receiver sets cookies that the next one of its domain would be shown.
        none = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        async with httpx.AsyncClient(
            timeout=TIMEOUT_S, follow_redirects=False, trust_env=False, cookies=none
        ) as client:
            while True:  # the life of the process
                due = await self._due()
                faults = await asyncio.gather(*(self._deliver(client, notice) for notice in due))
                self._remember(due, faults)
                await asyncio.sleep(0 if len(due) == BATCH_MAX else LOOK_S)

    async def _due(self) -> list[notices.Notice]:
        try:
            return await self._store.outbox_due(BATCH_MAX)
        except errors.Unavailable as refusal:
            logger.warning("the outbox cannot be read: %s", refusal)
            return []

    def _remember(self, due: Sequence[notices.Notice], faults: "Sequence[Fault | None]") -> None:
        """Counts the rounds in which a receiver took nothing."""
        taken = {notice.url for notice, fault in zip(due, faults, strict=True) if fault is None or fault.final}
        for url in {notice.url for notice in due}:
            count = self._failing.pop(url, 0)
            if url not in taken:
                self._failing[url] = count + 1
        while len(self._failing) > FAILING_MAX:
            self._failing.pop(next(iter(self._failing)))

    def _hold_s(self, url: str) -> float:
        """For how long a receiver is left alone after it failed once more, in seconds."""
        return min(HOLD_MAX_S, BACKOFF.delay_s(self._failing.get(url, 0) + 1, random.random))  # jitter, not secrecy

    async def _deliver(self, client: "httpx.AsyncClient", notice: notices.Notice) -> "Fault | None":
        """Sends one piece of news and records what came of it."""
        fault = await self._send(client, notice)
        try:
            if fault is None:
                await self._store.outbox_done(notice.number)
                return None
            last = fault.final or notice.attempts + 1 >= ATTEMPTS_MAX
            fate = "is given up" if last else "is sent again"
            logger.warning("news %s: %s", fate, fault.text, extra={"notice": notice.notice_id, "job": notice.job_id})
            hold_s = 0.0 if fault.final else self._hold_s(notice.url)
            delay_s = max(hold_s, BACKOFF.delay_s(notice.attempts + 1, random.random))  # jitter, not secrecy
            await self._store.outbox_failed(notice, fault.text, None if last else delay_s, hold_s)
        except (errors.ResourceExhausted, errors.Unavailable) as refusal:
            logger.warning("the outbox takes nothing, the news is sent again: %s", refusal)
        return fault

    async def _send(self, client: "httpx.AsyncClient", notice: notices.Notice) -> "Fault | None":
        """Sends one piece of news; gives why it did not arrive."""
        import httpx

        if not self._targets.allow(notice.url):
            return Fault("the origin is not allowed any more")
        secret = self._targets.secrets.get(notice.secret)
        if secret is None:
            return Fault("the secret is not there any more")
        headers = notices.headers(notice.notice_id, notice.body, secret, int(time.time()))
        try:
            async with asyncio.timeout(TIMEOUT_S):  # of the whole exchange; the client's is of each part of it
                async with client.stream("POST", notice.url, content=notice.body.encode(), headers=headers) as answer:
                    code = answer.status_code  # the body is not read
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError) as error:
            return Fault(f"{type(error).__name__}: {error}"[:ERROR_LENGTH_MAX])
        return None if 200 <= code < 300 else Fault(f"the receiver answered {code}", final=code == GONE)


class Fault(typing.NamedTuple):
    """Why news did not arrive, and whether another delivery is in vain."""

    text: str
    final: bool = False
