"""Windows, sizes and how a window slides."""

from fractions import Fraction

import hypothesis
import pytest
from hypothesis import strategies

from services.exporter import geometry, path

UPRIGHT = geometry.Canvas(1080, 1920)


def test_window_of_a_wide_picture_keeps_the_height() -> None:
    """9:16 out of 16:9 takes the whole height and a third of the width."""
    share = geometry.window(geometry.upright(1920, 1080, None, 0), UPRIGHT)
    assert pytest.approx((0.31640625, 1.0)) == share


def test_rotation_by_a_quarter_turn_swaps_the_sides() -> None:
    """A picture stored sideways is upright once turned, with its pixels turned too."""
    turned = geometry.upright(720, 480, Fraction(32, 27), -90)
    assert (480, 720, Fraction(27, 32)) == (turned.width, turned.height, turned.pixel_aspect)


def test_pixels_that_are_not_square_count_for_the_shape() -> None:
    """720x480 with pixels of 32:27 is shown as 16:9."""
    assert Fraction(16, 9) == geometry.upright(720, 480, Fraction(32, 27), 0).aspect


def test_nonsense_pixel_aspect_is_ignored() -> None:
    """A damaged header cannot squeeze the picture to a line."""
    assert Fraction(1) == geometry.upright(640, 480, Fraction(1, 5000), 0).pixel_aspect


@hypothesis.given(
    length=strategies.integers(64, 4096),
    share=strategies.floats(0.1, 0.99),
    middle=strategies.floats(0.0, 1.0),
    delivered=strategies.sampled_from([1080, 1350, 1920]),
)
def test_window_stands_where_it_was_aimed(length: int, share: float, middle: float, delivered: int) -> None:
    """Both cuts together miss the wanted place by less than one delivered pixel, and never leave the picture."""
    movement = geometry.slide(length, share, delivered)
    middle = min(max(middle, share / 2), 1 - share / 2)
    first, second = movement.offsets(middle)
    assert 0 == first % 2
    assert 0 <= first <= length - movement.cut
    assert 0 <= second <= movement.scaled - delivered
    scale = movement.scaled / movement.cut
    aimed = middle * length * scale - delivered / 2
    # The end of an odd axis cannot be reached with even cuts: one source pixel is the most that is lost.
    assert abs(first * scale + second - aimed) <= 1.0 + scale


@hypothesis.given(strategies.lists(strategies.floats(0, 1000), min_size=1, max_size=200))
def test_key_points_describe_the_path(values: list[float]) -> None:
    """Straight lines between key points miss the path by half a pixel at most."""
    import numpy as np

    points = np.array([(value, 0.0) for value in values])
    keys = path.simplified(points)
    drawn = np.interp(np.arange(len(values)), keys, points[keys, 0])
    assert np.abs(drawn - points[:, 0]).max() <= path.ERROR_MAX + 1e-6
