"""What the kernels compute, said in NumPy: slow, short, and the measure of the compiled ones."""

import numpy as np

BLOCK = 8  # cells along one side of a block
REACH = 6  # largest coarse displacement, in half cells: twice that many cells
PAD = 2 * REACH + 1  # cells of border that a displaced block may reach into
LUMA_BINS, CHROMA_BINS = 32, 16  # of the histograms; those of chroma are for both components together
TEXTURED = 2  # grey levels: mean deviation above which a block has structure that can be compared
TALL_CELL = 8  # rows: the mean of half of them is as good, and reading memory is what takes the time
STILL = 2  # grey levels: mean difference below which a block has not moved
MOVE_MAX = 6  # cells per frame: what moves faster is no more interesting
REGION_ROWS, REGION_COLUMNS = 2, 3  # of a picture whose contrast is looked at: things do not enter all at once
MEAN_ROWS, MEAN_COLUMNS = 3, 4  # of a picture whose means are looked at: so coarse that motion hardly shows
CHROMA_WEIGHT = 2  # colours lie closer together than brightness
SAG_SHARE = 0.45  # of the largest loss of contrast in the middle: less is not looked at
GRADIENT_ROWS = 3  # rows that one gradient sample needs


def cell_means(plane: np.ndarray, cell_rows: int, cell_columns: int, shift: int, shape: tuple[int, int]) -> np.ndarray:
    """Mean of every cell of a plane, as 8-bit; of tall cells every other row is left out.

    Args:
        plane: Samples, (height, width), unsigned.
        cell_rows: Height of a cell in samples.
        cell_columns: Width of a cell in samples.
        shift: Bits above eight that the samples have.
        shape: Rows and columns of cells; samples beyond them are left out.

    Returns:
        (rows, columns) uint8: the sum of the cell plus half its count, divided by its count, shifted down to 8 bits.
    """
    rows, columns = shape
    step = 2 if cell_rows >= TALL_CELL else 1
    used = plane[: rows * cell_rows, : columns * cell_columns].astype(np.int64)
    cells = used.reshape(rows, cell_rows, columns, cell_columns)[:, ::step]
    count = cells.shape[1] * cell_columns
    return (((cells.sum(axis=(1, 3)) + count // 2) // count) >> shift).astype(np.uint8)


def gradient(plane: np.ndarray, step: int) -> tuple[int, int]:
    """Gradient energy of a plane, on every `step`-th row.

    Args:
        plane: Samples, (height, width), unsigned.
        step: Rows from one sampled row to the next.

    Returns:
        The sum of the absolute horizontal and vertical central differences, and the number of places.
    """
    height, width = plane.shape
    if height < GRADIENT_ROWS or width < GRADIENT_ROWS:
        return 0, 0
    rows = np.arange(1, height - 1, step)
    wide = plane.astype(np.int64)
    across = np.abs(wide[rows, 2:] - wide[rows, :-2])
    down = np.abs(wide[rows + 1, 1:-1] - wide[rows - 1, 1:-1])
    return int((across + down).sum()), across.size


def histograms(luma: np.ndarray, chroma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Histograms of a picture's cells.

    Args:
        luma: Cells, (rows, columns) uint8.
        chroma: Cells, (2, rows, columns) uint8.

    Returns:
        Luma histogram (32,) int64 and joint chroma histogram (256,) int64.
    """
    joint = (chroma[0] >> 4).astype(np.int64) * CHROMA_BINS + (chroma[1] >> 4)
    return np.bincount((luma >> 3).ravel(), minlength=LUMA_BINS), np.bincount(joint.ravel(), minlength=CHROMA_BINS**2)


def moments(cells: np.ndarray) -> tuple[int, int]:
    """Sum and sum of squares of cells, from which mean and variance come."""
    wide = cells.astype(np.int64)
    return int(wide.sum()), int((wide * wide).sum())


def own_motion(
    moves: np.ndarray, still: np.ndarray, structure: np.ndarray, texture: np.ndarray, camera: tuple[int, int]
) -> np.ndarray:
    """How much each block moves by itself, (block rows, block columns) float64, 0 to 1.

    A block counts by how far its motion lies from the camera's, up to MOVE_MAX cells, and by the share of its texture
    that no motion explains. Blocks without texture, or that stayed as they were, do not count. For the arguments see
    `match_blocks` and `judge`.
    """
    cells = BLOCK * BLOCK
    alive = (texture > TEXTURED * cells * cells) & (still > TEXTURED * cells)
    moved = np.abs(moves[..., 0] - camera[0]) + np.abs(moves[..., 1] - camera[1])
    own = np.minimum(moved, MOVE_MAX) / MOVE_MAX + structure / (texture + cells * cells)
    return np.where(alive, np.minimum(own, 1.0), 0.0)


def travel(moves: np.ndarray, cell_rows: int, cell_columns: int) -> float:
    """Mean length of the blocks' motions, in samples; a cell has `cell_rows` by `cell_columns` of them."""
    return float(np.hypot(moves[..., 0] * cell_rows, moves[..., 1] * cell_columns).mean())


def judge(moves: np.ndarray, residual: np.ndarray, structure: np.ndarray, texture: np.ndarray) -> tuple[int, ...]:
    """Sums over the blocks of a pair of pictures; see `match_blocks` for the arguments.

    A block is textured when its texture exceeds TEXTURED per cell, and broken when it is textured and its structure
    exceeds half of its texture. The motion of the camera is the lower median of the textured blocks' motions.

    Returns:
        Sum of the residuals, of the structures and of the textures; textured and broken blocks; the camera's motion
        down and across in cells.
    """
    textured = texture > TEXTURED * BLOCK**4
    broken = textured & (2 * structure > texture)
    camera = [
        np.sort(moves[textured][:, axis])[(int(textured.sum()) - 1) // 2] if textured.any() else 0 for axis in (0, 1)
    ]
    sums = (residual, structure, texture, textured, broken)
    return *(int(values.sum(dtype=np.int64)) for values in sums), int(camera[0]), int(camera[1])


def halve(cells: np.ndarray) -> np.ndarray:
    """Means of two by two cells, rounded; an odd last row or column is left out."""
    rows, columns = cells.shape[0] // 2 * 2, cells.shape[1] // 2 * 2
    quads = cells[:rows, :columns].astype(np.int32).reshape(rows // 2, 2, columns // 2, 2)
    return ((quads.sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)


def match_blocks(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, ...]:
    """Finds where each block of a picture was in another one.

    A coarse full search on half resolution within REACH is refined by one cell around its best. Beyond the border the
    other picture continues with its edge. Ties go to the first candidate: no motion, then by rows. A block that stayed
    within STILL grey levels per cell is not searched for elsewhere.

    Args:
        before: Cells of one picture, (rows, columns) uint8, both at least BLOCK.
        after: Cells of the other picture, of the same shape.

    Returns:
        For each block, int32: displacement (block rows, block columns, 2) in cells; residual, the sum of absolute
        differences at it; still, the same without displacement; structure, the sum of absolute differences after the
        mean of each block is removed, the better of displaced and not; texture, the sum of absolute differences of
        the more textured of both blocks from its mean. Structure and texture are scaled by the 64 cells of a block.
    """
    tops, lefts = places(after.shape[0]), places(after.shape[1])
    coarse = _coarse(halve(before), halve(after), tops // 2, lefts // 2)
    padded = np.pad(before, PAD, mode="edge").astype(np.int32)
    outcome = [np.zeros((*coarse.shape[:2], 2), np.int32), *(np.zeros(coarse.shape[:2], np.int32) for _ in range(4))]
    for index in np.ndindex(coarse.shape[:2]):
        row, column = int(tops[index[0]]), int(lefts[index[1]])
        block = after[row : row + BLOCK, column : column + BLOCK].astype(np.int32)
        place = (row, column)
        around = [(2 * coarse[index][0] + y, 2 * coarse[index][1] + x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        costs = [int(np.abs(block - _displaced(padded, place, move)).sum()) for move in [(0, 0), *around]]
        best = int(np.argmin(costs)) if costs[0] > STILL * BLOCK * BLOCK else 0
        move = [(0, 0), *around][best]
        still, moved = _displaced(padded, place, (0, 0)), _displaced(padded, place, move)
        outcome[0][index] = move
        outcome[1][index], outcome[2][index] = costs[best], costs[0]
        outcome[3][index] = min(
            np.abs(_centred(block) - _centred(still)).sum(), np.abs(_centred(block) - _centred(moved)).sum()
        )
        outcome[4][index] = max(np.abs(_centred(block)).sum(), np.abs(_centred(still)).sum())
    return tuple(outcome)


def places(size: int) -> np.ndarray:
    """Where blocks start along one side: evenly, the last one at the edge; they overlap where they must."""
    count = -(-size // BLOCK)
    return np.arange(count) * (size - BLOCK) // max(count - 1, 1)


def _coarse(before: np.ndarray, after: np.ndarray, tops: np.ndarray, lefts: np.ndarray) -> np.ndarray:
    within = np.arange(BLOCK // 2)
    rows, columns = (tops[:, None] + within)[:, None, :, None], (lefts[:, None] + within)[None, :, None, :]
    ours = after.astype(np.int32)[rows, columns]
    padded = np.pad(before, REACH, mode="edge").astype(np.int32)
    best = np.full((tops.size, lefts.size), np.iinfo(np.int32).max, np.int32)
    moves = np.zeros((tops.size, lefts.size, 2), np.int32)
    for y in range(-REACH, REACH + 1):
        for x in range(-REACH, REACH + 1):
            sums = np.abs(ours - padded[rows + REACH + y, columns + REACH + x]).sum(axis=(2, 3))
            costs = 4 * sums + 2 * (abs(y) + abs(x))
            better = costs < best
            best[better], moves[better] = costs[better], (y, x)
    return moves


def _displaced(padded: np.ndarray, place: tuple[int, int], move: tuple[int, int]) -> np.ndarray:
    row, column = place[0] + PAD + move[0], place[1] + PAD + move[1]
    return padded[row : row + BLOCK, column : column + BLOCK]


def _centred(block: np.ndarray) -> np.ndarray:
    return block.size * block - block.sum()


def filter_energy(samples: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Sum of squares per channel of what two biquads in a row, at rest before, make of samples.

    y[k] = b0 x[k] + b1 x[k-1] + b2 x[k-2] - a1 y[k-1] - a2 y[k-2], and the same again with y as x.

    Args:
        samples: (channels, n) float32.
        coefficients: b0 b1 b2 a1 a2 of the first filter, then of the second, (10,).

    Returns:
        (channels,) float64.
    """
    filtered = samples.astype(np.float64)
    for b0, b1, b2, a1, a2 in coefficients.reshape(2, 5).tolist():
        before = np.pad(filtered, ((0, 0), (2, 0)))
        after = np.zeros_like(before)
        for k in range(2, before.shape[1]):
            inward = b0 * before[:, k] + b1 * before[:, k - 1] + b2 * before[:, k - 2]
            after[:, k] = inward - a1 * after[:, k - 1] - a2 * after[:, k - 2]
        filtered = after[:, 2:]
    return (filtered**2).sum(axis=1)


def interpolated_peak(samples: np.ndarray, taps: np.ndarray) -> float:
    """Largest absolute value of samples and of what an interpolation filter puts between them.

    Args:
        samples: (channels, n) float32; the first `taps.shape[1] - 1` only feed the filter.
        taps: Interpolation filter, (phases, taps).
    """
    length = taps.shape[1]
    if samples.shape[1] < length:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(samples, length, axis=1)
    between = windows.astype(np.float64) @ taps.T if len(taps) else np.zeros(1)
    return float(max(np.abs(samples[:, length - 1 :]).max(), np.abs(between).max()))


def block_means(cells: np.ndarray, side: int) -> np.ndarray:
    """Means of blocks of so many cells along each side; what fills no block is left out.

    Args:
        cells: (rows, columns) uint8.
        side: Cells along the side of a block; less where there are fewer.

    Returns:
        (blocks,) float32.
    """
    rows, columns = (max(size // side, 1) for size in cells.shape)
    used = cells[: rows * side, : columns * side]
    blocks = used.reshape(rows, used.shape[0] // rows, columns, used.shape[1] // columns)
    return blocks.mean(axis=(1, 3), dtype=np.float32).ravel()


def tones_apart(
    luma: np.ndarray, chroma: np.ndarray, other_luma: np.ndarray, other_chroma: np.ndarray
) -> tuple[int, int]:
    """Distances of the histograms of two pictures: sums of absolute differences.

    Those of luma are smoothed by 1 2 1 first, for a grey level on the border of a bin belongs to both.
    """
    smooth = np.convolve(luma - other_luma, [1, 2, 1], "same")
    return int(np.abs(smooth).sum()), int(np.abs(chroma - other_chroma).sum())


def dip(before: np.ndarray, after: np.ndarray, deviation: np.ndarray, low: float, high: float) -> float:
    """How much contrast is lost between two pictures, as a share of what mixing them loses: the median of the frames.

    A mix with weight w has the variance (1 - w) a + w b - w (1 - w) d, where a and b are the variances of the two
    pictures and d that of their difference; a picture that moves from one to the other keeps to the first two terms.

    Args:
        before: The last picture before the change, (rows, columns) uint8.
        after: The first one after it.
        deviation: Standard deviations of those between, and of a last one that is the picture after the change.
        low: Least weight that is looked at.
        high: Largest.
    """
    one, other = before.astype(np.float64), after.astype(np.float64)
    weights = np.arange(1, deviation.size + 1) / (deviation.size + 1)
    middle = (weights >= low) & (weights <= high)
    if not middle.any():
        return 0.0
    weights, seen = weights[middle], deviation[middle] ** 2
    lost = (1 - weights) * one.var() + weights * other.var() - seen
    return float(np.median(lost / (weights * (1 - weights) * (other - one).var() + 1e-6)))


def mixtures(
    stack: np.ndarray, span: int, change_min: float, mixed_max: float, weight_min: float, weight_max: float
) -> np.ndarray:
    """Where the picture in the middle of a span is a mixture of those at its ends.

    Args:
        stack: Small pictures side by side, (values, frames) float32.
        span: Frames from end to end.
        change_min: Mean difference of the ends, in grey levels; less is no other picture.
        mixed_max: What mixing may leave open, as a share of the distance to the nearer end.
        weight_min: Least weight of the second end.
        weight_max: Largest.

    Returns:
        For each span, by its first frame, the share that mixing leaves open; infinity where it is no mixture.
    """
    count = stack.shape[1] - span
    before, after, middle = stack[:, :count], stack[:, span:], stack[:, span // 2 : span // 2 + count]
    change = after - before
    weight = ((middle - before) * change).sum(axis=0) / ((change * change).sum(axis=0) + 1e-6)
    mixed = np.abs(middle - before - weight * change).mean(axis=0)
    nearer = np.minimum(np.abs(middle - before).mean(axis=0), np.abs(middle - after).mean(axis=0)) + 1e-6
    fits = (np.abs(change).mean(axis=0) > change_min) & (mixed < mixed_max * nearer)
    fits &= (weight > weight_min) & (weight < weight_max)
    return np.where(fits, mixed / nearer, np.inf)


def weights(stack: np.ndarray, first: int, last: int) -> np.ndarray:
    """Share of the last small picture in every one from the first to the last, both included."""
    pictures = stack[:, first : last + 1].astype(np.float64)
    change = pictures[:, -1] - pictures[:, 0]
    return change @ (pictures - pictures[:, :1]) / (change @ change + 1e-6)


def climb(
    stack: np.ndarray,
    stretch: tuple[int, int, int],
    between: tuple[float, float],
    frames: tuple[int, int],
    error_max: float,
) -> tuple[int, int, int, int]:
    """Where the weight of the picture after a stretch climbs along one straight line from nothing to all.

    The stretch grows on each side where the line reaches its end, until both ends of the line lie inside.

    Args:
        stack: Small pictures side by side, (values, frames) float32.
        stretch: First and last frame that are looked at, and how far apart they may become.
        between: Weights that the line is drawn through.
        frames: How many must lie on it at least, and how many may leave it at most.
        error_max: Root mean square distance of the weights from the line.

    Returns:
        The frame before, the first and the last on the line, the frame after; all -1 where there is none.
    """
    before, after, length_max = stretch
    while before >= 0 and after < stack.shape[1] and after - before <= length_max:
        share = weights(stack, before, after)
        climbing = np.flatnonzero((share > between[0]) & (share < between[1]))
        if climbing.size < frames[0] or climbing[-1] - climbing[0] >= climbing.size + frames[1]:
            break
        slope, offset = np.polyfit(climbing, share[climbing], 1)
        if slope <= 0 or np.sqrt(np.mean((share[climbing] - slope * climbing - offset) ** 2)) > error_max:
            break
        start, end = before + round(-offset / slope) + 1, before + round((1 - offset) / slope)
        inside = start > before + 1, end < after
        if all(inside):
            return before, start, end, after
        grown = max((after - before) // 4, 2)
        before, after = before - grown * (not inside[0]), after + grown * (not inside[1])
    return -1, -1, -1, -1


def _parts(layer: np.ndarray, rows: int, columns: int) -> list[np.ndarray]:
    height, width = layer.shape
    tops, lefts = np.arange(rows + 1) * height // rows, np.arange(columns + 1) * width // columns
    return [
        layer[tops[i] : tops[i + 1], lefts[j] : lefts[j + 1]].astype(np.float64)
        for i in range(rows)
        for j in range(columns)
    ]


def variances(before: np.ndarray, before_chroma: np.ndarray, after: np.ndarray, after_chroma: np.ndarray) -> np.ndarray:
    """Variance of the difference of two pictures: of luma in REGION_ROWS by REGION_COLUMNS regions, and of each chroma.

    Args:
        before: (rows, columns) uint8; zeros for the contrast of the other picture alone.
        before_chroma: (2, rows, columns) uint8.
        after: As `before`.
        after_chroma: As `before_chroma`.
    """
    pairs = zip(_parts(before, REGION_ROWS, REGION_COLUMNS), _parts(after, REGION_ROWS, REGION_COLUMNS), strict=True)
    chroma = zip(before_chroma.astype(np.float64), after_chroma.astype(np.float64), strict=True)
    return np.array(
        [(other - one).var() if one.size else 0.0 for one, other in pairs]
        + [CHROMA_WEIGHT**2 * (other - one).var() for one, other in chroma]
    )


def means(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Means of MEAN_ROWS by MEAN_COLUMNS blocks of luma, then of each chroma."""
    found = []
    for layer, weight in ((luma, 1), *((layer, CHROMA_WEIGHT) for layer in chroma)):
        found += [weight * part.mean() if part.size else 0.0 for part in _parts(layer, MEAN_ROWS, MEAN_COLUMNS)]
    return np.array(found)


def blend(
    averages: np.ndarray, contrasts: np.ndarray, apart: np.ndarray, before: int, after: int
) -> tuple[float, float, float]:
    """How well frames between two are explained by one blended into the other at a steady pace.

    A mix with weight w has the variance (1 - w) a + w b - w (1 - w) d, see `dip`, and the mean (1 - w) p + w q.

    Args:
        averages: Means of blocks, `means`, side by side, (values, frames).
        contrasts: Variances of regions, `variances`, side by side, (values, frames).
        apart: Variances of the difference of the two ends.
        before: The last frame before the blend.
        after: The first frame after it.

    Returns:
        The share of the loss of variance that the model explains; the share of the change of the means that a straight
        line explains; root mean square of what the weights, told from the means, leave open. 1, 1 and 0 are perfect.
    """
    weight = np.linspace(0, 1, after - before + 1)
    seen = contrasts[:, before : after + 1]
    sag = np.outer(seen[:, 0], 1 - weight) + np.outer(seen[:, -1], weight) - seen
    left = sag - np.outer(apart, weight * (1 - weight))
    moved = averages[:, before : after + 1] - averages[:, before : before + 1]
    change = moved[:, -1]
    bent = ((moved - np.outer(change, weight)) ** 2).sum()
    spread = ((moved - moved.mean(axis=1, keepdims=True)) ** 2).sum()
    stray = change @ moved / (change @ change + 1e-6) - weight
    inside = slice(1, -1)
    explained = 1 - (left[:, inside] ** 2).sum() / ((sag[:, inside] ** 2).sum() + 1e-6)
    return float(explained), float(1 - bent / (spread + 1e-6)), float(np.sqrt((stray**2).mean()))


def blends(
    averages: np.ndarray, contrasts: np.ndarray, lengths: np.ndarray, limits: tuple[float, float, float]
) -> np.ndarray:
    """Where `blend` fits before ends are refined: for every length and first frame, -1 where it does not.

    The difference of the ends is taken for that of strangers, whose variances add up. A part of a blend is one as well,
    so that longer ones count more: 0.15 for twice the length.

    Args:
        averages: As for `blend`.
        contrasts: As for `blend`.
        lengths: Mixed frames that are tried.
        limits: Least explained share of the loss of variance and of the change of means, and largest stray.
    """
    fits = np.full((lengths.size, averages.shape[1]), -1.0)
    for row, length in zip(fits, lengths.tolist(), strict=True):
        for before in range(max(averages.shape[1] - length - 1, 0)):
            after, ends = before + length + 1, contrasts[:, [before, before + length + 1]]
            middle = (before + after) // 2
            weight = (middle - before) / (after - before)
            sag = (ends @ [1 - weight, weight] - contrasts[:, middle]).sum()
            found = blend(averages, contrasts, ends.sum(axis=1), before, after)
            fitting = found[0] >= limits[0] and found[1] >= limits[1] and found[2] <= limits[2]
            if fitting and sag > SAG_SHARE * weight * (1 - weight) * ends.sum():
                row[before] = found[0] + found[1] + 0.15 * np.log2(after - before)
    return fits
