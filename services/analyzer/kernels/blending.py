"""The loops that look for one picture blended into another while both move, compiled; see `spec`.

They look only at what motion hardly changes: the contrast of large regions, and means of a few large blocks.
"""

import math

import numba
import numpy as np
from numba import types

from services.analyzer.kernels import spec

REGION_ROWS, REGION_COLUMNS = spec.REGION_ROWS, spec.REGION_COLUMNS
MEAN_ROWS, MEAN_COLUMNS, SAG_SHARE = spec.MEAN_ROWS, spec.MEAN_COLUMNS, spec.SAG_SHARE
GROWTH = 0.15  # what twice the length may cost of the fit
REGIONS, MEANS = REGION_ROWS * REGION_COLUMNS, MEAN_ROWS * MEAN_COLUMNS
CHROMA = spec.CHROMA_WEIGHT

_luma = types.Array(types.uint8, 2, "C", readonly=True)
_chroma = types.Array(types.uint8, 3, "C", readonly=True)
_table = types.Array(types.float64, 2, "C", readonly=True)
_vector = types.Array(types.float64, 1, "C", readonly=True)
_lengths = types.Array(types.int64, 1, "C", readonly=True)
_out = types.float64[::1]
_size, _real = types.int64, types.float64


def _compiled(*signatures: types.Type) -> object:
    return numba.njit(list(signatures), nogil=True, cache=True, boundscheck=False)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _moments(before, after):
    total, squares = np.int64(0), np.int64(0)
    for row in range(before.shape[0]):
        for column in range(before.shape[1]):
            gap = np.int32(after[row, column]) - np.int32(before[row, column])
            total += gap
            squares += gap * gap
    count = max(before.size, 1)
    return total / count, (squares * count - total * total) / (count * count)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _part(layer, index, rows, columns):
    row, column = index // columns, index % columns
    height, width = layer.shape
    return layer[
        row * height // rows : (row + 1) * height // rows, column * width // columns : (column + 1) * width // columns
    ]


@_compiled(types.void(_luma, _chroma, _luma, _chroma, _out))
def variances(before, before_chroma, after, after_chroma, out):  # noqa: D103 - see spec.variances
    for k in range(REGIONS):
        one = _part(before, k, REGION_ROWS, REGION_COLUMNS)
        out[k] = _moments(one, _part(after, k, REGION_ROWS, REGION_COLUMNS))[1]
    for k in range(2):
        out[REGIONS + k] = CHROMA * CHROMA * _moments(before_chroma[k], after_chroma[k])[1]


@_compiled(types.void(_luma, _chroma, _out))
def means(luma, chroma, out):  # noqa: D103 - see spec.means
    nothing = np.zeros(luma.shape, np.uint8)
    for k in range(MEANS):
        part = _part(luma, k, MEAN_ROWS, MEAN_COLUMNS)
        out[k] = _moments(nothing[: part.shape[0], : part.shape[1]], part)[0]
        for layer in range(2):
            part = _part(chroma[layer], k, MEAN_ROWS, MEAN_COLUMNS)
            mean = _moments(nothing[: part.shape[0], : part.shape[1]], part)[0]
            out[(layer + 1) * MEANS + k] = CHROMA * mean


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _sag(contrasts, apart, before, after):
    length, left, sags = after - before, 0.0, 0.0
    for k in range(contrasts.shape[0]):
        first, last = contrasts[k, before], contrasts[k, after]
        for frame in range(before + 1, after):
            weight = (frame - before) / length
            sag = (1 - weight) * first + weight * last - contrasts[k, frame]
            left += (sag - weight * (1 - weight) * apart[k]) ** 2
            sags += sag * sag
    return 1 - left / (sags + 1e-6)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _line(averages, before, after):
    length, power, bent, spread = after - before, 0.0, 0.0, 0.0
    shares = np.zeros(length + 1)
    for k in range(averages.shape[0]):
        first, change, average = averages[k, before], averages[k, after] - averages[k, before], 0.0
        power += change * change
        for frame in range(before, after + 1):
            average += averages[k, frame]
        average /= length + 1
        for frame in range(before, after + 1):
            gone = averages[k, frame] - first
            shares[frame - before] += gone * change
            bent += (gone - change * (frame - before) / length) ** 2
            spread += (averages[k, frame] - average) ** 2
    error = 0.0
    for k in range(length + 1):
        error += (shares[k] / (power + 1e-6) - k / length) ** 2
    return 1 - bent / (spread + 1e-6), math.sqrt(error / (length + 1))


@_compiled(types.UniTuple(_real, 3)(_table, _table, _vector, _size, _size))
def blend(averages, contrasts, apart, before, after):  # noqa: D103 - see spec.blend
    steady, stray = _line(averages, before, after)
    return _sag(contrasts, apart, before, after), steady, stray


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _fit(averages, contrasts, before, after, limits):
    sag = _sag(contrasts, contrasts[:, before] + contrasts[:, after], before, after)
    if sag < limits[0]:
        return -1.0
    steady, stray = _line(averages, before, after)
    if steady < limits[1] or stray > limits[2]:
        return -1.0
    return sag + steady + GROWTH * math.log2(after - before)  # a part of a blend is one as well


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _sags(total, before, after):
    middle = (before + after) // 2
    weight = (middle - before) / (after - before)
    sag = (1 - weight) * total[before] + weight * total[after] - total[middle]
    return sag > SAG_SHARE * weight * (1 - weight) * (total[before] + total[after])


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _refined(averages, contrasts, before, after, limits, length_min):
    best = _fit(averages, contrasts, before, after, limits)
    for _ in range(after - before):  # bounded: an end moves by a frame each turn
        chosen = (before, after)
        for one, other in ((before - 1, after), (before + 1, after), (before, after - 1), (before, after + 1)):
            if one >= 0 and other < averages.shape[1] and other - one > length_min:
                fit = _fit(averages, contrasts, one, other, limits)
                if fit > best:
                    best, chosen = fit, (one, other)
        if chosen == (before, after):
            break
        before, after = chosen
    return before, after, best


@_compiled(_real[:, ::1](_table, _table, _lengths, types.UniTuple(_real, 3)))
def blends(averages, contrasts, lengths, limits):  # noqa: D103 - see spec.blends
    count = averages.shape[1]
    fits, total = np.full((lengths.size, count), -1.0), contrasts.sum(axis=0)
    for i in range(lengths.size):
        for before in range(count - lengths[i] - 1):
            if _sags(total, before, before + lengths[i] + 1):
                fits[i, before] = _fit(averages, contrasts, before, before + lengths[i] + 1, limits)
    found = np.empty((max((fits >= 0).sum(), 1), 3))
    kept = 0
    for i in range(lengths.size):
        reach = lengths[i] // 3
        for k in range(count):
            if fits[i, k] >= 0 and fits[i, k] == fits[i, max(k - reach, 0) : k + reach + 1].max():
                before, after, fit = _refined(averages, contrasts, k, k + lengths[i] + 1, limits, lengths[0])
                found[kept, 0], found[kept, 1], found[kept, 2] = before, after, fit
                kept += 1
    return found[:kept].copy()
