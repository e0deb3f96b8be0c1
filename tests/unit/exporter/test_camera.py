"""The planned camera holds, pans and begins in time, within its bounds."""

import dataclasses

import hypothesis
import numpy as np
from hypothesis import strategies

from services.exporter import analysis, camera

WINDOW = 0.3164  # 9:16 out of 16:9
LIMITS = camera.Limits()
FREE = np.inf


def path_of(places: list[float], half: float = FREE, limits: camera.Limits = LIMITS) -> np.ndarray:
    """The planned path at 30 frames per second for a subject seen every 0.2 s, as wide as `half` to each side."""
    moments = camera.moments(0.0, (len(places) - 1) * camera.STEP_S)
    place = np.interp(moments, np.arange(len(places)) * camera.STEP_S, places)
    room = max(WINDOW / 2 - half, 0.0) if half < FREE else FREE
    wish = camera.Wish(place, place - room, place + room, np.ones(len(place)), np.zeros((0, len(place), 2)))
    points = camera.follow(wish, camera.STEP_S, WINDOW, limits)
    times_s = np.arange(round((len(places) - 1) * camera.STEP_S * 30) + 1) / 30
    return camera.curve(points, moments[0], camera.STEP_S, times_s)


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


def test_camera_begins_before_the_subject_would_leave() -> None:
    """A walk at nearly full speed stays inside in every frame, and the window never turns back."""
    places = np.concatenate([np.full(15, 0.25), np.linspace(0.25, 0.75, 16), np.full(15, 0.75)])
    path = path_of(places.tolist(), half=0.12)
    subject = np.interp(np.arange(len(path)) / 30, np.arange(len(places)) * camera.STEP_S, places)
    assert np.abs(path - subject).max() <= WINDOW / 2 - 0.12 + 0.01
    assert np.all(np.diff(path) >= -1e-12)


def test_window_does_not_cut_through_somebody_else() -> None:
    """Where the subject leaves room, the window stands beside the other face; control: without it, in the middle."""
    place, count = np.full(20, 0.5), 20
    other = np.broadcast_to([0.62, 0.70], (1, count, 2))
    found = []
    for edges in (other, other[:0]):
        wish = camera.Wish(place, place - 0.1, place + 0.1, np.ones(count), edges)
        found.append(float(camera.follow(wish, camera.STEP_S, WINDOW)[10]))
    assert not 0.62 < found[0] + WINDOW / 2 < 0.70
    assert 0.62 < found[1] + WINDOW / 2 < 0.70


def test_nothing_known_leaves_the_window_in_the_middle() -> None:
    """Where nothing is asked of it the window stands in the middle."""
    free = np.full(9, np.inf)
    wish = camera.Wish(np.full(9, 0.5), -free, free, np.zeros(9), np.zeros((0, 9, 2)))
    assert np.abs(camera.follow(wish, camera.STEP_S, WINDOW) - 0.5).max() < camera.FINENESS * WINDOW


def test_takes_end_exactly_at_the_cuts() -> None:
    """A frame at a cut belongs to the take after it; what touches no frame is none."""
    shots = [analysis.Shot(0, 30, 0.0, 1.0), analysis.Shot(30, 90, 1.0, 3.0), analysis.Shot(90, 99, 3.0, 3.3)]
    assert [(0, 15), (15, 60)] == [take[:2] for take in camera.takes(shots, np.arange(15, 75) / 30)]


def worst(path: np.ndarray) -> tuple[float, float, float]:
    """Greatest speed, acceleration and jerk in windows, at 30 frames per second."""
    return tuple(float(np.abs(np.diff(path, order)).max(initial=0.0)) * 30**order / WINDOW for order in (1, 2, 3))


places = strategies.lists(strategies.floats(0.0, 1.0), min_size=2, max_size=80)


@hypothesis.given(places)
@hypothesis.settings(max_examples=25, deadline=None)
def test_any_subject_keeps_the_camera_within_its_bounds(wanted: list[float]) -> None:
    """Whatever the subject does, speed, acceleration and jerk stay bounded and the window stays inside the picture."""
    path = path_of(wanted, half=0.1)
    speed, acceleration, jerk = worst(path)
    assert speed <= LIMITS.speed_max + 1e-6
    assert acceleration <= LIMITS.acceleration_max + 1e-6
    assert jerk <= LIMITS.jerk_max + 1e-3
    assert WINDOW / 2 - 1e-9 <= path.min()
    assert path.max() <= 1 - WINDOW / 2 + 1e-9


def test_control_without_bounds_the_camera_rushes() -> None:
    """Control: with the bounds removed the same measure sees the camera go too fast."""
    free = dataclasses.replace(LIMITS, speed_max=9.0, acceleration_max=45.0, change_cost=0.0)
    speed, acceleration, jerk = worst(path_of([0.2] * 20 + [0.8] * 20, half=0.1, limits=free))
    assert speed > LIMITS.speed_max
    assert acceleration > LIMITS.acceleration_max
    assert jerk > LIMITS.jerk_max
