"""Black and frozen stretches, to the frame."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from tests.unit.analyzer import conftest as made
from tests.unit.analyzer.test_measure import documented

RATE = 25


def moving(seed: int, count: int) -> list[np.ndarray]:
    """Frames of a scene that goes by."""
    scene = made.scene(seed, (144, 512))
    return [scene[:, 3 * index : 3 * index + 256] for index in range(count)]


def spans(found: dict, name: str) -> list[tuple[float, float]]:
    """Stretches of the document in frames."""
    return [(round(item["start_s"] * RATE), round(item["end_s"] * RATE)) for item in found[name]]


def test_black_and_frozen_stretches_are_found(write_film: Callable[..., pathlib.Path]) -> None:
    """A black second, then three seconds of one picture with the noise of a camera's codec."""
    black, still = np.full((144, 256), 16.0), made.scene(2, (144, 256))
    film = write_film([*moving(1, 50), *[black] * 25, *moving(3, 30), *[still] * 75, *moving(4, 30)])
    found = documented(film, measures=["picture"])
    assert [(50, 75)] == spans(found, "black")
    ((first, last),) = spans(found, "frozen")
    assert 105 <= first <= 115  # the codec needs some frames to make the picture sharp
    assert 180 == last


@pytest.mark.parametrize("case", ["blink", "letter", "pause", "slow"])
def test_what_only_resembles_them_is_none(case: str, write_film: Callable[..., pathlib.Path]) -> None:
    """A short blink, a letter on black, a short pause, and a scene that gets brighter by a grey level now and then."""
    black, still = np.full((144, 256), 16.0), made.scene(2, (144, 256)) * 0.6
    letter = black.copy()
    letter[60:80, 100:112] = 220
    films = {
        "blink": [*moving(1, 40), *[black] * 10, *moving(2, 40)],
        "letter": [letter] * 45,
        "pause": [*moving(1, 40), *[still] * 40, *moving(2, 40)],
        "slow": [still + index / 5 for index in range(100)],
    }
    found = documented(write_film(films[case]), measures=["picture"])
    assert [] == found["black"] == found["frozen"]


def test_film_that_ends_black_and_frozen_is_so_to_its_end(write_film: Callable[..., pathlib.Path]) -> None:
    """The last stretch ends with the film."""
    found = documented(write_film([*moving(1, 40), *[np.full((144, 256), 16.0)] * 60]), measures=["picture"])
    assert [(40, 100)] == spans(found, "black") == spans(found, "frozen")
