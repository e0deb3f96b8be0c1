"""What the exporter reads of an analysis: where shots change, where the eye goes, and where people are."""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Self

GAP_MAX_S = 2.5  # longest absence that is bridged between two sightings, as within a track of the analyzer
EDGE_S = 1e-3  # before the end of a stretch: the moment that still belongs to it
SCHEMA = "reelsmith.analysis/1"
BYTES_MAX = 64 << 20  # ten hours of samples are about 15 MB; more is not an analysis of ours


class Malformed(ValueError):
    """The document is not an analysis that this version reads."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shot:
    """An unbroken take: frames and seconds from the first frame of the video, end exclusive.

    `content` is what lies between black bars, in pixels as stored: left, top, right, bottom; None where unknown.
    `source_s` is where it lies in the source, which stays where the shot is put on another time line.
    """

    start_frame: int
    end_frame: int
    start_s: float
    end_s: float
    content: tuple[int, int, int, int] | None = None
    source_s: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Focus:
    """Centre of interest at one moment, as shares (0 to 1) of the shown picture.

    `spread_x` is the standard deviation of the interest across the picture.
    """

    t_s: float
    x: float
    y: float
    weight: float
    spread_x: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """The face of one person in one shot.

    `samples` are sightings in the order of time: seconds, then left, top, width and height as shares of the shown
    picture, never outside of it. `speaking` is the share of the time in which this person speaks, None where unknown.
    """

    id: int
    speaking: float | None
    samples: tuple[tuple[float, float, float, float, float], ...]

    def between(self, start_s: float, end_s: float) -> list[tuple[float, float, float, float, float]]:
        """The sightings of a stretch, with where the face is at its edges if it is seen soon before and after."""
        rows = [row for row in self.samples if start_s <= row[0] < end_s]
        for edge_s in (start_s, end_s - EDGE_S):
            for before, after in itertools.pairwise(self.samples):
                if before[0] < edge_s < after[0] <= before[0] + GAP_MAX_S:
                    share = (edge_s - before[0]) / (after[0] - before[0])
                    places = (one + share * (other - one) for one, other in zip(before[1:], after[1:], strict=True))
                    rows.append((edge_s, *places))
        return sorted(rows)


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A spoken word, in seconds since the first frame of the video."""

    start_s: float
    end_s: float
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """The file that was analyzed."""

    size_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Analysis:
    """The parts of `metadata/analysis.json` that steer a render."""

    shots: tuple[Shot, ...] = ()
    focus: tuple[Focus, ...] = ()
    subjects: tuple[Subject, ...] = ()
    source: Source | None = None
    transcript: Mapping[str, Any] | None = None
    """As the document has it; `captions.words` reads it."""
    silence: tuple[tuple[float, float], ...] | None = None
    """Stretches without sound, in seconds; None where nobody listened."""
    words: tuple[Word, ...] | None = None
    """None where no words are known, or none with times of their own."""
    language: str | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Reads an analysis.

        Args:
            data: the JSON document.

        Returns:
            Its shots, focus samples and subjects, in time order.

        Raises:
            Malformed: it is no JSON, another schema, or a number is missing or not finite.
        """
        document = load(data)
        try:
            shots = tuple(_shots(document.get("shots") or ()))
            focus = tuple(_focus((document.get("focus") or {}).get("samples") or ()))
            subjects = tuple(_subjects(document.get("subjects") or ()))
            source = Source(int(document["source"]["size_bytes"]), str(document["source"]["sha256"]))
            heard = _heard(document)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise Malformed(f"the analysis has a malformed entry: {error}") from error
        return cls(
            shots=shots,
            focus=focus,
            subjects=subjects,
            source=source,
            transcript=document.get("transcript"),
            **heard,
        )

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_value` wrote."""
        shots = tuple(
            Shot(int(a), int(b), float(c), float(d), e and tuple(e), f and tuple(f))
            for a, b, c, d, e, f in value["shots"]
        )
        return cls(
            shots=shots,
            focus=tuple(Focus(*map(float, entry)) for entry in value["focus"]),
            subjects=tuple(Subject(int(a), b, tuple(map(tuple, rows))) for a, b, rows in value["subjects"]),
            transcript=value.get("transcript"),
        )

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values, to hand to a worker."""
        return {
            "shots": [list(dataclasses.astuple(shot)) for shot in self.shots],
            "focus": [list(dataclasses.astuple(sample)) for sample in self.focus],
            "subjects": [[subject.id, subject.speaking, subject.samples] for subject in self.subjects],
            **({"transcript": self.transcript} if self.transcript is not None else {}),
        }

    def within(self, start_s: float, end_s: float) -> Self:
        """Only what touches a stretch of time, with one shot before it as an anchor for counting."""
        shots = tuple(shot for shot in self.shots if shot.end_s > start_s - 1e-6 and shot.start_s < end_s)
        seen = (
            dataclasses.replace(subject, samples=tuple(row for row in subject.samples if start_s <= row[0] < end_s))
            for subject in self.subjects
        )
        return dataclasses.replace(
            self,
            shots=shots,
            focus=tuple(sample for sample in self.focus if start_s <= sample.t_s < end_s),
            subjects=tuple(subject for subject in seen if subject.samples),
        )


def load(data: bytes) -> dict[str, Any]:
    """The document of an analysis, checked to be one."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:  # a deep nest of brackets ends in RecursionError
        raise Malformed(f"the analysis is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise Malformed(f"the analysis is not of schema {SCHEMA}")
    return document


def _shots(entries: Iterable[Mapping[str, Any]]) -> Iterable[Shot]:
    for entry in entries:
        content, span_s = entry.get("content"), (_finite(entry["start_s"]), _finite(entry["end_s"]))
        yield Shot(
            int(entry["start_frame"]),
            int(entry["end_frame"]),
            *span_s,
            content and tuple(int(content[side]) for side in ("left", "top", "right", "bottom")),
            span_s,
        )


def _focus(entries: Iterable[Mapping[str, Any]]) -> Iterable[Focus]:
    for entry in entries:
        x, y = _finite(entry["x"]), _finite(entry["y"])
        weight = entry.get("weight")
        yield Focus(
            t_s=_finite(entry["t_s"]),
            x=min(max(x, 0.0), 1.0),
            y=min(max(y, 0.0), 1.0),
            weight=max(_finite(1.0 if weight is None else weight), 0.0),
            spread_x=max(_finite(entry.get("spread_x") or 0.0), 0.0),
        )


def _subjects(entries: Iterable[Mapping[str, Any]]) -> Iterable[Subject]:
    for entry in entries:
        rows = sorted(_sighting(row) for row in entry["samples"])
        if rows:
            speaking = entry.get("speaking")
            yield Subject(int(entry["id"]), None if speaking is None else _finite(speaking), tuple(rows))


def _sighting(row: Mapping[str, Any]) -> tuple[float, float, float, float, float]:
    left, top = (_finite(row[name]) for name in ("left", "top"))
    return _finite(row["t_s"]), *clipped(left, top, left + _finite(row["width"]), top + _finite(row["height"]))


def clipped(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
    """What of a box lies inside the picture: left, top, width and height."""
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in (left, top, right, bottom))
    return left, top, max(right - left, 0.0), max(bottom - top, 0.0)


def _heard(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the sound; where the source has none, nothing is."""
    spoken = document.get("transcript") or {}
    silence, words = document.get("silence") if document.get("audio") else None, spoken.get("words")
    return {
        "silence": None if silence is None else tuple(_stretch(one) for one in silence),
        "words": None if words is None else tuple(Word(*_stretch(one), str(one["text"])) for one in words),
        "language": spoken.get("language") and str(spoken["language"]),
    }


def _stretch(entry: Mapping[str, Any]) -> tuple[float, float]:
    return _finite(entry["start_s"]), _finite(entry["end_s"])


def _finite(value: float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a finite number")
    return number
