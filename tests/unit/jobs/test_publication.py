"""How files of an attempt get their final names."""

import dataclasses

import pytest

from chassis import errors
from media import sessions
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
