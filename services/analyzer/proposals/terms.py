"""The named terms that a score is the weighted mean of: each from 0 to 1, or unknown.

Where a measure has no natural scale, its value is its rank among all candidates of this source: 0.9 says that nine of
ten candidates have less of it. What was not measured is unknown, and neither helps nor harms.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np

from services.analyzer import highlight
from services.analyzer.proposals import candidates, material, wording

HOOK_S = 3.0  # seconds in which viewers decide to stay
EARLY_S = 0.3  # that a word of the opening may come before the clip: times within a cue are estimates
OPEN_S = 0.1  # that a sentence may go on beyond the end of a clip that closes with it
NAMES = ("hook", "energy", "speech_density", "motion", "faces", "pace", "reaction", "completeness", "novelty",
         "duration_fit", "keyword", "opening", "closing", "presence")  # fmt: skip
WEIGHTS = {"hook": 1.5, "energy": 1.0, "speech_density": 1.0, "motion": 1.0, "faces": 1.0, "pace": 0.5,
           "reaction": 1.0, "completeness": 1.5, "novelty": 0.5, "duration_fit": 0.5, "keyword": 2.0,
           "opening": 1.0, "closing": 1.0, "presence": 2.0}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Values:
    """A term of every candidate.

    Attributes:
        name: Name of the term.
        value: (n,) from 0 to 1, nan for candidates of which it is unknown; None where it is unknown of all.
        measured: What was measured, (n,) in the unit of the text; None where unknown.
        text: What was measured, in words, with a place for the number; why not, where unknown.
        words: The words for one candidate, where they are more than a number.
    """

    name: str
    value: np.ndarray | None
    measured: np.ndarray | None
    text: str
    words: Callable[[int], str] | None = None

    def known(self, index: int) -> bool:
        """Whether it is known of one candidate."""
        return self.value is not None and not math.isnan(self.value[index])

    def of(self, places: np.ndarray) -> Self:
        """The same of some candidates; the words of others are not theirs."""
        if self.value is None or self.measured is None:
            return self
        return dataclasses.replace(self, value=self.value[places], measured=self.measured[places], words=None)

    def reason(self, index: int) -> str:
        """The words for one candidate."""
        if self.words is not None:
            return self.words(index)
        return self.text if self.measured is None else self.text.format(float(self.measured[index]))


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """Possible clips and what is known of them: all that no weight changes.

    Attributes:
        found: The candidates.
        values: Their terms.
    """

    found: candidates.Candidates
    values: list[Values]

    @property
    def size_bytes(self) -> int:
        """Memory that it takes, nearly: words are told by a few more arrays."""
        arrays = [array for term in self.values for array in (term.value, term.measured) if array is not None]
        found = self.found.start_s, self.found.end_s, self.found.quality
        return sum(array.nbytes for array in (*found, *arrays))


class Sums:
    """Means of a curve over any stretch, from running sums.

    Args:
        source: Whose curves they are.
    """

    def __init__(self, source: material.Material) -> None:
        self._source = source

    def mean(self, name: str, start_s: np.ndarray, end_s: np.ndarray) -> np.ndarray | None:
        """The mean of a curve between times in seconds; None where the curve is unknown."""
        values = self._source.curves.get(name)
        return None if values is None or not values.size else self.of(values, start_s, end_s)

    def of(self, values: np.ndarray, start_s: np.ndarray, end_s: np.ndarray) -> np.ndarray:
        """The mean of a number per interval between times in seconds."""
        total = np.concatenate([[0.0], np.cumsum(values)])
        area = self._until(total, values, end_s) - self._until(total, values, start_s)
        return area * self._source.interval_s / np.maximum(end_s - start_s, 1e-9)

    def _until(self, total: np.ndarray, values: np.ndarray, t_s: np.ndarray) -> np.ndarray:
        """The running sum at any time: intervals are alike, so that none has to be searched for."""
        place = np.clip((t_s - self._source.start_s) / self._source.interval_s, 0, values.size)
        index = np.minimum(place.astype(np.int64), values.size - 1)
        return total[index] + (place - index) * values[index]


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for that terms depend on.

    Attributes:
        range_s: Shortest and longest length, in seconds.
        target_s: The best length; None for the middle of the range.
        keywords: Words to look for.
    """

    range_s: tuple[float, float]
    target_s: float | None = None
    keywords: Sequence[str] = ()


def measure(source: material.Material, found: candidates.Candidates, wish: Wish) -> list[Values]:
    """All terms of all candidates, in the order of NAMES.

    Args:
        source: What is known of the source.
        found: The candidates.
        wish: What is asked for.
    """
    sums = Sums(source)
    start_s, end_s = found.start_s, found.end_s
    known: Mapping[str, Callable[[], Values]] = {
        "hook": lambda: _ranked(
            "hook", sums.mean("highlight", start_s, np.minimum(start_s + HOOK_S, end_s)),
            "mean highlight of the first 3 s is {:.2f}", "nothing was measured",
        ),
        "energy": lambda: _ranked(
            "energy", sums.mean("loudness_lufs", start_s, end_s), "mean loudness is {:.1f} LUFS", "there is no sound"
        ),
        "speech_density": lambda: _shared(
            "speech_density", sums.mean("speech", start_s, end_s), "{:.0%} of the time somebody speaks",
            "speech was not looked for",
        ),
        "motion": lambda: _ranked(
            "motion", sums.mean("motion", start_s, end_s), "mean motion is {:.3f} picture widths per second",
            "there is no video",
        ),
        "faces": lambda: _shared(
            "faces", sums.mean("faces", start_s, end_s), "a face is seen {:.0%} of the time",
            "faces were not looked for"
        ),
        "pace": lambda: _pace(source, found),
        "completeness": lambda: Values(
            "completeness", found.quality, found.quality,
            f"its ends suit by {{:.2f}}: {'sentences, ' * bool(source.sentences.size)}pauses, shots, silence",
        ),
        "novelty": lambda: _ranked(
            "novelty", _novelty(source, sums, found), "lies {:.2f} deviations from the rest", "nothing was measured"
        ),
        "duration_fit": lambda: _fit(found, wish),
        "keyword": lambda: _keyword(source, found, wish.keywords),
        "reaction": lambda: _reaction(source, found),
        "opening": lambda: _opening(source, found),
        "closing": lambda: _closing(source, found),
        "presence": lambda: _presence(source, sums, found),
    }  # fmt: skip
    return [known[name]() for name in NAMES]


def _ranked(name: str, measured: np.ndarray | None, text: str, why_not: str) -> Values:
    if measured is None:
        return Values(name, None, None, why_not)
    return Values(name, highlight.ranks(np.round(measured, 9)), measured, text)


def _shared(name: str, measured: np.ndarray | None, text: str, why_not: str) -> Values:
    if measured is None:
        return Values(name, None, None, why_not)
    return Values(name, np.clip(measured, 0, 1), measured, text)


def _pace(source: material.Material, found: candidates.Candidates) -> Values:
    if source.first_frame is None:
        return Values("pace", None, None, "there is no video")
    inside = np.searchsorted(source.shots_s, found.end_s - 1e-6) - np.searchsorted(source.shots_s, found.start_s + 1e-6)
    per_minute = 60 * inside / (found.end_s - found.start_s)
    return _ranked("pace", per_minute, "{:.1f} borders of shots per minute", "")


def _keyword(source: material.Material, found: candidates.Candidates, keywords: Sequence[str]) -> Values:
    """How often keywords are spoken: once is half of the most, and each further time halves what is missing."""
    if source.script is None:
        return Values("keyword", None, None, "there is no transcript to look for words in")
    if not keywords:
        return Values("keyword", None, None, "no keywords were given")
    return _counted("keyword", source.script.times(keywords), found, "keywords are spoken {:.0f} times")


def _reaction(source: material.Material, found: candidates.Candidates) -> Values:
    """How often laughter, applause or cheer is noted; nobody knows whether a transcript without such notes would."""
    times_s = source.script.reactions() if source.script is not None else np.empty(0)
    if not times_s.size:
        return Values("reaction", None, None, "no transcript notes laughter, applause or cheer, and no model hears it")
    return _counted("reaction", times_s, found, "laughter, applause or cheer is noted {:.0f} times")


def _counted(name: str, times_s: np.ndarray, found: candidates.Candidates, text: str) -> Values:
    count = np.searchsorted(times_s, found.end_s) - np.searchsorted(times_s, found.start_s)
    return Values(name, 1 - 0.5**count, count.astype(np.float64), text)


def _novelty(source: material.Material, sums: Sums, found: candidates.Candidates) -> np.ndarray | None:
    """Mean distance of a candidate from the whole source, over the curves, in deviations of the curve."""
    apart = []
    for name in ("motion", "sharpness", "exposure", "loudness_lufs", "speech"):
        mean = sums.mean(name, found.start_s, found.end_s)
        if mean is not None:
            middle = float(np.median(source.curves[name]))
            scale = 1.4826 * float(np.median(np.abs(source.curves[name] - middle)))
            apart.append(np.minimum(np.abs(mean - middle) / (scale + 1e-6), 10.0))
    return np.mean(apart, axis=0) if apart else None


def _opening(source: material.Material, found: candidates.Candidates) -> Values:
    """How many signs of a strong opening are early: each halves what is missing, and a weak beginning halves all.

    A question and an exclamation count where their sentence begins, the others where they are said.
    """
    if source.said is None:
        return Values("opening", None, None, "there is no transcript")
    starts, row = _distinct(found.start_s)
    window = (starts - EARLY_S, starts + HOOK_S)
    heard = {name: _between(times_s, window) > 0 for name, times_s in source.said.signs.items()}
    count = sum((heard[name] for name in heard if name != wording.WEAK), np.zeros(starts.size, np.int64))
    weak = heard.get(wording.WEAK, np.zeros(starts.size, bool))
    value = (1 - 0.5**count) * np.where(weak, 0.5, 1.0)
    spoken = _between(source.said.words_s, window) > 0
    untold = "".join(f"; {name}: {why}" for name, why in source.said.unknown.items())

    def words(index: int) -> str:
        place = row[index]
        signs = [name for name in wording.SIGNS if name in heard and heard[name][place]]
        if not spoken[place]:
            return f"nothing is said in the first {HOOK_S:g} s"
        lean = ", and leans on what came before" if weak[place] else ""
        return f"the first {HOOK_S:g} s have {', '.join(signs) or 'no sign of a strong opening'}{lean}{untold}"

    return Values("opening", value[row], count[row].astype(np.float64), "", words)


def _closing(source: material.Material, found: candidates.Candidates) -> Values:
    """Whether the last sentence that begins in the clip is finished in it; unknown where none begins."""
    if source.said is None:
        return Values("closing", None, None, "there is no transcript")
    if source.said.finished_s is None or not source.sentences.size:
        return Values("closing", None, None, "the transcript has no punctuation")
    ends, row = np.unique(found.end_s, return_inverse=True)
    last = np.searchsorted(source.sentences[:, 0], ends - OPEN_S) - 1
    begun_s, until_s = source.sentences[np.maximum(last, 0)].T
    whole = until_s <= ends + OPEN_S
    closed = whole & np.isin(until_s, source.said.finished_s)
    value = np.where(
        (last[row] >= 0) & (begun_s[row] >= found.start_s - OPEN_S), closed[row].astype(np.float64), np.nan
    )

    def words(index: int) -> str:
        if math.isnan(value[index]):
            return "no sentence begins in it"
        place = row[index]
        unstopped = "its last words have no stop" if whole[place] else "its last sentence goes on"
        return "its last sentence is finished" if closed[place] else unstopped

    return Values("closing", value, value, "", words)


def _presence(source: material.Material, sums: Sums, found: candidates.Candidates) -> Values:
    """How much of the time there is something to see and to hear, each half of it where both were measured."""
    parts = [part for part in (source.seen, source.heard) if part is not None]
    if not parts:
        return Values("presence", None, None, "nothing was measured")
    share = sums.of(np.mean(parts, axis=0), found.start_s, found.end_s)
    return _shared("presence", share, "{:.0%} of it is neither black nor silent nor still", "")


def _distinct(sorted_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones of sorted numbers, and the place of each number among them."""
    fresh = np.concatenate([[True], np.diff(sorted_s) > 0])
    return sorted_s[fresh], np.cumsum(fresh) - 1


def _between(times_s: np.ndarray, window: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.searchsorted(times_s, window[1]) - np.searchsorted(times_s, window[0])


def _fit(found: candidates.Candidates, wish: Wish) -> Values:
    """How near the length is to the target, or to the geometric middle of what was asked for."""
    (shortest_s, longest_s), length_s = wish.range_s, found.end_s - found.start_s
    wanted_s = wish.target_s or math.sqrt(shortest_s * longest_s)
    half = max(math.log(longest_s / shortest_s) / 2, 1e-6)
    value = np.clip(1 - np.abs(np.log(np.maximum(length_s, 1e-3) / wanted_s)) / (2 * half), 0, 1)
    return Values("duration_fit", value, length_s, f"{{:.1f}} s long, about {wanted_s:.0f} s are asked for")
