"""What a caller asks of the edit: ranges to join, what to take out, speed, fades, and which sound."""

import dataclasses
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from services.exporter import survey

RANGES_MAX = 64  # parts of a clip that a person puts together; tightening adds to them
SPEED_MIN, SPEED_MAX = Fraction(1, 4), Fraction(4)
SPEED_DENOMINATOR_MAX = 1000  # finer steps are not seen, and the numbers stay small
FADE_MAX_S = 10.0  # a longer fade is a mistake
SILENCE_MIN_S, SILENCE_MAX_S = 0.2, 10.0  # a shorter silence is a stop consonant
ROLL_MAX_S = 2.0
FILLERS_MAX, FILLER_LENGTH_MAX = 100, 40
TRACKS_MAX = 64  # audio streams; media.limits allows no more streams

Violation = tuple[str, str]  # path of the field, and what is wrong with it


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """A part of a source, and how fast it is shown."""

    wanted: survey.Wanted
    speed: Fraction = Fraction(1)


@dataclasses.dataclass(frozen=True, slots=True)
class Tightening:
    """What is taken out; see the API for the words."""

    silence_min_s: float = 0.6
    pre_roll_s: float = 0.1
    post_roll_s: float = 0.15
    silence: bool = True
    fillers: bool = True
    filler_words: tuple[str, ...] = ()

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return dataclasses.asdict(self) | {"filler_words": list(self.filler_words)}


@dataclasses.dataclass(frozen=True, slots=True)
class Fades:
    """Lengths of fades in seconds."""

    picture_in_s: float = 0.0
    picture_out_s: float = 0.0
    sound_in_s: float = 0.0
    sound_out_s: float = 0.0

    def to_value(self) -> dict[str, float]:
        """The same as plain JSON values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """A choice among several sounds: by number among the audio streams, or by language; neither leaves it to rule."""

    number: int | None = None
    language: str = ""

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """Everything that is asked of the edit."""

    ranges: tuple[Range, ...] = ()
    tightening: Tightening | None = None
    fades: Fades = Fades()
    track: Track = Track()


UNFADED, BY_RULE, UNEDITED = Fades(), Track(), Edit()  # what is meant where nothing is said


def speed(value: float) -> Fraction:
    """A speed as a ratio; 0 and what is no number become themselves, for `violations` to find."""
    if not math.isfinite(value):
        return Fraction(0)
    return Fraction(value).limit_denominator(SPEED_DENOMINATOR_MAX)


def violations(edit: Edit) -> Iterator[Violation]:
    """Everything that is wrong with an edit, field by field."""
    if not 1 <= len(edit.ranges) <= RANGES_MAX:
        yield "ranges", f"must be 1 to {RANGES_MAX}, are {len(edit.ranges)}"
    for index, one in enumerate(edit.ranges[:RANGES_MAX]):
        low, high = one.wanted.frames or one.wanted.seconds or (Fraction(0), Fraction(0))
        if not 0 <= low < high:
            yield f"ranges[{index}]", f"must begin at or after 0 and end after its beginning, not {low} to {high}"
        if not SPEED_MIN <= one.speed <= SPEED_MAX:
            yield f"ranges[{index}].speed", f"must be {float(SPEED_MIN)} to {float(SPEED_MAX)}, is {float(one.speed):g}"
    for name, length_s in edit.fades.to_value().items():
        if not 0 <= length_s <= FADE_MAX_S:
            yield f"fades.{name}", f"must be 0 to {FADE_MAX_S:g} seconds, is {length_s:g}"
    if edit.track.number is not None and not 0 <= edit.track.number < TRACKS_MAX:
        yield "audio_track.number", f"must be 0 to {TRACKS_MAX - 1}, is {edit.track.number}"
    if edit.track.language and not (2 <= len(edit.track.language) <= 35 and edit.track.language.isprintable()):
        yield "audio_track.language", "must be a language such as `de`"
    if edit.tightening is not None:
        yield from _tightening_violations(edit.tightening)


def _tightening_violations(asked: Tightening) -> Iterator[Violation]:
    if not SILENCE_MIN_S <= asked.silence_min_s <= SILENCE_MAX_S:
        yield "tightening.silence_min_s", f"must be {SILENCE_MIN_S:g} to {SILENCE_MAX_S:g} seconds"
    for name in ("pre_roll_s", "post_roll_s"):
        if not 0 <= getattr(asked, name) <= ROLL_MAX_S:
            yield f"tightening.{name}", f"must be 0 to {ROLL_MAX_S:g} seconds, is {getattr(asked, name):g}"
    if len(asked.filler_words) > FILLERS_MAX:
        yield "tightening.filler_words", f"must be at most {FILLERS_MAX}, are {len(asked.filler_words)}"
    for index, word in enumerate(asked.filler_words[:FILLERS_MAX]):
        if not 1 <= len(word) <= FILLER_LENGTH_MAX or not word.isprintable():
            yield f"tightening.filler_words[{index}]", f"must have 1 to {FILLER_LENGTH_MAX} printable characters"
