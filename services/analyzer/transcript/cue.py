"""Text with times, and how it is made of what subtitle files hold."""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence

from services.analyzer.transcript import markup, timecode

TEXT_MAX = 2000  # characters of one cue; a screen holds a tenth of it
ROLLED_SHARE = (
    0.3  # of the cues that repeat the last line of the one before: then the file scrolls, as live captions do
)
ROLLED_MIN = 4  # cues below which that is chance
WIDE_STOPS = "\u3002\uff01\uff1f"  # full stop, exclamation and question mark of Chinese and Japanese
CLOSERS = "\"')]}\u201d\u2019\u00bb\u300d\u300f"  # what may follow a stop: brackets and quotation marks
WORD = re.compile(rf"[^\s{WIDE_STOPS}]+[{WIDE_STOPS}]*[{re.escape(CLOSERS)}]*|[{WIDE_STOPS}]+")  # stops part wide text


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A spoken word; times in seconds. Its probability is known where it was recognized."""

    start_s: float
    end_s: float
    text: str
    probability: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Cue:
    """Text that is shown at once; times in seconds.

    Attributes:
        text: Without markup; lines are parted by line feeds.
        words: With times of their own; empty where the source has none.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Raw:
    """A cue as a file holds it: lines with their markup."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


def made(raws: Sequence[Raw]) -> list[Cue]:
    """Cues in the order of time, without markup, empty ones, and lines that only scroll by once more."""
    ordered = sorted(raws, key=lambda raw: (raw.start_s, raw.end_s))
    kept = _unrolled(ordered) if _rolls(ordered) else ordered
    cues = (_cue(raw) for raw in kept)
    return [cue for cue in cues if cue.text]


def moved(cues: Sequence[Cue], shift_s: float) -> list[Cue]:
    """The cues at other times."""
    return [
        Cue(
            cue.start_s + shift_s,
            cue.end_s + shift_s,
            cue.text,
            tuple(
                dataclasses.replace(word, start_s=word.start_s + shift_s, end_s=word.end_s + shift_s)
                for word in cue.words
            ),
        )
        for cue in cues
    ]


def words(cue: Cue) -> Iterator[Word]:
    """The words of a cue; where it has no times for them, each takes the share of its letters."""
    yield from cue.words or _shared(cue.text, cue.start_s, cue.end_s)


def _cue(raw: Raw) -> Cue:
    lines = (markup.plain(line) for line in raw.lines)
    text = "\n".join(line for line in lines if line)[:TEXT_MAX]
    return Cue(raw.start_s, raw.end_s, text, tuple(_timed(raw)))


def _timed(raw: Raw) -> Iterator[Word]:
    """Words by the time stamps within the text, as WebVTT may have them."""
    parts = timecode.INLINE.split("\n".join(raw.lines)[:TEXT_MAX])
    if len(parts) == 1:
        return
    stamps = [timecode.seconds(stamp) or raw.start_s for stamp in parts[1::2]]
    edges = [raw.start_s, *(min(max(stamp, raw.start_s), raw.end_s) for stamp in stamps), raw.end_s]
    for text, (start_s, end_s) in zip(parts[::2], itertools.pairwise(edges), strict=True):
        yield from _shared(markup.plain(text), start_s, max(end_s, start_s))


def _shared(text: str, start_s: float, end_s: float) -> Iterator[Word]:
    found = WORD.findall(text)
    letters = sum(len(word) for word in found)
    passed = 0
    for word in found:
        first_s = start_s + (end_s - start_s) * passed / letters
        passed += len(word)
        yield Word(first_s, start_s + (end_s - start_s) * passed / letters, word)


def _clean(raw: Raw) -> list[str]:
    return [line for line in map(markup.plain, raw.lines) if line]


def _rolls(raws: Sequence[Raw]) -> bool:
    repeated, last = 0, ""
    for raw in raws:
        lines = _clean(raw)
        repeated += bool(lines) and lines[0] == last
        last = lines[-1] if lines else last
    return repeated >= ROLLED_MIN and repeated > ROLLED_SHARE * len(raws)


def _unrolled(raws: Sequence[Raw]) -> Iterator[Raw]:
    last = ""
    for raw in raws:
        lines = [line for line in raw.lines if markup.plain(line)]
        while lines and markup.plain(lines[0]) == last:  # ends, for it drops a line
            del lines[0]
        last = markup.plain(lines[-1]) if lines else last
        yield Raw(raw.start_s, raw.end_s, tuple(lines))
