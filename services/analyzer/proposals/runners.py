"""The clips that were left out: the best of them, and why each one was."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from services.analyzer.proposals import candidates

EXCLUDED, OVERLAPS, TOO_NEAR, TOO_ALIKE, LOWER = "excluded", "overlaps", "too_near", "too_alike", "lower_score"
SHARED_MAX = 0.5  # of the shorter one that two clips may share: more is the same clip once more


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """Why a clip was left out: one of the words above, ranks of the clips that it gives way to, and a sentence."""

    name: str
    ranks: tuple[int, ...]
    detail: str


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """What clips had to keep to.

    Attributes:
        exclusions: Stretches that no clip may touch, in seconds.
        gap_s: Least time between two clips.
        clips: Start and end of the clips that were chosen, by their rank.
    """

    exclusions: Sequence[tuple[float, float]]
    gap_s: float
    clips: Mapping[int, tuple[float, float]]


def best(found: candidates.Candidates, scores: np.ndarray, chosen: Sequence[int], count: int) -> list[int]:
    """Indices of the best candidates that were left out, best first, without those that are the same clip once more."""
    still = scores.copy()
    for index in chosen:
        still[_same(found, index)] = -1.0
    told: list[int] = []
    while len(told) < count and still.max() >= 0:  # ends, for each turn tells one
        told.append(int(still.argmax()))
        still[_same(found, told[-1])] = -1.0
    return told


def _same(found: candidates.Candidates, index: int) -> np.ndarray:
    """Which candidates share more than half of the shorter of both with one, (n,)."""
    length_s = found.end_s - found.start_s
    shared_s = np.minimum(found.end_s, found.end_s[index]) - np.maximum(found.start_s, found.start_s[index])
    return shared_s > SHARED_MAX * np.minimum(length_s, length_s[index])


def reason(
    span: tuple[float, float], rules: Rules, likeness: Mapping[int, float], scores: tuple[float, float]
) -> Reason:
    """Why a clip was left out.

    Args:
        span: Its start and end in seconds.
        rules: What it had to keep to.
        likeness: How alike it is to the clips of its set, by their rank.
        scores: Its score, and the least one of the clips of its set.
    """
    start_s, end_s = span
    for one_s, other_s in rules.exclusions:
        if start_s < other_s and end_s > one_s:
            return Reason(EXCLUDED, (), f"touches {one_s:.1f} to {other_s:.1f} s, which is excluded")
    apart_s = {rank: max(start_s - clip[1], clip[0] - end_s) for rank, clip in rules.clips.items()}
    over = tuple(rank for rank, gap_s in sorted(apart_s.items()) if gap_s < -1e-9)
    if over:
        return Reason(OVERLAPS, over, f"overlaps {_named(over)}")
    near = tuple(rank for rank, gap_s in sorted(apart_s.items()) if gap_s < rules.gap_s - 1e-9)
    if near:
        least_s = min(apart_s[rank] for rank in near)
        return Reason(TOO_NEAR, near, f"is {least_s:.1f} s from {_named(near)}, {rules.gap_s:g} s are asked for")
    mine, least = scores
    if mine > least + 1e-9:
        rank = max(sorted(likeness), key=likeness.__getitem__)
        return Reason(TOO_ALIKE, (rank,), f"is like clip {rank} by {likeness[rank]:.2f}, though it scores {mine:.3f}")
    return Reason(LOWER, (), f"scores {mine:.3f}, the least of the clips that were chosen {least:.3f}")


def _named(ranks: Sequence[int]) -> str:
    return f"clip{'s' * (len(ranks) > 1)} {' and '.join(map(str, ranks))}"
