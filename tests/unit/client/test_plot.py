"""An analysis as a picture: every row at its place on the time axis."""

import pathlib

import pytest
from PIL import Image, ImageColor

from client import plot
from tests.unit.client import test_results

SUBJECT = {"id": 0, "shot": 0, "start_s": 2.0, "end_s": 3.0, "score": 0.9, "speaking": None, "samples": []}
DOCUMENT = test_results.ANALYSIS | {"proposals": test_results.PROPOSALS["proposals"], "subjects": [SUBJECT]}


def columns(picture: Image.Image, color: str) -> tuple[int, int]:
    """First and last column that has a colour."""
    wanted = ImageColor.getrgb(color)
    found = [x for x in range(picture.width) if wanted in {picture.getpixel((x, y)) for y in range(picture.height)}]
    return found[0], found[-1]


@pytest.mark.parametrize(
    ("color", "start_s", "end_s"), [("#b197fc", 0.5, 1.5), ("#ffc078", 0.0, 5.0), ("#74c0fc", 2.0, 3.0)]
)
def test_span_is_drawn_where_it_lies_in_time(color: str, start_s: float, end_s: float) -> None:
    """Speech, clips and a face, of a source of twelve seconds."""
    left, width = plot.MARGIN + plot.LABELS, plot.WIDTH - 2 * plot.MARGIN - plot.LABELS
    first, last = columns(plot.picture(DOCUMENT), color)
    assert (first, last) == pytest.approx((left + width * start_s / 12, left + width * end_s / 12), abs=2)


def test_value_that_is_unknown_leaves_a_gap() -> None:
    """The curve of 0.1, unknown and 0.3 stands in the first and the third half second."""
    picture = plot.picture(DOCUMENT)
    left, step = plot.MARGIN + plot.LABELS, (plot.WIDTH - 2 * plot.MARGIN - plot.LABELS) / 24
    bottom = plot.MARGIN + plot.TITLE_HEIGHT + plot.CURVE_HEIGHT - 4
    drawn = [picture.getpixel((int(left + step * (k + 0.5)), bottom)) for k in range(3)]
    curve, nothing = ImageColor.getrgb(plot.CURVES["highlight"]), ImageColor.getrgb(plot.PALE)
    assert [curve, nothing, curve] == drawn


def test_source_without_sound_or_length_is_drawn(tmp_path: pathlib.Path) -> None:
    """What was not measured has no row; the file is a whole PNG."""
    bare = DOCUMENT | {"speech": [], "shots": [], "proposals": [], "curve": {"interval_s": 0.5, "highlight": []}}
    plot.write(bare | {"source": bare["source"] | {"duration_s": None}}, tmp_path / "new" / "plot.png")
    with Image.open(tmp_path / "new" / "plot.png") as picture:
        assert ("PNG", plot.WIDTH) == (picture.format, picture.width)
