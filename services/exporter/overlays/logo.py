"""A logo in a corner of the safe zone, from a PNG file, which is decoded where nothing else can be reached."""

import io
from typing import BinaryIO

import numpy as np
from PIL import Image

from media import errors
from services.exporter.captions import drawing
from services.exporter.text import block, plate

SIDE = 0.18  # longest side, of the picture's shorter side
MARGIN = 0.01  # from the edges of the zone, of the shorter side
BYTES_MAX = 16 << 20  # a logo of 4096 x 4096 that hardly compresses
PIXELS_MAX = 4096 * 4096


class Logo:
    """The logo.

    Args:
        file: A PNG file.
        corner: Such as `top_right`.
        opacity: From 0 to 1.
        canvas: What it is drawn over.

    Raises:
        errors.Unreadable: It is no PNG file, or damaged.
        errors.Refused: It has too many bytes or pixels.
    """

    NAME = "logo"
    TEXT = True

    def __init__(self, file: BinaryIO, corner: str, opacity: float, canvas: drawing.Canvas) -> None:
        side, zone = min(canvas.width, canvas.height), canvas.zone
        pixels = opened(file, round(SIDE * side))
        _, height, width = pixels.shape
        margin = round(MARGIN * side)
        left = zone.left + margin if corner.endswith("left") else zone.right - margin - width
        self.top = zone.top + margin if corner.startswith("top") else zone.bottom - margin - height
        self.bottom = self.top + height
        self._plate = plate.of(pixels * np.float32(opacity), left, self.top)

    def at(self, number: int) -> plate.Plate:
        """The same over every frame."""
        return self._plate

    def beside(self, zone: block.Zone) -> block.Zone:
        """What the logo leaves of a zone for text: above it or below it."""
        if self.top - zone.top < zone.bottom - self.bottom:
            return block.Zone(zone.left, self.bottom, zone.right, zone.bottom)
        return block.Zone(zone.left, zone.top, zone.right, self.top)


def opened(file: BinaryIO, side_px: int) -> np.ndarray:
    """Reads a logo and fits it into a square: float32 (4, h, w), colours times coverage, and coverage."""
    file.seek(0)  # a clip that is to have a certain size is rendered several times
    data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise errors.Refused(f"the logo has more than {BYTES_MAX} bytes", reason="LOGO_TOO_LARGE")
    try:
        image = _decoded(data)
    except Image.DecompressionBombError as error:
        raise errors.Refused(f"the logo is too large: {error}", reason="LOGO_TOO_LARGE") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises for what is no PNG
        raise errors.Unreadable(f"the logo is no PNG that can be read: {error}", reason="LOGO_UNREADABLE") from error
    scale = side_px / max(image.size)
    size = tuple(max(1, round(length * scale)) for length in image.size)
    # Colours are multiplied by coverage first: what is invisible has none that could bleed in.
    premultiplied = np.asarray(image.convert("RGBa").resize(size, Image.Resampling.LANCZOS), np.float32) / 255
    return np.ascontiguousarray(premultiplied.transpose(2, 0, 1))


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        if image.width * image.height > PIXELS_MAX:
            raise errors.Refused(
                f"the logo has {image.width} x {image.height} pixels, {PIXELS_MAX} are allowed", reason="LOGO_TOO_LARGE"
            )
        return image.convert("RGBA")
