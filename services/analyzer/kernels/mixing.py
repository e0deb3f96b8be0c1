"""The loops that look for mixed pictures, compiled; see `spec` for what they compute.

Small pictures lie side by side, one column each, so that the inner loops run along the frames: they become vector
instructions although no sum is reordered, and give the same on every machine.
"""

import math

import numba
import numpy as np
from numba import types

_cells = types.Array(types.uint8, 2, "C", readonly=True)
_stack = types.Array(types.float32, 2, "C", readonly=True)
_out = types.float32[::1]
_counts = types.Array(types.int64, 1, "C", readonly=True)
_reals = types.Array(types.float64, 1, "C", readonly=True)
_size, _real, _limit = types.int64, types.float64, types.float32
_stretch = types.UniTuple(types.int64, 4)


def _compiled(*signatures: types.Type) -> object:
    return numba.njit(list(signatures), nogil=True, cache=True, boundscheck=False)


@_compiled(types.void(_cells, _size, _out))
def block_means(cells, side, out):  # noqa: D103 - see spec.block_means
    rows, columns = max(cells.shape[0] // side, 1), max(cells.shape[1] // side, 1)
    height, width = min(side, cells.shape[0]), min(side, cells.shape[1])
    for row in range(rows):
        for column in range(columns):
            total = np.int32(0)
            for y in range(row * height, (row + 1) * height):
                line = cells[y, column * width : (column + 1) * width]
                for k in range(width):
                    total += np.int32(line[k])
            out[row * columns + column] = np.float32(total) / np.float32(height * width)


@_compiled(types.UniTuple(_size, 2)(_counts, _counts, _counts, _counts))
def tones_apart(luma, chroma, other_luma, other_chroma):  # noqa: D103 - see spec.tones_apart
    lumas, chromas, last = 0, 0, luma.size - 1
    for k in range(luma.size):
        apart = 2 * (luma[k] - other_luma[k])
        apart += luma[k - 1] - other_luma[k - 1] if k > 0 else 0
        apart += luma[k + 1] - other_luma[k + 1] if k < last else 0
        lumas += abs(apart)
    for k in range(chroma.size):
        chromas += abs(chroma[k] - other_chroma[k])
    return lumas, chromas


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _variances(before, after):
    total = total_after = square = square_after = square_apart = 0
    for row in range(before.shape[0]):
        one, other = before[row], after[row]
        for k in range(one.size):
            ours, theirs = np.int32(one[k]), np.int32(other[k])
            total += ours
            total_after += theirs
            square += ours * ours
            square_after += theirs * theirs
            square_apart += (theirs - ours) * (theirs - ours)
    count, gone = before.size, total_after - total
    sums = (square * count - total**2, square_after * count - total_after**2, square_apart * count - gone**2)
    return sums[0] / count**2, sums[1] / count**2, sums[2] / count**2


@_compiled(_real(_cells, _cells, _reals, _real, _real))
def dip(before, after, deviation, low, high):  # noqa: D103 - see spec.dip
    variance = _variances(before, after)
    found, count = np.empty(deviation.size), 0
    for k in range(deviation.size):
        weight = (k + 1) / (deviation.size + 1)
        if low <= weight <= high:
            lost = (1 - weight) * variance[0] + weight * variance[1] - deviation[k] ** 2
            found[count] = lost / (weight * (1 - weight) * variance[2] + 1e-6)
            count += 1
    found = np.sort(found[:count])
    return (found[(count - 1) // 2] + found[count // 2]) / 2 if count else 0.0


@_compiled(types.float32[::1](_stack, _size, _limit, _limit, _limit, _limit))
def mixtures(stack, span, change_min, mixed_max, weight_min, weight_max):  # noqa: D103 - see spec.mixtures
    values, count = stack.shape[0], stack.shape[1] - span
    half, size = span // 2, np.float32(stack.shape[0])
    power, share = np.zeros(count, np.float32), np.zeros(count, np.float32)
    change, near, far = np.zeros(count, np.float32), np.zeros(count, np.float32), np.zeros(count, np.float32)
    for value in range(values):
        before, middle, after = stack[value, :count], stack[value, half : half + count], stack[value, span:]
        for k in range(count):
            apart, gone = after[k] - before[k], middle[k] - before[k]
            power[k] += apart * apart
            share[k] += gone * apart
            change[k] += abs(apart)
            near[k] += abs(gone)
            far[k] += abs(middle[k] - after[k])
    mixed = np.zeros(count, np.float32)
    for k in range(count):
        share[k] /= power[k] + np.float32(1e-6)
    for value in range(values):
        before, middle, after = stack[value, :count], stack[value, half : half + count], stack[value, span:]
        for k in range(count):
            mixed[k] += abs(middle[k] - before[k] - share[k] * (after[k] - before[k]))
    for k in range(count):
        nearer = min(near[k], far[k]) / size + np.float32(1e-6)
        fits = change[k] / size > change_min and mixed[k] / size < mixed_max * nearer
        fits = fits and share[k] > weight_min and share[k] < weight_max
        mixed[k] = mixed[k] / size / nearer if fits else np.inf
    return mixed


@_compiled(types.float32[::1](_stack, _size, _size))
def weights(stack, first, last):  # noqa: D103 - see spec.weights
    found, power = np.zeros(last - first + 1, np.float32), np.float32(0)
    for value in range(stack.shape[0]):
        line = stack[value, first : last + 1]
        begin, change = line[0], line[line.size - 1] - line[0]
        power += change * change
        for k in range(line.size):
            found[k] += (line[k] - begin) * change
    for k in range(found.size):
        found[k] /= power + np.float32(1e-6)
    return found


@_compiled(_stretch(_stack, types.UniTuple(_size, 3), types.UniTuple(_real, 2), types.UniTuple(_size, 2), _real))
def climb(stack, stretch, between, frames, error_max):  # noqa: D103 - see spec.climb
    nothing = (-1, -1, -1, -1)
    before, after, length_max = stretch
    low, high = between
    while 0 <= before and after < stack.shape[1] and after - before <= length_max:  # bounded: it grows every turn
        share = weights(stack, before, after)
        count, first, last, total, mean = 0, -1, -1, 0.0, 0.0
        for k in range(share.size):
            if low < share[k] < high:
                first, last, count = (k if count == 0 else first), k, count + 1
                total, mean = total + k, mean + share[k]
        if count < frames[0] or last - first >= count + frames[1]:
            return nothing
        middle, mean = total / count, mean / count
        moment, square = 0.0, 0.0
        for k in range(first, last + 1):
            if low < share[k] < high:
                moment += (k - middle) * (share[k] - mean)
                square += (k - middle) ** 2
        slope = moment / square
        error = 0.0
        for k in range(first, last + 1):
            if low < share[k] < high:
                error += (share[k] - mean - slope * (k - middle)) ** 2
        if slope <= 0 or math.sqrt(error / count) > error_max:
            return nothing
        offset = mean - slope * middle
        start, end = before + round(-offset / slope) + 1, before + round((1 - offset) / slope)
        left, right = start > before + 1, end < after
        if left and right:
            return before, start, end, after
        grown = max((after - before) // 4, 2)
        before -= 0 if left else grown
        after += 0 if right else grown
    return nothing
