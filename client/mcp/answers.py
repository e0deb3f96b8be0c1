"""What tools answer: plain documents with the names and units that the tools themselves take."""

import json
from collections.abc import Iterable

import pydantic
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from chassis import errors
from client import results, wording

PROPOSALS = "metadata/proposals.json"


class Clip(pydantic.BaseModel):
    """A clip of a job."""

    rank: int = pydantic.Field(description="Place in the order, 1 is the best.")
    state: str = pydantic.Field(description="Where its export stands, such as SUCCEEDED.")
    start_s: float = pydantic.Field(description="Where it begins in the source, seconds.")
    end_s: float = pydantic.Field(description="Where it ends in the source, seconds.")
    score: float | None = pydantic.Field(description="Its score; null where it was asked for by time.")
    error: str = pydantic.Field(description="Why there is none; empty where all is well.")


class Job(pydantic.BaseModel):
    """A job."""

    id: str
    title: str
    state: str = pydantic.Field(description="PENDING, RUNNING, SUCCEEDED, PARTIAL, FAILED or CANCELLED.")
    fraction: float = pydantic.Field(description="Share of the work that is done, 0 to 1.")
    eta_s: float | None = pydantic.Field(description="Expected seconds to the end; null while it cannot be told.")
    eta_low_s: float | None = pydantic.Field(description="One job in ten is done sooner; null while not learned.")
    eta_high_s: float | None = pydantic.Field(description="One job in ten takes longer; null while not learned.")
    error: str = pydantic.Field(description="Why it failed; empty where all is well.")
    clips: list[Clip]
    files: list[str] = pydantic.Field(description="Finished files of the session, by path.")


class Term(pydantic.BaseModel):
    """One term of a score."""

    name: str
    state: str = pydantic.Field(description="`measured`, or `unknown` for what could not be: that adds nothing.")
    value: float | None
    weight: float
    contribution: float = pydantic.Field(description="What it adds to the score.")
    reason: str = pydantic.Field(description="What was measured, in words.")


class Explanation(pydantic.BaseModel):
    """Why a clip has its score."""

    rank: int
    start_s: float
    end_s: float
    score: float = pydantic.Field(description="Sum of the contributions.")
    terms: list[Term] = pydantic.Field(description="What it is made of, the largest first.")


def job(found: jobs.Job) -> Job:
    """A job as tools tell it."""
    return Job(
        id=found.id,
        title=found.spec.title,
        state=wording.state(found.state),
        fraction=round(found.fraction, 4),
        eta_s=wording.seconds(found.eta) if found.HasField("eta") else None,
        eta_low_s=wording.seconds(found.eta_low) if found.HasField("eta_low") else None,
        eta_high_s=wording.seconds(found.eta_high) if found.HasField("eta_high") else None,
        error=_failure(found.error),
        clips=[_clip(clip) for clip in found.clips],
        files=[artifact.path for artifact in results.artifacts(found)],
    )


def _clip(found: jobs.Clip) -> Clip:
    return Clip(
        rank=found.rank,
        state=wording.step_state(found.state),
        start_s=found.time.start_s,
        end_s=found.time.end_s,
        score=found.score if found.HasField("score") else None,
        error=_failure(found.error),
    )


def _failure(error: media.Failure) -> str:
    return wording.failure(error) if error.code or error.message else ""


def explanation(content: bytes, rank: int) -> Explanation:
    """Why one proposal has its score.

    Args:
        content: The proposals of a job, `metadata/proposals.json`.
        rank: Which one.

    Raises:
        errors.NotFound: There is no such proposal.
    """
    for proposal in json.loads(content)["proposals"]:
        if proposal["rank"] == rank:
            terms = sorted(_terms(proposal["terms"]), key=lambda term: -term.contribution)
            return Explanation(**{name: proposal[name] for name in ("rank", "start_s", "end_s", "score")}, terms=terms)
    raise errors.NotFound(f"the job has no proposal {rank}", reason="NO_SUCH_PROPOSAL")


def _terms(found: Iterable[dict]) -> list[Term]:
    return [Term(**{name: term[name] for name in Term.model_fields}) for term in found]
