"""The words of a transcript, as an analysis holds it: each with a time, measured or shared out."""

import bisect
import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.exporter.text import breaking, shaping

LETTERS_PER_S_MAX, LETTERS_MIN = 60, 2000  # fast talk has 20 a second, and a cue at most 2000: more is no transcript
LETTERS_MAX = 200  # of one word: longer ones are no words and are cut
LOOK_AHEAD = 200  # letters of a cue within which the next timed word is looked for


class Malformed(ValueError):
    """The transcript has an entry that cannot be."""


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A word, or a phrase of a language that writes without spaces; times in seconds of the source.

    Attributes:
        glue: What stands between it and the word before: a space or nothing.
        first: Whether it begins a cue.
    """

    text: str
    start_s: float
    end_s: float
    glue: str = " "
    first: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """A transcript.

    Attributes:
        source: `embedded`, `sidecar` or `recognition`.
        language: As BCP 47 has it; empty where unknown.
        timed: Whether every word has a time of its own; else the time of a cue is shared out by letters.
        words: In the order of time.
    """

    source: str
    language: str
    timed: bool
    words: tuple[Word, ...]


def near(transcript: Mapping[str, Any] | None, spans: Sequence[tuple[float, float]]) -> dict[str, Any] | None:
    """What of a transcript touches stretches of time, as plain JSON values; None where there is none.

    Args:
        transcript: Of an analysis, or what this function gave.
        spans: Beginnings and ends, in seconds.

    Raises:
        Malformed: An entry lacks something, or is no time.
    """
    if transcript is None:
        return None
    try:
        lists = {name: [_checked(entry) for entry in transcript.get(name) or ()] for name in ("cues", "words")}
        kept = {name: _within(entries, spans) for name, entries in lists.items()}
        timed, language = bool(transcript.get("timed", lists["words"])), str(transcript.get("language") or "")
        return {"source": str(transcript["source"]), "language": language, "timed": timed, **kept}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"the transcript has a malformed entry: {error!r}") from error


def _within(entries: Sequence[dict[str, Any]], spans: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """What touches stretches of time, up to as much as anybody can say or read in them."""
    ordered = sorted(entries, key=lambda entry: entry["start_s"])
    starts, kept = [entry["start_s"] for entry in ordered], set()
    longest_s = max((entry["end_s"] - entry["start_s"] for entry in ordered), default=0.0)
    for start_s, end_s in spans:
        first, last = bisect.bisect_left(starts, start_s - longest_s), bisect.bisect_right(starts, end_s)
        kept.update(index for index in range(first, last) if ordered[index]["end_s"] >= start_s)
    touching = [ordered[index] for index in sorted(kept)]
    limit = LETTERS_MIN + LETTERS_PER_S_MAX * sum(end_s - start_s for start_s, end_s in spans)
    letters = itertools.accumulate(len(entry["text"]) for entry in touching)
    return [entry for entry, so_far in zip(touching, letters, strict=True) if so_far <= limit]


def _checked(entry: Mapping[str, Any]) -> dict[str, Any]:
    start_s, end_s = float(entry["start_s"]), float(entry["end_s"])
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise ValueError(f"{entry['start_s']} to {entry['end_s']} is no time")
    return {"start_s": start_s, "end_s": max(start_s, end_s), "text": str(entry["text"])}


def script(found: Mapping[str, Any] | None) -> Script | None:
    """Reads what `near` gave; None where no word is in it."""
    if found is None:
        return None
    language = breaking.tag(found["language"])
    cues, timed = [_entry(cue) for cue in found["cues"]], [_entry(word) for word in found["words"]]
    words = tuple(_glued(timed, cues) if found["timed"] else _shared(cues, language))
    return Script(found["source"], language, found["timed"], tuple(_joined(words))) if words else None


def _joined(words: Sequence[Word]) -> Iterator[Word]:
    """Words with the dashes and emoji that follow them, which nobody says."""
    last = words[0]
    for word in words[1:]:
        if word.first or breaking.spoken(word.text):
            yield last
            last = word
        else:
            last = dataclasses.replace(last, text=last.text + word.glue + word.text, end_s=word.end_s)
    yield last


def _entry(entry: Mapping[str, Any]) -> Word:
    return Word(shaping.clean(entry["text"]), entry["start_s"], entry["end_s"])


def _shared(cues: Sequence[Word], language: str) -> Iterator[Word]:
    """Words of cues: each takes the share of its letters."""
    for cue in cues:
        parts = [
            (unit, " " if not index else "")
            for chunk in cue.text.split()
            for index, unit in enumerate(breaking.units(chunk, language))
        ]
        letters, passed = sum(len(text) for text, _ in parts), 0
        for index, (text, glue) in enumerate(parts):
            first_s = cue.start_s + (cue.end_s - cue.start_s) * passed / letters
            passed += len(text)
            last_s = cue.start_s + (cue.end_s - cue.start_s) * passed / letters
            yield Word(text[:LETTERS_MAX], first_s, last_s, glue, first=index == 0)


def _glued(timed: Sequence[Word], cues: Sequence[Word]) -> Iterator[Word]:
    """Timed words, with the spaces that the cues have between them."""
    text = "\n".join(cue.text for cue in cues)
    place = 0
    for word in timed:
        if not word.text:
            continue
        found = text.find(word.text, place, place + LOOK_AHEAD + len(word.text))
        glue, first = (" ", False) if found < 0 else _between(text[place:found], found)
        place = found + len(word.text) if found >= 0 else place
        yield dataclasses.replace(word, text=word.text[:LETTERS_MAX], glue=glue, first=first)


def _between(gap: str, found: int) -> tuple[str, bool]:
    return ("" if found and not gap else " "), found == 0 or "\n" in gap
