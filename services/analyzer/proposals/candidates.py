"""Stretches that could be clips: between places where a cut does no harm.

A good place is the border of a sentence, a pause between words, the border of a shot, or both; a moment of silence; the
ends of the source. No place lies inside speech but the borders of sentences, unless speech goes on for so long that a
clip could find no pause: then its quietest moments count. Where nothing of the kind is near, a grid of whole seconds
fills in. Where the sentences are known, every place inside of one is worth less.
"""

import dataclasses
from collections.abc import Iterable
from typing import Self

import numpy as np

from services.analyzer.proposals import material

LEAD_S = 0.25  # of quiet that is kept before the first and after the last word, where there is as much
GRID_S = 1.0  # apart: places of last resort
CLEAR_S = 5.0  # around a better place that the grid leaves free at first
FRAME_S = 1e-3  # times nearer than this are the same frame
NEAR_S = 0.35  # a border of shots as near to a pause as this is one place with it
APART_S = 0.2  # places nearer than this to a better one are left out
ENDS_MAX = 12  # ends that are tried for one start: the best of each length class
# How well each kind of place ends or begins a clip, 0 to 1.
SOURCE_END, PAUSE_AND_SHOT, SENTENCE, PAUSE, SHOT, SILENCE, QUIETEST, GRID = 1.0, 1.0, 0.95, 0.8, 0.75, 0.6, 0.3, 0.15
TORN = 0.5  # of its worth that a place keeps inside a sentence
EDGE_S = 0.1  # that a place may reach into a sentence: subtitles are no more exact
SLIVER_S = 0.5  # of another shot at the edge of a clip: less is seen as a flash
BREAK_S = 3.0  # of nothing to see or to hear: longer than fades and pauses are
EMPTY = 0.5  # of its worth that a place keeps where a clip would begin or end with nothing
SLIVERED = 0.5  # of its worth that a place keeps where it leaves a sliver


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Where clips may begin or end.

    Attributes:
        t_s: Times in seconds, sorted.
        quality: How well each suits, 0 to 1.
    """

    t_s: np.ndarray
    quality: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class Candidates:
    """Possible clips, sorted by start and end.

    Attributes:
        start_s: Where each begins.
        end_s: Where each ends.
        quality: How well both ends suit, 0 to 1.
    """

    start_s: np.ndarray
    end_s: np.ndarray
    quality: np.ndarray

    def of(self, places: np.ndarray) -> Self:
        """Some of them."""
        return type(self)(self.start_s[places], self.end_s[places], self.quality[places])


@dataclasses.dataclass(frozen=True, slots=True)
class Leeway:
    """How far from the best places clips may begin and end.

    Attributes:
        run_s: Speech that goes on for so long may be cut at its quietest moments.
        clear_s: The grid leaves out what is nearer than this to a better place.
        poor: Whether a place may leave a sliver of another shot where the border itself would do, and may begin or end
            a clip with nothing to see or to hear; and whether a clip may reach over a long stretch of that.
    """

    run_s: float
    clear_s: float
    poor: bool = False


def places(source: material.Material, leeway: Leeway, *, ends: bool) -> Places:
    """The places where clips may begin (or end)."""
    offered = [_source_edge(source, ends), *_offers(source, leeway.run_s, ends)]
    better = np.sort(np.concatenate([times for times, _ in offered]))
    offered.append((_grid(source, better, leeway.clear_s), GRID))
    t_s = np.concatenate([times for times, _ in offered])
    quality = np.concatenate([np.full(times.size, value) for times, value in offered])
    t_s = source.snapped(t_s)
    spared = np.isin(quality, (QUIETEST, SENTENCE)) | ~_within(source.speech, t_s, 1e-9)
    inside = (t_s >= source.start_s) & (t_s <= source.end_s) & spared
    t_s, quality = _both(t_s[inside], quality[inside])
    torn = _within(source.sentences, t_s, EDGE_S) & (quality != SENTENCE)
    quality = np.where(torn, TORN * quality, quality)
    sliver, needless = _slivers(source, t_s, ends)
    empty = _empty(source, t_s, ends)
    quality = np.where(sliver, SLIVERED * quality, quality) * np.where(empty, EMPTY, 1.0)
    kept = ~(needless | empty) | leeway.poor
    return _thinned(t_s[kept], quality[kept])


def _source_edge(source: material.Material, ends: bool) -> tuple[np.ndarray, float]:
    return np.array([source.end_s if ends else source.start_s]), SOURCE_END


def _offers(source: material.Material, run_s: float, ends: bool) -> list[tuple[np.ndarray, float]]:
    hush = source.silence[:, 0] + LEAD_S / 2 if ends else source.silence[:, 1] - LEAD_S / 2
    pauses = source.pauses_s[_run_lengths(source) >= run_s]
    words, sentences = (_words(source, spans, ends) for spans in (source.speech, source.sentences))
    shots_s = source.exits_s if ends else source.entries_s
    return [(sentences, SENTENCE), (words, PAUSE), (shots_s, SHOT), (hush, SILENCE), (pauses, QUIETEST)]


def _run_lengths(source: material.Material) -> np.ndarray:
    """Length of the speech that each pause lies in, in seconds."""
    if source.speech is None or not source.speech.size:
        return np.zeros(source.pauses_s.shape)
    run = np.maximum(np.searchsorted(source.speech[:, 0], source.pauses_s) - 1, 0)
    return source.speech[run, 1] - source.speech[run, 0]


def _words(source: material.Material, spans: np.ndarray | None, ends: bool) -> np.ndarray:
    """Just after the last word of each stretch of speech or sentence, or just before its first."""
    if spans is None or not spans.size:
        return np.empty(0)
    gaps = spans[1:, 0] - spans[:-1, 1]
    if ends:
        return np.minimum(spans[:, 1] + np.minimum(np.append(gaps, np.inf) / 2, LEAD_S), source.end_s)
    return np.maximum(spans[:, 0] - np.minimum(np.insert(gaps, 0, np.inf) / 2, LEAD_S), source.start_s)


def _grid(source: material.Material, better: np.ndarray, clear_s: float) -> np.ndarray:
    """Whole seconds that are not near to a better place."""
    t_s = np.arange(source.start_s, source.end_s, GRID_S)
    place = np.searchsorted(better, t_s)
    edges = np.concatenate([[-np.inf], better, [np.inf]])
    return t_s[np.minimum(t_s - edges[place], edges[place + 1] - t_s) >= clear_s]


def _within(spans: np.ndarray | None, t_s: np.ndarray, margin_s: float) -> np.ndarray:
    """Which times lie inside a span, farther from its edges than a margin."""
    if spans is None or not spans.size:
        return np.zeros(t_s.shape, bool)
    before = np.searchsorted(spans[:, 0], t_s - margin_s, side="left") - 1
    return (before >= 0) & (t_s < spans[np.maximum(before, 0), 1] - margin_s)


def _both(t_s: np.ndarray, quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Raises borders of shots that lie in a pause: the cut falls there, and nobody is cut off."""
    pauses = np.concatenate([[-np.inf], np.sort(t_s[np.isin(quality, (PAUSE, SENTENCE))]), [np.inf]])
    place = np.searchsorted(pauses[1:-1], t_s)
    near = np.minimum(t_s - pauses[place], pauses[place + 1] - t_s)
    return t_s, np.where((quality == SHOT) & (near < NEAR_S), PAUSE_AND_SHOT, quality)


def _slivers(source: material.Material, t_s: np.ndarray, ends: bool) -> tuple[np.ndarray, np.ndarray]:
    """Which places leave a sliver of another shot, or cut into a transition; and where its border would do as well."""
    if not source.exits_s.size:
        return np.zeros(t_s.shape, bool), np.zeros(t_s.shape, bool)
    if ends:
        last = np.searchsorted(source.exits_s, t_s - FRAME_S) - 1
        near = np.maximum(last, 0)
        sliver = (last >= 0) & (t_s < source.entries_s[near] + SLIVER_S - FRAME_S)
        border = source.exits_s[near]
    else:
        following = np.searchsorted(source.entries_s, t_s + FRAME_S)
        near = np.minimum(following, source.exits_s.size - 1)
        sliver = (following < source.exits_s.size) & (t_s > source.exits_s[near] - SLIVER_S + FRAME_S)
        border = source.entries_s[near]
    return sliver, sliver & ~_within(source.speech, border, 1e-9)


def _empty(source: material.Material, t_s: np.ndarray, ends: bool) -> np.ndarray:
    """Which places begin or end a clip with nothing: black, or still and silent; silent where there is no picture."""
    present = source.present
    if present is None or not present.size:
        return np.zeros(t_s.shape, bool)
    inside_s = t_s - source.start_s + (-source.interval_s / 2 if ends else source.interval_s / 2)
    return ~present[np.clip(inside_s / source.interval_s, 0, present.size - 1).astype(np.int64)]


def _thinned(t_s: np.ndarray, quality: np.ndarray) -> Places:
    """The best places of each neighbourhood; the earlier one where two are alike."""
    order = np.lexsort((t_s, -quality))
    taken: dict[int, float] = {}  # one at most in each slot of the least distance
    kept = []
    for index, time_s in zip(order.tolist(), t_s[order].tolist(), strict=True):
        slot = int(time_s / APART_S)
        before_s, after_s = taken.get(slot - 1, -np.inf), taken.get(slot + 1, np.inf)
        if slot not in taken and time_s - before_s >= APART_S and after_s - time_s >= APART_S:
            taken[slot] = time_s
            kept.append(index)
    kept.sort(key=t_s.tolist().__getitem__)
    return Places(t_s[kept], quality[kept])


def leeways(longest_s: float) -> tuple[Leeway, ...]:
    """How far to go from the best places, step by step, for clips of at most some length."""
    return Leeway(longest_s, CLEAR_S), Leeway(longest_s, 0.0), Leeway(0.0, 0.0, poor=True)


def find(source: material.Material, range_s: tuple[float, float], leeway: Leeway) -> Candidates:
    """The possible clips.

    Args:
        source: What is known of the source.
        range_s: Least and largest length in seconds.
        leeway: Of `leeways`.
    """
    starts, ends = places(source, leeway, ends=False), places(source, leeway, ends=True)
    found = _paired(starts, ends, *range_s)
    return found if leeway.poor else found.of(np.flatnonzero(~_broken(source, found)))


def _broken(source: material.Material, found: Candidates) -> np.ndarray:
    """Which candidates reach over a long stretch of nothing: what lies behind it is another piece, (n,)."""
    if source.present is None or not source.present.size:
        return np.zeros(found.start_s.shape, bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ~source.present, [0]])))
    mask = np.zeros(source.present.size)
    for first, end in edges.reshape(-1, 2)[np.diff(edges.reshape(-1, 2)).ravel() * source.interval_s >= BREAK_S]:
        mask[first:end] = source.interval_s
    total = np.concatenate([[0.0], np.cumsum(mask)])
    first, end = (
        np.clip(np.rint((t_s - source.start_s) / source.interval_s), 0, mask.size).astype(np.int64)
        for t_s in (found.start_s, found.end_s)
    )
    return total[end] - total[first] > NEAR_S + source.interval_s


def _paired(starts: Places, ends: Places, shortest_s: float, longest_s: float) -> Candidates:
    first = np.searchsorted(ends.t_s, starts.t_s + shortest_s - 1e-9)
    last = np.searchsorted(ends.t_s, starts.t_s + longest_s + 1e-9)
    row, column = _spread(ends.quality, first, np.maximum(last, first))
    return Candidates(starts.t_s[row], ends.t_s[column], (starts.quality[row] + ends.quality[column]) / 2)


def _spread(quality: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each start the best end of each class of length; all ends where there are few.

    Args:
        quality: Of the ends.
        first: Index of the first end that each start may have.
        last: Index after its last one.

    Returns:
        Indices of the starts and of their ends, one pair per candidate.
    """
    count = last - first
    classes = np.minimum(count, ENDS_MAX)
    row = np.repeat(np.arange(first.size), classes)
    place = np.arange(row.size) - np.repeat(np.cumsum(classes) - classes, classes)
    size, larger = count[row] // ENDS_MAX, count[row] % ENDS_MAX  # the first classes have one end more
    low = first[row] + place * size + np.minimum(place, larger)
    return row, _best(quality, low, low + size + (place < larger))


def _best(quality: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Index of the best of each stretch from `low` to before `high`; the earlier one where two are alike.

    A table has the best of every stretch whose length is a power of two; any stretch is covered by two of these.
    """
    table = [np.arange(quality.size)]
    while 2 << len(table) - 1 <= quality.size:  # ends, for lengths double
        before, half = table[-1], 1 << len(table) - 1
        table.append(_better(quality, before[:-half], before[half:]))
    level = np.frexp((high - low).astype(np.float64))[1] - 1
    found = np.empty(low.size, np.int64)
    for power, best in enumerate(table):
        chosen = level == power
        found[chosen] = _better(quality, best[low[chosen]], best[high[chosen] - (1 << power)])
    return found


def _better(quality: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where(quality[one] >= quality[other], one, other)


def clear_of(found: Candidates, spans: Iterable[tuple[float, float]], gap_s: float = 0.0) -> np.ndarray:
    """Which candidates keep a distance from all of some stretches of time, (n,)."""
    free = np.ones(found.start_s.size, bool)
    for start_s, end_s in spans:
        free &= (found.end_s + gap_s <= start_s + 1e-9) | (found.start_s >= end_s + gap_s - 1e-9)
    return free
