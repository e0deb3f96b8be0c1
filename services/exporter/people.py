"""The people of one take: where each face is at every moment, who leads, and how much room each needs."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from services.exporter import analysis

SEEN_S = 0.6  # how long a face counts as seen around a sighting: the analyzer looks twice a second
FOCUS_S = 0.3  # a focus is valid this long around its moment: the analyzer has one every 0.2 s
NEAR = 0.35  # of its size, how far from the middle of a face the focus may lie to be on it
SHOULDERS, HEAD_ROOM, CHEST = 0.5, 0.45, 0.7  # of the face, on each side, above and below: a head, not a mask
EYES = 0.38  # of the height of a face, from its top
FACE_MAX, SUBJECT_MAX = 0.98, 0.75  # of the window that faces may take, and faces with margins: the rest lets them move
MATTERS_SIZE = 0.5  # of the greatest face, below which a silent face is a bystander
MATTERS_TIME = 0.5  # share of the take for which a silent face must be there to matter
MATTERS_LEAD = 0.15  # share of the take for which a face that matters leads
CAST_MAX = 6  # people of one take that are planned for: more are a crowd


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """One face in one take, at n moments.

    Attributes:
        id: Its number in the analysis.
        speaking: Share of the time in which this person speaks; None where unknown.
        boxes: (n, 4), left, top, right, bottom as shares of the picture; held beyond the sightings.
        seen: (n,), whether it is there.
        leads: (n,), whether the eye goes to it.
    """

    id: int
    speaking: float | None
    boxes: np.ndarray
    seen: np.ndarray
    leads: np.ndarray

    @property
    def size(self) -> tuple[float, float]:
        """Typical width and height of the face."""
        sizes = (self.boxes[:, 2:] - self.boxes[:, :2])[self.seen]
        width, height = np.median(sizes, axis=0).tolist()
        return width, height

    @property
    def x(self) -> float:
        """Typical middle of the face across the picture."""
        return float(np.median((self.boxes[:, 0] + self.boxes[:, 2])[self.seen])) / 2


def cast(found: analysis.Analysis, span_s: tuple[float, float], times_s: np.ndarray) -> list[Person]:
    """The people of a take.

    Args:
        found: Subjects and focus.
        span_s: Start and end of the take: sightings of other takes are other people's.
        times_s: The moments, (n,).

    Returns:
        Those who are seen at one of the moments, the most important first.
    """
    there = []
    for subject in found.subjects:
        rows = np.array([row for row in subject.samples if span_s[0] <= row[0] < span_s[1]]).reshape(-1, 5)
        if len(rows):
            person = _placed(subject, rows, times_s)
            there += [person] if person.seen.any() else []
    there.sort(key=lambda person: (-float((person.boxes[:, 2] - person.boxes[:, 0])[person.seen].sum()), person.id))
    there = there[:CAST_MAX]
    leading = _leading(there, [one for one in found.focus if span_s[0] <= one.t_s < span_s[1]], times_s)
    return [dataclasses.replace(person, leads=leading == index) for index, person in enumerate(there)]


def _placed(subject: analysis.Subject, rows: np.ndarray, times_s: np.ndarray) -> Person:
    stamps = rows[:, 0]
    edges = np.concatenate([rows[:, 1:3], rows[:, 1:3] + rows[:, 3:5]], axis=1)
    boxes = np.stack([np.interp(times_s, stamps, edges[:, edge]) for edge in range(4)], axis=1)
    after = np.searchsorted(stamps, times_s)
    last, coming = stamps[np.maximum(after - 1, 0)], stamps[np.minimum(after, len(stamps) - 1)]
    near = np.minimum(np.abs(times_s - last), np.abs(coming - times_s)) <= SEEN_S
    between = (last <= times_s) & (times_s <= coming) & (coming - last <= analysis.GAP_MAX_S)
    return Person(subject.id, subject.speaking, boxes, near | between, np.zeros(len(times_s), bool))


def _leading(people: Sequence[Person], focus: Sequence[analysis.Focus], times_s: np.ndarray) -> np.ndarray:
    """Who the focus lies on at each moment, else the most important one who is seen; -1 for nobody: (n,)."""
    leading = np.full(len(times_s), -1)
    for index, person in reversed(list(enumerate(people))):
        leading[person.seen] = index
    if not focus:
        return leading
    stamps = np.array([sample.t_s for sample in focus])
    places = np.array([(sample.x, sample.y) for sample in focus])
    after = np.clip(np.searchsorted(stamps, times_s), 1, max(len(stamps) - 1, 1))
    nearest = np.where(times_s - stamps[after - 1] <= np.abs(stamps[np.minimum(after, len(stamps) - 1)] - times_s),
                       after - 1, np.minimum(after, len(stamps) - 1))  # fmt: skip
    known = np.abs(stamps[nearest] - times_s) <= FOCUS_S
    closest = np.full(len(times_s), NEAR)
    for index, person in enumerate(people):
        middles, sizes = (person.boxes[:, :2] + person.boxes[:, 2:]) / 2, person.boxes[:, 2:] - person.boxes[:, :2]
        away = np.abs((places[nearest] - middles) / np.maximum(sizes, 1e-6)).max(axis=1)
        on = known & person.seen & (away < closest)
        leading[on], closest[on] = index, away[on]
    return leading


def mattering(people: Sequence[Person]) -> list[Person]:
    """Those whom a viewer would miss: who lead, or are there for long and nearly as large as the largest."""
    moments = sum(person.seen for person in people) > 0 if people else np.zeros(0, bool)
    count, largest = max(int(moments.sum()), 1), max((person.size[1] for person in people), default=0.0)
    return [
        person
        for person in people
        if person.leads.sum() >= MATTERS_LEAD * count
        or (person.size[1] >= MATTERS_SIZE * largest and person.seen.sum() >= MATTERS_TIME * count)
    ]


def faces(people: Sequence[Person]) -> np.ndarray:
    """The boxes around the faces that are seen, (n, 4); nan where none is."""
    return _around([np.where(person.seen[:, None], person.boxes, np.nan) for person in people])


def needed(people: Sequence[Person], window: tuple[float, float]) -> np.ndarray:
    """The part of the picture that shows people fully: their faces with head room and shoulders.

    Args:
        people: Who is to be shown.
        window: Size of the window that shows them: where the margins of one do not fit, they shrink, down to the bare
            face.

    Returns:
        (n, 4), within the picture; nan where nobody is seen.
    """
    boxes = []
    for person in people:
        bare = np.where(person.seen[:, None], person.boxes, np.nan)
        full = _with_margins(bare)
        before, after = bare[:, :2] - full[:, :2], full[:, 2:] - bare[:, 2:]
        spare = np.maximum(np.array(window) * SUBJECT_MAX - (bare[:, 2:] - bare[:, :2]), 0.0)
        shrink = np.minimum(spare / np.maximum(before + after, 1e-6), 1.0)
        boxes.append(np.concatenate([bare[:, :2] - shrink * before, bare[:, 2:] + shrink * after], axis=1))
    return _around(boxes)


def fits(people: Sequence[Person], window: tuple[float, float]) -> np.ndarray:
    """Whether those who are seen fit into the window together, each as fully as alone: bool (n,)."""
    boxes = needed(people, window)
    return ((boxes[:, 2:] - boxes[:, :2]) <= np.array(window) * FACE_MAX).all(axis=1)


def _with_margins(boxes: np.ndarray) -> np.ndarray:
    sizes = boxes[:, 2:] - boxes[:, :2]
    low = boxes[:, :2] - np.array([SHOULDERS, HEAD_ROOM]) * sizes
    high = boxes[:, 2:] + np.array([SHOULDERS, CHEST]) * sizes
    return np.clip(np.concatenate([low, high], axis=1), 0.0, 1.0)


def _around(boxes: Sequence[np.ndarray]) -> np.ndarray:
    stacked = np.stack(boxes)
    return np.concatenate([np.fmin.reduce(stacked[:, :, :2]), np.fmax.reduce(stacked[:, :, 2:])], axis=1)
