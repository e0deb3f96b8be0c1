"""Clips of films with black bars: what lies between them fills the picture."""

import pathlib
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest

from services.exporter import analysis, bars, geometry, survey

SHOT = (0, 60, 0.0, 2.4)
CONTENT = (0, 41, 400, 241)  # left, top, right, bottom


@pytest.fixture
def letterboxed(tmp_path: pathlib.Path) -> pathlib.Path:
    """A bright film of 400 x 282 with bars of 41 rows."""
    path = tmp_path / "bars.mkv"
    with av.open(str(path), "w") as sink:
        video = sink.add_stream("mpeg4", rate=25, width=400, height=282, pix_fmt="yuv420p")
        video.bit_rate = 4_000_000
        for index in range(60):
            picture = np.full((423, 400), 128, np.uint8)
            picture[:282] = 16
            picture[41:241] = 120 + (np.add.outer(np.arange(200), np.arange(400)) + 4 * index) % 100
            sink.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        sink.mux(video.encode())
    return path


@pytest.mark.parametrize("layout", ["fill", "fit_blur", "letterbox"])
@pytest.mark.parametrize("known", [True, False])
def test_clip_shows_no_bars(
    known: bool, layout: str, letterboxed: pathlib.Path, rendered: Callable[..., Any], decoded: Callable[..., Any]
) -> None:
    """Every layout uses what lies between known bars; where they are unknown they are seen: the control."""
    found = analysis.Analysis(shots=(analysis.Shot(*SHOT, CONTENT if known else None),))
    clip, value, _ = rendered(letterboxed, survey.Wanted(frames=(10, 40)), layout=layout, found=found, ratio="1:1")
    middle = decoded(clip)[10].to_ndarray(format="gray")
    column = middle[:, middle.shape[1] // 2]
    lit = np.flatnonzero(column > 90)
    share = (lit[-1] + 1 - lit[0]) / column.size
    shares = {
        "fill": (1.0, 200 / 282),
        "fit_blur": (1.0, 0.5),
        "letterbox": (0.5, 0.5),
    }  # lit where bars are known, or not
    expected = shares[layout][0 if known else 1]
    assert abs(share - expected) < 0.015
    if layout == "fill":
        crop = value["crop"][0]
        assert (0 if not known else 42) == crop["y"]
        assert crop["y"] + crop["height"] <= (240 if known else 282)


def test_focus_is_that_of_the_part() -> None:
    """A point of the shown picture, as a share of what lies between the bars; outside of it, its edge."""
    samples = (analysis.Focus(0.0, 0.5, 0.25, 1.0), analysis.Focus(0.2, 0.6, 0.05, 1.0))
    found = bars.within(analysis.Analysis(focus=samples), (0.0, 0.15, 1.0, 0.7))
    assert [(0.5, round(1 / 7, 6)), (0.6, 0.0)] == [(sample.x, round(sample.y, 6)) for sample in found.focus]


@pytest.mark.parametrize(
    ("contents", "crops", "expected"),
    [
        ([(0, 41, 400, 241)], True, (0, 42, 400, 198)),
        ([(0, 40, 400, 240), (50, 0, 350, 280)], True, (50, 40, 300, 200)),
        ([(0, 40, 400, 240), (50, 0, 350, 280)], False, None),
        ([(0, 40, 400, 240), (0, 20, 400, 260)], False, (0, 20, 400, 240)),
        ([(0, 40, 400, 240), None], True, None),
        ([(0, 0, 400, 280)], True, None),
        ([(180, 0, 220, 280)], True, None),
        ([], True, None),
    ],
)
def test_shots_of_a_clip_agree_on_a_part(contents: list, crops: bool, expected: tuple | None) -> None:
    """A crop leaves out every bar, a whole picture only what is one throughout; nonsense and ignorance leave all."""
    shots = [analysis.Shot(10 * k, 10 * k + 10, 1.0 * k, k + 1.0, content) for k, content in enumerate(contents)]
    found = bars.content(shots, (0.0, float(len(shots))), (400, 280), crops=crops)
    assert (None if expected is None else geometry.Rectangle(*expected)) == found


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [(0, (0.1, 0.2, 0.5, 0.4)), (90, (0.2, 0.4, 0.4, 0.5)), (180, (0.4, 0.4, 0.5, 0.4)), (270, (0.4, 0.1, 0.4, 0.5))],
)
def test_part_is_turned_with_the_picture(rotation: int, expected: tuple[float, ...]) -> None:
    """Stored pixels to shares of the picture as shown."""
    found = geometry.Rectangle(10, 40, 50, 80).shares((100, 200), rotation)
    assert expected == tuple(round(value, 9) for value in found)
