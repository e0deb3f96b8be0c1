"""Parts words into lines of nearly equal width, at places that read well."""

import functools
import itertools
from collections.abc import Callable, Sequence

LINE = 1.0  # what one more line costs
RAGGED = 6.0  # what a line costs that misses the mean width by the whole width
TOO_WIDE = 1000.0  # what a line costs that does not fit: it is taken only where nothing else is left
GAIN_MIN = 1e-9  # ways that cost the same: the first one stays, so that the result does not depend on rounding

Lines = tuple[tuple[int, ...], ...]
Measure = Callable[[int, int], float]


def measure(widths: Sequence[float], glues: Sequence[str], space: float) -> Measure:
    """A function that tells how wide the words from one to before another are side by side.

    Args:
        widths: Of each word.
        glues: What stands before each: a space or nothing.
        space: Width of a space.
    """
    steps = [width + (space if glue else 0.0) for width, glue in zip(widths, glues, strict=True)]
    ends = [0.0, *itertools.accumulate(steps)]
    return lambda start, end: ends[end] - ends[start] - (space if glues[start] else 0.0)


def wrap(
    start: int, end: int, costs: Sequence[float | None], measured: Measure, width: float, lines_max: int
) -> tuple[Lines, float]:
    """The best lines of some words, and what they cost; as few as fit.

    Args:
        start: Number of the first word.
        end: Number after the last one.
        costs: What a break before each word costs; None where there may be none.
        measured: Tells the width of words side by side.
        width: What fits.
        lines_max: How many lines at most.
    """
    whole = measured(start, end)
    best: tuple[Lines, float] = ((tuple(range(start, end)),), 0.0 if whole <= width else TOO_WIDE * whole / width)
    if best[1] == 0:
        return best
    for count in range(2, min(lines_max, end - start) + 1):
        mean = whole / count

        @functools.cache
        def ways(first: int, left: int, mean: float = mean) -> tuple[float, tuple[int, ...]]:
            """What the words from one on cost in so many lines, and where these begin."""
            if left == 1:
                return _line(measured(first, end), mean, width), (first,)
            found = (float("inf"), (first,))
            for cut in range(first + 1, end - left + 2):
                if (price := costs[cut]) is None:
                    continue
                rest, places = ways(cut, left - 1)
                cost = _line(measured(first, cut), mean, width) + price / 2 + rest
                if cost < found[0] - GAIN_MIN:
                    found = cost, (first, *places)
            return found

        cost, places = ways(start, count)
        if cost + LINE * (count - 1) < best[1] - GAIN_MIN:
            spans = itertools.pairwise([*places, end])
            best = tuple(tuple(range(first, last)) for first, last in spans), cost + LINE * (count - 1)
    return best


def _line(size: float, mean: float, width: float) -> float:
    return RAGGED * ((size - mean) / width) ** 2 + (TOO_WIDE * size / width if size > width else 0.0)
