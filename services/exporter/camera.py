"""The planned camera: where a window stands in every frame of a stretch of one shot.

The path is planned as a whole, as an operator would who has seen the take: hold while the subject is well inside,
move when staying would lose it, begin in time, and move smoothly. A dynamic program over place and speed finds the path
of the least cost among all whose speed and acceleration are bounded; a B-spline through it bounds the jerk as well.

Source: the hold, pan and cut vocabulary of Grundmann et al., "Auto-Directed Video Stabilization with Robust L1 Optimal
Camera Paths", CVPR 2011; Viterbi, "Error bounds for convolutional codes", 1967, with the speed as part of the state.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from services.exporter import analysis

STEP_S = 0.2  # between two moments that are planned: a camera that follows faster is nervous
MOMENTS_MAX = 4096  # of one stretch; longer ones are planned in longer steps, so that the work stays bounded
STANDS_MAX = 257  # candidate places of the window along one axis; only panoramas are wide enough to need more
LEVELS_MAX = 16  # of speed and of its change: enough for steps of a fifth of a second
FINENESS = 0.018  # of the window between two candidate places: 19 pixels of 1080, too fine to be seen in a hold
WEIGHT_MIN = 1e-3  # of a moment at which nothing is asked: where nothing ever is, the window stays in the middle
SLACK_S = 1e-5  # shot times are rounded to microseconds


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How the camera may move. Distances are in window widths (or heights), times in seconds."""

    dead_zone: float = 0.14  # how far the subject may leave its place before anything is asked of the camera
    reach: float = 0.22  # distance beyond the dead zone that costs one unit per moment
    cost_max: float = 4.0  # one wild moment must not move the camera
    lost_cost: float = 5.0  # price of a moment in which the subject is cut, and as much again as it goes out of sight
    lost_near: float = 0.02  # distance at which a cut subject costs its full price
    lost_far: float = 0.3  # distance at which it is out of sight
    move_cost: float = 7.0  # price of setting off or turning back: about a second of a half-lost subject
    distance_cost: float = 1.5  # price per window of travel
    change_cost: float = 0.02  # price per squared step of speed: changes are spread over time
    centering: float = 0.02  # slight pull to the subject inside the dead zone, so that holds are centred
    speed_max: float = 0.75
    acceleration_max: float = 1.5

    @property
    def jerk_max(self) -> float:
        """Greatest jerk of a path planned in steps of `STEP_S`: from full gas to full brake within one of them."""
        return 2 * self.acceleration_max / STEP_S


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of the camera along one axis, at moments `step_s` apart; shares of the picture.

    Attributes:
        ideal: Where the middle of the window would best be, (n,).
        low: Least place of the middle at which the subject is fully inside, (n,); -inf where there is none.
        high: Greatest such place, (n,); inf where there is no subject.
        weight: From 0, nothing is asked, to 1, (n,).
        edges: Stretches that no edge of the window should cut through: (m, n, 2); faces of other people.
    """

    ideal: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray
    edges: np.ndarray


def moments(start_s: float, end_s: float) -> np.ndarray:
    """The moments that a stretch is planned at: evenly, from one step before its start to one step after its end."""
    step_s = max(STEP_S, (end_s - start_s) / (MOMENTS_MAX - 3))
    count = int(np.ceil((end_s - start_s) / step_s - 1e-9)) + 3
    return start_s + step_s * np.arange(-1, count - 1)


def follow(wish: Wish, step_s: float, window: float, limits: Limits = Limits()) -> np.ndarray:
    """Plans where the middle of the window is at every moment.

    Args:
        wish: What is asked.
        step_s: Time between two moments.
        window: Size of the window as a share of the picture, in (0, 1].
        limits: How the camera may move.

    Returns:
        float64 (n,); the window never leaves the picture.
    """
    low, high = window / 2, 1 - window / 2
    travel = (high - low) / window
    if travel < 1e-9:
        return np.full(len(wish.ideal), 0.5)
    stands = np.linspace(low, high, min(int(np.ceil(travel / FINENESS)) + 1, STANDS_MAX))
    step = travel / (len(stands) - 1)
    speeds = min(max(int(limits.speed_max * step_s / step), 1), LEVELS_MAX)
    changes = min(max(int(limits.acceleration_max * step_s**2 / step), 1), LEVELS_MAX)
    costs = holding_costs(wish, stands, window, limits)
    return stands[_cheapest(costs, _Moving(speeds, changes, step, limits))]


def holding_costs(wish: Wish, stands: np.ndarray, window: float, limits: Limits) -> np.ndarray:
    """What it costs to stand at each place at each moment.

    Args:
        wish: What is asked.
        stands: float64 (m,), candidate places.
        window: Size of the window, in the same unit.
        limits: Dead zone, reach and prices.

    Returns:
        float64 (n, m): the distance from the ideal beyond the dead zone, squared and bounded; the slight pull to it;
        the price of a subject that is cut; and half of that for an edge that cuts through somebody else.
    """
    ideal = np.clip(wish.ideal, window / 2, 1 - window / 2)
    away = np.abs(ideal[:, None] - stands[None, :]) / window
    outside = np.maximum(away - limits.dead_zone, 0.0) / limits.reach
    missed = np.maximum(np.maximum(wish.low[:, None] - stands, stands - wish.high[:, None]), 0.0) / window
    lost = np.minimum(missed / limits.lost_near, 1.0) + np.minimum(missed / limits.lost_far, 1.0)
    cost = np.minimum(outside**2, limits.cost_max) + limits.centering * away + limits.lost_cost * lost
    for face, side in itertools.product(wish.edges, (-window / 2, window / 2)):
        cut = (face[:, :1] < stands + side) & (stands + side < face[:, 1:])
        cost += limits.lost_cost / 2 * cut
    return cost * np.maximum(wish.weight, WEIGHT_MIN)[:, None]


@dataclasses.dataclass(frozen=True, slots=True)
class _Moving:
    """Speeds from -levels to levels, in places per moment, and what going and changing costs."""

    levels: int
    changes: int
    step: float
    limits: Limits

    @property
    def speeds(self) -> np.ndarray:
        return np.arange(-self.levels, self.levels + 1)

    def going(self) -> np.ndarray:
        """The price of each speed for one moment, (v,)."""
        return self.limits.distance_cost * self.step * np.abs(self.speeds)

    def changing(self) -> np.ndarray:
        """The price of coming to each speed from one that is lower by each change, (changes, v); inf without one.

        The first row is no change, so that of equal paths the evenest is taken.
        """
        change = np.array(sorted(range(-self.changes, self.changes + 1), key=abs))
        before = self.speeds[None, :] - change[:, None]
        off = (self.speeds != 0) & (np.sign(before) != np.sign(self.speeds))
        price = self.limits.change_cost * change[:, None] ** 2.0 + self.limits.move_cost * off
        return np.where(np.abs(before) <= self.levels, price, np.inf)


def _cheapest(holding: np.ndarray, moving: _Moving) -> np.ndarray:
    """Picks the cheapest path among places and speeds: int64 (n,), indices of places; it may begin and end moving."""
    count, stands = holding.shape
    speeds, going, changing = moving.speeds, moving.going(), moving.changing()
    change = np.array(sorted(range(-moving.changes, moving.changes + 1), key=abs))
    before = np.clip(np.arange(len(speeds))[None, :] - change[:, None], 0, len(speeds) - 1)
    origin = np.arange(stands)[:, None] - speeds[None, :]
    real = (origin >= 0) & (origin < stands)
    origin = np.clip(origin, 0, stands - 1)
    columns = np.arange(len(speeds))
    total = holding[0][:, None] + (moving.limits.move_cost * (speeds != 0))[None, :]
    back = np.zeros((count, stands, len(speeds)), np.int8)
    for index in range(1, count):
        ways = total[:, before] + changing  # (stands, changes, speeds)
        pick = ways.argmin(axis=1)
        best = np.take_along_axis(ways, pick[:, None], axis=1)[:, 0]
        total = np.where(real, best[origin, columns], np.inf) + going + holding[index][:, None]
        back[index] = pick[origin, columns]
    place, speed = np.unravel_index(int(total.argmin()), total.shape)
    chosen = np.empty(count, np.int64)
    for index in range(count - 1, -1, -1):
        chosen[index] = place
        pick = back[index, place, speed]
        place, speed = place - speeds[speed] if index else place, before[pick, speed]
    return chosen


def curve(points: np.ndarray, start_s: float, step_s: float, times_s: np.ndarray) -> np.ndarray:
    """The smooth path through planned points.

    Speed, acceleration and jerk of the curve are averages of the first, second and third differences of the points:
    what bounds these bounds the curve.

    Args:
        points: float64 (n,), places at moments `step_s` apart.
        start_s: The first moment.
        step_s: Time between two moments.
        times_s: float64 (m,), between the second moment and the last but one.

    Returns:
        float64 (m,).

    Source: de Boor, "A Practical Guide to Splines", 1978: the uniform cubic B-spline.
    """
    place = (times_s - start_s) / step_s
    index = np.clip(place.astype(np.int64), 1, len(points) - 3)
    u = np.clip(place - index, 0.0, 1.0)
    parts = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    # Differences from one point, so that a hold is exactly one number.
    base = points[index]
    return base + sum(part * (points[index + shift - 1] - base) for shift, part in enumerate(parts)) / 6


def takes(shots: Sequence[analysis.Shot], times_s: np.ndarray) -> list[tuple[int, int, float, float]]:
    """Splits the frames of a clip at the cuts of the source.

    Args:
        shots: Shots of the source.
        times_s: float64 (n,), ascending times of the frames.

    Returns:
        Per take: first frame, frame after the last one, and the stretch of source time in seconds.
    """
    if not len(times_s):
        return []
    cuts = sorted({shot.start_s - SLACK_S for shot in shots if times_s[0] < shot.start_s - SLACK_S <= times_s[-1]})
    borders = [0, *(int(np.searchsorted(times_s, cut)) for cut in cuts), len(times_s)]
    edges = [float(times_s[0]) - 0.25, *cuts, float(times_s[-1]) + 0.25]  # a sample just outside still informs
    return [
        (first, last, edges[index], edges[index + 1])
        for index, (first, last) in enumerate(itertools.pairwise(borders))
        if last > first
    ]
