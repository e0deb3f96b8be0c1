"""The networks equal what they are in plain NumPy, and refuse weights that are not theirs."""

import numpy as np
import pytest

from services.analyzer.kernels import nets
from services.analyzer.subjects import mtcnn

SEEDS = range(6)


def convolution(values: np.ndarray, weight: np.ndarray, size: int) -> np.ndarray:
    """A convolution without a border, (n, rows, columns, out), as its definition says."""
    rows, columns = values.shape[1] - size + 1, values.shape[2] - size + 1
    kernel = weight.reshape(size, size, values.shape[3], -1)
    shifted = (
        values[:, y : y + rows, x : x + columns] @ kernel[y, x] for y in range(size) for x in range(size)
    )  # fmt: skip
    return sum(shifted)


def bent(values: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """What is negative multiplied by the slope."""
    return np.where(values > 0, values, values * slope)


def largest(values: np.ndarray, size: int) -> np.ndarray:
    """The largest value of windows moved by two, over the lower and right edge."""
    rows, columns = (max(-(-(side - size) // 2) + 1, 1) for side in values.shape[1:3])
    windows = [
        [values[:, 2 * y : 2 * y + size, 2 * x : 2 * x + size].max(axis=(1, 2)) for x in range(columns)]
        for y in range(rows)
    ]
    return np.moveaxis(np.array(windows), 2, 0)


def layer(noise: np.random.Generator, channels: int, size: int, pool: int) -> mtcnn.Layer:
    """A layer with random weights, some of its slopes negative."""
    out = int(noise.integers(1, 12))
    weight = noise.normal(0, 1, (size * size * channels, out)).astype(np.float32)
    bias, slope = noise.normal(0, 1, (2, out)).astype(np.float32)
    return mtcnn.Layer(weight, bias, slope, size, pool)


def expected(values: np.ndarray, one: mtcnn.Layer) -> np.ndarray:
    """What a layer gives."""
    out = bent(convolution(values.astype(np.float64), one.weight, one.size) + one.bias, one.slope)
    return largest(out, one.pool) if one.pool > 1 else out


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("size", "pool"), [(3, 2), (3, 3), (2, 1), (3, 1), (2, 2)])
def test_patches_go_through_layers_as_defined(seed: int, size: int, pool: int) -> None:
    """Any number of patches, any size, every window."""
    noise = np.random.default_rng(seed)
    values = noise.normal(0, 1, (int(noise.integers(1, 4)), *noise.integers(5, 17, 2), 3)).astype(np.float32)
    one = layer(noise, 3, size, pool)
    np.testing.assert_allclose(expected(values, one), mtcnn._convolved(values, one), atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_swept_picture_equals_the_patches(seed: int) -> None:
    """The first network gives the same over planes as over laid out columns, for even and odd sizes."""
    noise = np.random.default_rng(seed)
    pixels = noise.integers(0, 256, (*noise.integers(14, 60, 2), 3), np.uint8)
    first = mtcnn.networks()[0]
    moves, chances = first.run((pixels[None].astype(np.float32) - 127.5) / 128)
    found = mtcnn.Sweeper.of(first).run(pixels)
    np.testing.assert_allclose(moves[0], found[0], atol=1e-4)
    np.testing.assert_allclose(1 / (1 + np.exp(chances[0, :, :, 0] - chances[0, :, :, 1])), found[1], atol=1e-4)


def test_comparison_would_notice_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: a sweep whose bias is lost is not equal."""
    sweep = nets.sweep
    monkeypatch.setattr(nets, "sweep", lambda values, weight, bias, *rest: sweep(values, weight, 0 * bias, *rest))
    with pytest.raises(AssertionError):
        test_swept_picture_equals_the_patches(0)


@pytest.mark.parametrize("seed", SEEDS)
def test_boxes_are_kept_apart(seed: int) -> None:
    """No two boxes that are kept overlap too much, and each that is dropped overlaps a better one."""
    noise = np.random.default_rng(seed)
    corner, side = noise.uniform(0, 50, (60, 2)), noise.uniform(5, 30, (60, 2))
    boxes, scores = np.concatenate([corner, corner + side], axis=1), noise.uniform(0, 1, 60)
    kept = mtcnn.apart(boxes, scores, 0.3).tolist()

    def close(one: int, other: int) -> bool:
        sides = np.minimum(boxes[one, 2:], boxes[other, 2:]) - np.maximum(boxes[one, :2], boxes[other, :2])
        shared = float(np.maximum(sides, 0).prod())
        areas = [float((boxes[k, 2:] - boxes[k, :2]).prod()) for k in (one, other)]
        return shared > 0.3 * (sum(areas) - shared) or shared > mtcnn.WITHIN * min(areas)

    assert sorted(kept, key=lambda k: -scores[k]) == kept
    assert not any(close(one, other) for one in kept for other in kept if one < other)
    dropped = set(range(60)) - set(kept)
    assert dropped
    assert all(any(close(one, other) and scores[other] >= scores[one] for other in kept) for one in dropped)


def test_cut_patch_is_what_the_box_holds() -> None:
    """Pixels at their places, in between a mean, and grey beyond the edge."""
    picture = np.zeros((10, 10, 3), np.uint8)
    picture[:, 5:] = 200
    patch = mtcnn.cut(picture, np.array([[4.0, 2.0, 6.0, 4.0]]), 5)[0]
    np.testing.assert_allclose((np.array([0, 100, 200, 200, 200]) - 127.5) / 128, patch[0, :, 0], atol=1e-6)
    assert 0.0 == np.abs(mtcnn.cut(picture, np.array([[20.0, 20.0, 30.0, 30.0]]), 4)).max()


def sampled(picture: np.ndarray, box: np.ndarray, side: int) -> np.ndarray:
    """What a box holds, place by place."""
    rows, columns = picture.shape[:2]
    out = np.zeros((side, side, 3))
    for line, place in np.ndindex(side, side):
        x, y = box[:2] + (box[2:] - box[:2]) * (place, line) / (side - 1)
        if 0 <= x <= columns - 1 and 0 <= y <= rows - 1:
            across, down = x % 1, y % 1
            near = picture[[int(y), min(int(y) + 1, rows - 1)]][:, [int(x), min(int(x) + 1, columns - 1)]]
            out[line, place] = np.einsum("y,x,yxc", [1 - down, down], [1 - across, across], near) / 128 - 127.5 / 128
    return out


@pytest.mark.parametrize("seed", SEEDS)
def test_patches_equal_their_definition(seed: int) -> None:
    """Boxes inside, across the edge and beyond it, of any size."""
    noise = np.random.default_rng(seed)
    picture = noise.integers(0, 256, (*noise.integers(8, 40, 2), 3), np.uint8)
    corner = noise.uniform(-10, 30, (8, 2))
    boxes = np.concatenate([corner, corner + noise.uniform(1, 40, (8, 1))], axis=1)
    expected_patches = [sampled(picture, box, 12) for box in boxes]
    np.testing.assert_allclose(expected_patches, mtcnn.cut(picture, boxes, 12), atol=1e-4)


def test_foreign_weights_are_refused() -> None:
    """Arrays of another network are not taken."""
    with pytest.raises(ValueError, match="the network rnet has 3 arrays"):
        mtcnn.parse("rnet", [np.zeros((3, 3, 3, 28)), np.zeros(28), np.zeros((1, 1, 28))])


def test_followed_face_needs_no_search(media_dir) -> None:
    """A face is found again where it was, in a picture shifted by a tenth of it; far away it is not."""
    import av

    from services.analyzer.subjects import view

    with av.open(str(media_dir / "real" / "asl_man_3s_h264.mkv")) as container:
        picture = view.View(1).picture(next(container.decode(video=0)))
    one = mtcnn.Detector()
    known = one.scan(picture)
    assert 1 == len(known)
    shift = round(0.25 * (known[0].box[2] - known[0].box[0]) * picture.shape[1])
    again = one.follow(np.roll(picture, shift, axis=1), known)
    assert known[0].box[0] + shift / picture.shape[1] == pytest.approx(again[0].box[0], abs=0.02)
    assert [] == one.follow(np.roll(picture, picture.shape[1] // 2, axis=1), known)
