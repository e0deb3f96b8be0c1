"""The named terms that a score is the weighted mean of: each from 0 to 1, or unknown.

Where a measure has no natural scale, its value is its rank among all candidates of this source: 0.9 says that nine of
ten candidates have less of it. What was not measured is unknown, and neither helps nor harms.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from services.analyzer import highlight
from services.analyzer.proposals import candidates, material

HOOK_S = 3.0  # seconds in which viewers decide to stay
NAMES = ("hook", "energy", "speech_density", "motion", "faces", "pace", "reaction", "completeness", "novelty",
         "duration_fit", "keyword")  # fmt: skip
WEIGHTS = {"hook": 1.5, "energy": 1.0, "speech_density": 1.0, "motion": 1.0, "faces": 1.0, "pace": 0.5,
           "reaction": 1.0, "completeness": 1.5, "novelty": 0.5, "duration_fit": 0.5, "keyword": 2.0}  # fmt: skip
UNKNOWN = {
    "faces": "faces are not detected by this version",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Values:
    """A term of every candidate.

    Attributes:
        name: Name of the term.
        value: (n,) from 0 to 1; None where unknown.
        measured: What was measured, (n,) in the unit of the text; None where unknown.
        text: What was measured, in words, with a place for the number; why not, where unknown.
    """

    name: str
    value: np.ndarray | None
    measured: np.ndarray | None
    text: str

    def reason(self, index: int) -> str:
        """The words for one candidate."""
        return self.text if self.measured is None else self.text.format(float(self.measured[index]))


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
        if values is None or not values.size:
            return None
        total = np.concatenate([[0.0], np.cumsum(values)])
        area = self._until(total, values, end_s) - self._until(total, values, start_s)
        return area * self._source.interval_s / np.maximum(end_s - start_s, 1e-9)

    def _until(self, total: np.ndarray, values: np.ndarray, t_s: np.ndarray) -> np.ndarray:
        """The running sum at any time: intervals are alike, so that none has to be searched for."""
        place = np.clip((t_s - self._source.start_s) / self._source.interval_s, 0, values.size)
        index = np.minimum(place.astype(np.int64), values.size - 1)
        return total[index] + (place - index) * values[index]


def measure(
    source: material.Material, found: candidates.Candidates, range_s: tuple[float, float], keywords: Sequence[str] = ()
) -> list[Values]:
    """All terms of all candidates, in the order of NAMES.

    Args:
        source: What is known of the source.
        found: The candidates.
        range_s: Shortest and longest length that was asked for, in seconds.
        keywords: Words to look for.
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
        "pace": lambda: _pace(source, found),
        "completeness": lambda: Values(
            "completeness", found.quality, found.quality,
            f"its ends suit by {{:.2f}}: {'sentences, ' * bool(source.sentences.size)}pauses, shots, silence",
        ),
        "novelty": lambda: _ranked(
            "novelty", _novelty(source, sums, found), "lies {:.2f} deviations from the rest", "nothing was measured"
        ),
        "duration_fit": lambda: _fit(found, range_s),
        "keyword": lambda: _keyword(source, found, keywords),
        "reaction": lambda: _reaction(source, found),
    }  # fmt: skip
    return [known[name]() if name in known else Values(name, None, None, UNKNOWN[name]) for name in NAMES]


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


def _fit(found: candidates.Candidates, range_s: tuple[float, float]) -> Values:
    """How near the length is to the geometric middle of what was asked for."""
    length_s = found.end_s - found.start_s
    wanted_s = math.sqrt(range_s[0] * range_s[1])
    half = max(math.log(range_s[1] / range_s[0]) / 2, 1e-6)
    value = np.clip(1 - np.abs(np.log(np.maximum(length_s, 1e-3) / wanted_s)) / (2 * half), 0, 1)
    return Values("duration_fit", value, length_s, f"{{:.1f}} s long, about {wanted_s:.0f} s are asked for")
