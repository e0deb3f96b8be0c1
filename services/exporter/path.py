"""The crop path as few key points, for the manifest and for timelines."""

from typing import Any

import numpy as np

ERROR_MAX = 0.5  # source pixels by which the straight line between key points may miss the path
KEYS_MAX = 4096  # key points of one clip; a wilder path is not ours


def keys(
    shown: np.ndarray, middles: np.ndarray, window: tuple[float, float], size: tuple[int, int], first: int = 0
) -> list[dict[str, Any]]:
    """Key points of a path.

    Args:
        shown: int64 (n,), index of the source frame of each frame of the clip.
        middles: float64 (m, 2), middle of the window in each source frame, shares of the shown picture.
        window: size of the window, shares of the shown picture.
        size: width and height of the shown picture in pixels.
        first: number of the first of these frames in the clip.

    Returns:
        Entries with `frame` (of the clip), `x`, `y`, `width`, `height` in pixels of the shown source picture, between
        which the path is straight; a cut of the crop is two entries on neighbouring frames.
    """
    scale = np.array(size, np.float64)
    corners = (middles[shown] - np.array(window) / 2) * scale
    width, height = (float(value) for value in np.array(window) * scale)
    return [
        {
            "frame": first + int(index),
            "x": round(max(float(corners[index, 0]), 0.0), 2),
            "y": round(max(float(corners[index, 1]), 0.0), 2),
            "width": round(width, 2),
            "height": round(height, 2),
        }
        for index in simplified(corners)[:KEYS_MAX]
    ]


def simplified(points: np.ndarray) -> list[int]:
    """Frames at which straight lines between them miss no point by more than `ERROR_MAX`.

    Args:
        points: float64 (n, 2).

    Returns:
        Ascending indices; the first one always, the last one unless the path stands still.

    Source: Douglas and Peucker, 1973, over time instead of space; with a stack instead of recursion.
    """
    last = len(points) - 1
    if last <= 0 or float(np.ptp(points, axis=0).max()) <= ERROR_MAX:
        return [0]
    kept, waiting = {0, last}, [(0, last)]
    while waiting:
        first, end = waiting.pop()
        if end - first < 2:
            continue
        share = np.linspace(0.0, 1.0, end - first + 1)[:, None]
        misses = np.abs(points[first : end + 1] - (points[first] * (1 - share) + points[end] * share)).max(axis=1)
        worst = int(np.argmax(misses))
        if misses[worst] > ERROR_MAX:
            kept.add(first + worst)
            waiting += [(first, first + worst), (first + worst, end)]
    return sorted(kept)
