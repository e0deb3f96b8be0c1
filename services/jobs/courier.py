"""Delivers the news of jobs to their webhooks: at least once, signed, with patience."""

import asyncio
import logging
import random
import time
import typing

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

    async def run(self) -> None:
        """Delivers until it is cancelled."""
        import httpx  # a third of what a service loads at its start, and most have no webhook

        # The environment's proxies are for others: what may be called is said by origin.
        async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            while True:  # the life of the process
                due = await self._due()
                await asyncio.gather(*(self._deliver(client, notice) for notice in due))
                await asyncio.sleep(0 if len(due) == BATCH_MAX else LOOK_S)

    async def _due(self) -> list[notices.Notice]:
        try:
            return await self._store.outbox_due(BATCH_MAX)
        except errors.Unavailable as refusal:
            logger.warning("the outbox cannot be read: %s", refusal)
            return []

    async def _deliver(self, client: "httpx.AsyncClient", notice: notices.Notice) -> None:
        fault = await self._send(client, notice)
        try:
            if fault is None:
                await self._store.outbox_done(notice.number)
                return
            last = fault.final or notice.attempts + 1 >= ATTEMPTS_MAX
            fate = "is given up" if last else "is sent again"
            logger.warning("news %s: %s", fate, fault.text, extra={"notice": notice.notice_id, "job": notice.job_id})
            delay_s = BACKOFF.delay_s(notice.attempts + 1, random.random)  # jitter, not secrecy
            await self._store.outbox_failed(notice.number, fault.text, None if last else delay_s)
        except (errors.ResourceExhausted, errors.Unavailable) as refusal:
            logger.warning("the outbox takes nothing, the news is sent again: %s", refusal)

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
