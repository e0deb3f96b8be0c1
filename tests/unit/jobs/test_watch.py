"""What watchers are told."""

import asyncio

import pytest

from chassis import errors
from services.jobs import board as boards
from services.jobs import dispatch, lifecycle, store, watch
from services.jobs import job as jobs

PROBE = [dispatch.Slot(jobs.Kind.PROBE, "analyzer-1")]


@pytest.fixture
async def scene(tmp_path, hands, make_spec):
    """A store with one job, its board, and a way to watch."""
    board = boards.Board(hands.clock())
    async with store.Store(tmp_path, hands.clock(), board.changed) as kept:
        (job,) = await kept.submit([store.Submission("0" * 32, make_spec())], {}, 10)
        yield kept, board, watch.Watch(kept, board), job


async def next_of(stream) -> watch.Sight:
    """The next thing told."""
    return await asyncio.wait_for(anext(stream), 60)


async def test_watch_tells_the_past_then_the_present(scene) -> None:
    """Lasting events come one by one with the job as it was; then what happens, as it happens."""
    kept, _, watching, job = scene
    ((grant,), _) = await kept.lease(PROBE)
    stream = watching.follow(job.id, 0)
    told = [await next_of(stream) for _ in range(3)]
    assert [(1, "accepted"), (2, "probe started on analyzer-1, attempt 1"), (2, "")] == [
        (sight.sequence, sight.message) for sight in told
    ]
    assert jobs.StepState.READY is told[0].view.job.step("probe").state
    coming = asyncio.create_task(next_of(stream))
    await kept.commit(grant.lease, lifecycle.Outcome())
    assert (3, "probe succeeded") == ((await coming).sequence, (await coming).message)
    await stream.aclose()


async def test_progress_is_conflated_and_repeats_the_sequence(scene) -> None:
    """A thousand words of progress between two looks are one, and take no number."""
    kept, board, watching, job = scene
    await kept.lease(PROBE)
    stream = watching.follow(job.id, 1)
    assert [2, 2] == [(await next_of(stream)).sequence for _ in range(2)]
    for count in range(1000):
        board.report(job.id, "probe", jobs.Progress(count / 1000))
    sight = await next_of(stream)
    assert (2, "", 0.999) == (sight.sequence, sight.message, sight.view.live["probe"].fraction)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.6)


async def test_watch_ends_with_the_job(scene) -> None:
    """After the last event there is nothing to wait for."""
    kept, _, watching, job = scene
    await kept.cancel(job.id, "enough")
    assert ["accepted", "cancelled: enough"] == [sight.message async for sight in watching.follow(job.id, 0)]
    assert [] == [sight async for sight in watching.follow(job.id, 99)]


async def test_watch_of_a_deleted_job_says_so(scene) -> None:
    """A watch does not hang on what is gone."""
    kept, _, watching, job = scene
    stream = watching.follow(job.id, 1)
    await next_of(stream)
    waiting = asyncio.create_task(next_of(stream))
    await kept._write(lambda db: (db.all("delete_job", number=job.number), db.touched.append(job.id)))
    with pytest.raises(errors.NotFound):
        await waiting
    with pytest.raises(errors.NotFound):
        await next_of(watching.follow(job.id, 0))


async def test_watcher_that_leaves_leaves_nothing(scene) -> None:
    """A closed stream is forgotten."""
    _, board, watching, job = scene
    stream = watching.follow(job.id, 0)
    await next_of(stream)
    await stream.aclose()
    assert {} == board._watchers
