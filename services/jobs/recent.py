"""Jobs as the last commits left them, so that they need not be read and decoded again."""

from collections.abc import Mapping

from services.jobs import job as jobs

RECENT_MAX = 512  # jobs that are not read again: more than run at once, and some megabytes


class Recent:
    """Jobs of late, shared by the thread that writes and those that read."""

    def __init__(self) -> None:
        self._jobs: dict[str, jobs.Job] = {}

    def get(self, job_id: str, sequence: int) -> jobs.Job | None:
        """A job as it was at a sequence number; None where that is not known any more."""
        job = self._jobs.get(job_id)
        return job if job is not None and job.sequence == sequence else None

    def add(self, committed: Mapping[str, jobs.Job]) -> None:
        """Takes note of jobs as a commit left them, in place of the oldest."""
        for job_id, job in committed.items():
            self._jobs.pop(job_id, None)
            if len(self._jobs) >= RECENT_MAX:
                del self._jobs[next(iter(self._jobs))]
            self._jobs[job_id] = job
