"""The planned camera: where the crop window stands in every frame of a clip.

Per shot the path is planned as a whole, as an operator would who has seen the take: hold while the subject stays near
the middle, move when staying would lose it, and move smoothly. A dynamic program picks the holds; every change between
two holds becomes one eased move whose speed and acceleration are bounded. A cut of the shot is a cut of the crop.

Source: the hold, pan and cut vocabulary of Grundmann et al., "Auto-Directed Video Stabilization with Robust L1 Optimal
Camera Paths", CVPR 2011; the fifth-degree ease is the minimum-jerk profile of Flash and Hogan, 1985.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from services.exporter import analysis

STANDS = 65  # candidate places of the window along one axis: 1.5 % of its travel apart, too fine to be seen
SAMPLES_MAX = 4096  # samples of one shot that are planned; a longer shot is thinned, so that the work stays bounded
STRETCHES_MAX = 12  # attempts to slow a path down before it is replaced by one hold
PEAK_SPEED = 1.875  # greatest slope of the ease 10u^3 - 15u^4 + 6u^5
PEAK_ACCELERATION = 10 / np.sqrt(3)  # greatest curvature of the same ease
CHECKS_PER_S = 120  # density at which speed and acceleration of a finished path are checked


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How the camera may move. Distances are in window widths (or heights), times in seconds."""

    dead_zone: float = 0.14  # how far the subject may leave the middle before anything is asked of the camera
    reach: float = 0.22  # distance beyond the dead zone that costs one unit per sample
    cost_max: float = 4.0  # one wild sample must not move the camera
    move_cost: float = 7.0  # price of a move, in units: about a second of a half-lost subject
    distance_cost: float = 1.5  # price per window of travel
    centering: float = 0.02  # slight pull to the subject inside the dead zone, so that holds are centred
    speed_max: float = 0.75
    acceleration_max: float = 1.5
    move_min_s: float = 0.7


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """One eased change of place, centred on a moment."""

    middle_s: float
    duration_s: float
    distance: float


def plan(
    found: analysis.Analysis, times_s: np.ndarray, window: tuple[float, float], limits: Limits = Limits()
) -> np.ndarray:
    """Plans where the middle of the window is in every frame.

    Args:
        found: shots and focus samples; none of either means one shot and the middle of the picture.
        times_s: float64 (n,), ascending times of the frames, in seconds of the source.
        window: width and height of the window as shares of the shown picture, each in (0, 1].
        limits: how the camera may move.

    Returns:
        float64 (n, 2): x and y of the middle, as shares of the shown picture; the window never leaves the picture.
    """
    path = np.full((len(times_s), 2), 0.5)
    for first, last, start_s, end_s in takes(found.shots, times_s):
        samples = [sample for sample in found.focus if start_s <= sample.t_s < end_s and sample.weight > 0]
        if not samples:
            continue
        samples = samples[:: -(-len(samples) // SAMPLES_MAX)]
        stamps = np.array([sample.t_s for sample in samples])
        weights = np.array([sample.weight for sample in samples])
        for axis in (0, 1):
            wanted = np.array([(sample.x, sample.y)[axis] for sample in samples])
            if window[axis] < 1:
                take = _axis(stamps, wanted, weights, window[axis], (start_s, end_s), limits)
                path[first:last, axis] = take(times_s[first:last])
    return path


def takes(shots: Sequence[analysis.Shot], times_s: np.ndarray) -> list[tuple[int, int, float, float]]:
    """Splits the frames of a clip at the cuts of the source.

    Args:
        shots: shots of the source.
        times_s: float64 (n,), ascending times of the frames.

    Returns:
        Per take: first frame, frame after the last one, and the stretch of source time in seconds.
    """
    if not len(times_s):
        return []
    slack_s = 1e-5  # shot times are rounded to microseconds
    cuts = sorted({shot.start_s - slack_s for shot in shots if times_s[0] < shot.start_s - slack_s <= times_s[-1]})
    borders = [0, *(int(np.searchsorted(times_s, cut)) for cut in cuts), len(times_s)]
    edges = [float(times_s[0]) - 0.25, *cuts, float(times_s[-1]) + 0.25]  # a sample just outside still informs
    return [
        (first, last, edges[index], edges[index + 1])
        for index, (first, last) in enumerate(itertools.pairwise(borders))
        if last > first
    ]


def _axis(
    stamps: np.ndarray,
    wanted: np.ndarray,
    weights: np.ndarray,
    window: float,
    span: tuple[float, float],
    limits: Limits,
) -> "Track":
    low, high = window / 2, 1 - window / 2
    stands = np.linspace(low, high, STANDS)
    scale = np.clip(weights / max(float(np.median(weights)), 1e-9), 0.0, 1.0)
    costs = holding_costs(np.clip(wanted, low, high), stands, window, limits) * scale[:, None]
    places = stands[cheapest(costs, moving_costs(stands, window, limits))]
    return settle(stamps, places, window, span, limits)


def holding_costs(wanted: np.ndarray, stands: np.ndarray, window: float, limits: Limits) -> np.ndarray:
    """What it costs to stand at each place while the subject is where it is.

    Args:
        wanted: float64 (n,), where the subject is.
        stands: float64 (m,), candidate places.
        window: size of the window, in the same unit.
        limits: dead zone, reach and bounds.

    Returns:
        float64 (n, m): `min(max(0, |x - p| / window - dead_zone) / reach, 2)^2 + centering * |x - p| / window`.
    """
    away = np.abs(wanted[:, None] - stands[None, :]) / window
    outside = np.maximum(away - limits.dead_zone, 0.0) / limits.reach
    return np.minimum(outside**2, limits.cost_max) + limits.centering * away


def moving_costs(stands: np.ndarray, window: float, limits: Limits) -> np.ndarray:
    """What it costs to go from each place to each other: float64 (m, m), zero on the diagonal."""
    distance = np.abs(stands[:, None] - stands[None, :]) / window
    return np.where(distance > 0, limits.move_cost + limits.distance_cost * distance, 0.0)


def cheapest(holding: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Picks the cheapest sequence of places.

    Args:
        holding: float64 (n, m), cost of each place at each sample.
        moving: float64 (m, m), cost of going from one place (row) to another (column).

    Returns:
        int64 (n,): the place at each sample; the lowest index among equals.

    Source: Viterbi, "Error bounds for convolutional codes", 1967.
    """
    total, back = holding[0].copy(), np.zeros(holding.shape, np.int64)
    columns = np.arange(holding.shape[1])
    for index in range(1, len(holding)):
        ways = total[:, None] + moving
        back[index] = np.argmin(ways, axis=0)
        total = ways[back[index], columns] + holding[index]
    chosen = np.empty(len(holding), np.int64)
    chosen[-1] = np.argmin(total)
    for index in range(len(holding) - 1, 0, -1):
        chosen[index - 1] = back[index, chosen[index]]
    return chosen


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """A path along one axis: a first place and eased moves, which may overlap into one long pan."""

    start: float
    moves: tuple[Move, ...]
    low: float
    high: float

    def __call__(self, times_s: np.ndarray) -> np.ndarray:
        """Where the middle is: float64 (n,) for float64 (n,) times."""
        place = np.full(len(times_s), self.start)
        for move in self.moves:
            place += move.distance * ease((times_s - move.middle_s) / move.duration_s + 0.5)
        return np.clip(place, self.low, self.high)


def ease(share: np.ndarray) -> np.ndarray:
    """The minimum-jerk ease from 0 to 1: `10u^3 - 15u^4 + 6u^5`, flat outside of 0 to 1."""
    u = np.clip(share, 0.0, 1.0)
    return u * u * u * (10 + u * (6 * u - 15))


def settle(stamps: np.ndarray, places: np.ndarray, window: float, span: tuple[float, float], limits: Limits) -> Track:
    """Turns holds into a smooth path within the bounds.

    Args:
        stamps: float64 (n,), times of the samples.
        places: float64 (n,), the place that was picked at each sample.
        window: size of the window.
        span: start and end of the take in seconds.
        limits: bounds of speed and acceleration.

    Returns:
        The path. Where no slowing down brings it within the bounds, one hold at the place held longest.
    """
    low, high = window / 2, 1 - window / 2
    slowness = 1.0
    for _ in range(STRETCHES_MAX):
        track = Track(float(places[0]), tuple(_moves(stamps, places, window, span, limits, slowness)), low, high)
        excess = strain(track, window, span, limits)
        if excess <= 1.0:
            return track
        slowness *= 1.05 * excess
    values, counts = np.unique(places, return_counts=True)
    return Track(float(values[np.argmax(counts)]), (), low, high)


def _moves(stamps, places, window, span, limits, slowness):
    for index in np.flatnonzero(np.diff(places)):
        distance = float(places[index + 1] - places[index])
        length = abs(distance) / window
        duration_s = slowness * max(
            limits.move_min_s,
            PEAK_SPEED * length / limits.speed_max,
            float(np.sqrt(PEAK_ACCELERATION * length / limits.acceleration_max)),
        )
        middle_s = float(stamps[index] + stamps[index + 1]) / 2
        earliest, latest = span[0] + duration_s / 2, span[1] - duration_s / 2
        if earliest <= latest:
            middle_s = min(max(middle_s, earliest), latest)
        yield Move(middle_s, duration_s, distance)


def strain(track: Track, window: float, span: tuple[float, float], limits: Limits) -> float:
    """How far a path is over the bounds: 1 is exactly at them, 1.2 needs 1.2 times as long."""
    if not track.moves:
        return 0.0
    count = min(max(int((span[1] - span[0]) * CHECKS_PER_S), 8), SAMPLES_MAX * 16)
    grid = np.linspace(span[0], span[1], count)
    step_s = grid[1] - grid[0]
    speed = np.diff(track(grid)) / step_s / window
    acceleration = np.diff(speed) / step_s
    fastest = float(np.max(np.abs(speed))) / limits.speed_max
    hardest = float(np.max(np.abs(acceleration))) / limits.acceleration_max
    return max(fastest, float(np.sqrt(hardest))) if max(fastest, hardest) > 1.01 else min(max(fastest, hardest), 1.0)
