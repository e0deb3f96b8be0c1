"""Ranges are found and decoded exactly, in files whose tables and clocks are wrong too."""

import hashlib
import pathlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from media import errors as media_errors
from services.exporter import analysis, cut, reading, survey

TRICKY = (
    "real/bbb_wrong_keyframe_flags_5s.mp4",
    "real/bbb_1080p_5s_hevc.ts",
    "real/bbb_fragmented_5s_h264.mp4",
    "real/nasa_2video_2audio_2sub_13s.mp4",
    "real/portrait_selfie_1s_h264.ts",
    "real/bike_ride_30s_vp8.webm",
    "derived/tos30_h264_vfr.mp4",
    "derived/tos30_mpeg4_mp3_25.avi",
    "derived/bike_15s_mpeg2_480i.ts",
)


def quiet(value: Any) -> None:
    """Takes progress and does nothing."""


def print_of(frame: av.VideoFrame) -> str:
    """Hash of a picture."""
    return hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()


def truth(path: pathlib.Path) -> list[tuple[int, str]]:
    """Time stamp and hash of every frame, decoded from the start."""
    with path.open("rb") as file, reading.opened(file) as opened:
        return [(frame.pts, print_of(frame)) for frame in reading.frames(opened, opened.video)]


def found(path: pathlib.Path, wanted: survey.Wanted, shots: tuple[analysis.Shot, ...] = ()) -> tuple[Any, np.ndarray]:
    """What the survey says."""
    with path.open("rb") as file:
        return survey.find(file, wanted, shots, decoding=False, report=quiet)


@pytest.mark.parametrize("name", TRICKY)
def test_range_by_frame_gives_exactly_these_frames(media_dir: pathlib.Path, name: str) -> None:
    """The middle third of a file, cut by frame, is bit for bit what decoding from the start gives."""
    path = media_dir / name
    frames = truth(path)
    first, last = len(frames) // 3, min(2 * len(frames) // 3, len(frames) // 3 + 40)
    facts, pts = found(path, survey.Wanted(frames=(first, last)))
    with path.open("rb") as file:
        cut_out = [(frame.pts, print_of(frame)) for _, frame in cut.frames(file, pts, certain=False, threads=2)]
    assert first == facts["start_frame"]
    assert frames[first:last] == cut_out


@pytest.mark.parametrize("name", TRICKY)
def test_range_by_time_holds_the_frames_that_begin_in_it(media_dir: pathlib.Path, name: str) -> None:
    """By time: from the first frame at or after the start to the last one before the end."""
    path = media_dir / name
    stamps = [pts for pts, _ in truth(path)]
    start, end = Fraction(3, 10), Fraction(9, 10)
    facts, pts = found(path, survey.Wanted(seconds=(start, end)))
    base = Fraction(facts["time_base"])
    expected = [stamp for stamp in stamps if start <= (stamp - stamps[0]) * base < end]
    assert expected == pts.tolist()


def test_naive_seek_in_a_file_with_a_wrong_table_misses_frames(media_dir: pathlib.Path) -> None:
    """Control: without looking at where a seek landed, the same range comes out wrong."""
    path = media_dir / "real/bbb_wrong_keyframe_flags_5s.mp4"
    frames = truth(path)
    wrong = 0
    for first in range(10, 110, 7):
        with path.open("rb") as file, reading.opened(file) as opened:
            opened.container.seek(frames[first][0], stream=opened.video, backward=True)
            naive = [print_of(frame) for frame in reading.frames(opened, opened.video) if frame.pts >= frames[first][0]]
        wrong += naive != [digest for _, digest in frames[first:]]
    assert wrong > 0


def test_counting_from_an_anchor_equals_counting_from_the_start(film: Callable[..., pathlib.Path]) -> None:
    """A shot of the analysis saves the way from the start, and gives the same frames."""
    path = film(frames=300)
    shots = (analysis.Shot(0, 130, 0.0, 130 / 24), analysis.Shot(130, 300, round(130 / 24, 6), 12.5))
    wanted = survey.Wanted(frames=(200, 210))
    assert found(path, wanted)[1].tolist() == found(path, wanted, shots)[1].tolist()


def test_anchor_of_another_film_is_not_believed(film: Callable[..., pathlib.Path]) -> None:
    """An anchor whose time is no frame's time is left aside."""
    path = film(frames=300)
    lying = (analysis.Shot(130, 300, 5.03, 12.5),)
    facts, pts = found(path, survey.Wanted(frames=(200, 203)), lying)
    assert found(path, survey.Wanted(frames=(200, 203)))[1].tolist() == pts.tolist()
    assert 200 == facts["start_frame"]


def test_painted_numbers_come_out_in_order(
    film: Callable[..., pathlib.Path], number_of: Callable[[av.VideoFrame], int]
) -> None:
    """Frames 100 to 130 of a film with B-frames are the pictures 100 to 130."""
    path = film(frames=160)
    _, pts = found(path, survey.Wanted(frames=(100, 130)))
    with path.open("rb") as file:
        numbers = [number_of(frame) for _, frame in cut.frames(file, pts, certain=False, threads=2)]
    assert list(range(100, 130)) == numbers


def test_promise_that_does_not_hold_is_noticed(film: Callable[..., pathlib.Path]) -> None:
    """A time stamp that no frame has ends in an error, never in another frame."""
    path = film(frames=48)
    _, pts = found(path, survey.Wanted(frames=(10, 20)))
    pts[5] += 1
    with path.open("rb") as file, pytest.raises(media_errors.Unreadable, match="differ"):
        list(cut.frames(file, pts, certain=False, threads=1))


def test_decoding_from_the_start_finds_the_same(film: Callable[..., pathlib.Path]) -> None:
    """The slow way agrees with the fast one on a sound file."""
    path = film(frames=96)
    wanted = survey.Wanted(seconds=(Fraction(1), Fraction(2)))
    with path.open("rb") as file:
        _, slow = survey.find(file, wanted, (), decoding=True, report=quiet)
    assert found(path, wanted)[1].tolist() == slow.tolist()


def test_sound_without_video_is_refused(media_dir: pathlib.Path) -> None:
    """A sound file has no frame to cut."""
    with pytest.raises(media_errors.Unreadable, match="no video"):
        found(media_dir / "real/speech_7s.mp3", survey.Wanted(frames=(0, 10)))
