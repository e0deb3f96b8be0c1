"""The loops of small convolutional networks, compiled.

Patches of a few pixels are laid out for the matrix library, which is best at many small ones; whole pictures are swept
plane by plane, for laying them out takes longer than the products. In NumPy all but the products took most of the time.
"""

import numba
import numpy as np
from numba import types

_batch = types.Array(types.float32, 4, "C", readonly=True)
_planes = _lines = types.Array(types.float32, 3, "C", readonly=True)
_pixels = types.Array(types.uint8, 3, "C", readonly=True)
_boxes = types.Array(types.float64, 2, "C", readonly=True)
_vector = types.Array(types.float32, 1, "C", readonly=True)
_size = types.int64


@numba.njit([types.void(_lines, _size, _size, types.float32[:, ::1])], nogil=True, cache=True, boundscheck=False)
def columns(values, channels, size, out):
    """Lays out what each place of a convolution sees as one row.

    Args:
        values: Pictures, (n, rows, columns * channels) float32.
        channels: Numbers per pixel.
        size: Side of the kernel; it never leaves the picture.
        out: (n * (rows - size + 1) * (columns - size + 1), size * size * channels) float32; written.
    """
    rows, width = values.shape[1] - size + 1, values.shape[2] // channels - size + 1
    length = size * channels
    for index in range(values.shape[0]):
        for row in range(rows):
            first = (index * rows + row) * width
            for line in range(size):
                seen = values[index, row + line]
                for column in range(width):
                    target = out[first + column]
                    for k in range(length):
                        target[line * length + k] = seen[column * channels + k]


@numba.njit(
    [types.void(_batch, _vector, _vector, _size, types.float32[:, :, :, ::1])],
    nogil=True, cache=True, boundscheck=False,
)  # fmt: skip
def pooled(values, bias, slope, size, out):
    """Adds the bias, bends what is negative, and takes the largest value of overlapping windows.

    Args:
        values: (n, rows, columns, channels) float32, the products.
        bias: (channels,).
        slope: What negative values are multiplied by, (channels,).
        size: Side of the window, 2 or 3, moved by 2; it may reach over the lower and right edge. 1 leaves all as it is.
        out: (n, pooled rows, pooled columns, channels) float32; written.
    """
    step = 1 if size == 1 else 2
    for index in range(out.shape[0]):
        for row in range(out.shape[1]):
            for column in range(out.shape[2]):
                cell = out[index, row, column]
                for line in range(row * step, min(row * step + size, values.shape[1])):
                    for k in range(column * step, min(column * step + size, values.shape[2])):
                        seen = values[index, line, k]
                        first = line == row * step and k == column * step
                        for channel in range(cell.size):
                            value = seen[channel] + bias[channel]
                            value = value if value > 0 else value * slope[channel]
                            cell[channel] = value if first else max(cell[channel], value)


@numba.njit(
    [types.void(_planes, _batch, _vector, _vector, types.float32[:, :, ::1])],
    nogil=True, cache=True, boundscheck=False, fastmath={"contract"},
)  # fmt: skip
def sweep(values, weight, bias, slope, out):
    """A convolution of 3 x 3 over a large picture, one plane per channel, with bias and bend: 2.5 times as fast.

    Args:
        values: (channels, rows, columns) float32.
        weight: (out, channels, 3, 3).
        bias: (out,).
        slope: What negative values are multiplied by, (out,).
        out: (out, rows - 2, columns - 2) float32; written.
    """
    for target in range(out.shape[0]):
        for row in range(out.shape[1]):
            line = out[target, row]
            line[:] = bias[target]
            for channel in range(values.shape[0]):
                one, two, three = values[channel, row], values[channel, row + 1], values[channel, row + 2]
                taps = weight[target, channel]
                a, b, c = taps[0, 0], taps[0, 1], taps[0, 2]
                d, e, f = taps[1, 0], taps[1, 1], taps[1, 2]
                g, h, i = taps[2, 0], taps[2, 1], taps[2, 2]
                for x in range(line.size):
                    line[x] += (
                        a * one[x] + b * one[x + 1] + c * one[x + 2]
                        + d * two[x] + e * two[x + 1] + f * two[x + 2]
                        + g * three[x] + h * three[x + 1] + i * three[x + 2]
                    )  # fmt: skip
            bend = slope[target]
            for x in range(line.size):
                line[x] = line[x] if line[x] > 0 else line[x] * bend


@numba.njit([types.void(_planes, types.float32[:, :, ::1])], nogil=True, cache=True, boundscheck=False)
def halved(values, out):
    """The largest value of every 2 x 2 of each plane; what is left over at the lower and right edge counts alone.

    Args:
        values: (channels, rows, columns) float32.
        out: (channels, (rows + 1) // 2, (columns + 1) // 2) float32; written.
    """
    rows, columns = values.shape[1], values.shape[2]
    for channel in range(out.shape[0]):
        for row in range(out.shape[1]):
            upper = values[channel, 2 * row]
            lower = values[channel, min(2 * row + 1, rows - 1)]
            line = out[channel, row]
            for x in range(columns // 2):
                line[x] = max(max(upper[2 * x], upper[2 * x + 1]), max(lower[2 * x], lower[2 * x + 1]))
            if columns % 2:
                line[columns // 2] = max(upper[columns - 1], lower[columns - 1])


@numba.njit(
    [types.void(_boxes, types.float64, types.float64, types.uint8[::1])], nogil=True, cache=True, boundscheck=False
)
def separate(boxes, of_union, of_smaller, kept):
    """Marks the boxes that do not overlap a marked one before them too much.

    Args:
        boxes: Left, top, right and bottom, (n, 4) float64, the best first.
        of_union: Share of the union of two boxes that may be in both.
        of_smaller: Share of the smaller box that may be.
        kept: (n,) uint8; written.
    """
    for index in range(boxes.shape[0]):
        kept[index] = 1
        area = (boxes[index, 2] - boxes[index, 0]) * (boxes[index, 3] - boxes[index, 1])
        for other in range(index):
            if kept[other]:
                width = min(boxes[index, 2], boxes[other, 2]) - max(boxes[index, 0], boxes[other, 0])
                height = min(boxes[index, 3], boxes[other, 3]) - max(boxes[index, 1], boxes[other, 1])
                shared = max(width, 0.0) * max(height, 0.0)
                beside = (boxes[other, 2] - boxes[other, 0]) * (boxes[other, 3] - boxes[other, 1])
                if shared > of_union * (area + beside - shared) or shared > of_smaller * min(area, beside):
                    kept[index] = 0
                    break


@numba.njit([types.void(_pixels, _boxes, types.float32[:, :, :, ::1])], nogil=True, cache=True, boundscheck=False)
def cut(picture, boxes, out):
    """Samples what is inside boxes, in straight lines between pixels; 0, which is grey, beyond the picture.

    Args:
        picture: (rows, columns, 3) uint8.
        boxes: Left, top, right and bottom in pixels, (n, 4) float64; their edges are the outermost samples.
        out: (n, side, side, 3) float32 from -1 to 1; written.
    """
    rows, columns = picture.shape[0], picture.shape[1]
    side = out.shape[1]
    for index in range(boxes.shape[0]):
        left, top, right, bottom = boxes[index, 0], boxes[index, 1], boxes[index, 2], boxes[index, 3]
        for line in range(side):
            y = top + (bottom - top) * line / (side - 1)
            above = min(max(int(np.floor(y)), 0), rows - 1)
            below = min(above + 1, rows - 1)
            down = np.float32(y - above)
            for place in range(side):
                x = left + (right - left) * place / (side - 1)
                inside = 0 <= x <= columns - 1 and 0 <= y <= rows - 1
                before = min(max(int(np.floor(x)), 0), columns - 1)
                after = min(before + 1, columns - 1)
                across = np.float32(x - before)
                for channel in range(3):
                    upper = picture[above, before, channel] * (1 - across) + picture[above, after, channel] * across
                    lower = picture[below, before, channel] * (1 - across) + picture[below, after, channel] * across
                    value = upper * (1 - down) + lower * down
                    out[index, line, place, channel] = (value - np.float32(127.5)) / np.float32(128) if inside else 0
