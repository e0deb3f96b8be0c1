"""Pictures of clips: the best frame as a thumbnail, and one sheet that shows all."""

import dataclasses
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from media import errors as media_errors
from media import pool
from services.exporter import reading

QUALITY = 88  # of the JPEG: no visible loss at a third of the size of 95
CANDIDATES_MAX = 64  # key frames that are looked at; there is one every two seconds
TILE = 320  # longest side of a picture on the sheet, in pixels
COLUMNS_MAX = 5
GAP, CAPTION = 18, 46  # pixels
PAPER, INK, SOFT = (20, 21, 20), (236, 234, 227), (163, 164, 156)
EDGE_S = 0.4  # the very first frames of a clip are often the end of a movement


@dataclasses.dataclass(frozen=True, slots=True)
class Tile:
    """A picture on the sheet."""

    picture: np.ndarray
    """uint8 (height, width, 3), RGB."""
    heading: str
    caption: str


def still(
    request: Mapping[str, Any], files: pool.Files, report: pool.Report
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Task: writes the best frame of `files.inputs["clip"]` as JPEG into `files.outputs["image"]`.

    Returns:
        Its time in seconds and the length of the clip, and the array `tile`, uint8 (h, w, 3), a small RGB copy.
    """
    best, best_score, duration_s = None, -1.0, 0.0
    with reading.opened(files.inputs["clip"]) as opened:
        if opened.video is None:
            raise media_errors.Unreadable("the clip has no video", reason="NO_VIDEO")
        duration_s = float((opened.video.duration or 0) * opened.video.time_base)
        for frame in _key_frames(opened):
            found = score(frame, duration_s)
            if found > best_score:
                best, best_score = frame, found
            report({"stage": "look", "frames": 1})
    if best is None:
        raise media_errors.Unreadable("no frame of the clip decodes", reason="NO_FRAMES")
    image = best.to_image()
    image.save(files.outputs["image"], "JPEG", quality=QUALITY, optimize=True, progressive=True)
    image.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    facts = {"time_s": round(best.time or 0.0, 3), "duration_s": duration_s, "size": [best.width, best.height]}
    return facts, {"tile": np.asarray(image)}


def jpeg(picture: np.ndarray) -> bytes:
    """Encodes uint8 (h, w, 3), RGB, as JPEG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def _key_frames(opened: Any) -> Iterator[av.VideoFrame]:
    opened.video.codec_context.skip_frame = "NONKEY"
    yield from itertools.islice(reading.frames(opened, opened.video), CANDIDATES_MAX)


def score(frame: av.VideoFrame, duration_s: float) -> float:
    """How good a frame is as a thumbnail.

    Args:
        frame: a yuv420p picture.
        duration_s: length of the clip.

    Returns:
        Root of the mean gradient energy of a thinned luma plane, times how well it is exposed, in [0, 1], times 0.6
        near the start of the clip.
    """
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[::3, : frame.width : 3]
    values = luma.astype(np.float32)
    energy = float(np.sqrt((np.diff(values, axis=0) ** 2).mean() + (np.diff(values, axis=1) ** 2).mean()))
    exposed = float(((values > 30) & (values < 225)).mean()) * min(float(values.std()) / 30, 1.0)
    early = 0.6 if (frame.time or 0.0) < EDGE_S < duration_s / 4 else 1.0
    return energy * exposed * early + 1e-6 * float(values.mean())


def sheet(tiles: Sequence[Tile]) -> bytes:
    """Draws the contact sheet.

    Args:
        tiles: 1 to 100 pictures with their words.

    Returns:
        A JPEG.
    """
    columns = min(len(tiles), COLUMNS_MAX)
    rows = -(-len(tiles) // columns)
    width, height = (max(tile.picture.shape[side] for tile in tiles) for side in (1, 0))
    size = (columns * (width + GAP) + GAP, rows * (height + CAPTION + GAP) + GAP)
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    heading, caption = ImageFont.load_default(19), ImageFont.load_default(14)
    for index, tile in enumerate(tiles):
        left = GAP + index % columns * (width + GAP)
        top = GAP + index // columns * (height + CAPTION + GAP)
        rows_, columns_ = tile.picture.shape[:2]
        page.paste(Image.fromarray(tile.picture), (left + (width - columns_) // 2, top + (height - rows_) // 2))
        draw.text((left, top + height + 5), tile.heading, font=heading, fill=INK)
        draw.text((left, top + height + 28), tile.caption, font=caption, fill=SOFT)
    out = io.BytesIO()
    page.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
