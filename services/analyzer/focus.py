"""Samples of the focus, the place where the eye goes: `gaze` finds them, and documents and proposals tell them."""

from typing import NamedTuple

INTERVAL_S = 0.2  # from one sample of the track to the next: faster than a camera should follow


class Sample(NamedTuple):
    """The focus at one moment, in the picture as coded: a row of a track.

    Attributes:
        t_s: Time in seconds.
        x: From 0 at the left edge to 1 at the right.
        y: From 0 at the top to 1 at the bottom.
        spread_x: Standard deviation of the weight along x.
        spread_y: Standard deviation of the weight along y.
        weight: How much of the picture moves by itself, 0 to 1.
    """

    t_s: float
    x: float
    y: float
    spread_x: float
    spread_y: float
    weight: float


def upright(sample: Sample, rotation: int) -> Sample:
    """A sample in the picture as shown, after a clockwise turn of 0, 90, 180 or 270 degrees."""
    x, y, spread_x, spread_y = sample.x, sample.y, sample.spread_x, sample.spread_y
    turned = {
        0: (x, y, spread_x, spread_y),
        90: (1 - y, x, spread_y, spread_x),
        180: (1 - x, 1 - y, spread_x, spread_y),
        270: (y, 1 - x, spread_y, spread_x),
    }[rotation]
    return Sample(sample.t_s, *turned, sample.weight)
