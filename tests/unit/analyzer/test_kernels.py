"""The compiled kernels are equal to their specification, and the comparison would notice a fault."""

import numpy as np
import pytest

from services.analyzer.kernels import cpu, pairs, spec

SEEDS = range(12)


def cells(seed: int, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Random cells with structure, so that blocks can be matched."""
    noise = np.random.default_rng(seed)
    rows, columns = shape or (int(noise.integers(8, 80)), int(noise.integers(8, 130)))
    coarse = noise.integers(0, 256, (rows // 4 + 1, columns // 4 + 1), np.uint8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((4, 4), np.uint8))[:rows, :columns])


def moved(picture: np.ndarray, seed: int) -> np.ndarray:
    """The picture displaced and with some noise."""
    noise = np.random.default_rng(seed)
    rolled = np.roll(picture, noise.integers(-7, 8, 2).tolist(), (0, 1)).astype(np.int64)
    return np.ascontiguousarray(np.clip(rolled + noise.integers(-9, 10, rolled.shape), 0, 255).astype(np.uint8))


def matched(before: np.ndarray, after: np.ndarray) -> list[np.ndarray]:
    """What the compiled matching gives."""
    empty = np.zeros((2, 1, 1), np.uint8)
    blocks = pairs.match(pairs.picture(before, empty), pairs.picture(after, empty))
    return [blocks.moves, blocks.residual, blocks.still, blocks.structure, blocks.texture]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "shift"), [(np.uint8, 0), (np.uint16, 2)])
def test_cell_means_equal_their_specification(seed: int, kind: type, shift: int) -> None:
    """Any size, any cell, any pitch, 8 and 10 bits."""
    noise = np.random.default_rng(seed)
    height, width, pad = (int(value) for value in noise.integers((16, 16, 0), (90, 120, 40)))
    cell = (int(noise.integers(1, 9)), int(noise.integers(1, 9)))
    plane = noise.integers(0, 256 << shift, (height, width + pad), kind)
    shape = (height // cell[0], width // cell[1])
    out = np.empty(shape, np.uint8)
    cpu.cell_means(plane.ravel(), width + pad, *cell, shift, out)
    np.testing.assert_array_equal(spec.cell_means(plane[:, :width], *cell, shift, shape), out)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_gradient_equals_its_specification(seed: int, kind: type) -> None:
    """Any size and step, very small pictures too."""
    noise = np.random.default_rng(seed)
    height, width, pad, step = (int(value) for value in noise.integers((1, 1, 0, 1), (70, 90, 30, 9)))
    plane = noise.integers(0, 256, (height, width + pad)).astype(kind)
    assert spec.gradient(plane[:, :width], step) == cpu.gradient(plane.ravel(), width + pad, width, height, step)


@pytest.mark.parametrize("seed", SEEDS)
def test_matching_equals_its_specification(seed: int) -> None:
    """Every displacement and every sum, for moved pictures and for strangers."""
    before = cells(seed)
    for after in (moved(before, seed), cells(seed + 100, before.shape)):
        for expected, actual in zip(spec.match_blocks(before, after), matched(before, after), strict=True):
            np.testing.assert_array_equal(expected, actual)


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_over_blocks_equal_their_specification(seed: int) -> None:
    """Judging, own motion and travel."""
    before = cells(seed)
    moves, residual, still, structure, texture = matched(before, moved(before, seed))
    judged = spec.judge(moves, residual, structure, texture)
    assert judged == cpu.judge(moves, residual, structure, texture)
    out = np.empty(residual.shape)
    cpu.own_motion(moves, still, structure, texture, *judged[5:], out)
    np.testing.assert_allclose(spec.own_motion(moves, still, structure, texture, judged[5:]), out, rtol=1e-12)
    assert spec.travel(moves, 3, 5) == pytest.approx(cpu.travel(moves, 3, 5), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_histograms_and_moments_equal_their_specification(seed: int) -> None:
    """Counts and sums are whole numbers and exact."""
    luma = cells(seed)
    chroma = np.stack([cells(seed + 1, luma.shape), cells(seed + 2, luma.shape)])
    found = np.zeros(spec.LUMA_BINS, np.int64), np.zeros(spec.CHROMA_BINS**2, np.int64)
    cpu.histograms(luma, chroma, *found)
    for expected, actual in zip(spec.histograms(luma, chroma), found, strict=True):
        np.testing.assert_array_equal(expected, actual)
    assert spec.moments(luma) == cpu.moments(luma)
    assert spec.products(luma, chroma[0]) == cpu.products(luma, chroma[0])


@pytest.mark.parametrize("fault", ["REACH", "TEXTURED", "PAD"])
def test_planted_fault_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A specification that differs in one number is no longer equal: the comparison is not blind."""
    before = cells(3, (64, 96))
    after = np.ascontiguousarray(np.roll(before, (2 * spec.REACH + 1, 0), (0, 1)))
    actual = matched(before, after)
    monkeypatch.setattr(spec, fault, getattr(spec, fault) + (60 if fault == "TEXTURED" else -1))
    if fault == "TEXTURED":
        same = spec.judge(actual[0], actual[1], actual[3], actual[4]) == cpu.judge(actual[0], *actual[1:2], *actual[3:])
    else:
        expected = spec.match_blocks(before, after) if fault == "REACH" else (spec.match_blocks(before[1:], after[1:]))
        same = all(np.array_equal(one, other) for one, other in zip(expected, actual, strict=True))
    assert not same


def test_camera_motion_is_what_most_blocks_share() -> None:
    """A picture that moves as a whole has the motion as its camera's, and nothing moves by itself."""
    before = cells(5, (72, 128))
    after = np.ascontiguousarray(np.roll(before, (4, -6), (0, 1)))
    empty = np.zeros((2, 1, 1), np.uint8)
    blocks = pairs.match(pairs.picture(before, empty), pairs.picture(after, empty))
    pair = pairs.compare(blocks)
    assert (-4, 6) == pair.camera
    assert pairs.own_motion(blocks, pair.camera)[2:-2, 2:-2].mean() < 0.1
