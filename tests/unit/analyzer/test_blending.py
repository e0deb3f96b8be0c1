"""The compiled search for blends of moving pictures is equal to its specification, and finds what was blended."""

import itertools
import pathlib
from collections.abc import Iterable

import av
import numpy as np
import pytest

from benchmarks import composed
from services.analyzer import planes
from services.analyzer.kernels import blending, pairs, spec
from services.analyzer.shots import cut, dissolve
from tests.unit.analyzer import conftest as made

SEEDS = range(12)
LIMITS = (0.5, 0.4, 0.1)


def pictures(seed: int) -> list[np.ndarray]:
    """Luma and chroma of two random pictures of some size, small ones too."""
    dice = np.random.default_rng(seed)
    rows, columns = (int(size) for size in dice.integers(8, 130, 2))
    shapes = ((rows, columns), (2, rows // 2, columns // 2)) * 2
    return [dice.integers(0, 256, shape, np.uint8) for shape in shapes]


@pytest.mark.parametrize("seed", SEEDS)
def test_looks_equal_their_specification(seed: int) -> None:
    """Contrast and means of regions."""
    luma, chroma, *other = pictures(seed)
    actual = np.empty(blending.REGIONS + 2)
    blending.variances(luma, chroma, *other, actual)
    np.testing.assert_allclose(spec.variances(luma, chroma, *other), actual, rtol=1e-9)
    actual = np.empty(3 * blending.MEANS)
    blending.means(luma, chroma, actual)
    np.testing.assert_allclose(spec.means(luma, chroma), actual, rtol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_blend_equals_its_specification(seed: int) -> None:
    """Any numbers; a planted fault in the model is noticed."""
    dice = np.random.default_rng(seed)
    averages, contrasts, apart = dice.uniform(0, 255, (36, 40)), dice.uniform(0, 4000, (8, 40)), dice.uniform(0, 9e3, 8)
    before, after = int(dice.integers(0, 15)), int(dice.integers(20, 40))
    actual = blending.blend(averages, contrasts, apart, before, after)
    np.testing.assert_allclose(spec.blend(averages, contrasts, apart, before, after), actual, rtol=1e-6, atol=1e-9)
    assert not np.allclose(spec.blend(averages, contrasts, apart * 1.01, before, after), actual, rtol=1e-6)


def reduced(frames: Iterable[np.ndarray]) -> list[pairs.Picture]:
    """Composed frames as the analyzer sees them."""
    reader = planes.Reader()
    return [reader.read(av.VideoFrame.from_ndarray(frame, format="yuv420p")).picture for frame in frames]


def take(
    media: pathlib.Path, name: str, start: int, length: int, flash: tuple[int, int] | None = None
) -> composed.Take:
    """A part of a real video without a border, lit up for some frames."""
    return composed.Take(composed.Stretch(media / "real" / name, 0, 10_000), start, length, 0, flash)


@pytest.fixture(scope="module")
def blended(media_dir: pathlib.Path) -> list[pairs.Picture]:
    """Somebody who signs, and 60 frames later a battle in smoke, with 20 frames of a dissolve from one to the other."""
    takes = [take(media_dir, "asl_man_3s_h264.mkv", 0, 60), take(media_dir, composed.CUT, 919, 40)]
    return reduced(frame for frame, _ in composed.film(takes, [composed.Join("dissolve", 20)]))


def test_blend_is_found_where_it_is(blended: list[pairs.Picture]) -> None:
    """The search over all frames and lengths comes to within a few frames of both ends."""
    looks = []
    for picture in blended:
        nothing = np.zeros_like(picture.luma), np.zeros_like(picture.chroma)
        averages, contrasts = np.empty(3 * blending.MEANS), np.empty(blending.REGIONS + 2)
        blending.means(picture.luma, picture.chroma, averages)
        blending.variances(*nothing, picture.luma, picture.chroma, contrasts)
        looks.append((averages, contrasts))
    averages, contrasts = (np.stack(column, axis=1) for column in zip(*looks, strict=True))
    found = blending.blends(averages, contrasts, dissolve.LENGTHS, LIMITS)
    assert spec.blends(averages, contrasts, dissolve.LENGTHS, LIMITS).max() <= found[:, 2].max() + 1e-6
    before, after, _ = max(found.tolist(), key=lambda item: item[2])
    assert abs(before - 59) <= 6
    assert abs(after - 80) <= 6


def test_dissolve_between_moving_things_is_found(blended: list[pairs.Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where weights of small blocks follow no line, contrast and means of large ones do; without them it is lost."""
    ((kind, _, start, end),) = made.borders(blended)
    assert "dissolve" == kind
    assert min(end, 79) - max(start, 60) >= 10
    monkeypatch.setattr(dissolve, "_blends", lambda frames: np.empty((0, 3)))
    assert [] == made.borders(blended)


def test_light_that_comes_and_goes_over_motion_is_no_cut(
    media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lit frames of a battle: no structure is left to compare, but the tones come back; without that it is a cut."""
    frames = reduced(itertools.islice(composed.frames_of(take(media_dir, composed.CUT, 1021, 77, (43, 45)), 0), 77))
    assert [] == made.borders(frames)
    monkeypatch.setattr(cut, "_far", lambda frames, frame, between: between)
    assert ["cut"] == [kind for kind, *_ in made.borders(frames)]
