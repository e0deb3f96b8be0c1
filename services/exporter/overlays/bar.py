"""A bar along the lower edge that grows with the clip."""

import numpy as np

from services.exporter.captions import drawing
from services.exporter.text import plate, styles

HEIGHT = 0.009  # of the shorter side
COLOR, TRACK = "#FFFFFF", "#000000"
OPACITY, TRACK_OPACITY = 0.95, 0.35


class Bar:
    """The bar.

    Args:
        canvas: What it is drawn over. The bar is no text: it reaches from edge to edge, outside of the safe zone.
    """

    NAME = "progress_bar"
    TEXT = False

    def __init__(self, canvas: drawing.Canvas) -> None:
        self._canvas = canvas
        self._height = max(2, round(HEIGHT * min(canvas.width, canvas.height) / 2) * 2)

    def at(self, number: int) -> plate.Plate:
        """As long as the share of the frames that have been shown."""
        canvas = self._canvas
        done = round(canvas.width * (number + 1) / canvas.frames)
        pixels = np.empty((4, self._height, canvas.width), np.float32)
        for part, color, opacity in (
            (pixels[..., :done], COLOR, OPACITY), (pixels[..., done:], TRACK, TRACK_OPACITY)
        ):  # fmt: skip
            part[:3] = np.array(styles.rgb(color), np.float32)[:, None, None] * opacity
            part[3] = opacity
        return plate.of(pixels, 0, canvas.height - self._height)
