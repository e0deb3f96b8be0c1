"""How files of an attempt get their final names."""

import dataclasses
import os
import threading
from concurrent import futures

import pytest

from chassis import errors
from media import folders, sessions
from services.jobs import job as jobs
from services.jobs import publication

LEASE = jobs.Lease("0a" * 16, "export-1", 7)


@pytest.fixture
def folder(tmp_path) -> sessions.Sessions:
    """All sessions, with the one of the lease."""
    made = sessions.Sessions(tmp_path)
    made.create(LEASE.job_id)
    return made


def written(folder: sessions.Sessions, path: str, content: bytes = b"film") -> publication.File:
    """A file that an attempt wrote."""
    made = folder.get(LEASE.job_id).write_bytes(path, content)
    return publication.File(made.path, made.size_bytes, made.sha256, made.media_type, jobs.Role.CLIP)


def test_file_gets_its_final_name_and_doing_it_again_changes_nothing(folder) -> None:
    """A publication that a crash cut off is done again."""
    file = written(folder, f"{LEASE.folder}/clip-01.mp4")
    expected = jobs.Artifact("final_output/clip-01.mp4", 4, file.sha256, "video/mp4", jobs.Role.CLIP, "export-1")
    for _ in range(2):
        assert (expected,) == publication.published(folder, LEASE, [file])
        assert b"film" == folder.get(LEASE.job_id).read("final_output/clip-01.mp4", 10)


def test_file_outside_of_the_attempt_is_refused(folder) -> None:
    """An attempt publishes from its own folder only."""
    for path in ("final_output/clip-01.mp4", "video_clips/export-1.6/clip-01.mp4"):
        with pytest.raises(errors.Internal, match="outside"):
            publication.published(folder, LEASE, [written(folder, path)])


def test_changed_or_missing_file_is_refused_and_nothing_is_published(folder) -> None:
    """What is published is what the attempt said, byte for byte, and all of it."""
    good = written(folder, f"{LEASE.folder}/clip-01.mp4")
    changed = written(folder, f"{LEASE.folder}/clip-02.mp4")
    written(folder, changed.path, b"film!")
    with pytest.raises(errors.DataLoss, match="as export-1 said"):
        publication.published(folder, LEASE, [good, changed])
    folder.get(LEASE.job_id).remove(changed.path)
    with pytest.raises(errors.DataLoss, match="not there"):
        publication.published(folder, LEASE, [good, changed])
    assert [] == folder.get(LEASE.job_id).list("final_output")


@pytest.mark.parametrize("shut_out", [True, False])
@pytest.mark.parametrize("place", ["link", "rename"])
def test_publication_of_a_frozen_manager_comes_too_late(folder, monkeypatch, place, shut_out) -> None:
    """What the next attempt published stays, wherever the earlier one was frozen; without the check it is replaced."""
    late = written(folder, f"{LEASE.folder}/clip-01.mp4", b"late")
    next_lease = dataclasses.replace(LEASE, token=8)
    real, reached, gate = getattr(os, place), threading.Event(), threading.Event()

    def frozen(*names: str, **values: object) -> None:
        if not reached.is_set():
            reached.set()
            gate.wait(60)
        real(*names, **values)

    monkeypatch.setattr(folders.os, place, frozen)
    with futures.ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publication.published, folder, LEASE, [late])
        assert reached.wait(60)
        if shut_out:
            publication.shut_out(folder, next_lease)
        publication.published(folder, next_lease, [written(folder, f"{next_lease.folder}/clip-01.mp4", b"next")])
        gate.set()
        assert shut_out == (publishing.exception(60) is not None)
    assert (b"next" if shut_out else b"late") == folder.get(LEASE.job_id).read("final_output/clip-01.mp4", 10)


def test_later_and_other_attempts_are_not_shut_out(folder) -> None:
    """Only earlier attempts at the same step go, with names that they had not made final."""
    session = folder.get(LEASE.job_id)
    for name in ("export-1.6", "export-1.7", "export-1.8", "export-2.1"):
        written(folder, f"video_clips/{name}/clip.mp4")
        (session.root / "final_output" / f".tmp-{'0' * 16}-{name}").touch()
    (session.root / "final_output" / f".tmp-{'0' * 16}").touch()
    publication.shut_out(folder, LEASE)
    assert ["export-1.7", "export-1.8", "export-2.1"] == session.list("video_clips")
    left = sorted(folders.origin(path.name) for path in (session.root / "final_output").iterdir())
    assert ["", "export-1.7", "export-1.8", "export-2.1"] == left


def test_clearing_leaves_what_runs_and_what_counts(folder, make_spec) -> None:
    """Folders of dead attempts go, those of later ones stay; half-made names go when the job has ended."""
    step = jobs.Step("export-1", jobs.Kind.EXPORT, 2, state=jobs.StepState.RUNNING, token=7)
    job = jobs.Job(LEASE.job_id, 1, make_spec(), jobs.JobState.RUNNING, 0, {}, steps=(step,))
    session = folder.get(LEASE.job_id)
    for name in ("export-1.6", "export-1.7", "export-1.8", "export-2.1", "holiday"):
        written(folder, f"video_clips/{name}/a.mp4")
    written(folder, "final_output/clip-01.mp4")
    half = session.root / "final_output" / ".tmp-0123456789abcdef"
    half.write_bytes(b"film")
    publication.clear(folder, job)
    assert ["export-1.7", "export-1.8", "export-2.1", "holiday"] == session.list("video_clips")
    assert half.exists()
    ended = dataclasses.replace(step, state=jobs.StepState.FAILED)
    publication.clear(folder, dataclasses.replace(job, state=jobs.JobState.FAILED, steps=(ended,)))
    assert ["export-1.8", "export-2.1", "holiday"] == session.list("video_clips")
    assert ["clip-01.mp4"] == [path.name for path in (session.root / "final_output").iterdir()]


def test_removing_what_is_gone_is_fine(folder) -> None:
    """Withdrawing twice, or from a session that is gone, does no harm."""
    written(folder, "final_output/clip-01.mp4")
    for _ in range(2):
        publication.withdraw(folder, LEASE.job_id, ["final_output/clip-01.mp4"])
    assert [] == folder.get(LEASE.job_id).list("final_output")
    folder.delete(LEASE.job_id)
    publication.withdraw(folder, LEASE.job_id, ["final_output/clip-01.mp4"])
