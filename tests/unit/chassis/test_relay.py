"""Long work as a stream: progress, then the result; leaving ends the work."""

import asyncio
import contextlib
import gc

import pytest

from chassis import errors, relay


async def test_last_message_is_the_result() -> None:
    """Progress comes first, the newest word of it, and the result last."""

    async def work(heard) -> str:
        for number in range(5):
            heard(number)
        await asyncio.sleep(0.4)
        return "done"

    assert [-1, 4, "done"] == [message async for message in relay.followed(work, -1)]


async def test_silent_work_is_spoken_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that says nothing does not make the stream silent."""
    monkeypatch.setattr(relay, "QUIET_MAX_S", 0.3)

    async def work(heard) -> str:
        await asyncio.sleep(1.0)
        return "done"

    messages = [message async for message in relay.followed(work, "begin")]
    assert messages.count("begin") >= 3


async def test_leaving_cancels_the_work() -> None:
    """Work does not outlive whoever follows it."""
    ended = asyncio.Event()

    async def work(heard) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with contextlib.aclosing(relay.followed(work, 0)) as messages:
        assert 0 == await anext(messages)
        await asyncio.sleep(0)
    assert ended.is_set()


async def test_failure_of_the_work_is_raised() -> None:
    """What the work raises reaches the follower."""

    async def work(heard) -> None:
        raise errors.NotFound("gone")

    with pytest.raises(errors.NotFound, match="gone"):
        async for _ in relay.followed(work, 0):
            pass


async def test_failure_after_the_caller_has_left_is_no_news(caplog) -> None:
    """Work that failed while nobody listened any more is not reported as a forgotten task."""

    async def fails(heard) -> None:
        raise errors.NotFound("planted")

    stream = relay.followed(fails, "first")
    assert "first" == await anext(stream)
    await asyncio.sleep(0)  # the work has its turn
    await stream.aclose()
    await asyncio.sleep(0)  # the loop lets go of it
    del stream
    gc.collect()
    assert [] == [record.getMessage() for record in caplog.records if "never retrieved" in record.getMessage()]
