"""Fades of the picture from and to black."""

import dataclasses
from fractions import Fraction

import av
import numpy as np

from services.exporter import asked

BLACK_LUMA, GREY_CHROMA = 16, 128  # of limited range, which every delivered picture has


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """How bright every frame of a clip is."""

    frames: int
    rise: int
    """Frames until the picture is whole; the first one is black."""
    fall: int

    def gain(self, number: int) -> float:
        """Brightness of a frame, from 0 to 1."""
        rising = number / self.rise if number < self.rise else 1.0
        left = self.frames - 1 - number
        return min(rising, left / self.fall if left < self.fall else 1.0)

    def apply(self, frame: av.VideoFrame, number: int) -> av.VideoFrame:
        """A yuv420p frame as bright as its number says; whole ones come back as they are."""
        gain = self.gain(number)
        if gain == 1.0:
            return frame
        steps = np.arange(256)
        luma = np.rint(BLACK_LUMA + (steps - BLACK_LUMA) * gain).clip(0, 255).astype(np.uint8)
        chroma = np.rint(GREY_CHROMA + (steps - GREY_CHROMA) * gain).astype(np.uint8)
        made = av.VideoFrame(frame.width, frame.height, "yuv420p")
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(made, name, getattr(frame, name))
        for source, target, table in zip(frame.planes, made.planes, (luma, chroma, chroma), strict=True):
            into = np.frombuffer(target, np.uint8).reshape(target.height, target.line_size)
            rows = np.frombuffer(source, np.uint8).reshape(source.height, source.line_size)
            width = min(source.line_size, target.line_size)
            into[:, :width] = table[rows[:, :width]]
        return made


def of_picture(fades: asked.Fades, frames: int, rate: Fraction) -> Picture:
    """The fades of a clip in frames."""
    return Picture(frames, round(fades.picture_in_s * rate), round(fades.picture_out_s * rate))
