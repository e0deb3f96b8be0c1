"""Events of a record, page by page: the configuration service and the gateway each keep one and tell it alike."""

from collections.abc import AsyncIterator, Awaitable, Callable

from reelsmith.config.v1 import config_pb2
from reelsmith.gateway.v1 import gateway_pb2

PAGE_SIZE = 1000  # as many as both give at once

Page = config_pb2.ListAuditEventsResponse | gateway_pb2.ListAuditEventsResponse


async def newest(
    ask: Callable[[int, str], Awaitable[Page]], count: int | None = None
) -> AsyncIterator[config_pb2.AuditEvent]:
    """The events, the newest first.

    Args:
        ask: Gives a page of so many, from a page token on.
        count: How many at most; all by default.
    """
    token, left = "", count
    while left is None or left > 0:
        page = await ask(PAGE_SIZE if left is None else min(left, PAGE_SIZE), token)
        for event in page.events:
            yield event
        token = page.next_page_token
        left = None if left is None else left - len(page.events)
        if not token:
            return
