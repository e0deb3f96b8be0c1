"""Who is shown when, where one window does not hold everybody: cuts between people, as few as show who leads."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from services.exporter import people as persons

SWITCH_S = 1.0  # seconds of the wrong person that a change costs: nobody is turned to for less than twice that
BYSTANDER = 0.1  # price of a moment in which one who matters is left out, of one in which the leader is


@dataclasses.dataclass(frozen=True, slots=True)
class Role:
    """Somebody, or several together, for a stretch of moments: first, and after the last."""

    people: tuple[persons.Person, ...]
    first: int
    end: int


def roles(
    people: Sequence[persons.Person], mattering: Sequence[persons.Person], window: tuple[float, float], step_s: float
) -> list[Role]:
    """Splits a take among those who matter.

    Args:
        people: Everybody in it, at n moments.
        mattering: Those who may be shown.
        window: Size of the window, shares of the picture.
        step_s: Time between two moments.

    Returns:
        Roles that follow each other and cover all moments; none where nobody matters.
    """
    if not mattering:
        return []
    groups = list(_groups(mattering))
    moments = len(mattering[0].seen)
    costs = np.stack([_cost(group, people, mattering, window) for group in groups])
    chosen = cheapest(costs, SWITCH_S / step_s)
    borders = [0, *(np.flatnonzero(np.diff(chosen)) + 1).tolist(), moments]
    return [Role(groups[chosen[first]], first, end) for first, end in itertools.pairwise(borders)]


def _groups(mattering: Sequence[persons.Person]) -> list[tuple[persons.Person, ...]]:
    """Neighbours, from one to all; the largest groups first, so that of equal ones the widest is taken."""
    row = sorted(mattering, key=lambda person: (person.x, person.id))
    return [tuple(row[first : first + size]) for size in range(len(row), 0, -1) for first in range(len(row) - size + 1)]


def _cost(
    group: tuple[persons.Person, ...],
    people: Sequence[persons.Person],
    mattering: Sequence[persons.Person],
    window: tuple[float, float],
) -> np.ndarray:
    """What it costs to show a group at each moment, (n,)."""
    inside = {person.id for person in group}
    cost = np.zeros(len(group[0].seen))
    for person in people:
        if person.id not in inside:
            cost += person.leads
    for person in mattering:
        if person.id not in inside:
            cost += BYSTANDER * person.seen
    faces = np.stack([person.seen for person in group]).any(axis=0)
    return cost + 2.0 * (faces & ~persons.fits(group, window)) + BYSTANDER * ~faces


def cheapest(costs: np.ndarray, switch: float) -> np.ndarray:
    """The cheapest choice at each moment, (n,), for costs (choices, n) and a price of changing."""
    total, back = costs[:, 0].copy(), np.zeros(costs.shape, np.int64)
    for index in range(1, costs.shape[1]):
        best = int(total.argmin())
        stay = total <= total[best] + switch
        back[:, index] = np.where(stay, np.arange(len(total)), best)
        total = np.where(stay, total, total[best] + switch) + costs[:, index]
    chosen = np.empty(costs.shape[1], np.int64)
    chosen[-1] = total.argmin()
    for index in range(costs.shape[1] - 1, 0, -1):
        chosen[index - 1] = back[chosen[index], index]
    return chosen
