"""What the exporter reads of an analysis."""

import json
from typing import Any

import pytest

from services.exporter import analysis, progress

DOCUMENT: dict[str, Any] = {
    "schema": analysis.SCHEMA,
    "source": {"name": "film.mp4", "size_bytes": 10, "sha256": "00"},
    "shots": [{"index": 0, "start_frame": 0, "end_frame": 24, "start_s": 0.0, "end_s": 1.0}],
    "focus": {"interval_s": 0.2, "samples": [{"t_s": 0.0, "x": 1.4, "y": 0.5, "weight": None}]},
    "subjects": [
        {"id": 4, "speaking": None, "samples": [{"t_s": 0.5, "left": 0.75, "top": -0.5, "width": 0.5, "height": 0.75}]}
    ],
}


def test_document_is_read() -> None:
    """Shots and samples come out, with places clipped to the picture."""
    found = analysis.Analysis.parse(json.dumps(DOCUMENT).encode())
    assert (analysis.Shot(0, 24, 0.0, 1.0, None, (0.0, 1.0)),) == found.shots
    assert (analysis.Focus(0.0, 1.0, 0.5, 1.0),) == found.focus
    assert (analysis.Subject(4, None, ((0.5, 0.75, 0.0, 0.25, 0.25),)),) == found.subjects
    assert found == analysis.Analysis.from_value(found.to_value()) or found.source is not None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "other/1"},
        {"shots": [{"start_frame": 0}]},
        {"shots": 5},
        {"focus": {"samples": [{"t_s": 0, "x": float("nan"), "y": 0}]}},
        {"source": None},
        {"subjects": [{"id": 0, "samples": [{"t_s": 0.0, "left": "wide"}]}]},
        {"subjects": [{"id": 0}]},
    ],
)
def test_malformed_document_is_refused(change: dict[str, Any]) -> None:
    """What is missing or no number is named, not guessed."""
    with pytest.raises(analysis.Malformed):
        analysis.Analysis.parse(json.dumps(DOCUMENT | change).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_no_document_is_refused(data: bytes) -> None:
    """Bytes that are no document end in the same error."""
    with pytest.raises(analysis.Malformed):
        analysis.Analysis.parse(data)


def test_progress_never_goes_back() -> None:
    """Stages follow one another; a late report of an early stage changes nothing."""
    now = [0.0]
    meter = progress.Meter(clock=lambda: now[0])
    meter.expect(100)
    seen = []
    for stage, frames in (("survey", 0), ("sound", 0), ("encode", 50), ("sound", 0), ("encode", 100), ("check", 100)):
        now[0] += 1.0
        seen.append(meter.take({"stage": stage, "frames": frames}).fraction)
    assert sorted(seen) == seen
    assert 1.0 == meter.take({"stage": "done", "frames": 100}).fraction


def test_speed_is_that_of_the_last_seconds() -> None:
    """30 frames in each second are 30 frames per second, and the rest takes as long as it should."""
    now = [0.0]
    meter = progress.Meter(clock=lambda: now[0])
    meter.expect(300)
    for second in range(6):
        now[0] = float(second)
        found = meter.take({"stage": "encode", "frames": 30 * (second + 1)})
    assert pytest.approx(30.0) == found.frames_per_second
    assert found.eta_s is not None
