"""Looks at a few pictures of each shot for text: what a window must not cut through.

Text is sharp strokes on an even ground: most of a cell is of one grey, the strokes differ from it strongly, and there
are many of them beside each other. Leaves and water are as busy, but have no even ground; and they move, while a screen
stands still. Only key frames are decoded, one for each look.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import av
import numpy as np

from media import source
from services.exporter import geometry, reading

LOOKS = 3  # per shot, spread over it; text stands at the same place in most of them
SHOTS_MAX = 40  # of one clip that are looked at: more would cost more than they tell
ROWS = 36  # cells across the picture's shorter side: a line of text is one or two cells high
SIDE = 16  # pixels of a cell: strokes are still told apart
EVEN = 8  # grey levels around the ground that belong to it
GROUND_MIN = 0.45  # share of a cell that is ground
STROKE = 48  # grey levels between the ground and a stroke
STROKES_MIN = 0.06  # share of a cell that is stroke
STEPS_MIN = 24  # strong steps between neighbours in a cell: one edge of a thing has one per row, a stroke has two
COMPANY = 3  # cells, of the nine around one, that must be text: words are longer than a cell


def texts(
    file: BinaryIO,
    spans_s: Sequence[tuple[float, float]],
    origin_pts: int,
    content: geometry.Rectangle | None,
    rotation: int,
) -> list[np.ndarray | None]:
    """Where text stands in each of several shots.

    Args:
        file: The source.
        spans_s: Start and end of each, in seconds from the first frame.
        origin_pts: Time stamp of the first frame.
        content: The part of the stored picture that is used; None for all of it.
        rotation: Degrees by which the picture is to be turned anticlockwise.

    Returns:
        Per shot, bool (rows, columns) over the used part as shown; None where no key frame could be seen.
    """
    found: list[np.ndarray | None] = []
    with reading.opened(file) as opened:
        for span_s in spans_s[:SHOTS_MAX]:
            seen = [text(_shown(frame, content, rotation)) for frame in _key_frames(opened, span_s, origin_pts)]
            same = [one for one in seen if one.shape == seen[0].shape]
            found.append(np.sum(same, axis=0) * 2 > len(same) if same else None)
    return found + [None] * (len(spans_s) - len(found))


def _shown(frame: av.VideoFrame, content: geometry.Rectangle | None, rotation: int) -> np.ndarray:
    """The used part of a frame in grey, upright."""
    luma = frame.to_ndarray(format="gray")
    part = content or geometry.Rectangle(0, 0, frame.width, frame.height)
    return np.rot90(luma[part.top : part.top + part.height, part.left : part.left + part.width], rotation // 90 % 4)


def _key_frames(opened: source.Source, span_s: tuple[float, float], origin_pts: int) -> Iterator[av.VideoFrame]:
    """Key frames of a shot, each once."""
    base, seen = opened.video.time_base, set()
    for index in range(LOOKS):
        t_s = span_s[0] + (span_s[1] - span_s[0]) * (index + 0.5) / LOOKS
        frame = _key_frame(opened, origin_pts + round(t_s / base))
        if frame is None or frame.pts is None or frame.pts in seen:
            continue
        seen.add(frame.pts)
        if span_s[0] <= (frame.pts - origin_pts) * base < span_s[1]:
            yield frame


def _key_frame(opened: source.Source, pts: int) -> av.VideoFrame | None:
    try:
        opened.container.seek(pts, stream=opened.video, backward=True)
    except (OSError, ValueError):  # not seekable, or before the first entry of its table
        return None
    return next(reading.frames(opened, opened.video), None)


def text(luma: np.ndarray) -> np.ndarray:
    """Which cells of a picture hold text.

    Args:
        luma: uint8 (height, width).

    Returns:
        bool (rows, columns); a cell is square, and has `SIDE` pixels of a picture that is large enough.
    """
    step = max(1, round(min(luma.shape) / (ROWS * SIDE)))
    thin = luma[::step, ::step].astype(np.int16)
    side = max(4, min(SIDE, min(thin.shape) // 8))
    rows, columns = (size // side for size in thin.shape)
    if not rows or not columns:
        return np.zeros((1, 1), bool)
    cells = thin[: rows * side, : columns * side].reshape(rows, side, columns, side).swapaxes(1, 2)
    flat = np.sort(cells.reshape(rows, columns, -1), axis=-1)
    ground = _ground(flat)
    away = np.abs(cells - ground[:, :, None, None])
    even, stroke = (away <= EVEN).mean(axis=(2, 3)), (away >= STROKE).mean(axis=(2, 3))
    steps = (np.abs(np.diff(cells, axis=3)) >= STROKE).sum(axis=(2, 3))
    least = STEPS_MIN * (side / SIDE) ** 2
    busy = (even >= GROUND_MIN) & (stroke >= STROKES_MIN) & (steps >= least)
    around = np.pad(busy.astype(np.int64), 1)
    company = sum(around[1 + down : 1 + down + rows, 1 + across : 1 + across + columns]
                  for down in (-1, 0, 1) for across in (-1, 0, 1))  # fmt: skip
    return busy & (company >= COMPANY)


def _ground(ordered: np.ndarray) -> np.ndarray:
    """The grey that most pixels of a cell are near: the middle of the densest `GROUND_MIN` of (rows, columns, n)."""
    count = ordered.shape[-1]
    held = max(1, int(count * GROUND_MIN))
    widths = ordered[..., held - 1 :] - ordered[..., : count - held + 1]
    first = widths.argmin(axis=-1)
    low = np.take_along_axis(ordered, first[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(ordered, (first + held - 1)[..., None], axis=-1)[..., 0]
    return (low + high) // 2
