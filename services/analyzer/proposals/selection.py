"""The best set of clips that do not overlap: exactly by score alone, nearly where clips are to differ as well."""

import numpy as np

SCORE_MIN = 1e-6  # a clip that nothing speaks for is still better than none
DECIMALS = 9  # scores that differ by less are alike, and the earlier clip wins
SEEDS_MAX = 8  # clips that the search for a varied set begins from; more found nothing better on random cases
EXCHANGES_MAX = 20  # per clip of a set: a few are made
GAIN_MIN = 1e-8  # an exchange that helps by less is rounding


def best(start_s: np.ndarray, end_s: np.ndarray, score: np.ndarray, count: int, gap_s: float) -> list[int]:
    """Chooses the set of at most `count` clips with the largest sum of scores.

    Weighted interval scheduling by dynamic programming: with clips sorted by end, the best sum of k clips among the
    first j is the larger of that without the j-th, and the j-th's score plus the best of k - 1 among those that end
    early enough before it.

    Args:
        start_s: Starts of the clips in seconds, (n,).
        end_s: Ends, (n,).
        score: Scores, (n,), not negative.
        count: Most clips in the set.
        gap_s: Least time between two clips.

    Returns:
        Indices of the chosen clips, by score, best first; the earlier one where two are alike.
    """
    order = np.lexsort((start_s, end_s))
    starts, ends = start_s[order], end_s[order]
    scores = np.round(np.maximum(score[order], SCORE_MIN), DECIMALS)
    before = np.searchsorted(ends, starts - gap_s + 1e-9, side="right")
    sums = [np.zeros(order.size + 1)]
    for _ in range(min(count, order.size)):
        sums.append(np.concatenate([[0.0], np.maximum.accumulate(np.round(scores + sums[-1][before], DECIMALS))]))
        if np.array_equal(sums[-1], sums[-2]):
            break  # no room for more
    chosen, place = [], order.size
    for fewer, more in zip(sums[-2::-1], sums[:0:-1], strict=True):
        if more[place] > fewer[place]:
            place = int(np.searchsorted(more[: place + 1], more[place], side="left"))
            chosen.append(int(order[place - 1]))
            place = int(before[place - 1])
    return sorted(chosen, key=lambda index: (-round(float(score[index]), DECIMALS), float(start_s[index])))


def spread(
    clips: tuple[np.ndarray, np.ndarray, np.ndarray],
    chosen: list[int],
    likeness: np.ndarray,
    apart: tuple[float, float],
) -> list[int]:
    """Exchanges clips of a set for less alike ones.

    The objective, over sets of as many clips that keep their distance: the mean score of the clips, less `diversity`
    times the mean likeness of all pairs of them. Finding its maximum is NP-hard (max-sum dispersion; A. Borodin et al.,
    2012), so that this is a local search: from the set that is given, and from the sets that grow clip by clip from
    each of the best, one clip is exchanged for another as long as that helps, the most helpful exchange first. The
    result is never worse than the set that is given, and nothing in it depends on chance.

    Args:
        clips: Starts, ends and scores of the clips, (n,) each.
        chosen: Indices of a set that keeps its distance.
        likeness: Of each two clips, (n, n) from 0 to 1.
        apart: Diversity from 0 to 1, and the least time between two clips.

    Returns:
        Indices of the clips, by score, best first; the earlier one where two are alike.
    """
    start_s, end_s, score = clips
    diversity, gap_s = apart
    if len(chosen) < 2 or not diversity:
        return chosen
    scores = np.round(np.maximum(score, SCORE_MIN), DECIMALS)
    clash = (start_s[:, None] < end_s + gap_s - 1e-9) & (start_s < end_s[:, None] + gap_s - 1e-9)
    cost = np.round(2 * diversity / (len(chosen) - 1) * likeness, DECIMALS)
    np.fill_diagonal(cost, 0.0)
    seeds = np.lexsort((start_s, -scores))[:SEEDS_MAX].tolist()
    grown = [_grown(seed, len(chosen), scores, cost, clash) for seed in seeds]
    sets = [_exchanged(one, scores, cost, clash) for one in (chosen, *filter(None, grown))]
    best_set = max(sets, key=lambda one: (round(worth(one, scores, cost), DECIMALS), [-index for index in sorted(one)]))
    return sorted(best_set, key=lambda index: (-scores[index], float(start_s[index])))


def worth(chosen: list[int], scores: np.ndarray, cost: np.ndarray) -> float:
    """The objective times the number of clips."""
    return float(scores[chosen].sum() - cost[np.ix_(chosen, chosen)].sum() / 2)


def _grown(seed: int, count: int, scores: np.ndarray, cost: np.ndarray, clash: np.ndarray) -> list[int] | None:
    """A set that grows from one clip by the one that adds most; None where there is no room for all."""
    found, gain = [seed], np.where(clash[seed], -np.inf, scores - cost[seed])
    while len(found) < count:  # ends, for each turn adds one
        following = int(gain.argmax())
        if gain[following] == -np.inf:
            return None
        found.append(following)
        gain = np.where(clash[following], -np.inf, gain - cost[following])
    return found


def _exchanged(chosen: list[int], scores: np.ndarray, cost: np.ndarray, clash: np.ndarray) -> list[int]:
    """A set that no exchange of one clip makes better."""
    found = list(chosen)
    for _ in range(EXCHANGES_MAX * len(found)):
        spent = cost[found].sum(axis=0)
        gains = (scores - spent) + cost[found] - (scores[found] - spent[found])[:, None]
        gains[clash[found].sum(axis=0) != clash[found]] = -np.inf  # it clashes with another than the one that goes
        place, other = np.unravel_index(gains.argmax(), gains.shape)
        if gains[place, other] <= GAIN_MIN:
            break
        found[place] = int(other)
    return found
