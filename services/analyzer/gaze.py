"""Where the eye goes: the centre of what moves by itself, or stands out where nothing does.

The motion of the camera is what most blocks share. Blocks that move otherwise, or that no motion explains, belong to
things; their weight is spread over the neighbourhood and remembered for a moment, and its strongest place is the focus.
Where there are faces, the eye goes to the one that speaks, or to the most important one of the shot.
"""

import array
import functools
from collections.abc import Sequence

import numpy as np

from services.analyzer import focus
from services.analyzer.kernels import cpu, pairs
from services.analyzer.subjects import detector, finder, tracker, view

MEMORY = 0.4  # share of the old weight that is left after an interval: more would lag behind what walks
SPREAD_BLOCKS = 1.5  # standard deviation of the neighbourhood, in blocks
STILL_SHARE = 0.15  # weight of standing out against moving: it decides only where little moves
BROKEN_MAX = 0.5  # share of broken blocks above which two frames are two pictures, and motion means nothing
FACE_WEIGHT = 1.0  # of a sample on a face: nothing that moves outweighs it
SPEAK_MIN_S = 1.0  # who speaks for less is not turned to: the camera would come too late
HOLD_S = 0.75  # how long a face is still the focus after it was seen last
NEAR_BLOCKS = 3.0  # blocks around the strongest place that its centre is taken from


class Tracker:
    """Follows the focus frame by frame."""

    def __init__(self) -> None:
        self._map: np.ndarray | None = None
        self._fresh: list[np.ndarray] = []
        self._next_s = 0.0
        self._samples = array.array("d")  # fifty bytes each, however long the source is

    def add(self, picture: pairs.Picture, blocks: pairs.Blocks | None, pair: pairs.Pair | None, t_s: float) -> None:
        """Takes the next frame with its motion from the frame before, and adds a sample where one is due."""
        if blocks is None or pair is None or pair.broken > BROKEN_MAX:
            self._map, self._fresh = None, []
        else:
            self._fresh.append(pairs.own_motion(blocks, pair.camera))
        if t_s >= self._next_s:
            self._sample(picture, t_s)
            self._next_s = max(self._next_s + focus.INTERVAL_S, t_s)

    def _sample(self, picture: pairs.Picture, t_s: float) -> None:
        standing = standing_out(picture)
        moving = np.mean(self._fresh, axis=0) if self._fresh else np.zeros_like(standing)
        self._fresh = []
        now = moving + STILL_SHARE * standing
        self._map = now if self._map is None else MEMORY * self._map + (1 - MEMORY) * now
        self._samples.extend(locate(self._map, t_s, float(np.clip(moving.mean(), 0, 1))))

    def finish(self) -> np.ndarray:
        """The track so far, (n, 6) float64, with columns as in `focus.Sample`."""
        return np.array(self._samples).reshape(-1, len(focus.Sample._fields))


def standing_out(picture: pairs.Picture) -> np.ndarray:
    """How far each block's luma and color lie from those of the whole picture, 0 to 1, less towards the edges."""
    shape = (-(-picture.luma.shape[0] // pairs.BLOCK), -(-picture.luma.shape[1] // pairs.BLOCK))
    out = np.zeros(shape)
    for layer, size in ((picture.luma, pairs.BLOCK), *((layer, pairs.BLOCK // 2) for layer in picture.chroma)):
        means = _blockwise(layer, size)[: shape[0], : shape[1]].astype(np.float64)
        out[: means.shape[0], : means.shape[1]] += np.abs(means - means.sum() / means.size)
    return out / (out.max() + 1e-9) * _central(shape)


def _blockwise(layer: np.ndarray, size: int) -> np.ndarray:
    height, width = min(size, layer.shape[0]), min(size, layer.shape[1])
    means = np.empty((layer.shape[0] // height, layer.shape[1] // width), np.uint8)
    cpu.cell_means(layer.ravel(), layer.shape[1], height, width, 0, means)
    return means


@functools.cache
def _central(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = (np.linspace(-1, 1, size) if size > 1 else np.zeros(1) for size in shape)
    return np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2))


def locate(weights: np.ndarray, t_s: float, moving: float) -> focus.Sample:
    """The focus of a map of weights: the centre of the neighbourhood that weighs most."""
    rows, columns = ((np.arange(size) + 0.5) for size in weights.shape)
    smooth = _neighbourhood(weights.shape[0]) @ weights @ _neighbourhood(weights.shape[1]).T
    top, left = np.unravel_index(int(smooth.argmax()), smooth.shape)
    near = np.exp(-((rows - rows[top]) ** 2)[:, None] / (2 * NEAR_BLOCKS**2)) * np.exp(
        -((columns - columns[left]) ** 2)[None, :] / (2 * NEAR_BLOCKS**2)
    )
    local = smooth * near + 1e-12
    x, y = float((local * columns).sum() / local.sum()), float((local * rows[:, None]).sum() / local.sum())
    total = smooth + 1e-12
    spread_x = np.sqrt((total * (columns - x) ** 2).sum() / total.sum())
    spread_y = np.sqrt((total * ((rows - y) ** 2)[:, None]).sum() / total.sum())
    height, width = weights.shape
    return focus.Sample(t_s, x / width, y / height, float(spread_x) / width, float(spread_y) / height, moving)


@functools.cache
def _neighbourhood(size: int) -> np.ndarray:
    apart = np.arange(size)[:, None] - np.arange(size)[None, :]
    return np.exp(-(apart**2) / (2 * SPREAD_BLOCKS**2))


def smoothed(track: np.ndarray, borders_s: Sequence[float]) -> np.ndarray:
    """A calmer track: each sample becomes the weighted median of its neighbours, never across a border of shots.

    Args:
        track: (n, 6), see `Tracker.finish`.
        borders_s: Times of the borders between shots.
    """
    times, weights = track[:, 0], track[:, -1] + 0.01
    shots = np.searchsorted(np.array(borders_s), times, side="right")
    calm = track.copy()
    for index, shot in enumerate(shots):
        beside = np.arange(max(index - 2, 0), min(index + 3, len(track)))
        near = beside[shots[beside] == shot]
        for axis in (1, 2):
            calm[index, axis] = _median(track[near, axis], weights[near])
    return calm


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def led(track: np.ndarray, people: Sequence[finder.Subject], borders_s: Sequence[float], rotation: int) -> np.ndarray:
    """The track where it is led by faces: on who speaks, else on the largest face that stays; as it is elsewhere.

    Args:
        track: (n, 6), in the picture as coded; see `Tracker.finish`.
        people: Those who were found, in the picture as shown.
        borders_s: Times of the borders between shots.
        rotation: Clockwise turn from the coded to the shown picture, in degrees.
    """
    times = track[:, 0]
    shots = np.searchsorted(np.array(borders_s), times + 1e-6, side="right")
    ranked: dict[int, list[tuple[finder.Subject, np.ndarray]]] = {}
    for person in sorted(people, key=lambda item: (-_importance(item.track), item.track.id)):
        ranked.setdefault(person.track.shot, []).append((person, _turns(person)))
    led_by: dict[int, np.ndarray] = {}  # samples by the number of the track
    for shot, persons in ranked.items():
        place = np.arange(*np.searchsorted(shots, [shot, shot + 1]))
        leader = np.full(place.size, -1)
        for talking in (False, True):
            for number, (person, turns) in reversed(list(enumerate(persons))):
                leader[_there(person.track, times[place]) & (_inside(turns, times[place]) | (not talking))] = number
        for number, (person, _) in enumerate(persons):
            led_by[person.track.id] = place[leader == number]
    found = track.copy()
    for person in people:
        chosen = led_by[person.track.id]
        for index, box in zip(chosen.tolist(), person.track.boxes(times[chosen]).tolist(), strict=True):
            found[index] = _on(times[index], (box[0], box[1], box[2], box[3]), rotation // 90)
    return found


def _there(track: tracker.Track, times: np.ndarray) -> np.ndarray:
    return (track.start_s - HOLD_S <= times) & (times <= track.end_s + HOLD_S)


def _inside(spans: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Whether times lie in one of several stretches in order, (n,)."""
    if not len(spans):
        return np.zeros(times.size, bool)
    last = np.searchsorted(spans[:, 0], times, side="right") - 1
    return (last >= 0) & (times < spans[np.maximum(last, 0), 1])


def _importance(track: tracker.Track) -> float:
    """Width of the face times the looks in which it was seen: large and steady beats passing by."""
    return float((track.rows[:, 4] - track.rows[:, 2]).sum())


def _turns(person: finder.Subject) -> np.ndarray:
    """Stretches in which somebody speaks long enough, (n, 2) in seconds, those that touch joined."""
    joined: list[list[float]] = []
    for start_s, end_s in person.speaking.spans.tolist():
        if joined and start_s - joined[-1][1] < SPEAK_MIN_S:
            joined[-1][1] = end_s
        else:
            joined.append([start_s, end_s])
    return np.array([span for span in joined if span[1] - span[0] >= SPEAK_MIN_S]).reshape(-1, 2)


def _on(t_s: float, box: detector.Box, turns: int) -> focus.Sample:
    left, top, right, bottom = view.turned_back(box, turns)
    half_x, half_y = (right - left) / 2, (bottom - top) / 2
    return focus.Sample(t_s, left + half_x, top + half_y, half_x, half_y, FACE_WEIGHT)
