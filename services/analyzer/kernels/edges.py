"""The edges of a picture: how many lines are dark from each side, and how sharply that ends.

`dark_edges_spec` says in NumPy what `dark_edges` computes in compiled loops, bit for bit.
"""

import numba
import numpy as np
from numba import types

DARK, DARK_FULL = 24, 8  # grey levels up to which a sample is dark, of limited and of full range: black, and some noise
STRIDE = 4  # samples of a line from one that is looked at to the next
ONE = 1000  # a whole line, in the unit of shares
LIT_MIN = 20  # share of a line that must be lit; less is noise
SHARP_LINES = 3  # after the first lit one, among which the most lit one counts: codecs and scaling blur an edge


def dark_edges_spec(plane: np.ndarray, dark: int, reach_x: int, reach_y: int) -> np.ndarray:
    """Looks from each side inward until a line is lit; on every fourth sample of a line.

    Args:
        plane: Samples, (height, width), unsigned.
        dark: The largest value of a dark sample.
        reach_x: Columns that are looked at from either side, at most.
        reach_y: Rows that are looked at from either side, at most.

    Returns:
        (4, 3) int64: for left, top, right and bottom the dark lines; the largest share that is lit of the next
        SHARP_LINES, in thousandths; and the first of these lines that has half of it, for what a codec does to an edge
        lights some of the line before. Where no line is lit within reach, the reach, 0 and the reach. Columns are
        looked at between the dark rows only.
    """
    lit = plane > dark
    top = _inward(lit[:, ::STRIDE], reach_y)
    bottom = _inward(lit[::-1, ::STRIDE], reach_y)
    between = lit[top[0] : plane.shape[0] - bottom[0]]
    left = _inward(between[::STRIDE].T, reach_x)
    right = _inward(between[::STRIDE, ::-1].T, reach_x)
    return np.array([left, top, right, bottom], np.int64)


def _inward(lit: np.ndarray, reach: int) -> tuple[int, int, int]:
    shares = lit[: reach + SHARP_LINES].sum(axis=1) * ONE // max(lit.shape[1], 1)
    first = np.flatnonzero(shares[:reach] >= LIT_MIN)
    if not first.size:
        return reach, 0, reach
    near = shares[first[0] : first[0] + SHARP_LINES]
    return int(first[0]), int(near.max()), int(first[0] + np.flatnonzero(2 * near >= near.max())[0])


_size = types.int64
_flats = [types.Array(kind, 1, "C", readonly=True) for kind in (types.uint8, types.uint16)]


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _share(plane, start, step, count, dark):
    lit = 0
    for k in range(count):
        lit += plane[start + k * step] > dark
    return lit * ONE // max(count, 1)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _look(plane, first, line_step, reach, lines, step, count, dark, out):
    out[0], out[1], out[2] = reach, 0, reach
    for line in range(reach):
        if _share(plane, first + line * line_step, step, count, dark) >= LIT_MIN:
            out[0] = line
            for near in range(line, min(line + SHARP_LINES, lines)):
                out[1] = max(out[1], _share(plane, first + near * line_step, step, count, dark))
            out[2] = line
            while 2 * _share(plane, first + out[2] * line_step, step, count, dark) < out[1]:
                out[2] += 1
            return


@numba.njit(
    [types.void(flat, _size, _size, _size, _size, _size, _size, types.int64[:, ::1]) for flat in _flats],
    nogil=True, cache=True, boundscheck=False,
)  # fmt: skip
def dark_edges(plane, pitch, width, height, dark, reach_x, reach_y, out):
    """See `dark_edges_spec`; the plane is flat, with `pitch` samples from one row to the next."""
    across, last = (width + STRIDE - 1) // STRIDE, (height - 1) * pitch
    _look(plane, 0, pitch, reach_y, min(reach_y + SHARP_LINES, height), STRIDE, across, dark, out[1])
    _look(plane, last, -pitch, reach_y, min(reach_y + SHARP_LINES, height), STRIDE, across, dark, out[3])
    down, begin = (height - out[1, 0] - out[3, 0] + STRIDE - 1) // STRIDE, out[1, 0] * pitch
    columns = min(reach_x + SHARP_LINES, width)
    _look(plane, begin, 1, reach_x, columns, STRIDE * pitch, down, dark, out[0])
    _look(plane, begin + width - 1, -1, reach_x, columns, STRIDE * pitch, down, dark, out[2])
