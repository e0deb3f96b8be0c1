"""Where the black bars of a source are, so that no clip shows them."""

import dataclasses
from collections.abc import Sequence

from services.exporter import analysis, geometry

KEPT_MIN = 0.25  # of each side that must be left between bars; less is a damaged analysis, or none of this file


def content(
    shots: Sequence[analysis.Shot], span_s: tuple[float, float], size: tuple[int, int], *, crops: bool
) -> geometry.Rectangle | None:
    """What of the stored picture a clip is made of.

    Args:
        shots: Shots of the source.
        span_s: Times of its first and last frame, in seconds.
        size: Width and height of the stored picture in pixels.
        crops: Whether the clip shows a part of the picture anyway: then no bar of any shot is seen. A clip that shows
            all of it leaves out what is a bar in every shot.

    Returns:
        A part of the picture with even edges; None for all of it, and where the bars of a shot are unknown.
    """
    found = [shot.content for shot in shots if shot.end_s > span_s[0] + 1e-5 and shot.start_s <= span_s[1] + 1e-5]
    if not found or None in found:
        return None
    inner, outer = (max, min) if crops else (min, max)
    left, top = (-(-inner(max(box[axis], 0) for box in found) // 2) * 2 for axis in (0, 1))
    right, bottom = (outer(min(box[axis + 2], size[axis]) for box in found) // 2 * 2 for axis in (0, 1))
    if (left, top) == (0, 0) and right >= size[0] - 1 and bottom >= size[1] - 1:
        return None
    if right - left < KEPT_MIN * size[0] or bottom - top < KEPT_MIN * size[1]:
        return None
    return geometry.Rectangle(left, top, right - left, bottom - top)


def within(found: analysis.Analysis, shares: tuple[float, float, float, float]) -> analysis.Analysis:
    """An analysis of a part of the shown picture: left, top, width and height as shares of it."""
    left, top, width, height = shares
    moved = [
        dataclasses.replace(
            sample,
            x=min(max((sample.x - left) / width, 0.0), 1.0),
            y=min(max((sample.y - top) / height, 0.0), 1.0),
            spread_x=sample.spread_x / width,
        )
        for sample in found.focus
    ]
    people = [
        dataclasses.replace(subject, samples=tuple(_moved(row, shares) for row in subject.samples))
        for subject in found.subjects
    ]
    return dataclasses.replace(found, focus=tuple(moved), subjects=tuple(people))


def _moved(
    row: tuple[float, float, float, float, float], shares: tuple[float, float, float, float]
) -> tuple[float, float, float, float, float]:
    t_s, left, top, width, height = row
    edges = ((left, top), (left + width, top + height))
    (left, top), (right, bottom) = (((x - shares[0]) / shares[2], (y - shares[1]) / shares[3]) for x, y in edges)
    return t_s, *analysis.clipped(left, top, right, bottom)
