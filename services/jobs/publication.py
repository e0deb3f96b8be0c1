"""Files of an attempt become files of the session: from the attempt's own folder to their final names.

Each final name is taken over by an atomic replace, so a reader sees the old file or the new one. Doing it again after a
crash gives the same result.
"""

import dataclasses
import logging
import math
import re
from collections.abc import Collection, Mapping, Sequence

from chassis import errors
from media import errors as media_errors
from media import folders, sessions
from services.jobs import job as jobs

FOLDERS = {
    jobs.Role.MEDIA_INFO: "metadata",
    jobs.Role.ANALYSIS: "metadata",
    jobs.Role.PROPOSALS: "metadata",
    jobs.Role.CLIP: "final_output",
    jobs.Role.MANIFEST: "metadata",
    jobs.Role.THUMBNAIL: "images",
    jobs.Role.CONTACT_SHEET: "images",
    jobs.Role.REPORT: "metadata",
    jobs.Role.CAPTIONS: "scripts",
    jobs.Role.TIMELINE: "scripts",
    jobs.Role.SOURCE: "source",
}
ATTEMPTS = "video_clips"
ATTEMPT_FOLDER = re.compile(r"(fetch|probe|analyze|propose|export-[0-9]+|images|report|timelines)\.[0-9]{1,18}")

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A file that an attempt says it wrote."""

    path: str
    size_bytes: int
    sha256: str
    media_type: str
    role: jobs.Role


def published(store: sessions.Sessions, lease: jobs.Lease, files: Sequence[File]) -> tuple[jobs.Artifact, ...]:
    """Checks the files of an attempt against what it said about them, and gives them their final names.

    Args:
        store: All sessions.
        lease: The lease of the attempt.
        files: Its files, in its own folder.

    Returns:
        The files under their final names.

    Raises:
        errors.DataLoss: A file is missing or is not what the attempt said.
        errors.Internal: A file lies outside of the attempt's folder.
        errors.Unavailable: A sweep came in between; another attempt helps.
    """
    session = store.get(lease.job_id)
    targets = [(_checked(session, lease, file), file) for file in files]
    for target, file in targets:
        _publish(session, file.path, target)
    return tuple(
        jobs.Artifact(target, file.size_bytes, file.sha256, file.media_type, file.role, lease.step)
        for target, file in targets
    )


def _publish(session: sessions.Session, source: str, target: str) -> None:
    try:
        session.publish(source, target)
    except media_errors.NotThere as error:  # it was there a moment ago: a sweep came in between
        raise errors.Unavailable(f"{source} was disturbed on its way to {target}", reason="DISTURBED") from error


def _checked(session: sessions.Session, lease: jobs.Lease, file: File) -> str:
    folder, _, name = file.path.rpartition("/")
    if folder != lease.folder:
        raise errors.Internal(
            f"{lease.step} wrote {file.path!r} outside of its folder {lease.folder}", reason="MISPLACED_FILE"
        )
    try:
        found = session.stat(file.path)
    except media_errors.NotThere as error:
        raise errors.DataLoss(
            f"{lease.step} said it wrote {file.path}, which is not there", reason="LOST_FILE"
        ) from error
    if (found.size_bytes, found.sha256) != (file.size_bytes, file.sha256):
        raise errors.DataLoss(
            f"{file.path} has {found.size_bytes} bytes and SHA-256 {found.sha256}, "
            f"not {file.size_bytes} and {file.sha256} as {lease.step} said",
            reason="CHANGED_FILE",
        )
    return f"{FOLDERS[file.role]}/{name}"


def withdraw(store: sessions.Sessions, job_id: str, paths: Collection[str]) -> None:
    """Removes files and folders that no commit stands behind; what resists is left for the sweep of the next start."""
    for path in paths:
        try:
            store.get(job_id).remove(path)
        except (media_errors.MediaError, OSError) as error:
            logger.warning("%s of session %s stays for now: %s", path, job_id, error)


def shut_out(store: sessions.Sessions, lease: jobs.Lease) -> None:
    """Makes sure that no earlier attempt at a step is published any more, not even by a manager that was frozen in it.

    Their folders go first, so that nothing can be linked from there; then the names that links had not made final yet.

    Raises:
        OSError: Something resists: the attempt must not begin.
    """
    session = store.get(lease.job_id)

    def earlier(folder: str) -> bool:
        step, _, token = folder.rpartition(".")
        return step == lease.step and bool(ATTEMPT_FOLDER.fullmatch(folder)) and int(token) < lease.token

    for name in filter(earlier, session.list(ATTEMPTS)):
        session.remove(f"{ATTEMPTS}/{name}")
    for folder in sorted(set(FOLDERS.values())):
        if (session.root / folder).is_dir():
            folders.sweep(session.root / folder, 0.0, math.inf, lambda name: earlier(folders.origin(name)))


def clear(store: sessions.Sessions, job: jobs.Job) -> None:
    """Removes what dead attempts at a job left: their folders, and names that a publication had not yet made final.

    The latter only where the job has ended: until then another step may be publishing.
    """
    try:
        session = store.get(job.id)
        names = session.list(ATTEMPTS)
    except media_errors.NotThere:
        return  # no attempt has started yet
    tokens = {step.name: step.token - (step.state is jobs.StepState.RUNNING) for step in job.steps}
    withdraw(store, job.id, [f"{ATTEMPTS}/{name}" for name in names if _dead(name, tokens)])
    if job.state.ended:
        for folder in sorted(set(FOLDERS.values())):
            if not (session.root / folder).is_dir():  # that of sources is there only where one was fetched
                continue
            folders.sweep(session.root / folder, 0.0, math.inf)


def _dead(name: str, tokens: Mapping[str, int]) -> bool:
    """Whether a folder is that of an attempt that has ended; one with a token not known yet is newer than we."""
    step, _, token = name.rpartition(".")
    return bool(ATTEMPT_FOLDER.fullmatch(name)) and int(token) <= tokens.get(step, -1)
