"""Times that go forward, and packets that are counted, whatever the time stamps say."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from services.analyzer import clock, highlight, ledger, timeline

TICK = Fraction(1, 1000)


@dataclasses.dataclass
class Packet:
    """A packet with a time stamp in milliseconds."""

    pts: int | None
    dts: int | None = None
    duration: int = 40
    is_keyframe: bool = False
    is_corrupt: bool = False


@dataclasses.dataclass
class Entry:
    """An entry of a container's index."""

    timestamp: int
    is_keyframe: bool = True


@dataclasses.dataclass
class Stream:
    """A stream with an index."""

    time_base: Fraction = TICK
    type: str = "video"
    index_entries: tuple[Entry, ...] = ()


def times(stamps: list[int | None]) -> tuple[list[float], int]:
    """The times of frames, rounded, and how many were repaired."""
    one = clock.Clock(TICK, 0.04)
    found = [round(one.time(stamp), 3) for stamp in stamps]
    return found, one.repaired


@pytest.mark.parametrize(("stamps", "expected", "repaired"), [
    ([500, 540, 580], [0, 0.04, 0.08], 0),
    ([0, 40, None, 120], [0, 0.04, 0.08, 0.12], 1),
    ([0, 40, 40, 80], [0, 0.04, 0.08, 0.12], 1),
    ([0, 40, 3_600_000_000, 3_600_000_040], [0, 0.04, 0.08, 0.12], 1),
    ([0, 40, -5000, -4960], [0, 0.04, 0.08, 0.12], 1),
    ([None, None, None], [0, 0.04, 0.08], 2),
    ([0, 2000, 2040], [0, 2.0, 2.04], 0),
])  # fmt: skip
def test_time_always_goes_forward(stamps: list, expected: list, repaired: int) -> None:
    """Missing, repeated, wild and backward time stamps are bridged; a long pause is kept."""
    assert (expected, repaired) == times(stamps)


def test_last_frame_has_a_duration() -> None:
    """Its own, or that of the frame before."""
    one = clock.Clock(TICK)
    for stamp in (0, 50):
        one.time(stamp)
    assert 0.1 == pytest.approx(one.end(0))
    assert 0.08 == pytest.approx(one.end(30))


def tracked(stamps: list[int], **stream) -> ledger.Track:
    """What a ledger says about packets with these time stamps."""
    one = ledger.Ledger(Stream(**stream))
    for stamp in stamps:
        one.add(Packet(stamp, stamp))
    return one.finish()


def test_even_frames_in_any_order_are_even() -> None:
    """Reordered, and rounded to milliseconds: still one frame rate."""
    stamps = [round(index * 1000 / 23.976) for index in range(400)]
    shuffled = [stamps[k + step] for k in range(0, 400, 4) for step in (0, 3, 1, 2)]
    found = tracked(shuffled)
    assert (400, False) == (found.packets, found.variable)
    assert 0.0417 == pytest.approx(found.step_s, abs=0.001)
    assert (0.0, pytest.approx(stamps[-1] / 1000 + 0.04)) == (found.start_s, found.end_s)


def test_uneven_frames_are_variable() -> None:
    """One frame in ten is twice as long."""
    gaps = [40 if index % 10 else 80 for index in range(400)]
    assert tracked(list(np.cumsum(gaps))).variable


def test_packets_without_time_stamps_are_counted() -> None:
    """They tell nothing but their number."""
    one = ledger.Ledger(Stream())
    for _ in range(3):
        one.add(Packet(None))
    assert (3, None, None, None, False) == dataclasses.astuple(one.finish())[:5]


def test_index_that_marks_other_packets_is_noticed() -> None:
    """Only entries within what was read count."""
    entries = tuple(Entry(stamp) for stamp in (0, 400, 9_000_000))
    one = ledger.Ledger(Stream(index_entries=entries))
    for stamp in range(0, 2000, 40):
        one.add(Packet(stamp, stamp, is_keyframe=stamp in (0, 800)))
    found = one.finish()
    assert (1, 2, (0.0, 0.8)) == (found.misplaced, found.key_frames, found.key_frames_s)


def test_means_hold_while_no_frame_comes() -> None:
    """A picture that stands still keeps its values; sound that is not there is zero."""
    one = timeline.Means(("a",), 0.5)
    for t_s, value in ((0.1, 1.0), (0.2, 3.0), (1.6, 5.0), (1.7, float("nan"))):
        one.add(t_s, (value,))
    assert [2.0, 2.0, 2.0, 5.0, 5.0] == one.finish(2.5)["a"].tolist()
    assert [2.0, 0.0, 0.0, 5.0, 0.0] == one.finish(2.5, hold=False)["a"].tolist()


def test_first_frames_of_intervals_are_kept() -> None:
    """The first frame at or after the beginning of each interval."""
    one = timeline.Firsts(0.5)
    for frame in range(30):
        one.add(frame / 12, frame)
    assert [0, 6, 12, 18, 24] == one.finish(2.5, 30).tolist()


def test_shares_and_counts_add_up() -> None:
    """Spans and moments per interval."""
    assert [0.5, 1.0, 0.2, 0.0] == pytest.approx(timeline.shares([(0.25, 1.1)], 0.5, 4).tolist())
    assert [1, 0, 2, 0] == timeline.counts([0.1, 1.0, 1.4, 99.0], 0.5, 4).tolist()


def test_ranks_know_no_units() -> None:
    """Only the order counts; equal values share their place."""
    values = np.array([5.0, 1.0, 3.0, 3.0])
    assert [1.0, 0.0, 0.5, 0.5] == highlight.ranks(values).tolist()
    assert highlight.ranks(values).tolist() == highlight.ranks(np.exp(values) * 1e6).tolist()
    assert [0.5] == highlight.ranks(np.array([9.0])).tolist()


def test_highlight_is_where_things_happen() -> None:
    """The loud and lively part stands out; what was not measured takes no part."""
    lively = np.ones(60)
    lively[30:40] = 5.0
    both = highlight.curve({"motion": lively, "loudness_lufs": lively * 10 - 60}, 0.5, 60)
    alone = highlight.curve({"motion": lively}, 0.5, 60)
    assert 35 == pytest.approx(both.argmax(), abs=3)
    assert both[35] > both[5] + 0.3
    np.testing.assert_allclose(both, alone)
    assert [0.0] * 3 == highlight.curve({}, 0.5, 3).tolist()
