"""The sweep of a start removes what nobody needs, whatever happens beside it."""

import pathlib
from collections.abc import AsyncIterator

import pytest

from media import folders, sessions
from services.jobs import spec as specs
from services.jobs import store as stores
from services.jobs import sweep


@pytest.fixture
async def store(tmp_path: pathlib.Path) -> AsyncIterator[stores.Store]:
    async with stores.Store(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> sessions.Sessions:
    return sessions.Sessions(tmp_path)


async def deleted_job(store: stores.Store) -> str:
    """A job that was accepted, cancelled and deleted."""
    spec = specs.resolved(specs.Spec(source_uri="file:///a"))
    (job,) = await store.submit([stores.Submission(sessions.new_id(), spec)], {}, 10)
    await store.cancel(job.id, "")
    await store.delete(job.id)
    return job.id


async def test_session_that_a_late_attempt_made_anew_is_removed(store: stores.Store, folder: sessions.Sessions) -> None:
    """Files that appear after their job was deleted and swept are gone after the next start."""
    job_id = await deleted_job(store)
    sweeper = sweep.Sweeper(store, folder)
    assert await sweeper.delete(job_id)
    folder.create(job_id).write_bytes("video_clips/analyze.1/late.json", b"{}")
    await sweeper.run()
    assert [] == folder.list()


async def test_session_that_is_still_written_to_is_removed_in_the_end(
    store: stores.Store, folder: sessions.Sessions
) -> None:
    """A file that comes while the session is removed does not leave the session behind."""
    job_id = await deleted_job(store)
    session = folder.create(job_id)
    tries = []

    class Disturbed(sessions.Sessions):
        def delete(self, session_id: str) -> None:
            tries.append(session_id)
            if len(tries) < 3:
                raise OSError("Directory not empty")
            super().delete(session_id)

    sweeper = sweep.Sweeper(store, Disturbed(session.root.parent.parent))
    assert await sweeper.delete(job_id)
    assert ([], 3) == (folder.list(), len(tries))


async def test_session_of_nobody_is_left_alone(store: stores.Store, folder: sessions.Sessions) -> None:
    """What the store never knew is not ours to remove."""
    session = folder.create()
    await sweep.Sweeper(store, folder).run()
    assert [session.id] == folder.list()


def test_sweep_of_a_folder_that_is_gone_removes_nothing(tmp_path: pathlib.Path) -> None:
    """A session may be deleted while the sweep looks at it."""
    assert 0 == folders.sweep(tmp_path / "gone", 0.0, 1e12)
