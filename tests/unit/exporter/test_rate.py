"""Constant frame rate by rule."""

from fractions import Fraction

import numpy as np
import pytest

from services.exporter import rate

NTSC = Fraction(30000, 1001)


def stamps(count: int, fps: Fraction, unit: Fraction = Fraction(1, 90000)) -> list[Fraction]:
    """Times of a constant rate, rounded to a clock."""
    return [round(index / fps / unit) * unit for index in range(count)]


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), NTSC, Fraction(60), Fraction(25, 2)])
@pytest.mark.parametrize("unit", [Fraction(1, 90000), Fraction(1, 1000)])
def test_constant_rate_keeps_every_frame_once(fps: Fraction, unit: Fraction) -> None:
    """A constant source keeps its rate and its frames, also where the container counts in milliseconds."""
    found = rate.schedule(stamps(500, fps, unit), None, fps, 60)
    assert (fps, True) == (found.rate, found.constant)
    assert np.arange(500).tolist() == found.shown.tolist()


def test_standard_rate_is_found_without_a_claim() -> None:
    """A container that claims nothing still gives the exact standard rate."""
    assert NTSC == rate.schedule(stamps(2000, NTSC, Fraction(1, 1000)), None, None, 60).rate


def test_odd_rate_is_kept() -> None:
    """179/6 frames per second is no standard rate, and stays what it is."""
    odd = Fraction(179, 6)
    assert odd == rate.schedule(stamps(400, odd), None, odd, 60).rate


def test_fast_source_is_divided_by_a_whole_number() -> None:
    """60 frames per second under a limit of 30 become every second frame."""
    found = rate.schedule(stamps(101, Fraction(60)), None, Fraction(60), 30)
    assert Fraction(30) == found.rate
    assert list(range(0, 101, 2)) == found.shown.tolist()


def test_variable_rate_shows_what_the_source_showed() -> None:
    """Frames at 0, 40, 80, 280 and 320 ms fill a grid of 25 per second; the stall repeats its frame."""
    times = [Fraction(ms, 1000) for ms in (0, 40, 80, 280, 320)]
    found = rate.schedule(times, Fraction(360, 1000), None, 60)
    assert (Fraction(25), False) == (found.rate, found.constant)
    assert [0, 1, 2, 2, 2, 2, 2, 3, 4] == found.shown.tolist()


def test_last_frame_of_a_variable_source_lasts_until_the_end() -> None:
    """The end of the range decides how long the last frame is shown."""
    times = [Fraction(ms, 1000) for ms in (0, 40, 80, 200)]
    assert 10 == len(rate.schedule(times, Fraction(400, 1000), None, 60).shown)


def test_single_frame_becomes_one_frame() -> None:
    """One frame is a clip of one frame."""
    found = rate.schedule([Fraction(3)], None, None, 60)
    assert (Fraction(25), [0]) == (found.rate, found.shown.tolist())


def test_wild_time_stamp_is_refused() -> None:
    """A hole of a year does not ask for a year of frames."""
    with pytest.raises(rate.Unpaced):
        rate.schedule([Fraction(0), Fraction(1, 25), Fraction(31_536_000)], None, None, 60)


def test_no_frame_is_refused() -> None:
    """Nothing to show is an error, not an empty clip."""
    with pytest.raises(rate.Unpaced):
        rate.schedule([], None, None, 60)
