"""An analysis as one picture: everything that was measured on one time axis, for a look before anything is rendered."""

import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from client import output, wording

WIDTH, MARGIN, GAP = 1600, 20, 14  # pixels
LABELS = 150  # pixels left of the time axis
CURVE_HEIGHT, BAND_HEIGHT, TITLE_HEIGHT, AXIS_HEIGHT = 90, 26, 40, 26
TICKS_MAX = 12  # more would touch
TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
LOUDNESS_LUFS = (-50.0, 0.0)  # what the curve of loudness shows, from bottom to top
BACKGROUND, INK, FAINT, PALE = "#ffffff", "#22272e", "#8b949e", "#eef1f4"
CURVES = {"highlight": "#e8590c", "motion": "#4dabf7", "loudness": "#69db7c"}
BANDS = {
    "shots": ("#ced4da", "#adb5bd"), "camera": ("#c3fae8", "#96f2d7"),
    "faces": ("#74c0fc", "#a5d8ff"), "speech": ("#b197fc",), "silence": ("#ced4da",),
    "clips": ("#ffc078", "#ffe066"),
}  # fmt: skip

Span = tuple[float, float, str]


class Sheet:
    """A picture that grows row by row.

    Args:
        duration_s: What the time axis spans, in seconds.
        height: Of the picture, in pixels.
    """

    def __init__(self, duration_s: float, height: int) -> None:
        self.image = Image.new("RGB", (WIDTH, height), BACKGROUND)
        self._draw = ImageDraw.Draw(self.image)
        self._font, self._large = ImageFont.load_default(15), ImageFont.load_default(20)
        self._duration_s = max(duration_s, 1e-3)
        self._top = MARGIN

    def _x(self, t_s: float) -> float:
        share = min(max(t_s / self._duration_s, 0.0), 1.0)
        return MARGIN + LABELS + share * (WIDTH - 2 * MARGIN - LABELS)

    def title(self, text: str) -> None:
        """A line of large text."""
        self._draw.text((MARGIN, self._top), text, INK, self._large)
        self._top += TITLE_HEIGHT

    def curve(self, label: str, values: Sequence[float | None], interval_s: float, color: str) -> None:
        """Values from 0 to 1 per interval, as an area; nothing where there is no value."""
        bottom = self._row(label, CURVE_HEIGHT)
        for index, value in enumerate(values):
            if value is not None:
                left, right = self._x(index * interval_s), self._x((index + 1) * interval_s)
                top = bottom - min(max(value, 0.0), 1.0) * CURVE_HEIGHT
                self._draw.rectangle((left, top, max(right, left), bottom), color)

    def band(self, label: str, spans: Iterable[Span], colors: Sequence[str]) -> None:
        """Stretches of time with their words, in colours that take turns."""
        bottom = self._row(label, BAND_HEIGHT)
        for index, (start_s, end_s, text) in enumerate(spans):
            left, right = self._x(start_s), self._x(end_s)
            box = (left, bottom - BAND_HEIGHT, max(right - 1, left + 1), bottom)
            self._draw.rectangle(box, colors[index % len(colors)])
            if text and self._draw.textlength(text, self._font) < right - left - 6:
                self._draw.text((left + 4, bottom - BAND_HEIGHT + 4), text, INK, self._font)

    def axis(self) -> None:
        """The times."""
        fitting = (step for step in TICK_STEPS_S if self._duration_s / step <= TICKS_MAX)
        step_s = next(fitting, TICK_STEPS_S[-1])
        for tick in range(int(self._duration_s // step_s) + 1):
            x = self._x(tick * step_s)
            self._draw.line((x, MARGIN + TITLE_HEIGHT, x, self._top - GAP), FAINT)
            text = wording.position(tick * step_s)
            if x + 3 + self._draw.textlength(text, self._font) < WIDTH:
                self._draw.text((x + 3, self._top - GAP), text, FAINT, self._font)
        self._top += AXIS_HEIGHT

    def _row(self, label: str, height: int) -> int:
        """Begins a row and returns its bottom."""
        self._draw.text((MARGIN, self._top + height / 2 - 9), label, INK, self._font)
        self._draw.rectangle((self._x(0), self._top, self._x(self._duration_s), self._top + height), PALE)
        self._top += height + GAP
        return self._top - GAP


def picture(document: Mapping[str, Any]) -> Image.Image:
    """Draws a document of `client.analysis`: curves, shots, speech and silence, and the proposed clips.

    Args:
        document: As `analysis.schema.json` describes it.
    """
    curves, bands = list(_curves(document["curve"])), list(_bands(document))
    rows = len(curves) * (CURVE_HEIGHT + GAP) + len(bands) * (BAND_HEIGHT + GAP)
    duration_s = document["source"]["duration_s"] or 0.0
    sheet = Sheet(duration_s, 2 * MARGIN + TITLE_HEIGHT + rows + AXIS_HEIGHT)
    sheet.title(f"{document['source']['name']}   {wording.position(duration_s)}")
    for name, values in curves:
        sheet.curve(name, values, document["curve"]["interval_s"], CURVES[name])
    for name, spans in bands:
        sheet.band(name, spans, BANDS[name])
    sheet.axis()
    return sheet.image


def _curves(curve: Mapping[str, Any]) -> Iterator[tuple[str, list[float | None]]]:
    """The measured curves, each from 0 to 1: motion as a share of its largest value."""
    low, high = LOUDNESS_LUFS
    yield "highlight", curve["highlight"]
    if curve.get("motion"):
        largest = max((value for value in curve["motion"] if value is not None), default=0.0) or 1.0
        yield "motion", [None if value is None else value / largest for value in curve["motion"]]
    if curve.get("loudness_lufs"):
        yield "loudness", [None if value is None else (value - low) / (high - low) for value in curve["loudness_lufs"]]


def _bands(document: Mapping[str, Any]) -> Iterator[tuple[str, list[Span]]]:
    yield "shots", [(shot["start_s"], shot["end_s"], "") for shot in document["shots"]]
    yield "camera", [(shot["start_s"], shot["end_s"], _move(shot)) for shot in document["shots"]]
    if document.get("subjects"):
        faces = sorted(document["subjects"], key=lambda item: item["start_s"])
        yield "faces", [(item["start_s"], item["end_s"], str(item["id"])) for item in faces]
    for name in ("speech", "silence"):
        yield name, [(item["start_s"], item["end_s"], "") for item in document[name]]
    proposals = sorted(document["proposals"], key=lambda item: item["start_s"])
    yield "clips", [(item["start_s"], item["end_s"], f"{item['rank']}: {item['score']:.2f}") for item in proposals]


def _move(shot: Mapping[str, Any]) -> str:
    return ((shot.get("camera") or {}).get("kind") or "").replace("_", " ")


def write(document: Mapping[str, Any], target: pathlib.Path) -> None:
    """Writes the picture as a PNG, so that a reader sees all of it or none."""
    with output.whole(target) as file:
        picture(document).save(file, "PNG")
