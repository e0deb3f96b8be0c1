"""The best set of clips that do not overlap, exactly."""

import numpy as np

SCORE_MIN = 1e-6  # a clip that nothing speaks for is still better than none
DECIMALS = 9  # scores that differ by less are alike, and the earlier clip wins


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
