"""Jobs as JSON text, as the store keeps them: stable, readable, and equal for equal values."""

import dataclasses
import functools
import hashlib
import json
from typing import Any

from services.jobs import dressing
from services.jobs import job as jobs
from services.jobs import spec as specs

SPECS_KEPT = 256  # a job is read at each of its steps, and has one specification: some megabytes at most


def dumps(value: Any) -> str:
    """A dataclass of this package, or plain data, as canonical JSON."""
    return ENCODER.encode(value)


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass as they are: the encoder comes back for what is in them. `asdict` would copy it all."""
    return {name: getattr(value, name) for name in _names(type(value))}


@functools.cache  # as many as there are classes
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_fields
)  # made once: it costs as much as a small document


def digest(spec: specs.Spec) -> str:
    """SHA-256 of a specification: equal for equal ones, whatever the order of their maps.

    What is not said does not count: a field that a later version adds leaves the keys of accepted requests as they are.
    """
    said = {name: value for name, value in _fields(spec).items() if value}
    return hashlib.sha256(dumps(said).encode()).hexdigest()


@functools.lru_cache(SPECS_KEPT)
def spec(text: str) -> specs.Spec:
    """The specification of a text that `dumps` made."""
    data = json.loads(text)
    stretch = data["range"]
    return specs.Spec(
        **{
            **data,
            "range": specs.TimeRange(**stretch) if stretch else None,
            "keywords": tuple(data["keywords"]),
            "clips": tuple(specs.TimeRange(**clip) for clip in data["clips"]),
            "durations": tuple(specs.Duration(**one) for one in data.get("durations", ())),
            "captions": dressing.captions(data.get("captions")),
            "overlays": dressing.overlays(data.get("overlays")),
            "exclusions": tuple(specs.TimeRange(**one) for one in data.get("exclusions", ())),
            "timelines": tuple(data.get("timelines", ())),
            "webhook": specs.Webhook(**data["webhook"]) if data.get("webhook") else None,
        }
    )


def step(text: str) -> jobs.Step:
    """The step of a text that `dumps` made."""
    return _step(json.loads(text))


def artifact(text: str) -> jobs.Artifact:
    """The file of a text that `dumps` made."""
    return _artifact(json.loads(text))


def mapping(text: str) -> dict[str, str]:
    """The map of a text that `dumps` made."""
    return json.loads(text)


def failure(text: str | None) -> jobs.Failure | None:
    """The failure of a text that `dumps` made; None stays None."""
    return jobs.Failure(**json.loads(text)) if text else None


def delta(text: str) -> jobs.Delta:
    """The change of a text that `dumps` made."""
    data = json.loads(text)
    return jobs.Delta(
        state=jobs.JobState(data["state"]),
        error=jobs.Failure(**data["error"]) if data["error"] else None,
        start_us=data["start_us"],
        end_us=data["end_us"],
        steps=tuple(_step(item) for item in data["steps"]),
        artifacts=tuple(_artifact(item) for item in data["artifacts"]),
    )


def _step(data: dict[str, Any]) -> jobs.Step:
    return jobs.Step(
        **{
            **data,
            "kind": jobs.Kind(data["kind"]),
            "state": jobs.StepState(data["state"]),
            "needs": tuple(data["needs"]),
            "follows": tuple(data["follows"]),
            "clip": jobs.Clip(**data["clip"]) if data["clip"] else None,
            "error": jobs.Failure(**data["error"]) if data["error"] else None,
        }
    )


def _artifact(data: dict[str, Any]) -> jobs.Artifact:
    return jobs.Artifact(**{**data, "role": jobs.Role(data["role"])})
