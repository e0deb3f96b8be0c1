"""The report page and the pictures."""

import io
import pathlib
import re
import types
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from services.exporter import images, preview, reading, report

ANALYSIS: dict[str, Any] = {
    "schema": "reelsmith.analysis/1",
    "version": "0.1.0",
    "source": {"name": "talk & <b>more</b>.mp4", "size_bytes": 1_234_567, "sha256": "ab" * 32, "duration_s": 100.0},
    "video": {
        "display_width": 1920,
        "display_height": 1080,
        "codec": "h264",
        "frame_rate": 25.0,
        "variable_frame_rate": False,
    },
    "audio": None,
    "shots": [{"start_s": 0.0, "end_s": 60.0}, {"start_s": 60.0, "end_s": 100.0}],
    "speech": [{"start_s": 5.0, "end_s": 20.0}],
    "silence": [],
    "curve": {"interval_s": 1.0, "highlight": [0.1] * 40 + [None] * 10 + [0.9] * 50},
}
TERMS = [
    {"name": "speech_density", "value": 0.5, "weight": 1, "contribution": 0.25, "state": "measured", "reason": "half"},
    {"name": "faces", "value": None, "weight": 1, "contribution": 0, "state": "unknown", "reason": "no detector"},
]
PROPOSALS = {"proposals": [{"rank": 1, "start_s": 10.0, "end_s": 30.0, "score": 0.25, "terms": TERMS}]}


def page(*entries: report.Entry, title: str = "") -> str:
    """The page of the analysis above."""
    return report.render(title, ANALYSIS, PROPOSALS, entries).decode()


def test_every_foreign_text_is_escaped() -> None:
    """A file name, a title and an error with markup stay text."""
    hostile = "<script>alert(1)</script>"
    text = page(report.Entry(1, error=hostile), title=hostile)
    assert hostile not in text
    assert "talk &amp; &lt;b&gt;" in page()


def test_page_refers_to_nothing_outside() -> None:
    """No address of a network is in the page, and its policy forbids fetching."""
    text = page(report.Entry(1, "final_output/clip-01.mp4"))
    assert [] == re.findall(r"(?:src|href)=\"(?:https?:)?//", text)
    assert "default-src 'none'" in text


def test_unknown_term_is_shown_as_unknown() -> None:
    """A term without a value has no bar and no number, and says so."""
    text = page(report.Entry(1, "final_output/clip-01.mp4"))
    row = text[text.index(">faces<") : text.index("no detector")]
    assert "<i style" not in row
    assert "<em>unknown</em>" in text
    assert 'style="width:50.0%"' in text


def test_failed_clip_keeps_its_place_on_the_time_line() -> None:
    """The span of the proposal is drawn, marked, and its card says why there is no clip."""
    text = page(report.Entry(1, error="too long"))
    assert 'class="failed" style="left:10.0%;width:20.0%"' in text
    assert "too long" in text


def test_curve_has_a_gap_where_it_is_unknown() -> None:
    """Two known stretches are two lines."""
    assert 2 == page().count('fill="none" stroke="var(--curve)"')


def test_page_without_documents_is_a_page() -> None:
    """No analysis and no clips still give a readable page."""
    text = report.render("", None, None, []).decode()
    assert "No clips were asked for" in text


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00.0"), (59.96, "1:00.0"), (75.25, "1:15.2"), (3725.0, "1:02:05.0")]
)
def test_times_are_written_as_people_do(seconds: float, expected: str) -> None:
    """Minutes, seconds and tenths; hours where there are some."""
    assert expected == report.clock(seconds)


def test_long_preview_is_first_thinned_then_shortened() -> None:
    """A short clip gets the best rate, a long one a lower one, an endless one an end."""
    assert preview.VIDEO_BPS_MAX == preview.plan(10, 3 << 20).video_bps
    assert preview.VIDEO_BPS_MIN <= preview.plan(90, 3 << 20).video_bps < preview.VIDEO_BPS_MAX
    assert preview.plan(3600, 3 << 20).duration_s < 300


def test_thumbnail_is_not_the_black_beginning(tmp_path: pathlib.Path) -> None:
    """Of a clip that begins black, the picture with something on it is taken."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"g": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 180, 320, "yuv420p"
        noise = np.random.default_rng(1).integers(30, 220, (320, 180, 3), np.uint8)
        for number in range(72):
            picture = noise if number >= 36 else np.zeros_like(noise)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    with path.open("rb") as file:
        files = types.SimpleNamespace(inputs={"clip": file}, outputs={"image": io.BytesIO()})
        facts, arrays = images.still({}, files, lambda value: None)
    assert facts["time_s"] >= 1.5
    assert arrays["tile"].mean() > 80
    assert (180, 320) == Image.open(files.outputs["image"]).size


@pytest.mark.parametrize("count", [1, 5, 12])
def test_sheet_has_room_for_every_clip(count: int) -> None:
    """The sheet is a grid of at most five columns."""
    tile = images.Tile(np.full((320, 180, 3), 200, np.uint8), "1", "0:00.0 to 0:10.0")
    drawn = Image.open(io.BytesIO(images.sheet([tile] * count)))
    columns, rows = min(count, 5), -(-count // 5)
    assert (columns * 198 + 18, rows * (320 + 46 + 18) + 18) == drawn.size


def test_decoded_frames_of_a_flush_have_their_time(film: Callable[..., pathlib.Path]) -> None:
    """A film so short that all frames come at the end is timed like any other."""
    with film(frames=3).open("rb") as file, reading.opened(file) as opened:
        times = [frame.time for frame in reading.frames(opened, opened.video)]
    assert pytest.approx([0, 1 / 24, 2 / 24], abs=1e-3) == times
