"""A list of instances is believed or not, by the circumstances."""

import pytest

from chassis import discovery
from chassis.discovery import steady

A, B, C = (discovery.Instance("echo", name, "127.0.0.1", port) for port, name in enumerate("abc", start=1))


@pytest.fixture
def three() -> steady.Steady:
    """Knows three instances, in quiet times."""
    believed = steady.Steady()
    believed.update([A, B, C], 0.0)
    return believed


def test_one_of_three_leaves_at_once(three: steady.Steady) -> None:
    """That is how a drain looks."""
    assert (A, B) == three.update([A, B], 1.0)


def test_empty_list_is_never_believed(three: steady.Steady) -> None:
    """With nobody to call, the last ones known are the better guess."""
    assert (A, B, C) == three.update([], 1.0)


def test_two_of_three_are_held_for_a_while(three: steady.Steady) -> None:
    """Most of them at once is more likely the registry's trouble."""
    assert (A, B, C) == three.update([A], 1.0)
    assert (A, B, C) == three.update([A], 1.0 + steady.HOLD_S - 0.1)
    assert (A,) == three.update([A], 1.0 + steady.HOLD_S + 0.1)


def test_any_loss_after_an_outage_is_held_for_a_while(three: steady.Steady) -> None:
    """The first lists of a restarted agent are partial."""
    three.outage(1.0)
    assert (A, B, C) == three.update([A, B], 2.0)
    assert three.left_s(2.0) == steady.HOLD_S
    assert (A, B) == three.update([A, B], 2.1 + steady.HOLD_S)
    assert three.left_s(20.0) is None


def test_held_instance_that_comes_back_stays(three: steady.Steady) -> None:
    """It registered again in time."""
    three.outage(1.0)
    three.update([A, B], 2.0)
    assert (A, B, C) == three.update([A, B, C], 3.0)
    assert (A, B, C) == three.update([A, B, C], 30.0)


def test_loss_long_after_an_outage_is_believed(three: steady.Steady) -> None:
    """Suspicion ends."""
    three.outage(1.0)
    assert (A, B) == three.update([A, B], 1.0 + steady.HOLD_S + 1)


def test_newcomer_during_a_hold_is_taken_at_once(three: steady.Steady) -> None:
    """Holding on to the old does not keep out the new."""
    new = discovery.Instance("echo", "d", "127.0.0.1", 4)
    three.outage(1.0)
    assert (A, B, C, new) == three.update([A, new], 2.0)
