"""The kernels of the camera in compiled loops; see `spec` for what they compute.

Sums over cells are whole numbers, equal to those of `spec`; the fit is equal but for rounding.
"""

import numba
import numpy as np
from numba import types

from services.analyzer.camera import spec

BLOCK, CELLS, TEXTURED = spec.BLOCK, spec.BLOCK**2, spec.TEXTURED
LINE_STEP, LINES = spec.LINE_STEP, spec.BLOCK // spec.LINE_STEP
SEEN = LINES * BLOCK  # cells of a block that are looked at
PARTIAL, PARTIAL_MAX, DAMPING = spec.PARTIAL, spec.PARTIAL_MAX, spec.DAMPING
ANCHOR, STIFF, OWN, FAINT, STANDING = spec.ANCHOR, spec.STIFF, spec.OWN, spec.FAINT, spec.STANDING
COARSE, FINE = np.array(spec.COARSE), np.array(spec.FINE)
TERMS = 19  # numbers of a block that stay the same from round to round

_picture = types.Array(types.uint8, 2, "C", readonly=True)
_fields = types.int16[:, :, ::1]
_moves = types.int32[:, :, ::1]
_blocks = types.int32[:, ::1]
_slopes = types.int64[:, :, ::1]
_row = types.float64[::1]
_size = types.int64


def _compiled(*signatures: types.Type) -> object:
    return numba.njit(list(signatures), nogil=True, cache=True, boundscheck=False)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _place(index, count, size):
    return index * (size - BLOCK) // (count - 1) if count > 1 else 0


@_compiled(types.void(_picture, _fields))
def fields(luma, out):  # noqa: D103 - see spec.fields
    rows, columns = luma.shape
    down, step = np.empty(columns + 2, np.int16), np.empty(columns + 2, np.int16)
    for row in range(rows):
        above, here, below = luma[max(row - 1, 0)], luma[row], luma[min(row + 1, rows - 1)]
        for x in range(columns):
            down[x + 1] = np.int16(above[x]) + 4 * np.int16(here[x]) + np.int16(below[x])
            step[x + 1] = np.int16(below[x]) - np.int16(above[x])
        for line in (down, step):
            line[0], line[columns + 1] = line[1], line[columns]
        for x in range(columns):
            out[0, row, x] = down[x] + 4 * down[x + 1] + down[x + 2]
            out[1, row, x] = step[x] + 4 * step[x + 1] + step[x + 2]
            out[2, row, x] = down[x + 2] - down[x]


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _total(values):
    total = np.int32(0)
    for k in range(values.size):
        total += np.int32(values[k])
    return np.int64(total)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _product(one, other):
    total = np.int32(0)
    for k in range(one.size):
        total += np.int32(one[k]) * np.int32(other[k])
    return np.int64(total)


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _slopes_of(before, after, place, move, lines, out):
    top, left = place
    y, x = top + move[0], left + move[1]
    out[:] = 0
    if y < 0 or x < 0 or y + BLOCK > after.shape[1] or x + BLOCK > after.shape[2]:
        return
    for line in range(LINES):  # gathered, so that the sums below run over whole vectors
        for part in range(3):
            ours, theirs = (
                after[part, top + LINE_STEP * line, left : left + BLOCK],
                before[part, y + LINE_STEP * line, x : x + BLOCK],
            )
            kept = lines[part, line * BLOCK : (line + 1) * BLOCK]
            if part == 0:
                for k in range(BLOCK):
                    kept[k] = ours[k] - theirs[k]
            else:
                for k in range(BLOCK):
                    kept[k] = ours[k] + theirs[k]
    apart, down, across = lines[0], lines[1], lines[2]
    d, v, h = _total(apart), _total(down), _total(across)
    out[0] = SEEN * _product(down, down) - v * v
    out[1] = SEEN * _product(down, across) - v * h
    out[2] = SEEN * _product(across, across) - h * h
    out[3] = SEEN * _product(down, apart) - v * d
    out[4] = SEEN * _product(across, apart) - h * d


@_compiled(types.void(_fields, _fields, _moves, _slopes))
def slopes(before, after, moves, out):  # noqa: D103 - see spec.slopes
    lines = np.empty((3, SEEN), np.int16)
    for i in range(out.shape[0]):
        top = _place(i, out.shape[0], after.shape[1])
        for j in range(out.shape[1]):
            left = _place(j, out.shape[1], after.shape[2])
            _slopes_of(before, after, (top, left), moves[i, j], lines, out[i, j])


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _solve(matrix, right):
    """Solves four equations in place; the matrix is positive, so that no row has to be exchanged."""
    for k in range(4):
        for i in range(k + 1, 4):
            factor = matrix[i, k] / matrix[k, k]
            for j in range(k, 4):
                matrix[i, j] -= factor * matrix[k, j]
            right[i] -= factor * right[k]
    for k in range(3, -1, -1):
        for j in range(k + 1, 4):
            right[k] -= matrix[k, j] * right[j]
        right[k] /= matrix[k, k]


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _terms(found, move, y, x, tall, out):
    """Of a block that counts: its matrix, its own motion, and its part of the equations. Returns how much it counts."""
    trace = float(found[0] + found[2])
    out[0], out[1], out[2] = 0.0, 0.0, 0.0
    if trace <= 0:
        out[3], out[4] = move[0], move[1]
        return 0.0
    vv, vh, hh = found[0] / trace, found[1] / trace, found[2] / trace
    told_v, told_h = PARTIAL * found[3] / trace, PARTIAL * found[4] / trace
    determinant = (vv + DAMPING) * (hh + DAMPING) - vh * vh
    part_v = ((hh + DAMPING) * told_v - vh * told_h) / determinant
    part_h = ((vv + DAMPING) * told_h - vh * told_v) / determinant
    out[0], out[1], out[2], out[3], out[4] = vv, vh, hh, move[0] + part_v, move[1] + part_h
    grown_v, grown_h = vv * y + vh * x, vh * y + hh * x
    turn_v, turn_h = x / tall, -y * tall
    turned_v, turned_h = vv * turn_v + vh * turn_h, vh * turn_v + hh * turn_h
    out[5], out[6], out[7], out[8] = vv, vh, grown_v, turned_v
    out[9], out[10], out[11] = hh, grown_h, turned_h
    out[12], out[13] = y * grown_v + x * grown_h, y * turned_v + x * turned_h
    out[14] = turn_v * turned_v + turn_h * turned_h
    right_v, right_h = vv * move[0] + vh * move[1] + told_v, vh * move[0] + hh * move[1] + told_h
    out[15], out[16] = right_v, right_h
    out[17], out[18] = y * right_v + x * right_h, turn_v * right_v + turn_h * right_h
    return trace / (trace + FAINT) if part_v * part_v + part_h * part_h < PARTIAL_MAX**2 else 0.0


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _rounds(terms, counts, places, rounds, stiff, tall, motion):
    """Fits the motion in place; returns the sum of the weights of the last round."""
    matrix, right, sums = np.empty((4, 4)), np.empty(4), np.empty(14)
    weights = 0.0
    for scale in rounds:
        sums[:], weights = 0.0, 0.0
        for b in range(counts.size):
            if counts[b] == 0:
                continue
            t, y, x = terms[b], places[b, 0], places[b, 1]
            down = motion[0] + motion[2] * y + motion[3] * x / tall - t[3]
            across = motion[1] + motion[2] * x - motion[3] * y * tall - t[4]
            energy = 2 * (t[0] * down * down + 2 * t[1] * down * across + t[2] * across * across)
            weight = counts[b] / (1 + energy / (scale * scale)) ** 2
            weights += weight
            for k in range(14):
                sums[k] += weight * t[5 + k]
        index = 0
        for i in range(4):
            for j in range(i, 4):
                matrix[i, j] = matrix[j, i] = sums[index]
                index += 1
            matrix[i, i] += ANCHOR if i < 2 else stiff
            right[i] = sums[10 + i] + (ANCHOR * motion[i] if i < 2 else 0.0)
        _solve(matrix, right)
        motion[:] = right
    return weights


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _refit(before, after, moves, expected, blocks, kept, tall):
    """Brings what is kept of the blocks from some moves to others."""
    usable, places = blocks
    found, terms, counts, lines = kept
    rows, columns = found.shape[0], found.shape[1]
    for b in range(usable.size):
        i, j = b // columns, b % columns
        ours, theirs = expected[i, j], moves[i, j]
        if usable[b] and (ours[0] != theirs[0] or ours[1] != theirs[1]):
            place = (_place(i, rows, after.shape[1]), _place(j, columns, after.shape[2]))
            _slopes_of(before, after, place, ours, lines, found[i, j])
            counts[b] = _terms(found[i, j], ours, places[b, 0], places[b, 1], tall, terms[b])


@_compiled(types.void(_fields, _fields, _moves, _blocks, _blocks, _size, _size, types.float64, _row))
def camera(before, after, moves, structure, texture, start_down, start_across, tall, out):  # noqa: D103
    rows, columns = structure.shape
    count, stiff = rows * columns, STIFF * (after.shape[2] / 2) ** 2
    lines, found = np.empty((3, SEEN), np.int16), np.empty((rows, columns, 5), np.int64)
    terms, places, own = np.empty((count, TERMS)), np.empty((count, 2)), np.zeros((count, 5))
    usable, counts, expected = np.zeros(count, np.bool_), np.zeros(count), np.zeros((rows, columns, 2), np.int32)
    slopes(before, after, moves, found)
    for b in range(count):
        i, j = b // columns, b % columns
        places[b, 0] = _place(i, rows, after.shape[1]) + (BLOCK - after.shape[1]) / 2
        places[b, 1] = _place(j, columns, after.shape[2]) + (BLOCK - after.shape[2]) / 2
        usable[b] = texture[i, j] > TEXTURED * CELLS * CELLS and 2 * structure[i, j] <= texture[i, j]
        counts[b] = usable[b] * _terms(found[i, j], moves[i, j], places[b, 0], places[b, 1], tall, terms[b])
        own[b] = terms[b, :5]
    motion = out[:4]
    motion[0], motion[1], motion[2], motion[3] = start_down, start_across, 0.0, 0.0
    _rounds(terms, counts, places, COARSE, stiff, tall, motion)
    anywhere = False
    for b in range(count):
        i, j, y, x = b // columns, b % columns, places[b, 0], places[b, 1]
        if usable[b]:
            expected[i, j, 0] = int(np.floor(motion[0] + motion[2] * y + motion[3] * x / tall + 0.5))
            expected[i, j, 1] = int(np.floor(motion[1] + motion[2] * x - motion[3] * y * tall + 0.5))
            anywhere |= expected[i, j, 0] != 0 or expected[i, j, 1] != 0
    _refit(before, after, moves, expected, (usable, places), (found, terms, counts, lines), tall)
    weights = _rounds(terms, counts, places, FINE, stiff, tall, motion)
    if anywhere:
        still = np.zeros(4)
        _refit(before, after, expected, np.zeros_like(expected), (usable, places), (found, terms, counts, lines), tall)
        standing = _rounds(terms, counts, places, FINE, stiff, tall, still)
        if STANDING * standing >= weights:
            motion[:], weights = still, standing
    told, apart = 0, 0.0
    for b in range(count):
        if usable[b]:
            down = motion[0] + motion[2] * places[b, 0] + motion[3] * places[b, 1] / tall - own[b, 3]
            across = motion[1] + motion[2] * places[b, 1] - motion[3] * places[b, 0] * tall - own[b, 4]
            distance = np.sqrt(
                2 * (own[b, 0] * down * down + 2 * own[b, 1] * down * across + own[b, 2] * across * across)
            )
            told += 1
            apart += distance if distance > OWN else 0.0
    out[4], out[5], out[6] = told, weights / max(told, 1), apart / count
