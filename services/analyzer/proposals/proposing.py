"""From an analysis to the clips that are worth making."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from services.analyzer.proposals import candidates, likeness, material, runners, selection, terms

SCHEMA = "reelsmith.proposals/1"
COUNT, COUNT_MAX = 5, 100
SHORTEST_S, LONGEST_S = 15.0, 60.0
TARGET_SHARE = 2 / 3  # of a target that a clip may be short of: 15, 30 and 60 s do not meet
POOL_MAX = 256  # clips that a varied set is chosen from: all pairs are looked at
WHOLE_MIN_S = 1.0  # a source that is shorter than this makes no clip


class NothingFits(ValueError):
    """No clip of the wanted kind can be made of the source; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One set of clips.

    Attributes:
        count: How many at most.
        range_s: Their shortest and longest length in seconds.
        target_s: Their best length; None for the middle of the range.
        whole: Whether a source that is too short for them is proposed whole.
    """

    count: int
    range_s: tuple[float, float]
    target_s: float | None = None
    whole: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A length of clips: up to so many, from two thirds of it to all of it, for it is often a limit of a platform."""

    target_s: float
    count: int = COUNT

    @property
    def range_s(self) -> tuple[float, float]:
        """Shortest and longest length in seconds."""
        return TARGET_SHARE * self.target_s, self.target_s


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
        diversity: How much clips are to differ, from 0 to 1; see `selection.spread`.
        targets: Lengths that sets of clips are wanted of, instead of one set; where there are any, they replace count,
            shortest_s and longest_s.
        targets_apart: Whether clips of different sets keep apart too; the longest clips are then chosen first.
        explain: How many clips that were left out are told.
        genre: Whose weights these are; empty for the general ones.
        genre_reason: What told the genre; empty where it was asked for.
    """

    count: int = COUNT
    shortest_s: float = SHORTEST_S
    longest_s: float = LONGEST_S
    weights: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict(terms.WEIGHTS))
    keywords: tuple[str, ...] = ()
    exclusions: tuple[tuple[float, float], ...] = ()
    gap_s: float = 0.0
    diversity: float = 0.0
    targets: tuple[Target, ...] = ()
    targets_apart: bool = False
    explain: int = 0
    genre: str = ""
    genre_reason: str = ""

    def parts(self) -> list[Part]:
        """The sets that are wanted."""
        if not self.targets:
            return [Part(self.count, (self.shortest_s, self.longest_s))]
        least_s = min(target.target_s for target in self.targets)
        return [Part(one.count, one.range_s, one.target_s, whole=one.target_s == least_s) for one in self.targets]


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
    target_s: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class LeftOut:
    """A clip that was left out.

    Attributes:
        clip: The clip, with rank 0.
        reason: One of the names in `runners`.
        ranks: Of the clips that it gives way to.
        detail: Why, in words.
    """

    clip: Proposal
    reason: str
    ranks: tuple[int, ...]
    detail: str


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """The clips, those of each set best first, and the best of those that were left out."""

    proposals: tuple[Proposal, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """A set that was chosen, and what it was chosen from."""

    part: Part
    found: candidates.Candidates
    values: list[terms.Values]
    scores: np.ndarray
    chosen: list[int]


def propose(source: material.Material, order: Order) -> list[Proposal]:
    """The best clips of a source, best first; raises as `decide` does."""
    return list(decide(source, order).proposals)


def decide(source: material.Material, order: Order) -> Decision:
    """The best clips of a source, and why not others.

    A source that is shorter than the least length gives one clip of all of it.

    Raises:
        NothingFits: The source is shorter than a second, or the exclusions leave no room.
    """
    if source.duration_s < WHOLE_MIN_S:
        raise NothingFits(f"the source has {source.duration_s:.3f} s, a clip needs {WHOLE_MIN_S:g} s at least")
    parts, choices = order.parts(), {}
    taken: list[tuple[float, float]] = []
    for place in sorted(range(len(parts)), key=lambda index: -parts[index].range_s[1]):
        choices[place] = _choice(source, order, parts[place], taken if order.targets_apart else [])
        if (choice := choices[place]) is not None:
            taken += [(float(choice.found.start_s[k]), float(choice.found.end_s[k])) for k in choice.chosen]
    best = [choice for _, choice in sorted(choices.items()) if choice is not None]
    if not best:
        raise NothingFits(
            f"no clip of {_lengths(order)} fits into {source.duration_s:.3f} s"
            + (f" beside {len(order.exclusions)} excluded stretches" if order.exclusions else "")
        )
    places = ((choice, index) for choice in best for index in choice.chosen)
    proposals = tuple(_proposal(source, order, *place, rank) for rank, place in enumerate(places, start=1))
    return Decision(proposals, _left_out(source, order, best, proposals) if order.explain else ())


def _lengths(order: Order) -> str:
    if not order.targets:
        return f"{order.shortest_s:g} to {order.longest_s:g} s"
    return ", ".join(f"about {target.target_s:g} s" for target in order.targets)


def _choice(source: material.Material, order: Order, part: Part, taken: Sequence[tuple[float, float]]) -> Choice | None:
    """The best set of a kind; None where no clip of it fits."""
    best: Choice | None = None
    for measured in _measured(source, part, order.keywords):
        choice = _best(source, order, part, measured, taken) if measured.found.start_s.size else None
        if choice and (best is None or len(choice.chosen) > len(best.chosen)):
            best = choice  # many clips are worth more than the best edges
        if best is not None and len(best.chosen) == part.count:
            break
    return best


def _measured(source: material.Material, part: Part, keywords: Sequence[str]) -> Iterator[terms.Measured]:
    """The candidates of a kind and their terms, which are kept: they depend neither on weights nor on exclusions."""
    wish = terms.Wish(part.range_s, part.target_s, tuple(keywords))
    if source.duration_s < part.range_s[0]:
        if part.whole:
            whole = _whole(source)
            yield terms.Measured(whole, terms.measure(source, whole, wish))
        return
    for leeway in candidates.leeways(part.range_s[1]):
        yield source.kept.get((wish, leeway), functools.partial(_found, source, wish, leeway))


def _found(source: material.Material, wish: terms.Wish, leeway: candidates.Leeway) -> terms.Measured:
    found = candidates.find(source, wish.range_s, leeway)
    return terms.Measured(found, terms.measure(source, found, wish) if found.start_s.size else [])


def _best(
    source: material.Material,
    order: Order,
    part: Part,
    measured: terms.Measured,
    taken: Sequence[tuple[float, float]],
) -> Choice | None:
    """The best set of some candidates. What is excluded is measured too, so that no score depends on exclusions."""
    found, values = measured.found, measured.values
    scores = score(values, order.weights)
    free = candidates.clear_of(found, order.exclusions) & candidates.clear_of(found, taken, order.gap_s)
    places = np.flatnonzero(free)
    start_s, end_s = found.start_s[places], found.end_s[places]
    chosen = places[selection.best(start_s, end_s, scores[places], part.count, order.gap_s)].tolist()
    choice = Choice(part, found, values, scores, chosen)
    if order.diversity and len(chosen) > 1:
        choice = dataclasses.replace(choice, chosen=_varied(source, order, choice, places))
    return choice if chosen else None


def _varied(source: material.Material, order: Order, choice: Choice, places: np.ndarray) -> list[int]:
    """A less alike set, from the best clip that begins in each of so many stretches of the source."""
    slots = ((choice.found.start_s[places] - source.start_s) * (POOL_MAX / source.duration_s)).astype(np.int64)
    ranked = np.lexsort((places, -np.round(choice.scores[places], selection.DECIMALS), slots))
    strongest = places[ranked[np.concatenate([[True], np.diff(slots[ranked]) > 0])]]
    pool = np.union1d(strongest, choice.chosen)
    found, values = choice.found.of(pool), [term.of(pool) for term in choice.values]
    alike = likeness.matrix(source, found, values)
    chosen = np.searchsorted(pool, choice.chosen).tolist()
    clips = (found.start_s, found.end_s, choice.scores[pool])
    return pool[selection.spread(clips, chosen, alike, (order.diversity, order.gap_s))].tolist()


def _whole(source: material.Material) -> candidates.Candidates:
    return candidates.Candidates(np.array([source.start_s]), np.array([source.end_s]), np.array([1.0]))


def score(values: list[terms.Values], weights: Mapping[str, float]) -> np.ndarray:
    """The weighted mean of the terms of every candidate that are known of it, (n,)."""
    known = [(term.value, weights.get(term.name, 0.0)) for term in values if term.value is not None]
    size = known[0][0].size
    total, summed = np.zeros(size), np.zeros(size)
    for value, weight in known:
        told = ~np.isnan(value)
        summed += weight * np.where(told, value, 0.0)
        total += weight * told
    return np.divide(summed, total, out=np.zeros(size), where=total > 0)


def _proposal(source: material.Material, order: Order, choice: Choice, index: int, rank: int) -> Proposal:
    start_s, end_s = float(choice.found.start_s[index]), float(choice.found.end_s[index])
    measured = sum(order.weights.get(term.name, 0.0) for term in choice.values if term.known(index))
    parts = tuple(_term(term, order.weights.get(term.name, 0.0), measured, index) for term in choice.values)
    total, target_s = sum(part.contribution for part in parts), choice.part.target_s
    return Proposal(rank, start_s, end_s, source.frame(start_s), source.frame(end_s), total, parts, target_s)


def _term(term: terms.Values, weight: float, measured: float, index: int) -> Term:
    if term.value is None or not term.known(index):
        return Term(term.name, None, weight, 0.0, "unknown", term.reason(index))
    value = float(term.value[index])
    contribution = value * weight / measured if measured > 0 else 0.0
    return Term(term.name, value, weight, contribution, "measured", term.reason(index))


def _left_out(
    source: material.Material, order: Order, choices: Sequence[Choice], proposals: Sequence[Proposal]
) -> tuple[LeftOut, ...]:
    """The best clips of each set that were left out, best first."""
    told: list[LeftOut] = []
    ranks = iter(range(1, len(proposals) + 1))
    for choice in choices:
        own = dict(zip(itertools.islice(ranks, len(choice.chosen)), choice.chosen, strict=True))
        binding = [item for item in proposals if order.targets_apart or item.rank in own]
        rules = runners.Rules(
            order.exclusions, order.gap_s, {item.rank: (item.start_s, item.end_s) for item in binding}
        )
        told += _runners(source, order, choice, own, rules)
    return tuple(told)


def _runners(
    source: material.Material, order: Order, choice: Choice, own: Mapping[int, int], rules: runners.Rules
) -> Iterator[LeftOut]:
    left = runners.best(choice.found, choice.scores, choice.chosen, order.explain)
    shown = np.array([*own.values(), *left])
    alike = likeness.matrix(source, choice.found.of(shown), [term.of(shown) for term in choice.values])
    least = float(choice.scores[choice.chosen].min())
    for place, index in enumerate(left, start=len(own)):
        likely = dict(zip(own, alike[place, : len(own)].tolist(), strict=True))
        span = float(choice.found.start_s[index]), float(choice.found.end_s[index])
        why = runners.reason(span, rules, likely, (float(choice.scores[index]), least))
        yield LeftOut(_proposal(source, order, choice, index, 0), why.name, why.ranks, why.detail)


def document(decision: Decision, order: Order, config_version: int) -> dict[str, Any]:
    """`proposals.json`, schema `reelsmith.proposals/1`.

    Args:
        decision: The clips.
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
            "durations": [dataclasses.asdict(target) for target in order.targets],
            "durations_apart": order.targets_apart,
            "weights": dict(order.weights),
            "genre": order.genre,
            "genre_reason": order.genre_reason,
            "keywords": list(order.keywords),
            "exclusions": [{"start_s": start, "end_s": end} for start, end in order.exclusions],
            "gap_min_s": order.gap_s,
            "diversity": order.diversity,
            "explain": order.explain,
        },
        "proposals": [dataclasses.asdict(proposal) for proposal in decision.proposals],
        "left_out": [
            {"clip": dataclasses.asdict(item.clip), "reason": item.reason, "ranks": item.ranks, "detail": item.detail}
            for item in decision.left_out
        ],
    }
