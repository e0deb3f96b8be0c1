"""Black bars: the kernel against its specification, bounds to the row, and what is no bar."""

import pathlib
from collections.abc import Callable, Iterator

import av
import numpy as np
import pytest

from services.analyzer import bars, document
from services.analyzer.kernels import edges
from tests.unit.analyzer import conftest as made
from tests.unit.analyzer.test_measure import documented

BLACK = 16
WHOLE = (800, 332)


def footage(media_dir: pathlib.Path, first: int, count: int) -> Iterator[np.ndarray]:
    """Luma of some frames of a dark film, (332, 800)."""
    with av.open(str(media_dir / "derived" / "tos30_h264_23976.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= first + count:
                return
            if index >= first:
                yield frame.to_ndarray(format="yuv420p")[: frame.height].copy()


def barred(picture: np.ndarray, above: int, beside: int) -> np.ndarray:
    """A picture with black bars of so many lines on both sides, up to even sizes."""
    return np.pad(picture, ((above, above), (beside, beside)), constant_values=BLACK)


def content(found: dict) -> tuple[int, ...] | None:
    """Left, top, right, bottom of what lies between the bars."""
    return found and tuple(found[side] for side in ("left", "top", "right", "bottom"))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_edges_equal_their_specification(seed: int, kind: type) -> None:
    """Any size and pitch, with bars of any kind, dark pictures included."""
    noise = np.random.default_rng(seed)
    height, width, pitch = int(noise.integers(16, 90)), int(noise.integers(16, 90)), int(noise.integers(90, 100))
    plane = noise.integers(0, 60 if seed % 3 else 25, (height, pitch)).astype(kind)
    for _ in range(int(noise.integers(0, 4))):
        side, lines = int(noise.integers(4)), int(noise.integers(1, 30))
        view = (plane[:, :width], plane.T[:width], plane[::-1, :width], plane.T[:width][::-1])[side]
        view[:lines] = noise.integers(0, 25)
    reach = int(noise.integers(1, 8)), int(0.45 * height)
    found = np.empty((4, 3), np.int64)
    edges.dark_edges(plane.ravel(), pitch, width, height, 24, *reach, found)
    np.testing.assert_array_equal(edges.dark_edges_spec(plane[:, :width], 24, *reach), found)


@pytest.mark.parametrize("fault", ["LIT_MIN", "SHARP_LINES", "STRIDE"])
def test_planted_fault_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A specification that differs in one number is no longer equal."""
    plane = np.random.default_rng(1).integers(0, 200, (64, 64)).astype(np.uint8)
    plane[:20] = np.linspace(0, 30, 64)
    found = np.empty((4, 3), np.int64)
    edges.dark_edges(plane.ravel(), 64, 64, 64, 24, 28, 28, found)
    monkeypatch.setattr(edges, fault, getattr(edges, fault) + (600 if fault == "LIT_MIN" else 1))
    assert not np.array_equal(edges.dark_edges_spec(plane, 24, 28, 28), found)


@pytest.mark.parametrize(("above", "beside"), [(59, 0), (34, 0), (0, 100), (31, 50), (6, 0), (0, 0)])
def test_bars_are_found_to_the_row(
    above: int, beside: int, media_dir: pathlib.Path, write_film: Callable[..., pathlib.Path]
) -> None:
    """Letterbox, pillarbox, both and neither around dark footage, through a codec: exact bounds."""
    film = write_film([barred(picture, above, beside) for picture in footage(media_dir, 0, 60)])
    found = documented(film, measures=["picture", "shots"])
    expected = (beside, above, WHOLE[0] + beside, WHOLE[1] + above)
    assert expected == content(found["video"]["content"])
    assert all(expected == content(shot["content"]) for shot in found["shots"])


def test_each_shot_has_its_own_bars(media_dir: pathlib.Path, write_film: Callable[..., pathlib.Path]) -> None:
    """Half of a film has bars: the film has none, the shot has them."""
    wide = [barred(picture, 60, 0) for picture in footage(media_dir, 0, 45)]
    film = write_film([*wide, *[made.scene(5, (452, 800))] * 45])
    found = documented(film, measures=["picture", "shots"])
    assert (0, 0, 800, 452) == content(found["video"]["content"]) == content(found["shots"][-1]["content"])
    assert (0, 60, 800, 392) == content(found["shots"][0]["content"])


def test_shot_too_dark_to_tell_has_the_bars_of_the_film() -> None:
    """A lamp in the night, between the bars of the rest; but not where something else is seen in the place of a bar."""
    for lamp, expected in ((80, 60), (20, 0)):
        watch = bars.Watch()
        for index in range(8):
            dark, lit = ((0, 60, 0, 60), (900,) * 4) if index < 4 else ((300, lamp, 400, 200), (30,) * 4)
            watch.add(bars.Look((800, 452), dark, lit, dark, told=True), index / 2)
        _, shots = watch.finish([2.0])
        assert [60, expected] == [shot.top for shot in shots]


@pytest.mark.parametrize("case", ["title", "subtitle", "lamp", "vignette", "one side"])
def test_dark_parts_of_a_picture_are_no_bars(case: str, write_film: Callable[..., pathlib.Path]) -> None:
    """Text on black, text in a bar, a light in the night, edges that fade, a dark strip on one side only."""
    scene = np.full((288, 512), float(BLACK))
    if case == "title":
        scene[130:160, 100:400:12] = 220
    elif case == "lamp":
        scene[100:140, 200:280] = 220
    elif case == "vignette":
        scene += made.scene(3, (288, 512)) * np.sin(np.linspace(0, np.pi, 288))[:, None] ** 2
    else:
        scene[40:248] = made.scene(3, (208, 512))
        scene[262:274, 200:320:6] = 220 if case == "subtitle" else BLACK
        scene[:40] = made.scene(4, (40, 512)) if case == "one side" else BLACK
    found = documented(write_film([scene] * 30), measures=["picture"])["video"]["content"]
    assert found is None or (0, 512) == (found["left"], found["right"])
    assert found is None or found["top"] == 288 - found["bottom"] == 0


def test_black_film_tells_nothing(write_film: Callable[..., pathlib.Path]) -> None:
    """Nothing is lit: what lies between bars is unknown."""
    found = documented(write_film([np.full((144, 256), BLACK)] * 30), measures=["picture"])
    assert found["video"]["content"] is None
    assert found["shots"][0]["content"] is None


def test_looks_that_are_not_due_change_nothing() -> None:
    """An eye that sees a piece of the film looks at its first frame: the document does not depend on pieces."""
    looks = [bars.Look((100, 100), (0, k, 0, k), (900,) * 4, (0, k, 0, k), told=True) for k in range(12)]
    found = []
    for due in (None, 7):
        watch, eye = bars.Watch(), bars.Due()
        for index, look in enumerate(looks):
            wanted = eye.due(index * 0.1) or index == due
            watch.add(look if wanted else None, index * 0.1)
        found.append(document.encode({"times": watch._times.tolist(), "seen": watch._seen.tolist()}))
    assert found[0] == found[1]
