"""The planned camera holds, pans and cuts, within its bounds."""

import dataclasses
import itertools

import hypothesis
import numpy as np
from hypothesis import strategies

from services.exporter import analysis, camera

WINDOW = (0.3164, 1.0)  # 9:16 out of 16:9
STEP_S = 0.2
LIMITS = camera.Limits()


def path_of(places: list[float], cuts_s: tuple[float, ...] = (), limits: camera.Limits = LIMITS) -> np.ndarray:
    """The planned path at 30 frames per second for a subject seen every 0.2 s."""
    length_s = len(places) * STEP_S
    edges = (0.0, *cuts_s, length_s)
    shots = tuple(
        analysis.Shot(round(30 * start), round(30 * end), start, end) for start, end in itertools.pairwise(edges)
    )
    focus = tuple(analysis.Focus(index * STEP_S, place, 0.5, 1.0) for index, place in enumerate(places))
    times_s = np.arange(round(length_s * 30)) / 30
    return camera.plan(analysis.Analysis(shots, focus), times_s, WINDOW, limits)[:, 0]


def test_camera_holds_while_the_subject_trembles() -> None:
    """A subject that wanders inside the dead zone moves the camera by nothing at all."""
    noise = np.random.default_rng(7).normal(0.0, 0.015, 60)
    assert 0.0 == float(np.ptp(path_of((0.6 + noise).tolist())))


def test_camera_ignores_one_wild_sample() -> None:
    """A single sample at the other side does not move the camera."""
    assert 0.0 == float(np.ptp(path_of([0.4] * 20 + [0.9] + [0.4] * 20)))


def test_camera_moves_when_the_subject_leaves() -> None:
    """A subject that goes to the other side and stays is followed, and held there."""
    path = path_of([0.3] * 25 + [0.75] * 25)
    assert abs(path[0] - 0.3) < 0.05
    assert abs(path[-1] - 0.75) < 0.05
    assert 0.0 == float(np.ptp(path[-60:]))


def test_camera_never_turns_back_on_a_straight_walk() -> None:
    """A steady walk across the picture is one pan without a reversal."""
    path = path_of(np.linspace(0.2, 0.8, 60).tolist())
    assert np.all(np.diff(path) >= -1e-12)


def test_cut_of_the_shot_is_a_cut_of_the_crop() -> None:
    """The window jumps exactly at the cut and stands still on both sides."""
    path = path_of([0.25] * 20 + [0.75] * 20, cuts_s=(4.0,))
    steps = np.abs(np.diff(path))
    assert [119] == np.flatnonzero(steps > 0.3).tolist()
    assert 0.0 == float(np.delete(steps, 119).max())


def test_no_samples_leave_the_window_in_the_middle() -> None:
    """Without an analysis the crop is the middle of the picture."""
    path = camera.plan(analysis.Analysis(), np.arange(10) / 30, WINDOW)
    assert np.all(path == 0.5)


def worst(path: np.ndarray) -> tuple[float, float]:
    """Greatest speed and acceleration in windows per second, at 30 frames per second."""
    speed = np.diff(path) * 30 / WINDOW[0]
    return float(np.abs(speed).max(initial=0.0)), float(np.abs(np.diff(speed) * 30).max(initial=0.0))


places = strategies.lists(strategies.floats(0.0, 1.0), min_size=2, max_size=80)


@hypothesis.given(places)
@hypothesis.settings(max_examples=60, deadline=None)
def test_any_subject_keeps_the_camera_within_its_bounds(wanted: list[float]) -> None:
    """Whatever the subject does, speed and acceleration stay bounded and the window stays inside the picture."""
    limits = camera.Limits()
    path = path_of(wanted)
    speed, acceleration = worst(path)
    assert speed <= limits.speed_max * 1.02
    assert acceleration <= limits.acceleration_max * 1.1
    assert WINDOW[0] / 2 - 1e-9 <= path.min()
    assert path.max() <= 1 - WINDOW[0] / 2 + 1e-9


def test_control_without_bounds_the_camera_rushes() -> None:
    """Control: with the bounds removed the same measure sees the camera go too fast."""
    free = dataclasses.replace(camera.Limits(), speed_max=1e6, acceleration_max=1e6, move_min_s=0.05)
    speed, acceleration = worst(path_of([0.2] * 20 + [0.8] * 20, limits=free))
    assert speed > camera.Limits().speed_max
    assert acceleration > camera.Limits().acceleration_max
