"""Black bars around the picture, to the row: above and below (letterbox), at both sides (pillarbox).

Twice a second one frame is looked at from its edges inward, until something is lit. Where that begins sharply, across
much of the edge, there may be a bar; where it begins elsewhere a moment later, there is none. So the bars of a shot are
what stays dark throughout it and ends sharply at least once; a shot too dark to tell has those of the whole source.
Bars come in pairs, one on each side, nearly alike. Not found are bars of another colour, and bars with text in them.
"""

import array
import dataclasses
import itertools
import math
from collections.abc import Sequence

import av
import numpy as np

from services.analyzer import planes
from services.analyzer.kernels import edges

EVERY_S = 0.5  # between two looks
FAR_MAX = 0.45  # of the picture that a bar may cover on each side; beyond it everything is dark
SHARP_MIN = edges.ONE // 2  # share of the edge that is lit where a bar ends
STRAY = 2  # lines by which an edge may seem to lie elsewhere at times
BAR_MIN = 4  # lines; less is no bar but a seam
SURFACES = {"p010le": "yuv420p10le", "p016le": "yuv420p12le"}  # as a decoder of the processor would give them
UNEVEN = 0.02  # of the picture by which two opposite bars may differ


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """What lies between the bars, in pixels as coded; ends exclusive."""

    left: int
    top: int
    right: int
    bottom: int


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What a frame shows at its edges.

    Attributes:
        size: Width and height of the frame.
        dark: Dark lines at the left, top, right and bottom.
        lit: How much of the next lines is lit there, in thousandths.
        edge: Lines before the first that has half of that.
        told: Whether anything is lit within reach of some side.
    """

    size: tuple[int, int]
    dark: tuple[int, ...]
    lit: tuple[int, ...]
    edge: tuple[int, ...]
    told: bool


def look(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> Look:
    """Looks at the edges of a frame, of its own width and height if no smaller ones are given."""
    size, full = size or (frame.width, frame.height), planes.full_range(frame)
    if frame.format.name not in planes.PLANAR or frame.planes[0].line_size <= 0:
        frame = frame.reformat(format=SURFACES.get(frame.sw_format.name if frame.sw_format else "", "yuv420p"))
    bits = frame.format.components[0].bits
    samples, pitch = planes.samples(frame.planes[0], bits)
    dark = (edges.DARK_FULL if full else edges.DARK) << max(bits - planes.BYTE_BITS, 0)
    reach = [max(int(FAR_MAX * length), 1) for length in size]
    found = np.empty((4, 3), np.int64)
    edges.dark_edges(samples, pitch, *size, dark, *reach, found)
    lines, lit, edge = found.T.tolist()
    return Look(
        size, tuple(lines), tuple(lit), tuple(edge), any(one < far for one, far in zip(lines, reach * 2, strict=True))
    )


class Due:
    """Says when a look is due: at the first frame of each half second."""

    def __init__(self) -> None:
        self._last = -1

    def due(self, t_s: float) -> bool:
        """Whether a frame at a time in seconds is the first one of its half second; frames come in order."""
        last, self._last = self._last, int(t_s / EVERY_S)
        return last < self._last


class Watch:
    """Remembers the edges of a film: 32 bytes per look, whatever its length."""

    def __init__(self) -> None:
        self._due = Due()
        self._size: tuple[int, int] | None = None
        self._times = array.array("d")
        self._seen = array.array("H")  # see `content`

    def add(self, found: Look | None, t_s: float) -> None:
        """Takes a frame at a time in seconds, with a look at it where its eye took one: more may be there than is due.

        An eye that sees a piece of a film looks at its first frame, for it does not know those before.
        """
        if not self._due.due(t_s) or found is None or not found.told:
            return
        self._size = self._size or found.size
        if found.size == self._size:
            self._times.append(t_s)
            self._seen.extend((*found.dark, *found.lit, *found.edge))

    def finish(self, borders_s: Sequence[float]) -> tuple[Content | None, list[Content | None]]:
        """What lies between the bars in the whole film and in each shot; None where nothing was seen.

        Args:
            borders_s: Times of the borders between shots.
        """
        seen = np.array(self._seen, np.int64).reshape(-1, 3, 4)
        whole = content(seen, self._size, None) if self._size is not None else None
        places = np.searchsorted(np.array(self._times), [-math.inf, *borders_s, math.inf])
        shots = [seen[first:last] for first, last in itertools.pairwise(places)]
        return whole, [content(shot, self._size, whole) if self._size is not None else None for shot in shots]


def content(seen: np.ndarray, size: tuple[int, int], usual: Content | None) -> Content | None:
    """What lies between the bars of some looks.

    Args:
        seen: (looks, 3, 4): of each side the dark lines, how much of the next ones is lit, and where the edge is.
        size: Width and height of the picture.
        usual: What lies between those of the whole film, where it is known: so where these looks cannot tell.
    """
    if not len(seen):
        return usual
    lines = [0, 0, 0, 0]
    for side in range(4):
        dark = seen[:, 0, side]
        outermost = int(dark.min())
        near = seen[(seen[:, 1, side] > SHARP_MIN) & (dark <= outermost + STRAY), 2, side]
        if near.size:
            lines[side] = int(np.bincount(near).argmax())
        elif usual is not None:
            expected = (usual.left, usual.top, size[0] - usual.right, size[1] - usual.bottom)[side]
            lines[side] = expected if expected <= outermost + STRAY else 0
    for axis in (0, 1):
        pair = lines[axis], lines[axis + 2]
        if min(pair) < BAR_MIN or abs(pair[0] - pair[1]) > max(BAR_MIN, UNEVEN * size[axis]):
            lines[axis] = lines[axis + 2] = 0
    return Content(lines[0], lines[1], size[0] - lines[2], size[1] - lines[3])
