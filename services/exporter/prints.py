"""Small prints of pictures: a frame in 144 numbers, to compare a finished file with what was rendered."""

import dataclasses

import av
import numpy as np

ROWS, COLUMNS = 16, 9
STEP = 4  # every fourth pixel in both directions: block means hardly change
BLACK_LUMA_MAX = 24  # mean luma below which a picture counts as black; limited range begins at 16
BLACK_BLOCK_MAX = 36  # and no block may be brighter: a title on black is no black picture
MARGIN = 6  # steps of luma above black that a rendered picture must have before its loss counts
MOVING = 1.0  # steps of change above stillness that a rendered picture must have before its loss counts
FROZEN_MAX = 0.35  # mean change of the blocks below which a picture counts as the one before


def of(frame: av.VideoFrame) -> np.ndarray:
    """Prints a picture.

    Args:
        frame: a yuv420p picture.

    Returns:
        uint8 (16, 9): means of the luma over a grid of blocks.
    """
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[: frame.height, : frame.width]
    step = max(
        1, min(STEP, frame.height // ROWS, frame.width // COLUMNS)
    )  # small pictures have fewer pixels to leave out
    thin = luma[::step, ::step]
    rows, columns = thin.shape[0] // ROWS * ROWS, thin.shape[1] // COLUMNS * COLUMNS
    blocks = thin[:rows, :columns].reshape(ROWS, rows // ROWS, COLUMNS, columns // COLUMNS)
    return blocks.mean(axis=(1, 3), dtype=np.float32).round().astype(np.uint8)


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a sequence of pictures shows."""

    frames: int
    black_frames: int
    frozen_frames: int
    longest_black: int
    longest_frozen: int


def facts(prints: np.ndarray) -> Facts:
    """Counts black and frozen pictures.

    Args:
        prints: uint8 (n, 16, 9), prints in order.

    Returns:
        Counts, and the longest stretches, in frames.
    """
    dark, still = black(prints), change(prints) < FROZEN_MAX
    return Facts(len(prints), int(dark.sum()), int(still.sum()), longest(dark), longest(still))


def black(prints: np.ndarray) -> np.ndarray:
    """Which pictures are black: bool (n,) for uint8 (n, 16, 9)."""
    return (prints.mean(axis=(1, 2)) < BLACK_LUMA_MAX) & (prints.max(axis=(1, 2), initial=0) < BLACK_BLOCK_MAX)


def change(prints: np.ndarray) -> np.ndarray:
    """Mean absolute change of the blocks since the picture before: float32 (n,), infinite for the first."""
    steps = np.abs(np.diff(prints.astype(np.float32), axis=0)).mean(axis=(1, 2))
    return np.concatenate((np.full(min(len(prints), 1), np.inf, np.float32), steps))


def lost(rendered: np.ndarray, decoded: np.ndarray) -> tuple[int, int]:
    """What went wrong on the way into the file.

    Args:
        rendered: uint8 (n, 16, 9), prints of the pictures that were encoded.
        decoded: uint8 (n, 16, 9), prints of the pictures of the file.

    Returns:
        Longest stretch, in frames, that became black, and longest stretch in which movement stopped.
    """
    darkened = black(decoded) & (rendered.mean(axis=(1, 2)) > BLACK_LUMA_MAX + MARGIN)
    stopped = (change(decoded) < FROZEN_MAX) & (change(rendered) > FROZEN_MAX + MOVING)
    return longest(darkened), longest(stopped)


def longest(flags: np.ndarray) -> int:
    """Length of the longest run of true values in bool (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def difference(rendered: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """How far decoded pictures are from rendered ones.

    Args:
        rendered: uint8 (n, 16, 9).
        decoded: uint8 (n, 16, 9).

    Returns:
        float32 (n,): mean absolute difference of the blocks, in steps of luma.
    """
    return np.abs(rendered.astype(np.float32) - decoded.astype(np.float32)).mean(axis=(1, 2))
