"""Plans the windows of one take in each layout: who is in them, how large they are, and where they go.

A take is what a clip shows of one shot. It becomes one scene, or several where the window cuts from one person to
another: within a scene windows only move, between two scenes they jump.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from services.exporter import analysis, camera, casting, geometry, layouts
from services.exporter import people as persons
from services.exporter.layouts import fill, split, stack

CUT_MIN = 0.6  # windows between two people from which on the camera cuts: a pan that far would cross empty space
SPREAD_MAX = (
    0.30  # of a focus: what is even more spread than evenly (0.29) moves at both sides, and its middle is nothing
)
MOVING_MIN = 0.05  # share of the picture that moves by itself, below which its spread is that of a still
FOCUS_S = 0.5  # how far from a moment its focus may be
LEAD_S, LEAD_MAX = 0.5, 0.1  # looking room: how far ahead of a moving face the window is, in time and in windows
SETTLED = 5  # moments over which the motion of a face is an average
SPARE = 0.04  # of the window, kept free beside a subject where there is room: detectors tremble
RESTLESS = 2  # moments before and after, whose places a subject may have as well: heads move between two sightings
THIRD = 1 / 6  # of the window, from its middle to its upper third, where eyes are
PANE_FACES, PANE_TIGHT = 2.8, 2.0  # heights of a face in the window of a pane: head and shoulders, or hardly
PANE_WIDTHS = 2.0  # widths of a face that such a window has at least
ENLARGE_MAX = {split.NAME: 2.5, stack.NAME: 4.0}  # delivered per source pixel, where fill has less: insets are small


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """Frames of a clip with one layout.

    Attributes:
        first, last: Its first source frame, and the one after its last, counted from the first one of the clip.
        layout: Name of the layout.
        reason: Why it was chosen, for people.
        people: Per window, the subjects that it is for.
        zooms: Per window, its size as a share of the largest one of its shape.
        windows: Per window, width and height as shares of the picture.
        middles: (windows, frames, 2), shares of the picture.
    """

    first: int
    last: int
    layout: str
    reason: str
    people: tuple[tuple[int, ...], ...] = ()
    zooms: tuple[float, ...] = ()
    windows: tuple[tuple[float, float], ...] = ()
    middles: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0, 2)))

    def at(self, frame: int) -> list[tuple[float, float]]:
        """Where the windows are in a frame of the clip."""
        return [(float(x), float(y)) for x, y in (path[frame - self.first] for path in self.middles)]


@dataclasses.dataclass(frozen=True, slots=True)
class Take:
    """What a clip shows of one shot.

    Attributes:
        first, last: Its first frame, and the one after its last.
        span_s: Its stretch of source time.
        times_s: Times of its frames.
        moments: Times that are planned, evenly apart.
        people: Who is seen, the most important first.
        mattering: Those of them whom a viewer would miss.
        focus: Where the eye goes.
    """

    first: int
    last: int
    span_s: tuple[float, float]
    times_s: np.ndarray
    moments: np.ndarray
    people: tuple[persons.Person, ...]
    mattering: tuple[persons.Person, ...]
    focus: tuple[analysis.Focus, ...]

    @property
    def step_s(self) -> float:
        """Time between two moments."""
        return float(self.moments[1] - self.moments[0])


def takes(found: analysis.Analysis, times_s: np.ndarray) -> list[Take]:
    """The takes of a clip.

    Args:
        found: What is known of the source, of the used part of the picture.
        times_s: float64 (n,), ascending times of the source's frames.
    """
    result = []
    for first, last, start_s, end_s in camera.takes(found.shots, times_s):
        times = times_s[first:last]
        moments = camera.moments(float(times[0]), float(times[-1]))
        seen = persons.cast(found, (start_s, end_s), moments)
        focus = tuple(one for one in found.focus if start_s <= one.t_s < end_s and one.weight > 0)
        result.append(
            Take(first, last, (start_s, end_s), times, moments, tuple(seen), tuple(persons.mattering(seen)), focus)
        )
    return result


def whole(take: Take, layout: str, reason: str) -> list[Scene]:
    """The take in a layout that shows the whole picture."""
    return [Scene(take.first, take.last, layout, reason)]


def filled(take: Take, picture: geometry.Picture, canvas: geometry.Canvas, reason: str) -> list[Scene]:
    """The take in a window that follows who leads, and cuts between people who are too far apart."""
    window = geometry.window(picture, canvas)
    roles = casting.roles(take.people, take.mattering, window, take.step_s)
    if not roles:
        middles = _path(take, [wish(take, (), window)], np.zeros(len(take.moments), int), window)
        return [Scene(take.first, take.last, fill.NAME, reason, ((),), (1.0,), (window,), middles[None])]
    groups = list(dict.fromkeys(tuple(person.id for person in role.people) for role in roles))
    casts = {tuple(person.id for person in role.people): role.people for role in roles}
    wishes = [wish(take, casts[group], window) for group in groups]
    shown = [groups.index(tuple(person.id for person in role.people)) for role in roles]
    which = np.repeat(shown, [role.end - role.first for role in roles])
    places = [_place(wishes[number], role, window) for number, role in zip(shown, roles, strict=True)]
    cuts = [
        role.first
        for role, before, after in zip(roles[1:], places, places[1:], strict=False)
        if (np.abs(after - before) > CUT_MIN * np.array(window)).any()
    ]
    scenes = []
    for first, end in itertools.pairwise([0, *cuts, len(take.moments)]):
        edges_s = take.moments[0] + (np.array([first, end]) - 0.5) * take.step_s
        start, stop = (int(edge) for edge in np.searchsorted(take.times_s, edges_s))
        start, stop = (0 if first == 0 else start), (len(take.times_s) if end == len(take.moments) else stop)
        if start == stop:
            continue
        part = dataclasses.replace(take, times_s=take.times_s[start:stop])
        middles = _path(part, wishes, which, window, (first, end))
        seen = tuple(dict.fromkeys(name for number in which[first:end] for name in groups[number]))
        edges = take.first + start, take.first + stop
        scenes.append(Scene(*edges, fill.NAME, reason, (seen,), (1.0,), (window,), middles[None]))
    return scenes


def _place(wishes: tuple[camera.Wish, camera.Wish], role: casting.Role, window: tuple[float, float]) -> np.ndarray:
    """Where the middle of a window is for a role, typically, (2,)."""
    half = np.array(window) / 2
    return np.clip([np.median(one.ideal[role.first : role.end]) for one in wishes], half, 1 - half)


def _path(
    take: Take,
    wishes: Sequence[tuple[camera.Wish, camera.Wish]],
    which: np.ndarray,
    window: tuple[float, float],
    moments: tuple[int, int] | None = None,
) -> np.ndarray:
    """Where a window is in the frames of a take, (n, 2).

    Args:
        take: The take, or a part of it.
        wishes: Wishes over all moments.
        which: The one that counts at each moment, (n,).
        window: Its size.
        moments: The part of the moments that the frames lie in; what lies outside bears on nothing.
    """
    first, end = moments or (0, len(which))
    rows = np.arange(first - 2, end + 2)  # the curve needs one moment more on each side
    inside = np.clip(rows, first, end - 1)
    begin_s = float(take.moments[0]) + (first - 2) * take.step_s
    axes = []
    for axis in (0, 1):
        asked = picked([pair[axis] for pair in wishes], which[inside], inside)
        points = camera.follow(asked, take.step_s, window[axis])
        axes.append(camera.curve(points, begin_s, take.step_s, take.times_s))
    return np.stack(axes, axis=1)


def picked(wishes: Sequence[camera.Wish], which: np.ndarray, rows: np.ndarray) -> camera.Wish:
    """One wish made of several: at each moment that of another."""
    ideal, low, high, weight = (
        np.stack([getattr(one, name) for one in wishes])[which, rows] for name in ("ideal", "low", "high", "weight")
    )
    count = max(len(one.edges) for one in wishes)
    edges = np.full((count, len(rows), 2), np.nan)
    for index, one in enumerate(wishes):
        mine = which == index
        edges[: len(one.edges), mine] = one.edges[:, rows[mine]]
    return camera.Wish(ideal, low, high, weight, edges)


def divided(take: Take, picture: geometry.Picture, canvas: geometry.Canvas, reason: str) -> list[Scene] | None:
    """The take with a window for each of two people, the left one first; None where there are no two."""
    pair = sorted((take.mattering if len(take.mattering) > 1 else take.people)[:2], key=lambda person: person.x)
    if len(pair) < 2:
        return None
    return [_paned(take, picture, canvas, pair, split.NAME, reason)]


def stacked(take: Take, picture: geometry.Picture, canvas: geometry.Canvas, reason: str) -> list[Scene] | None:
    """The take with the whole picture over a window for the one who leads most; None where there is nobody."""
    if not take.people:
        return None
    speaker = max(take.people, key=lambda person: int(person.leads.sum()))
    return [_paned(take, picture, canvas, [speaker], stack.NAME, reason)]


def _paned(
    take: Take,
    picture: geometry.Picture,
    canvas: geometry.Canvas,
    people: Sequence[persons.Person],
    layout: str,
    reason: str,
) -> Scene:
    zooms, windows, paths = [], [], []
    middle = float(np.mean([person.x for person in people])) if len(people) > 1 else None
    filling = canvas.height / (geometry.window(picture, canvas)[1] * picture.shown[1])
    for pane, person in zip(layouts.CATALOGUE[layout].panes(picture, canvas), people, strict=True):
        zoom = zoomed(person, picture, pane, middle, max(ENLARGE_MAX[layout], filling))
        width, height = (share * zoom for share in geometry.window(picture, pane))
        zooms.append(zoom)
        windows.append((width, height))
        which = np.zeros(len(take.moments), int)
        paths.append(_path(take, [wish(take, (person,), (width, height))], which, (width, height)))
    shown = tuple((person.id,) for person in people)
    return Scene(take.first, take.last, layout, reason, shown, tuple(zooms), tuple(windows), np.stack(paths))


def zoomed(
    person: persons.Person, picture: geometry.Picture, pane: geometry.Canvas, border: float | None, enlarge_max: float
) -> float:
    """How large the window of a pane is, as a share of the largest one: head and shoulders, but no blur.

    Args:
        person: Who is shown.
        picture: The picture.
        pane: What the window fills.
        border: Place across the picture that the window should not reach, for there begins another's; None for none.
        enlarge_max: Delivered pixels per source pixel at most.
    """
    width, height = geometry.window(picture, pane)
    widths = person.size[0] * PANE_WIDTHS / width
    wanted, tight = (max(person.size[1] * faces / height, widths) for faces in (PANE_FACES, PANE_TIGHT))
    if border is not None:
        room = (border if person.x < border else 1 - border) / width
        wanted = min(wanted, max(room, tight))
    sharp = pane.height / enlarge_max / (height * picture.shown[1])
    return min(max(wanted, sharp), 1.0)


def wish(take: Take, group: Sequence[persons.Person], window: tuple[float, float]) -> tuple[camera.Wish, camera.Wish]:
    """What is asked of a window that is for some people, across and down; where none is seen, what the focus says."""
    count = len(take.moments)
    ideal, weight = _focused(take)
    low, high = np.full((count, 2), -np.inf), np.full((count, 2), np.inf)
    if group:
        seen = np.stack([person.seen for person in group]).any(axis=0)
        low[seen], high[seen] = _room(persons.needed(group, window)[seen], np.array(window))
        ideal[seen] = _composed(persons.faces(group), take.step_s, window)[seen]
        weight = np.where(seen, 1.0, weight)
    others = [person for person in take.people if all(person is not one for one in group)]
    faces = [np.where(person.seen[:, None], person.boxes[:, [0, 2]], np.nan) for person in others]
    edges = np.stack(faces) if group and faces else np.zeros((0, count, 2))
    across = camera.Wish(ideal[:, 0], low[:, 0], high[:, 0], weight, edges)
    return across, camera.Wish(ideal[:, 1], low[:, 1], high[:, 1], weight, np.zeros((0, count, 2)))


def _room(boxes: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between which places of its middle a window holds boxes, (n, 4), whose subject may move: two (n, 2).

    Half of the room that the window has for the boxes as they are is kept for the camera at least.
    """
    around = np.pad(boxes, ((RESTLESS, RESTLESS), (0, 0)), mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(around, 2 * RESTLESS + 1, axis=0)
    low, high = boxes[:, 2:] - window / 2, boxes[:, :2] + window / 2
    middle, room = (low + high) / 2, np.maximum(high - low, 0.0)
    more = near[:, 2:].max(axis=2) - boxes[:, 2:] + SPARE * window
    less = boxes[:, :2] - near[:, :2].min(axis=2) + SPARE * window
    low, high = (
        np.minimum(low, middle) + np.minimum(more, room / 4),
        np.maximum(high, middle) - np.minimum(less, room / 4),
    )
    return np.minimum(low, 1 - window / 2), np.maximum(high, window / 2)


def _composed(faces: np.ndarray, step_s: float, window: tuple[float, float]) -> np.ndarray:
    """Where the middle of a window best is for faces, (n, 4): ahead of where they go, eyes on the upper third."""
    known = np.flatnonzero(~np.isnan(faces[:, 0]))
    middle = np.interp(np.arange(len(faces)), known, (faces[known, 0] + faces[known, 2]) / 2)
    eyes = np.interp(np.arange(len(faces)), known, (faces * [0, 1 - persons.EYES, 0, persons.EYES])[known].sum(axis=1))
    calm = np.convolve(np.pad(np.gradient(middle, step_s), SETTLED // 2, "edge"), np.ones(SETTLED) / SETTLED, "valid")
    ahead = np.clip(calm * LEAD_S, -LEAD_MAX * window[0], LEAD_MAX * window[0])
    return np.stack([middle + ahead, eyes + THIRD * window[1]], axis=1)


def _focused(take: Take) -> tuple[np.ndarray, np.ndarray]:
    """The focus at each moment, (n, 2), and its weight, (n,); nothing where it is spread over the whole picture."""
    places, weights = np.full((len(take.moments), 2), 0.5), np.zeros(len(take.moments))
    if not take.focus or spread(take):
        return places, weights
    stamps = np.array([one.t_s for one in take.focus])
    after = np.clip(np.searchsorted(stamps, take.moments), 1, max(len(stamps) - 1, 1))
    before, after = after - 1, np.minimum(after, len(stamps) - 1)
    near = np.where(np.abs(take.moments - stamps[before]) <= np.abs(stamps[after] - take.moments), before, after)
    places = np.array([(one.x, one.y) for one in take.focus])[near]
    known = np.array([one.weight for one in take.focus])
    weights = np.clip(known / max(float(np.median(known)), 1e-9), 0.0, 1.0)[near]
    return places, weights * (np.abs(stamps[near] - take.moments) <= max(FOCUS_S, take.step_s))


def spread(take: Take) -> bool:
    """Whether what moves is spread so widely that its middle means nothing."""
    if not take.focus:
        return False
    wide, moving = np.median([(one.spread_x, one.weight) for one in take.focus], axis=0)
    return bool(wide > SPREAD_MAX and moving > MOVING_MIN)
