"""From an analysis to the clips that are worth making."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from services.analyzer.proposals import candidates, material, selection, terms

SCHEMA = "reelsmith.proposals/1"
COUNT, COUNT_MAX = 5, 100
SHORTEST_S, LONGEST_S = 15.0, 60.0
WHOLE_MIN_S = 1.0  # a source that is shorter than this makes no clip


class NothingFits(ValueError):
    """No clip of the wanted kind can be made of the source; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """Which clips are wanted.

    Attributes:
        count: How many at most.
        shortest_s: Least length in seconds.
        longest_s: Largest length in seconds.
        weights: Weight of each term, not negative.
        keywords: Words that raise the score of clips in which they are spoken.
        exclusions: Stretches that no clip may touch, in seconds.
        gap_s: Least time between two clips in seconds.
    """

    count: int = COUNT
    shortest_s: float = SHORTEST_S
    longest_s: float = LONGEST_S
    weights: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict(terms.WEIGHTS))
    keywords: tuple[str, ...] = ()
    exclusions: tuple[tuple[float, float], ...] = ()
    gap_s: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """What one term adds to a score; see the API's `Term`."""

    name: str
    value: float | None
    weight: float
    contribution: float
    state: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """A clip worth making; frames are None where the source has no video."""

    rank: int
    start_s: float
    end_s: float
    start_frame: int | None
    end_frame: int | None
    score: float
    terms: tuple[Term, ...]


def propose(source: material.Material, order: Order) -> list[Proposal]:
    """The best clips of a source, best first.

    A source that is shorter than the least length gives one clip of all of it.

    Raises:
        NothingFits: The source is shorter than a second, or the exclusions leave no room.
    """
    if source.duration_s < WHOLE_MIN_S:
        raise NothingFits(f"the source has {source.duration_s:.3f} s, a clip needs {WHOLE_MIN_S:g} s at least")
    best: list[Proposal] = []
    for found in _candidates(source, order):
        clips = _best(source, order, found) if found.start_s.size else []
        best = clips if len(clips) > len(best) else best  # many clips are worth more than the best edges
        if len(best) == order.count:
            break
    if not best:
        raise NothingFits(
            f"no clip of {order.shortest_s:g} to {order.longest_s:g} s fits into {source.duration_s:.3f} s"
            + (f" beside {len(order.exclusions)} excluded stretches" if order.exclusions else "")
        )
    return best


def _candidates(source: material.Material, order: Order) -> Iterator[candidates.Candidates]:
    if source.duration_s >= order.shortest_s:
        exclusions = np.array(order.exclusions, np.float64).reshape(-1, 2)
        yield from candidates.find(source, (order.shortest_s, order.longest_s), exclusions)
    elif not any(start < source.end_s and end > source.start_s for start, end in order.exclusions):
        yield _whole(source)


def _best(source: material.Material, order: Order, found: candidates.Candidates) -> list[Proposal]:
    values = terms.measure(source, found, (order.shortest_s, order.longest_s), order.keywords)
    scores = score(values, order.weights)
    chosen = selection.best(found.start_s, found.end_s, scores, order.count, order.gap_s)
    return [
        _proposal(source, found, (values, order.weights), (rank, index)) for rank, index in enumerate(chosen, start=1)
    ]


def _whole(source: material.Material) -> candidates.Candidates:
    return candidates.Candidates(np.array([source.start_s]), np.array([source.end_s]), np.array([1.0]))


def score(values: list[terms.Values], weights: Mapping[str, float]) -> np.ndarray:
    """The weighted mean of the measured terms of every candidate, (n,)."""
    known = [(term.value, weights.get(term.name, 0.0)) for term in values if term.value is not None]
    total = sum(weight for _, weight in known)
    size = known[0][0].size
    return sum((value * weight for value, weight in known), np.zeros(size)) / total if total > 0 else np.zeros(size)


def _proposal(
    source: material.Material,
    found: candidates.Candidates,
    scored: tuple[list[terms.Values], Mapping[str, float]],
    place: tuple[int, int],
) -> Proposal:
    (values, weights), (rank, index) = scored, place
    start_s, end_s = float(found.start_s[index]), float(found.end_s[index])
    measured = sum(weights.get(term.name, 0.0) for term in values if term.value is not None)
    parts = tuple(_term(term, weights.get(term.name, 0.0), measured, index) for term in values)
    total = sum(part.contribution for part in parts)
    return Proposal(rank, start_s, end_s, source.frame(start_s), source.frame(end_s), total, parts)


def _term(term: terms.Values, weight: float, measured: float, index: int) -> Term:
    if term.value is None:
        return Term(term.name, None, weight, 0.0, "unknown", term.reason(index))
    value = float(term.value[index])
    contribution = value * weight / measured if measured > 0 else 0.0
    return Term(term.name, value, weight, contribution, "measured", term.reason(index))


def document(proposals: list[Proposal], order: Order, config_version: int) -> dict[str, Any]:
    """`proposals.json`, schema `reelsmith.proposals/1`.

    Args:
        proposals: The clips, best first.
        order: What was asked for, defaults filled in.
        config_version: Version of the configuration that the weights came from.
    """
    return {
        "schema": SCHEMA,
        "config_version": config_version,
        "request": {
            "count": order.count,
            "duration_min_s": order.shortest_s,
            "duration_max_s": order.longest_s,
            "weights": dict(order.weights),
            "keywords": list(order.keywords),
            "exclusions": [{"start_s": start, "end_s": end} for start, end in order.exclusions],
            "gap_min_s": order.gap_s,
        },
        "proposals": [dataclasses.asdict(proposal) for proposal in proposals],
    }
