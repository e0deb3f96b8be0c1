"""Clips of several ranges: exact frames, sound that stays with them, no click at a join, speed, fades, jump cuts."""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from chassis import errors
from services.exporter import (
    analysis,
    asked,
    camera,
    director,
    fades,
    geometry,
    pieces,
    placement,
    splice,
    storyboard,
    survey,
    tempo,
)

Rendered = Callable[..., tuple[pathlib.Path, dict[str, Any], np.ndarray]]
Film = Callable[..., pathlib.Path]
STAGE = (geometry.Picture(1920, 1080, Fraction(1)), geometry.Canvas(1080, 1920))
SMALL = {"layout": "letterbox", "ratio": "16:9"}
FLASH = 6  # every sixth frame begins with a beep
JOINED = ((10, 22), (48, 67), (71, 83), (3, 15))  # the second and the third are near: one decode


def ranges(*frames: tuple[int, int], speed: str = "1") -> tuple[asked.Range, ...]:
    """Ranges by frame."""
    return tuple(asked.Range(survey.Wanted(frames=one), Fraction(speed)) for one in frames)


def onsets(samples: np.ndarray, level: float = 0.05) -> np.ndarray:
    """Seconds at which sound begins after 20 ms of quiet."""
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > level)
    return loud[np.diff(loud, prepend=-10_000) > 960] / 48_000


@pytest.fixture
def beeping(film: Film) -> pathlib.Path:
    """A film of four seconds that beeps with every sixth frame."""
    return film(frames=96, beeps_s=[number / 24 for number in range(0, 96, FLASH)])


def test_joined_ranges_show_their_frames_with_their_sound(
    beeping: pathlib.Path, rendered: Rendered, decoded: Any, number_of: Any, samples: Any
) -> None:
    """Every frame of every range comes once, in order, and every beep within a millisecond of its frame."""
    path, _, _ = rendered(beeping, None, wish=asked.Edit(ranges(*JOINED)), **SMALL)
    numbers = [number_of(frame) for frame in decoded(path)]
    assert [number for first, last in JOINED for number in range(first, last)] == numbers
    flashes = [place / 24 for place, number in enumerate(numbers) if number % FLASH == 0]
    assert np.allclose(flashes, onsets(samples(path)), atol=0.001)


@pytest.mark.parametrize("speed", ["2", "1/2", "5/4"])
def test_speed_keeps_picture_and_sound_together(
    beeping: pathlib.Path, rendered: Rendered, decoded: Any, number_of: Any, samples: Any, speed: str
) -> None:
    """Frames are left out or repeated evenly; every beep that is heard lies within 20 ms of its moment."""
    first, last, factor = 12, 72, Fraction(speed)
    path, _, _ = rendered(beeping, None, wish=asked.Edit(ranges((first, last), speed=speed)), **SMALL)
    numbers = [number_of(frame) for frame in decoded(path)]
    assert [first + int(index * factor) for index in range(int((last - first) / factor))] == numbers
    moments = np.array([(number - first) / 24 / factor for number in range(first, last + 1, FLASH)], float)
    heard = onsets(samples(path), 0.1)
    assert 0.8 * len(moments) <= len(heard)
    assert max(np.abs(moments - moment).min() for moment in heard) <= 0.020


def steady(start_s: Fraction) -> Any:
    """A tone of 441 Hz without end, as a source gives it."""
    for first in itertools.count(round(start_s * 48_000), 4096):
        wave = 0.5 * np.sin(2 * np.pi * 441 * np.arange(first, first + 4096) / 48_000)
        yield np.array([wave, wave], np.float32)


TONE_STEP = 0.5 * 2 * np.pi * 441 / 48_000  # greatest difference between two samples of the tone


def joined_tone(*parts: tuple[str, int], speed: str = "1") -> np.ndarray:
    """The tone from some moments on, joined."""
    made = [splice.Part(Fraction(start), Fraction(speed), samples) for start, samples in parts]
    return np.concatenate(list(splice.joined(steady, made, 480)), axis=1)


def test_join_of_a_steady_tone_has_no_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where phases clash the samples step no more than the tone does; control: without a cross-fade they jump."""
    parts = [("1.0003", 24_000), ("7.0011", 24_000), ("3.0007", 24_000)]
    smooth = joined_tone(*parts)
    assert (2, 72_480) == smooth.shape
    assert np.abs(np.diff(smooth)).max() <= 1.3 * TONE_STEP
    monkeypatch.setattr(splice, "CROSS", 0)
    assert np.abs(np.diff(joined_tone(*parts))).max() > 5 * TONE_STEP


def test_join_where_the_source_goes_on_changes_nothing() -> None:
    """Two pieces that follow each other in the source sound like one."""
    parted = joined_tone(("2", 24_000), ("2.5", 24_000))
    assert np.allclose(joined_tone(("2", 48_000)), parted, atol=1e-5)


@pytest.mark.parametrize("speed", ["1/4", "4/5", "3/2", "4"])
def test_speed_keeps_the_pitch(speed: str) -> None:
    """The tone stays at 441 Hz, as loud as it was and without a click; control: resampling would move it."""
    samples = 96_000
    heard = joined_tone(("1", samples), speed=speed)[0, 480:]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(samples)))
    assert abs(441 - np.argmax(spectrum) / 2) <= 1
    assert 0.5 == pytest.approx(np.abs(heard).max(), abs=0.03)
    assert np.abs(np.diff(heard)).max() <= 1.3 * TONE_STEP


def test_fade_begins_and_ends_black_and_silent(
    film: Film, rendered: Rendered, decoded: Any, samples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first and the last frame are black, the middle is whole, and sound rises with them."""
    wish = asked.Edit(ranges((0, 48)), fades=asked.Fades(0.5, 0.5, 0.5, 0.5))
    source = film(beeps_s=[number / 25 for number in range(50)])
    path, _, prints = rendered(source, None, wish=wish, **SMALL)
    plain, _, whole = rendered(source, None, name="plain.mp4", **SMALL, wish=asked.Edit(ranges((0, 48))))
    luma = [frame.to_ndarray(format="gray").mean() for frame in (decoded(path)[place] for place in (0, 6, 47))]
    assert luma[0] < 3 < luma[1]
    assert luma[2] < 3
    assert np.array_equal(prints[12:36], whole[12:36])
    assert (decoded(path)[6].color_range, decoded(path)[6].colorspace) == (1, 1)
    heard, loud = np.abs(samples(path)), np.abs(samples(plain))
    assert heard[:, :2400].max() < 0.15 * loud[:, :2400].max()
    assert heard[:, 40_000:56_000].max() > 0.5 * loud[:, 40_000:56_000].max()


def test_gain_of_a_fade_is_even() -> None:
    """Ten frames up, none down."""
    rising = fades.Picture(20, 10, 0)
    assert [0.0, 0.5, 1.0, 1.0] == [rising.gain(number) for number in (0, 5, 10, 19)]


def test_near_ranges_are_surveyed_and_decoded_once() -> None:
    """Ranges that follow each other within some frames share a decode; far ones and those that go back do not."""
    found = list(pieces.groups(ranges(*JOINED)))
    assert [(10, 83), (3, 15)] == [hull.frames for hull, _ in found]
    apart = list(pieces.groups(ranges((0, 10), (500, 510))))
    assert [(0, 10), (500, 510)] == [hull.frames for hull, _ in apart]


def test_far_pieces_are_sought_and_near_ones_decoded_through() -> None:
    """Two seconds between pieces are decoded and left out; ten are not, nor is what comes earlier in the film."""
    stretches = [pieces.Cut(0, 0, 24), pieces.Cut(0, 72, 96), pieces.Cut(0, 336, 360), pieces.Cut(0, 0, 12)]
    found = pieces.spans([take(480)], stretches)
    assert [96, 24, 12] == [len(span.pts) for span in found]
    assert [*range(24), *[-1] * 48, *range(24, 48)] == found[0].places.tolist()
    assert [*range(48, 72), *range(72, 84)] == [*found[1].places.tolist(), *found[2].places.tolist()]


def test_takes_share_the_rate_of_the_longest() -> None:
    """A few frames whose mean is nearer to 30 than to 29.97 do not make a long take stutter."""
    base = {"time_base": "1/1000", "origin_pts": 0, "start_frame": 0, "end_pts": None, "counted": False,
            "decoded": False, "nominal": None}  # fmt: skip
    long = pieces.Take(base, np.array([round(number * 1001 / 30) for number in range(600)]))
    short = pieces.Take(base, np.array([0, 33, 67, 100]))
    planned = pieces.paced([long, short], [pieces.Cut(0, 0, 600), pieces.Cut(1, 0, 4)], 60)
    assert (Fraction(30_000, 1001), True) == (planned.schedule.source_rate, planned.schedule.constant)
    assert list(range(604)) == planned.schedule.shown.tolist()


def take(frames: int = 240, rate: int = 24) -> pieces.Take:
    """A range from the beginning of a film of constant rate."""
    facts = {"time_base": f"1/{rate}", "origin_pts": 0, "start_frame": 0, "end_pts": None, "counted": False,
             "decoded": False, "nominal": str(rate)}  # fmt: skip
    return pieces.Take(facts, np.arange(frames))


def shown(planned: pieces.Paced, found: analysis.Analysis) -> np.ndarray:
    """The path of the crop over the frames of pieces, across."""
    placed = placement.placed(found, planned.pieces, planned.schedule.rate)
    parted = placement.parted(placed, placement.joins(planned.pieces, planned.schedule.rate), geometry.window(*STAGE))
    scenes = storyboard.plan("fill", parted, planned.times_s, director.Stage(*STAGE)).scenes
    return np.concatenate([scene.middles[0, :, 0] for scene in scenes])


@pytest.mark.parametrize(("later", "jumps"), [(0.4, False), (0.9, True)])
def test_crop_jumps_at_a_jump_cut_only_where_the_subject_leaves_it(later: float, jumps: bool) -> None:
    """Within one shot the crop goes on as it was, unless the subject jumped out of the window."""
    shot = analysis.Shot(0, 240, 0.0, 10.0, None)
    focus = tuple(analysis.Focus(index / 5, 0.3 if index / 5 < 5 else later, 0.5, 1.0) for index in range(50))
    stretches = [pieces.Cut(0, 0, 96), pieces.Cut(0, 144, 240)]
    planned = pieces.paced([take()], stretches, 60)
    path = shown(planned, analysis.Analysis((shot,), focus))
    steps = np.abs(np.diff(path))
    assert jumps == (steps[95] > 0.3)
    assert np.delete(steps, 95).max() < 0.02


def test_pieces_of_different_shots_are_cut_apart() -> None:
    """A cut of the source between two pieces is a cut of the crop, though neither piece holds it."""
    shots = (analysis.Shot(0, 120, 0.0, 5.0), analysis.Shot(120, 240, 5.0, 10.0))
    focus = tuple(analysis.Focus(index / 5, 0.3 if index < 25 else 0.42, 0.5, 1.0) for index in range(50))
    planned = pieces.paced([take()], [pieces.Cut(0, 0, 96), pieces.Cut(0, 144, 240)], 60)
    path = shown(planned, analysis.Analysis(shots, focus))
    assert abs(path[96] - path[95]) > 0.1
    assert np.ptp(path[:96]) < 0.01


def test_people_go_with_their_pieces() -> None:
    """A face stands where it was in each piece, also at the edges between two sightings; what is cut out is gone."""
    rows = tuple((float(at), at / 20, 0.2, 0.1, 0.2) for at in range(10))
    found = analysis.Analysis((analysis.Shot(0, 240, 0.0, 10.0),), subjects=(analysis.Subject(3, None, rows),))
    planned = pieces.paced([take()], [pieces.Cut(0, 0, 60), pieces.Cut(0, 156, 240, Fraction(2))], 60)
    (subject,) = placement.placed(found, planned.pieces, planned.schedule.rate).subjects
    expected = [(0.0, 0.0), (1.0, 0.05), (2.0, 0.1), (2.499, 0.125), (2.5, 0.325), (2.75, 0.35), (3.25, 0.4)]
    assert expected == [(round(row[0], 3), round(row[1], 3)) for row in subject.samples[:7]]
    assert 3 == subject.id


def test_fast_piece_is_planned_in_the_time_that_is_seen() -> None:
    """At twice the speed the path is laid over half the time: the camera is never faster than it may be."""
    focus = tuple(analysis.Focus(index / 5, 0.2 + index * 0.012, 0.5, 1.0) for index in range(50))
    found = analysis.Analysis((analysis.Shot(0, 240, 0.0, 10.0),), focus)
    planned = pieces.paced([take()], [pieces.Cut(0, 0, 240, Fraction(2))], 60)
    path = shown(planned, found)[planned.schedule.shown]
    assert 120 == len(path)
    assert np.abs(np.diff(path)).max() * 24 <= camera.Limits().speed_max * geometry.window(*STAGE)[0] * 1.02


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ranges": ranges((5, 5))}, "ranges[0]"),
        ({"ranges": ranges((0, 5)) * 65}, "ranges"),
        ({"ranges": ranges((0, 5), speed="5")}, "ranges[0].speed"),
        ({"ranges": (asked.Range(survey.Wanted(frames=(0, 5)), asked.speed(float("nan"))),)}, "ranges[0].speed"),
        ({"fades": asked.Fades(sound_in_s=11)}, "fades.sound_in_s"),
        ({"fades": asked.Fades(picture_out_s=float("nan"))}, "fades.picture_out_s"),
        ({"track": asked.Track(number=-1)}, "audio_track.number"),
        ({"tightening": asked.Tightening(silence_min_s=0.1)}, "tightening.silence_min_s"),
        ({"tightening": asked.Tightening(pre_roll_s=-1)}, "tightening.pre_roll_s"),
        ({"tightening": asked.Tightening(filler_words=("",))}, "tightening.filler_words[0]"),
    ],
)
def test_edit_that_cannot_be_served_names_its_field(change: dict[str, Any], field: str) -> None:
    """Each mistake is found where it is; a good edit has none."""
    good = asked.Edit(ranges((0, 5)), asked.Tightening())
    assert [] == list(asked.violations(good))
    assert [field] == [name for name, _ in asked.violations(dataclasses.replace(good, **change))]


def test_fades_longer_than_the_clip_are_refused(film: Film, rendered: Rendered) -> None:
    """A clip of one second has no room for two seconds of fades."""
    wish = asked.Edit(ranges((0, 24)), fades=asked.Fades(1.0, 1.0))
    with pytest.raises(errors.FailedPrecondition) as caught:
        rendered(film(), None, wish=wish)
    assert "FADES_TOO_LONG" == caught.value.reason


def test_grains_lie_near_their_places() -> None:
    """What is loud for a moment stays within 20 ms of its place for a minute, and the length is right."""
    clicks = np.arange(1, 119) * 24_000
    source = np.zeros((2, 60 * 48_000 + 96_000), np.float32)
    for place in clicks:
        source[:, place + tempo.lead() : place + tempo.lead() + 960] = 0.5
    offset = 0

    def read(samples: int) -> np.ndarray:
        nonlocal offset
        offset += samples
        return source[:, offset - samples : offset]

    made = np.concatenate(list(tempo.stretched(read, Fraction(5, 4), 48 * 48_000)), axis=1)
    assert 48 * 48_000 == made.shape[1]
    heard = onsets(made, 0.25)
    expected = clicks / 1.25 / 48_000
    assert len(heard) >= 0.8 * len(clicks)
    assert max(np.abs(expected - moment).min() for moment in heard) <= 0.020
