"""Brings the files of a finished job home, in the folders that they have in the session."""

import hashlib
import pathlib
from collections.abc import Iterator

from google.protobuf import json_format
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from chassis import errors
from client import follow, gateway, wording


async def fetch(suite: gateway.Gateway, job: jobs.Job, out: pathlib.Path, display: follow.Display) -> pathlib.Path:
    """Downloads every finished file of a job; what is there already, with the right hash, is kept.

    Args:
        suite: The gateway.
        job: A job that has ended.
        out: Folder that gets a folder for the job.
        display: Where progress is shown.

    Returns:
        The folder of the job.
    """
    folder = out / job.id
    wanted = [(artifact, folder / relative(artifact.path)) for artifact in artifacts(job)]
    total = sum(artifact.size_bytes for artifact, _ in wanted)
    before = 0
    for artifact, target in wanted:
        if not _there(target, artifact):
            await suite.download(
                job.id, artifact, target, lambda done, _, base=before: display.transfer("fetch", base + done, total)
            )
        before += artifact.size_bytes
    return folder


def artifacts(job: jobs.Job) -> list[media.Artifact]:
    """Every finished file of a job, each once."""
    return list({artifact.path: artifact for artifact in _artifacts(job)}.values())


def _artifacts(job: jobs.Job) -> Iterator[media.Artifact]:
    yield from (one for one in job.artifacts if one.role != media.ARTIFACT_ROLE_SOURCE)  # whoever wants it has the URL
    for clip in job.clips:
        yield from (getattr(clip, kind) for kind in ("video", "manifest", "thumbnail") if clip.HasField(kind))
        yield from clip.captions


def relative(path: str) -> pathlib.PurePosixPath:
    """A path of a session, made sure to stay inside of it.

    Raises:
        errors.DataLoss: It leads elsewhere.
    """
    found = pathlib.PurePosixPath(path)
    if not path or found.is_absolute() or ".." in found.parts or "\\" in path or "\0" in path:
        raise errors.DataLoss(f"the suite names a file {path!r}, which is no path inside a session", reason="BAD_PATH")
    return found


def _there(target: pathlib.Path, artifact: media.Artifact) -> bool:
    if not target.is_file() or target.stat().st_size != artifact.size_bytes:
        return False
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256


def document(job: jobs.Job, folder: pathlib.Path | None) -> dict:
    """What `--json` says about a job.

    Args:
        job: A job that has ended.
        folder: Where its files are; None where none were fetched.
    """
    return {
        "schema": "reelsmith.clip/1",
        "job": {"id": job.id, "state": wording.state(job.state), "title": job.spec.title, "error": failure(job.error)},
        "folder": str(folder) if folder else None,
        "report": _local(folder, [a for a in job.artifacts if a.role == media.ARTIFACT_ROLE_REPORT]),
        "contact_sheet": _local(folder, [a for a in job.artifacts if a.role == media.ARTIFACT_ROLE_CONTACT_SHEET]),
        "timelines": [_local(folder, [a]) for a in job.artifacts if a.role == media.ARTIFACT_ROLE_TIMELINE],
        "clips": [_clip(clip, folder) for clip in job.clips],
    }


def _clip(clip: jobs.Clip, folder: pathlib.Path | None) -> dict:
    files = {
        kind: _local(folder, [getattr(clip, kind)] if clip.HasField(kind) else [])
        for kind in ("video", "manifest", "thumbnail")
    }
    return {
        "rank": clip.rank,
        "state": wording.step_state(clip.state),
        "start_s": clip.time.start_s,
        "end_s": clip.time.end_s,
        "score": clip.score if clip.HasField("score") else None,
        **files,
        "captions": [str(folder / relative(one.path)) for one in clip.captions] if folder else [],
        "error": failure(clip.error),
    }


def _local(folder: pathlib.Path | None, found: list[media.Artifact]) -> str | None:
    return str(folder / relative(found[0].path)) if folder and found else None


def failure(error: media.Failure) -> dict | None:
    """A failure as JSON; None where nothing failed."""
    return json_format.MessageToDict(error, preserving_proto_field_name=True) if error.code or error.message else None
