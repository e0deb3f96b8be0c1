"""Pictures get the colours that they must have, by computations that share nothing with the scaler."""

from fractions import Fraction

import av
import numpy as np
import pytest

from services.exporter import geometry, picture, staging

BLOCK, HEIGHT = 16, 64
BT709, BT2020, PQ, HLG, LIMITED, FULL = 1, 9, 16, 18, 1, 2
WHITE_NITS = 203.0  # ITU-R BT.2408: white of standard range within high range
GREYS_NITS = np.array([0, 1, 5, 10, 26, 58, 100, 203, 400, 600, 1000])
# Of the single-pivot spline in the PQ domain that libplacebo and FFmpeg use, with the knee of SMPTE ST 2094-10.
KNEE, KNEE_MIN, KNEE_MAX, ADAPTATION, CONTRAST, TUNING, OFFSET = 0.4, 0.1, 0.8, 0.4, 0.5, 1.5, 0.2


def pq(nits: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: light in nits to signal."""
    power = (np.asarray(nits, float) / 10_000) ** (2610 / 16_384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def nits_of(signal: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: signal to light in nits."""
    power = np.asarray(signal, float) ** (32 / 2523)
    return 10_000 * (np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)) ** (16_384 / 2610)


def hlg(nits: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100: light of a display of 1000 nits to signal, for greys."""
    scene = (nits / 1000) ** (1 / 1.2)
    a, b = 0.17883277, 0.28466892
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + 0.55991073)


def smooth(low: float, high: float, value: float) -> float:
    """Hermite step from one edge to another one."""
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def toned(nits: np.ndarray, peak_nits: float) -> np.ndarray:
    """Delivered luma of greys: tone mapped, then through the inverse of ITU-R BT.1886."""
    peak, white = float(pq(peak_nits)), float(pq(WHITE_NITS))
    pivot, target = KNEE * peak, KNEE
    tuning = 1 - smooth(KNEE_MAX, KNEE, target) * smooth(KNEE_MIN, KNEE, target)
    knee = pivot + (target * white - pivot) * (ADAPTATION + (1 - ADAPTATION) * tuning)
    knee = min(max(knee, KNEE_MIN * white), KNEE_MAX * white)
    slope = (knee / pivot) ** ((1 - CONTRAST) * min(max(TUNING * (peak / white - 1), OFFSET), 1 + OFFSET))
    below, above, top = (slope * pivot - knee) / pivot**2, peak - pivot, white - knee
    cubic, square = (slope * above - top) / (2 * above**3), -3 * (slope * above - top) / (2 * above**2)
    x = pq(nits) - pivot
    mapped = knee + np.where(x > 0, ((cubic * x + square) * x + slope) * x, (below * x + slope) * x)
    return 16 + 219 * np.clip(nits_of(mapped) / WHITE_NITS, 0, 1) ** (1 / 2.4)


def frame(luma: np.ndarray, form: str, tags: tuple[int, int, int, int]) -> av.VideoFrame:
    """A picture of grey blocks; tags are matrix, primaries, transfer and range."""
    deep = "10" in form
    kind, middle = (np.uint16, 512) if deep else (np.uint8, 128)
    made = av.VideoFrame(len(luma) * BLOCK, HEIGHT, form)
    row = np.repeat(np.round(luma).astype(kind), BLOCK)
    for plane, values in zip(
        made.planes, (row, np.full(len(row) // 2, middle), np.full(len(row) // 2, middle)), strict=True
    ):
        stored = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        stored[:, : len(values)] = values
        plane.update(stored.tobytes())
    made.colorspace, made.color_primaries, made.color_trc, made.color_range = tags
    made.pts, made.time_base = 0, Fraction(1, 24)
    return made


def delivered(source: av.VideoFrame) -> tuple[np.ndarray, np.ndarray]:
    """Luma of each block, and all chroma, as delivered."""
    canvas = geometry.Canvas(source.width, source.height)
    scene = staging.Scene(0, 1, "letterbox", "")
    out = picture.Framer(picture.Style(canvas, 0, None, False))(source, scene, 0)
    planes = [np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size) for plane in out.planes]
    chroma = np.concatenate([plane[:, : source.width // 2].ravel() for plane in planes[1:]])
    return planes[0][HEIGHT // 2, BLOCK // 2 : source.width : BLOCK].astype(float), chroma


@pytest.mark.parametrize(("transfer", "signal", "peak_nits"), [(PQ, pq, 10_000.0), (HLG, hlg, 1000.0)])
def test_high_range_is_toned_as_computed(transfer: int, signal: object, peak_nits: float) -> None:
    """Greys from black to 1000 nits land within two steps of the reference, and stay grey; brighter is never darker."""
    source = frame(64 + 876 * signal(GREYS_NITS), "yuv420p10le", (BT2020, BT2020, transfer, LIMITED))
    luma, chroma = delivered(source)
    assert np.abs(luma - toned(GREYS_NITS, peak_nits)).max() <= 2
    assert np.all(np.diff(luma) > 0)
    assert np.abs(chroma.astype(int) - 128).max() <= 1


def test_high_range_that_is_taken_for_standard_is_far_off() -> None:
    """Control: the same numbers without their tag miss the reference by far."""
    luma, _ = delivered(frame(64 + 876 * pq(GREYS_NITS), "yuv420p10le", (BT2020, BT2020, BT709, LIMITED)))
    assert np.abs(luma - toned(GREYS_NITS, 10_000.0)).max() > 10


def test_full_range_is_brought_to_limited() -> None:
    """0 becomes 16 and 255 becomes 235; control: limited stays as it is."""
    levels = np.array([0, 64, 128, 192, 255])
    luma, _ = delivered(frame(levels, "yuv420p", (BT709, BT709, BT709, FULL)))
    assert np.abs(luma - (16 + levels * 219 / 255)).max() <= 1
    levels = np.array([16, 64, 128, 192, 235])
    luma, _ = delivered(frame(levels, "yuv420p", (BT709, BT709, BT709, LIMITED)))
    assert np.array_equal(levels, luma)
