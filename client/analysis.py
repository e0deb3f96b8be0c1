"""Puts what a job measured and proposed into one document: `analysis.schema.json` says what is in it."""

import json
import pathlib
import tempfile
from typing import Any

from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import errors
from client import gateway, output, results, schema, wording

SCHEMA = json.loads(pathlib.Path(__file__).with_name("analysis.schema.json").read_text())
KEPT = (
    "version",
    "source",
    "video",
    "audio",
    "transitions",
    "rejected_transitions",
    "shots",
    "speech",
    "silence",
    "black",
    "frozen",
    "loudness",
    "curve",
    "faults",
    "transcript",
    "subjects",
)
ANALYSIS, PROPOSALS = "metadata/analysis.json", "metadata/proposals.json"
NOTHING_FITS = "NOTHING_FITS"  # reason of a job whose source is measured, and too short for what was asked
PROBLEMS_MAX = 3  # named in a message; the first ones say it all


def measured(job: jobs.Job) -> bool:
    """Whether the job has what a document needs: it succeeded, or failed only because no clip of that length fits."""
    return job.state == jobs.Job.STATE_SUCCEEDED or job.error.reason == NOTHING_FITS


async def read(suite: gateway.Gateway, job: jobs.Job) -> dict[str, Any]:
    """The document of a job that has measured its source; without proposals where none fits.

    Raises:
        errors.DataLoss: The job's files are missing or not what they must be.
    """
    nothing = {"proposals": []} if job.error.reason == NOTHING_FITS else None
    return compose(await _json(suite, job, ANALYSIS), nothing or await _json(suite, job, PROPOSALS), job)


async def _json(suite: gateway.Gateway, job: jobs.Job, path: str) -> dict[str, Any]:
    artifact = next((artifact for artifact in results.artifacts(job) if artifact.path == path), None)
    if artifact is None:
        raise errors.DataLoss(f"job {job.id} has no {path}", reason="FILE_MISSING")
    with tempfile.TemporaryDirectory(prefix="reelsmith-") as folder:
        target = pathlib.Path(folder) / "part.json"
        await suite.download(job.id, artifact, target)
        return json.loads(target.read_bytes())


def compose(analysis: dict[str, Any], proposals: dict[str, Any], job: jobs.Job) -> dict[str, Any]:
    """The document from its parts, checked.

    Args:
        analysis: What the analyzer measured.
        proposals: What it proposed.
        job: The job with the times of its steps.

    Raises:
        errors.DataLoss: The parts do not make a valid document.
    """
    asked = proposals.get("request", {})
    document = {
        "schema": "reelsmith.analyze/1",
        **{name: analysis[name] for name in KEPT if name in analysis},
        "proposals": proposals.get("proposals"),
        "left_out": proposals.get("left_out", []),
        "genre": {"name": asked.get("genre", ""), "reason": asked.get("genre_reason", "")},
        "timings": timings(job, (analysis.get("source") or {}).get("duration_s")),
    }
    wrong = schema.problems(document, SCHEMA)
    if wrong:
        more = f" and {len(wrong) - PROBLEMS_MAX} more" if len(wrong) > PROBLEMS_MAX else ""
        raise errors.DataLoss(
            f"the analysis of job {job.id} is not valid: {'; '.join(wrong[:PROBLEMS_MAX])}{more}", reason="BAD_DOCUMENT"
        )
    return document


def timings(job: jobs.Job, duration_s: float | None) -> dict[str, Any]:
    """How long the job and its steps took."""
    steps = [
        {
            "name": step.name,
            "duration_s": _rounded(wording.elapsed_s(step.start_time, step.end_time)),
            "attempts": step.attempts,
        }
        for step in job.steps
        if step.state == jobs.Step.STATE_SUCCEEDED
    ]
    measured_s = next((step["duration_s"] for step in steps if step["name"].startswith("analyze")), None)
    return {
        "total_s": _rounded(wording.elapsed_s(job.create_time, job.end_time)),
        "steps": steps,
        "realtime_factor": round(duration_s / measured_s, 2) if duration_s and measured_s else None,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def write(document: dict[str, Any], target: pathlib.Path) -> None:
    """Writes the document so that a reader sees all of it or none."""
    with output.whole(target) as file:
        file.write(json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
