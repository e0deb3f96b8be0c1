"""The kernels in compiled loops, equal to `spec` bit for bit.

They run without the interpreter lock and are compiled when this module is imported (or read from the cache on disk):
the process that measures may not open files any more. Sums of rows come first, so that the loops over bytes are ones
that the compiler turns into vector instructions; the subtraction of the smaller from the larger keeps them narrow.
"""

import numba
import numpy as np
from numba import types

from services.analyzer.kernels import spec

BLOCK, REACH, PAD = spec.BLOCK, spec.REACH, spec.PAD
TEXTURED, MOVE_MAX, STILL, TALL_CELL = spec.TEXTURED, spec.MOVE_MAX, spec.STILL, spec.TALL_CELL
HALF = BLOCK // 2
CELLS = BLOCK * BLOCK
ORDERS = 1024  # more than there are displacements: cost and order in one number, for ties go to the first
NARROW_ROWS_MAX = 257  # sums of as many bytes fit into 16 bits, of which a vector holds twice as many as of 32
LANES = 32  # rows are padded to whole vectors: the rest of a row would run one by one

_bytes = types.Array(types.uint8, 1, "C", readonly=True)
_words = types.Array(types.uint16, 1, "C", readonly=True)
_picture = types.Array(types.uint8, 2, "C", readonly=True)
_pictures = types.Array(types.uint8, 3, "C", readonly=True)
_out = types.uint8[:, ::1]
_moves = types.int32[:, :, ::1]
_blocks = types.int32[:, ::1]
_size = types.int64


def _compiled(*signatures: types.Type) -> object:
    return numba.njit(list(signatures), nogil=True, cache=True, boundscheck=False)


def cell_means(plane, pitch, cell_rows, cell_columns, shift, out):
    """Mean of every cell of a plane; see `spec.cell_means`."""
    kernel = _cell_means_narrow if plane.dtype == np.uint8 and cell_rows <= NARROW_ROWS_MAX else _cell_means_wide
    kernel(plane, pitch, cell_rows, cell_columns, shift, out)


@_compiled(types.void(_bytes, _size, _size, _size, _size, _out))
def _cell_means_narrow(plane, pitch, cell_rows, cell_columns, shift, out):
    rows, columns = out.shape
    step = 2 if cell_rows >= TALL_CELL else 1
    count = (cell_rows + step - 1) // step * cell_columns
    band = np.empty(columns * cell_columns, np.uint16)
    for row in range(rows):
        band[:] = 0
        for line in range(row * cell_rows, (row + 1) * cell_rows, step):
            samples = plane[line * pitch : line * pitch + band.size]
            for x in range(band.size):
                band[x] += samples[x]
        for column in range(columns):
            total = np.uint32(0)
            for x in range(column * cell_columns, (column + 1) * cell_columns):
                total += np.uint32(band[x])
            out[row, column] = ((np.int64(total) + count // 2) // count) >> shift


@_compiled(*(types.void(kind, _size, _size, _size, _size, _out) for kind in (_bytes, _words)))
def _cell_means_wide(plane, pitch, cell_rows, cell_columns, shift, out):
    rows, columns = out.shape
    step = 2 if cell_rows >= TALL_CELL else 1
    count = (cell_rows + step - 1) // step * cell_columns
    band = np.empty(columns * cell_columns, np.uint32)
    for row in range(rows):
        band[:] = 0
        for line in range(row * cell_rows, (row + 1) * cell_rows, step):
            samples = plane[line * pitch : line * pitch + band.size]
            for x in range(band.size):
                band[x] += samples[x]
        for column in range(columns):
            total = 0
            for x in range(column * cell_columns, (column + 1) * cell_columns):
                total += np.int64(band[x])
            out[row, column] = ((total + count // 2) // count) >> shift


@_compiled(*(types.UniTuple(types.int64, 2)(kind, _size, _size, _size, _size) for kind in (_bytes, _words)))
def gradient(plane, pitch, width, height, step):  # noqa: D103 - see spec.gradient
    if height < 3 or width < 3:
        return 0, 0
    energy, count = 0, 0
    for y in range(1, height - 1, step):
        above = plane[(y - 1) * pitch : (y - 1) * pitch + width]
        line = plane[y * pitch : y * pitch + width]
        below = plane[(y + 1) * pitch : (y + 1) * pitch + width]
        total = np.uint32(0)
        for x in range(1, width - 1):
            across = max(line[x + 1], line[x - 1]) - min(line[x + 1], line[x - 1])
            down = max(below[x], above[x]) - min(below[x], above[x])
            total += np.uint32(across) + np.uint32(down)
        energy += np.int64(total)
        count += width - 2
    return energy, count


@_compiled(types.void(_picture, _pictures, types.int64[::1], types.int64[::1]))
def histograms(luma, chroma, luma_histogram, chroma_histogram):  # noqa: D103 - see spec.histograms
    for row in luma:
        for value in row:
            luma_histogram[value >> 3] += 1
    for row in range(chroma.shape[1]):
        for column in range(chroma.shape[2]):
            chroma_histogram[(chroma[0, row, column] >> 4) * 16 + (chroma[1, row, column] >> 4)] += 1


@_compiled(types.UniTuple(types.int64, 2)(_picture))
def moments(cells):  # noqa: D103 - see spec.moments
    total, squares = 0, 0
    for row in range(cells.shape[0]):
        line, line_total, line_squares = cells[row], np.uint32(0), np.uint32(0)
        for k in range(line.size):
            line_total += np.uint32(line[k])
            line_squares += np.uint32(line[k]) * np.uint32(line[k])
        total += np.int64(line_total)
        squares += np.int64(line_squares)
    return total, squares


@_compiled(types.int64(_picture, _picture))
def products(one, other):  # noqa: D103 - see spec.products
    total = 0
    for row in range(one.shape[0]):
        ours, theirs, line_total = one[row], other[row], np.uint32(0)
        for k in range(ours.size):
            line_total += np.uint32(ours[k]) * np.uint32(theirs[k])
        total += np.int64(line_total)
    return total


@_compiled(types.void(_moves, _blocks, _blocks, _blocks, _size, _size, types.float64[:, ::1]))
def own_motion(moves, still, structure, texture, down, across, out):  # noqa: D103 - see spec.own_motion
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 0.0
            if texture[i, j] > TEXTURED * CELLS * CELLS and still[i, j] > TEXTURED * CELLS:
                moved = abs(moves[i, j, 0] - down) + abs(moves[i, j, 1] - across)
                own = min(moved, MOVE_MAX) / MOVE_MAX + structure[i, j] / (texture[i, j] + CELLS * CELLS)
                out[i, j] = min(own, 1.0)


@_compiled(types.float64(_moves, _size, _size))
def travel(moves, cell_rows, cell_columns):  # noqa: D103 - see spec.travel
    total = 0.0
    for i in range(moves.shape[0]):
        for j in range(moves.shape[1]):
            total += np.hypot(moves[i, j, 0] * cell_rows, moves[i, j, 1] * cell_columns)
    return total / (moves.shape[0] * moves.shape[1])


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _median(counts, total):
    passed = 0
    for index in range(counts.size):
        passed += counts[index]
        if total > 0 and passed > (total - 1) // 2:
            return index - PAD
    return 0


@_compiled(types.UniTuple(types.int64, 7)(_moves, _blocks, _blocks, _blocks))
def judge(moves, residual, structure, texture):  # noqa: D103 - see spec.judge
    residuals, structures, textures, textured, broken = 0, 0, 0, 0, 0
    counts = np.zeros((2, 2 * PAD + 1), np.int64)
    for i in range(moves.shape[0]):
        for j in range(moves.shape[1]):
            residuals += np.int64(residual[i, j])
            structures += np.int64(structure[i, j])
            textures += np.int64(texture[i, j])
            if texture[i, j] > TEXTURED * CELLS * CELLS:
                textured += 1
                broken += 2 * np.int64(structure[i, j]) > texture[i, j]
                counts[0, moves[i, j, 0] + PAD] += 1
                counts[1, moves[i, j, 1] + PAD] += 1
    down, across = _median(counts[0], textured), _median(counts[1], textured)
    return residuals, structures, textures, textured, broken, down, across


@_compiled(types.void(_picture, _out))
def halve(cells, out):  # noqa: D103 - see spec.halve
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            y, x = 2 * row, 2 * column
            total = np.int32(cells[y, x]) + cells[y, x + 1] + cells[y + 1, x] + cells[y + 1, x + 1]
            out[row, column] = (total + 2) >> 2


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _padded(cells, border, width):
    rows, columns = cells.shape
    out = np.empty((rows + 2 * border, width + 2 * border), np.uint8)
    for row in range(out.shape[0]):
        source = cells[min(max(row - border, 0), rows - 1)]
        out[row, :border] = source[0]
        out[row, border : border + columns] = source
        out[row, border + columns :] = source[columns - 1]
    return out


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _place(index, count, size):
    return index * (size - BLOCK) // (count - 1) if count > 1 else 0


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _coarse(before, after, size, still, moves):
    rows, columns = moves.shape[0], moves.shape[1]
    width = (after.shape[1] + LANES - 1) // LANES * LANES
    ours, theirs = _padded(after, 0, width), _padded(before, REACH, width)
    best = np.full((rows, columns), np.iinfo(np.int64).max, np.int64)
    sums = np.empty(width, np.uint16)
    quads = np.zeros(width, np.int32)
    starts = np.array([_place(column, columns, size[1]) // 2 for column in range(columns)])
    lively = np.array([still[row].max() > STILL * CELLS for row in range(rows)])
    order = 0
    for y in range(-REACH, REACH + 1):
        for x in range(-REACH, REACH + 1):
            extra = np.int64(2 * (abs(y) + abs(x))) * ORDERS + order
            order += 1
            for row in range(rows):
                if not lively[row]:
                    continue
                sums[:] = 0
                top = _place(row, rows, size[0]) // 2
                for line in range(top, top + HALF):
                    near, far = ours[line], theirs[line + REACH + y, REACH + x : REACH + x + width]
                    for k in range(width):
                        sums[k] += max(near[k], far[k]) - min(near[k], far[k])
                for k in range(width - HALF + 1):
                    quads[k] = np.int32(sums[k]) + sums[k + 1] + sums[k + 2] + sums[k + 3]
                for column in range(columns):
                    key = np.int64(4 * quads[starts[column]]) * ORDERS + extra
                    best[row, column] = min(best[row, column], key)
    for row in range(rows):
        for column in range(columns):
            order = best[row, column] % ORDERS if lively[row] else 0
            moves[row, column, 0] = order // (2 * REACH + 1) - REACH
            moves[row, column, 1] = order % (2 * REACH + 1) - REACH


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _difference(after, padded, row, column, y, x):
    total = np.int32(0)
    for line in range(BLOCK):
        ours = after[row + line, column : column + BLOCK]
        start = column + PAD + x
        theirs = padded[row + line + PAD + y, start : start + BLOCK]
        for k in range(BLOCK):
            total += np.int32(max(ours[k], theirs[k]) - min(ours[k], theirs[k]))
    return total


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _sum(cells, row, column):
    total = np.int32(0)
    for line in range(row, row + BLOCK):
        for k in range(column, column + BLOCK):
            total += cells[line, k]
    return total


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _texture(cells, row, column, mean):
    total = np.int32(0)
    for line in range(row, row + BLOCK):
        for k in range(column, column + BLOCK):
            total += abs(CELLS * np.int32(cells[line, k]) - mean)
    return total


@numba.njit(nogil=True, cache=True, boundscheck=False)
def _structure(after, mean, padded, row, column, y, x):
    top, left = row + PAD + y, column + PAD + x
    offset = mean - _sum(padded, top, left)
    total = np.int32(0)
    for line in range(BLOCK):
        for k in range(BLOCK):
            gap = np.int32(after[row + line, column + k]) - np.int32(padded[top + line, left + k])
            total += abs(CELLS * gap - offset)
    return total


@_compiled(types.void(_picture, _picture, _picture, _picture, _moves, _blocks, _blocks, _blocks, _blocks))
def match_blocks(before, before_half, after, after_half, moves, residual, still, structure, texture):  # noqa: D103
    rows, columns = residual.shape
    padded = _padded(before, PAD, before.shape[1])
    for i in range(rows):
        for j in range(columns):
            row, column = _place(i, rows, after.shape[0]), _place(j, columns, after.shape[1])
            still[i, j] = _difference(after, padded, row, column, 0, 0)
    _coarse(before_half, after_half, after.shape, still, moves)
    for i in range(rows):
        for j in range(columns):
            row, column = _place(i, rows, after.shape[0]), _place(j, columns, after.shape[1])
            best, best_y, best_x = still[i, j], 0, 0
            if best > STILL * CELLS:
                middle_y, middle_x = 2 * moves[i, j, 0], 2 * moves[i, j, 1]
                for y in range(middle_y - 1, middle_y + 2):
                    for x in range(middle_x - 1, middle_x + 2):
                        cost = _difference(after, padded, row, column, y, x)
                        if cost < best:
                            best, best_y, best_x = cost, y, x
            moves[i, j, 0], moves[i, j, 1] = best_y, best_x
            residual[i, j] = best
            mean = _sum(after, row, column)
            matched = _structure(after, mean, padded, row, column, 0, 0)
            if best_y != 0 or best_x != 0:
                matched = min(matched, _structure(after, mean, padded, row, column, best_y, best_x))
            structure[i, j] = matched
            other = _texture(padded, row + PAD, column + PAD, _sum(padded, row + PAD, column + PAD))
            texture[i, j] = max(_texture(after, row, column, mean), other)
