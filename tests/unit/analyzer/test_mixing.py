"""The compiled search for mixed pictures is equal to its specification, and the comparison would notice a fault."""

import numpy as np
import pytest

from services.analyzer.kernels import mixing, spec

SEEDS = range(12)
LIMITS = (9.0, 0.5, 0.25, 0.75)  # of the mixtures
LINE = ((0.12, 0.88), (3, 3), 0.1)  # of the climb


def joined(seed: int, length: int, noise: float = 3.0) -> np.ndarray:
    """Small pictures of two still scenes with a dissolve of some length between, (values, frames)."""
    dice = np.random.default_rng(seed)
    one, other = dice.uniform(10, 240, (2, 144, 1))
    weight = np.concatenate([np.zeros(60), np.arange(1, length + 1) / (length + 1), np.ones(60)])
    mixed = one + (other - one) * weight + dice.normal(0, noise, (144, 120 + length))
    return mixed.astype(np.float32)


def climbs(stack: np.ndarray, module: object, middle: int) -> list[tuple[int, ...]]:
    """What is found from stretches of several lengths around a frame."""
    found = []
    for half in (3, 6, 9, 14, 20, 31, 46):
        found.append(tuple(int(edge) for edge in module.climb(stack, (middle - half, middle + half, 180), *LINE)))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_block_means_equal_their_specification(seed: int) -> None:
    """Any size, smaller than a block too."""
    dice = np.random.default_rng(seed)
    cells = dice.integers(0, 256, dice.integers(1, 140, 2), np.uint8)
    for side in (4, 8):
        expected = spec.block_means(cells, side)
        actual = np.empty(expected.size, np.float32)
        mixing.block_means(cells, side, actual)
        np.testing.assert_array_equal(expected, actual)


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_of_tones_equal_their_specification(seed: int) -> None:
    """Whole numbers and exact."""
    dice = np.random.default_rng(seed)
    counts = [dice.integers(0, 500, size) for size in (32, 256, 32, 256)]
    assert spec.tones_apart(*counts) == mixing.tones_apart(*counts)


@pytest.mark.parametrize("seed", SEEDS)
def test_dip_equals_its_specification(seed: int) -> None:
    """Any size and length, even one frame."""
    dice = np.random.default_rng(seed)
    shape, length = dice.integers(8, 130, 2), int(dice.integers(1, 60))
    one, other = dice.integers(0, 256, (2, *shape), np.uint8)
    deviation = dice.uniform(0, 90, length)
    expected = spec.dip(one, other, deviation, 0.2, 0.8)
    assert expected == pytest.approx(mixing.dip(one, other, deviation, 0.2, 0.8), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_mixtures_equal_their_specification(seed: int) -> None:
    """A dissolve and noise; spans that are shorter and longer than it."""
    stack = joined(seed, 20)
    for span in (5, 18, 40):
        expected, actual = spec.mixtures(stack, span, *LIMITS), mixing.mixtures(stack, span, *LIMITS)
        assert np.isfinite(actual).any()
        np.testing.assert_allclose(expected, actual, rtol=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_climb_equals_its_specification(seed: int) -> None:
    """Stretches that have to grow on one side, on both, and none at all; and pictures that only differ by noise."""
    length = 9 + 3 * seed
    stack = joined(seed, length)
    for middle in (20, 60 + length // 3, 60 + length // 2, 60 + length):
        assert climbs(stack, spec, middle) == climbs(stack, mixing, middle)
    found = {edges for edges in climbs(stack, mixing, 60 + length // 2) if edges[0] >= 0}
    assert found
    assert all(abs(start - 60) <= 1 and abs(end - 59 - length) <= 1 for _, start, end, _ in found)


@pytest.mark.parametrize("fault", ["weights", "round"])
def test_planted_fault_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A specification that weighs the frame beside, or rounds otherwise, is no longer equal."""
    if fault == "weights":
        weights = spec.weights
        monkeypatch.setattr(spec, "weights", lambda stack, first, last: weights(stack, first + 1, last))
    else:
        monkeypatch.setattr(spec, "round", int, raising=False)
    stacks = [joined(seed, 20) for seed in SEEDS]
    assert [climbs(stack, spec, 70) for stack in stacks] != [climbs(stack, mixing, 70) for stack in stacks]
