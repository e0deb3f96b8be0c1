"""What the kernels of the camera compute, said in NumPy: slow, short, and the measure of the compiled ones.

A block moves by a whole number of cells, as block matching found it, and by a part of a cell that its slopes tell. One
model is fitted to all of them: translation, zoom and roll. Blocks count by what they can tell: an edge tells nothing
about motion along itself. Those that do not follow the model lose their weight in every round.

Source: Lucas and Kanade, "An Iterative Image Registration Technique with an Application to Stereo Vision", 1981;
reweighted least squares with the function of Geman and McClure, 1987, its scale lowered from round to round.
"""

import numpy as np

from services.analyzer.kernels import spec as cells

BLOCK = cells.BLOCK
TEXTURED = 1  # grey levels: mean deviation above which a block tells where it went; motion of the whole needs little
LINE_STEP = 2  # of the lines of a block: those between say much the same, for all are smoothed
PARTIAL = 2 / 3  # slopes are of both pictures and scaled by 12, values by 36: 24 / 36
PARTIAL_MAX = 1.5  # cells beyond the whole ones that slopes can tell; what claims more is no match
DAMPING = 0.02  # of the trace: a motion along an edge is nought, not anything
FAINT = 35_000  # trace of a block whose slopes are a quarter of a grey level per cell: it counts half
COARSE, FINE = (4.0, 1.5, 0.5), (0.5, 0.25)  # cells that a block may miss the model by at half its weight
ANCHOR, STIFF = 1e-3, 0.1  # blocks' worth of belief in the motion before, and in neither zoom nor roll
STANDING = 1.5  # weight of what stands against what moves: a camera that moves leaves nothing in its place
OWN = 0.4  # cells by which a block must miss the model to move by itself


def fields(luma: np.ndarray) -> np.ndarray:
    """Values and slopes of a picture, smoothed alike: what a cubic spline through the cells has at the cells.

    Args:
        luma: (rows, columns) uint8.

    Returns:
        (3, rows, columns) int16: value times 36, slope down and slope across times 12.
    """
    padded = np.pad(luma.astype(np.int16), 1, mode="edge")
    down = padded[:-2] + 4 * padded[1:-1] + padded[2:]
    step = padded[2:] - padded[:-2]
    return np.stack(
        [part[:, :-2] + 4 * part[:, 1:-1] + part[:, 2:] for part in (down, step)] + [down[:, 2:] - down[:, :-2]]
    )


def slopes(before: np.ndarray, after: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """What each block tells about its motion, with a change of brightness left out.

    Args:
        before: Fields of one picture, (3, rows, columns) int16.
        after: Fields of the other.
        moves: Where each block was, (block rows, block columns, 2) int32 in cells.

    Returns:
        (block rows, block columns, 5) int64: sums of the products of the slopes down-down, down-across and
        across-across, and of the slopes and the difference; each slope the sum of both pictures', all less their mean
        and scaled by the number of cells that were looked at. Zeros where the block was beyond the border.
    """
    out = np.zeros((*moves.shape[:2], 5), np.int64)
    tops, lefts = cells.places(after.shape[1]), cells.places(after.shape[2])
    for i, j in np.ndindex(moves.shape[:2]):
        row, column = tops[i] + moves[i, j, 0], lefts[j] + moves[i, j, 1]
        if row < 0 or column < 0 or row + BLOCK > before.shape[1] or column + BLOCK > before.shape[2]:
            continue
        ours = after[:, tops[i] : tops[i] + BLOCK : LINE_STEP, lefts[j] : lefts[j] + BLOCK].astype(np.int64)
        theirs = before[:, row : row + BLOCK : LINE_STEP, column : column + BLOCK].astype(np.int64)
        down, across, apart = ours[1] + theirs[1], ours[2] + theirs[2], ours[0] - theirs[0]
        pairs = ((down, down), (down, across), (across, across), (down, apart), (across, apart))
        out[i, j] = [down.size * (one * other).sum() - one.sum() * other.sum() for one, other in pairs]
    return out


def fitted(
    found: np.ndarray, moves: np.ndarray, usable: np.ndarray, start: np.ndarray, rounds: tuple[float, ...],
    shape: tuple[int, int], tall: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Fits the motion of the camera to the blocks.

    Args:
        found: See `slopes`.
        moves: The moves for which they were found.
        usable: Which blocks may take part, (block rows, block columns) bool.
        start: The motion to begin with, (4,).
        rounds: Scale of each round, in cells.
        shape: Rows and columns of the picture in cells.
        tall: Height of a cell to its width.

    Returns:
        The motion: down and across in cells, growth per cell from the middle, clockwise turn in radians, of where
        things were against where they are; the weight of each block, 0 to 1, flat; each block's own motion, (b, 2),
        and how well it is known in each direction, (b, 2, 2).
    """
    trace = (found[..., 0] + found[..., 2]).reshape(-1).astype(np.float64)
    scaled = found.reshape(-1, 5) / np.maximum(trace, 1.0)[:, None]
    matrix = scaled[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    told = PARTIAL * scaled[:, 3:]
    part = np.linalg.solve(matrix + DAMPING * np.eye(2), told[..., None])[..., 0]
    told_enough = usable.reshape(-1) & (trace > 0) & ((part**2).sum(axis=1) < PARTIAL_MAX**2)
    counts = np.where(told_enough, trace / (trace + FAINT), 0.0)
    own = moves.reshape(-1, 2) + part
    jacobian = bases(shape, tall)
    normal = np.einsum("bki,bkl,blj->bij", jacobian, matrix, jacobian)
    right = np.einsum("bki,bk->bi", jacobian, np.einsum("bkl,bl->bk", matrix, moves.reshape(-1, 2)) + told)
    belief = np.array([ANCHOR, ANCHOR, *(STIFF * (shape[1] / 2) ** 2,) * 2])
    motion, weights = start.copy(), np.zeros(trace.size)
    for scale in rounds:
        energy = misses(jacobian @ motion - own, matrix)
        weights = counts / (1 + energy / scale**2) ** 2
        anchor = belief * motion * (belief < STIFF)
        motion = np.linalg.solve(np.einsum("b,bij->ij", weights, normal) + np.diag(belief), weights @ right + anchor)
    return motion, weights, own, matrix


def misses(apart: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Square of the cells by which blocks miss a motion, (blocks,), as far as they can tell."""
    return 2 * np.einsum("bk,bkl,bl->b", apart, matrix, apart)


def bases(shape: tuple[int, int], tall: float) -> np.ndarray:
    """How each block moves, down and across, for a unit of each part of the motion: (blocks, 2, 4)."""
    down, across = (cells.places(size) + (BLOCK - 1) / 2 - (size - 1) / 2 for size in shape)
    y, x = (part.reshape(-1) for part in np.meshgrid(down, across, indexing="ij"))
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([ones, zeros, y, x / tall], -1), np.stack([zeros, ones, x, -y * tall], -1)], 1)


def camera(
    before: np.ndarray, after: np.ndarray, moves: np.ndarray, structure: np.ndarray, texture: np.ndarray,
    start: tuple[int, int], tall: float,
) -> np.ndarray:  # fmt: skip
    """The motion of the camera between two pictures, and what moves against it.

    The blocks are fitted where block matching found them, and then where the camera says they were. Where it says that
    they moved, they are also fitted where they stand, and if enough of them agree with that, it is right: something
    large that passes by is not the camera, and block matching may take a change of light for motion.

    Args:
        before: See `fields`.
        after: See `fields`.
        moves: See `kernels.spec.match_blocks`, as for the next two.
        structure: Blocks that keep less than half of their texture do not count.
        texture: Blocks with little of it do not count.
        start: Motion to begin with, down and across in cells.
        tall: Height of a cell to its width.

    Returns:
        (7,) float64: the motion as in `fitted`; blocks with texture; their weights, divided by their number; cells that
        the blocks move by themselves, on average over all blocks.
    """
    shape = after.shape[1:]
    usable = (texture > TEXTURED * BLOCK**4) & (2 * structure <= texture)
    begin = np.array([*start, 0.0, 0.0])
    coarse, _, own, matrix = fitted(slopes(before, after, moves), moves, usable, begin, COARSE, shape, tall)
    jacobian = bases(shape, tall)
    expected = np.floor(jacobian @ coarse + 0.5).astype(np.int32).reshape(moves.shape)
    motion, weights, *_ = fitted(slopes(before, after, expected), expected, usable, coarse, FINE, shape, tall)
    if expected[usable].any():
        still = np.zeros_like(moves)
        found = fitted(slopes(before, after, still), still, usable, np.zeros(4), FINE, shape, tall)
        motion, weights = found[:2] if STANDING * found[1].sum() >= weights.sum() else (motion, weights)
    apart = np.sqrt(misses(jacobian @ motion - own, matrix))
    moving = usable.reshape(-1) & (apart > OWN)
    return np.array([*motion, usable.sum(), weights.sum() / max(usable.sum(), 1), apart[moving].sum() / usable.size])
