"""The gate: a good clip passes, every seeded defect is caught."""

import dataclasses
import pathlib
import types
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from services.exporter import gate, survey

Judge = Callable[..., dict[str, str]]
FRAMING = {"subject_inside": 0.99, "reversals_per_s": 0.0, "travel_px_per_s": 9.0, "jerk_max": 7.0}
EXPECTED = gate.Expected(
    frames=36,
    rate=Fraction(24),
    width=1080,
    height=1920,
    sound=True,
    loudness_lufs=-14.0,
    loudness_limited=False,
    true_peak_max_dbtp=-1.0,
    size_max_bytes=100_000_000,
    duration_max_s=60.0,
    pictures=None,
    framing=FRAMING,
    subject_inside_min=0.5,
)


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    """What `clip` has rendered."""
    return {}


@pytest.fixture
def clip(good: dict[str, Any], film: Any, rendered: Any, tmp_path: pathlib.Path) -> tuple[pathlib.Path, np.ndarray]:
    """A good clip of 36 frames with a loud tone, and the prints of what was rendered; each test has its own copy."""
    if not good:
        beeps = tuple(index * 0.045 for index in range(50))
        path, _, prints = rendered(film(frames=60, beeps_s=beeps), survey.Wanted(frames=(12, 48)))
        good.update(content=path.read_bytes(), prints=prints)
    path = tmp_path / "good.mp4"
    path.write_bytes(good["content"])
    return path, good["prints"].copy()


def states(path: pathlib.Path, prints: np.ndarray | None, expected: gate.Expected = EXPECTED) -> dict[str, str]:
    """State of every check by name."""
    with path.open("rb") as file:
        files = types.SimpleNamespace(inputs={"clip": file}, outputs={})
        facts, arrays = gate.inspect({"threads": 2}, files, lambda value: None)
    found = gate.judge(facts, path.stat().st_size, expected, arrays["prints"], prints)
    return {one.name: one.state for one in found}


def failed(path: pathlib.Path, prints: np.ndarray | None, expected: gate.Expected = EXPECTED) -> set[str]:
    """Names of the checks that failed."""
    return {name for name, state in states(path, prints, expected).items() if state == gate.FAILED}


def remade(clip: pathlib.Path, change: Callable[[int, av.VideoFrame], av.VideoFrame], **options: str) -> pathlib.Path:
    """The pictures of a clip, changed and encoded again beside its sound."""
    target = clip.with_name("broken.mp4")
    with av.open(str(clip)) as source, av.open(str(target), "w", options=options) as out:
        video = out.add_stream("libx264", rate=Fraction(24), options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 1080, 1920, "yuv420p"
        audio = out.add_stream_from_template(source.streams.audio[0])
        for number, frame in enumerate(source.decode(video=0)):
            made = change(number, frame)
            made.pts, made.time_base, made.pict_type = number, Fraction(1, 24), 0
            out.mux(video.encode(made))
        out.mux(video.encode(None))
        source.seek(0)
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = audio
                out.mux(packet)
    return target


def black(frame: av.VideoFrame) -> av.VideoFrame:
    """A black picture of the same size."""
    values = np.full((frame.height * 3 // 2, frame.width), 128, np.uint8)
    values[: frame.height] = 16
    return av.VideoFrame.from_ndarray(values, format="yuv420p")


def test_good_clip_passes_everything(clip: tuple[pathlib.Path, np.ndarray]) -> None:
    """Nothing fails, and sound and picture were really looked at."""
    found = states(*clip)
    assert {gate.PASSED} == set(found.values())
    assert {"loudness", "true_peak", "picture", "black", "frozen", "av_offset", "fast_start"} <= set(found)


def test_black_picture_is_caught(clip: tuple[pathlib.Path, np.ndarray]) -> None:
    """Ten frames that turned black fail."""
    broken = remade(clip[0], lambda number, frame: black(frame) if number >= 20 else frame)
    assert {"black", "picture"} <= failed(broken, clip[1])


def test_frozen_picture_is_caught(clip: tuple[pathlib.Path, np.ndarray]) -> None:
    """A picture that stopped while the source went on fails."""
    held: list[av.VideoFrame] = []

    def freeze(number: int, frame: av.VideoFrame) -> av.VideoFrame:
        held.append(frame)
        return held[min(number, 15)]

    assert {"frozen", "picture"} <= failed(remade(clip[0], freeze), clip[1])


def test_frames_in_the_wrong_place_are_caught(clip: tuple[pathlib.Path, np.ndarray]) -> None:
    """Pictures that come one step late are other pictures."""
    assert "picture" in failed(clip[0], np.roll(clip[1], 1, axis=0))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"frames": 37}, "frames"),
        ({"rate": Fraction(25)}, "frame_rate"),
        ({"width": 1920}, "size"),
        ({"sound": False}, "audio_codec"),
        ({"loudness_lufs": -16.5}, "loudness"),
        ({"true_peak_max_dbtp": -20.0}, "true_peak"),
        ({"size_max_bytes": 1000}, "file_size"),
        ({"duration_max_s": 1.0}, "duration"),
        ({"framing": FRAMING | {"subject_inside": 0.49}}, "subject"),
        ({"framing": FRAMING | {"jerk_max": 24_148.0}}, "camera"),
    ],
)
def test_each_measure_is_compared(clip: tuple[pathlib.Path, np.ndarray], change: dict[str, Any], name: str) -> None:
    """Asked for something else, exactly that check turns red."""
    assert name in failed(*clip, dataclasses.replace(EXPECTED, **change))


def test_index_at_the_end_is_caught(clip: tuple[pathlib.Path, np.ndarray]) -> None:
    """A file that cannot start before it is whole fails."""
    assert "fast_start" in failed(remade(clip[0], lambda number, frame: frame), clip[1])


def test_cut_off_file_is_caught(clip: tuple[pathlib.Path, np.ndarray]) -> None:
    """A file whose end is missing does not decode to the end."""
    whole = clip[0].read_bytes()
    clip[0].write_bytes(whole[: len(whole) * 2 // 3])
    assert {"frames"} <= failed(*clip)


def test_unknown_is_skipped_with_a_reason(clip: tuple[pathlib.Path, np.ndarray]) -> None:
    """Where nothing counts as sound, or no subject is known, that is no failure but does not pass either."""
    found = states(*clip, dataclasses.replace(EXPECTED, loudness_lufs=None, framing=None))
    assert gate.SKIPPED == found["loudness"] == found["true_peak"] == found["subject"] == found["camera"]
