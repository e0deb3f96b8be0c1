"""Onsets, tempo and music: where they were put, in real sound and made-up sound, and nowhere else."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from services.analyzer import measure
from services.analyzer.audio import frames, meter, music, rhythm
from tests.unit.analyzer import conftest as made
from tests.unit.analyzer.test_measure import documented
from tests.unit.analyzer.test_speech import mono

RATE_HZ = rhythm.RATE_HZ
TALK = "speech_silence_timecode_42s_h264.mp4"
ORCHESTRA = "bbb_480p_30s_h264_51audio.mp4"
WIND = "bike_ride_30s_vp8.webm"


def flux_of(samples: np.ndarray, piece: int = 81_920) -> np.ndarray:
    """The flux of sound that comes in pieces."""
    one = rhythm.Meter()
    for start in range(0, samples.size, piece):
        one.add(samples[start : start + piece])
    return one.finish()


def music_of(samples: np.ndarray, piece: int = 81_920) -> np.ndarray:
    """The measure of music of sound that comes in pieces."""
    one = music.Meter()
    for start in range(0, samples.size, piece):
        one.add(samples[start : start + piece])
    return one.finish()


def heard(media_dir: pathlib.Path, film: str) -> np.ndarray:
    """The sound of a film as the meters get it."""
    return mono(media_dir / "real" / film).astype(np.float32) / 32768


def clicks(times_s: np.ndarray, seconds: float, level: float = 0.3) -> np.ndarray:
    """Short decaying bursts at some times."""
    burst = level * np.random.default_rng(0).normal(0, 1, 640) * np.exp(-np.arange(640) / 120)
    samples = np.zeros(round(seconds * RATE_HZ), np.float32)
    for start in np.round(times_s * RATE_HZ).astype(int):
        part = samples[start : start + 640]
        part += burst[: part.size].astype(np.float32)
    return samples


def chords(seconds: float, level: float = 0.05) -> np.ndarray:
    """Four held chords after one another, two seconds each, over and over."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    root = 220 * 2 ** (np.array([0, 5, 7, 3])[(time_s / 2).astype(int) % 4] / 12)
    notes = sum(np.sin(2 * np.pi * root * ratio * time_s) for ratio in (1, 1.26, 1.5, 2, 3, 4))
    return (level * notes).astype(np.float32)


def test_onsets_lie_where_sounds_begin(media_dir: pathlib.Path) -> None:
    """Each click over real wind noise, within two hundredths of a second; silence and the noise alone have few."""
    noise = 0.2 * heard(media_dir, WIND)[: 20 * RATE_HZ]
    times_s = np.cumsum(np.random.default_rng(1).uniform(0.15, 0.6, 45))
    found = rhythm.onsets(flux_of(noise + clicks(times_s, 20)))
    assert all(np.abs(found - t_s).min() <= 0.02 for t_s in times_s)
    assert found.size < 1.5 * times_s.size + rhythm.onsets(flux_of(noise)).size
    assert [] == rhythm.onsets(flux_of(np.zeros(RATE_HZ * 3, np.float32))).tolist()
    assert [] == rhythm.onsets(flux_of(np.zeros(100, np.float32))).tolist()


@pytest.mark.parametrize("bpm", [60, 90, 100.5, 128, 165])
def test_tempo_is_that_of_the_beat(bpm: float, media_dir: pathlib.Path) -> None:
    """Beats under real talk keep their tempo to half a percent."""
    talk = heard(media_dir, TALK)[: 30 * RATE_HZ]
    assert bpm == pytest.approx(rhythm.tempo(flux_of(talk + clicks(np.arange(0.2, 30, 60 / bpm), 30))), rel=0.005)


@pytest.mark.parametrize("film", [TALK, WIND, "tos_battle_70s_vp8.webm", "man_talking_10s_h264_datastreams.mp4"])
def test_talk_and_noise_keep_no_tempo(film: str, media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown; without the least steadiness, anything of twelve seconds would have one."""
    flux = flux_of(heard(media_dir, film))
    assert rhythm.tempo(flux) is None
    monkeypatch.setattr(rhythm, "STEADY_MIN", -1.0)
    assert (flux.size * rhythm.STEP_S > rhythm.WINDOW_S) == (rhythm.tempo(flux) is not None)


def test_irregular_beats_keep_no_tempo() -> None:
    """Clicks at random have onsets and no tempo; silence has neither."""
    times_s = np.cumsum(np.random.default_rng(5).uniform(0.2, 1.0, 45))
    flux = flux_of(clicks(times_s[times_s < 29], 30))
    assert rhythm.tempo(flux) is None
    assert rhythm.onsets(flux).size >= 40
    assert rhythm.tempo(flux_of(np.zeros(RATE_HZ * 30, np.float32))) is None


def test_music_is_told_from_talk_and_noise(media_dir: pathlib.Path) -> None:
    """Most of an orchestra is music; of talk, a battle's noise apart, and wind hardly any moment is taken for it."""
    shares = {film: music.judged(music_of(heard(media_dir, film))) for film in (ORCHESTRA, TALK, WIND)}
    assert np.mean(shares[ORCHESTRA] == 1) > 0.75
    assert all(np.mean(shares[film] == 1) < 0.02 for film in (TALK, WIND))
    assert all(np.mean(shares[film] == 0) > 0.9 for film in (TALK, WIND))


def test_music_is_heard_under_talk(media_dir: pathlib.Path) -> None:
    """Held chords are found alone, and under a voice that is as loud."""
    talk = heard(media_dir, "man_talking_10s_h264_datastreams.mp4")
    played = chords(talk.size / RATE_HZ, level=0.5 * float(talk.std()))
    for samples in (played, played + talk):
        assert np.mean(music.judged(music_of(samples)) == 1) > 0.9
    assert np.mean(music.judged(music_of(talk)) == 1) < 0.2


def test_steepness_is_the_sum_of_the_highest_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each above its higher valley; flat tops count once; no more than five."""
    assert 0.0 == music.steepness(np.zeros(10))
    assert 0.0 == music.steepness(np.linspace(0, 1, 10))
    assert 1.0 == pytest.approx(music.steepness(np.array([0, 1, 1, 0.0])))
    assert 0.8 == pytest.approx(music.steepness(np.array([0.2, 0.8, 0.5, 1.0, 0.4, 0.4])))
    peaks = np.array([0, 1.0] * 8 + [0])
    assert 5.0 == music.steepness(peaks)
    monkeypatch.setattr(music, "PEAKS", 8)
    assert 8.0 == music.steepness(peaks)


@pytest.mark.parametrize("piece", [160, 999, 2560])
def test_pieces_make_no_difference(piece: int) -> None:
    """The same spectra, flux and measure however the samples arrive."""
    samples = (chords(6.0) + clicks(np.arange(0, 6, 0.4), 6)).astype(np.float32)
    np.testing.assert_array_equal(flux_of(samples), flux_of(samples, piece))
    np.testing.assert_array_equal(music_of(samples), music_of(samples, piece))
    one = frames.Spectra(512, 160)
    assert (0, 257) == one.add(np.zeros(10, np.float32)).shape


def test_short_sound_is_no_music_and_none_is_unknown() -> None:
    """Two and a half seconds are needed to tell; between the two limits it is not told."""
    assert 0 == music_of(chords(2.0)).size
    assert np.isnan(music.judged(np.array([2.7]))).all()
    assert np.isnan(measure.held(np.empty(0), 0.5, 0.0, 3)).all()


def test_values_of_steps_become_values_of_intervals() -> None:
    """That of the step in the middle of each; before and after there is none."""
    found = measure.held(np.array([1.0, 2.0]), 0.5, 0.5, 5)
    assert ["nan", "1.0", "2.0", "2.0", "nan"] == [str(value) for value in found]


def test_document_says_where_music_plays(write_film: Callable[..., pathlib.Path]) -> None:
    """Chords in the second half of a film with noise in the first: curve, onsets and tempo on the time of pictures."""
    noise = np.random.default_rng(2).normal(0, 0.02, 8 * 48_000)
    slow = np.repeat(chords(16.0) + clicks(np.arange(0, 16, 0.5), 16, 0.2), 3)
    found = documented(write_film([made.scene(1, (64, 96))] * 600, sound=np.concatenate([noise, slow])))
    curve = found["curve"]["music"]
    assert 0 == sum(value or 0 for value in curve[:12])
    assert 1 == min(value for value in curve[19:45] if value is not None)
    assert sum(value is None for value in curve[19:45]) < 3
    assert 120 == pytest.approx(found["audio"]["tempo_bpm"], rel=0.01)
    assert 2 == pytest.approx(np.mean(found["curve"]["onset"][18:46]), abs=0.3)


def test_music_that_was_not_asked_for_is_unknown(media_dir: pathlib.Path) -> None:
    """Null says that nobody listened."""
    found = documented(media_dir / "real" / "man_talking_10s_h264_datastreams.mp4", measures=["loudness"])
    assert (None, None, None) == (found["curve"]["music"], found["curve"]["onset"], found["audio"]["tempo_bpm"])


def test_what_is_kept_of_long_sound_is_small() -> None:
    """A minute leaves 24 kilobytes of flux behind, and 120 values of music."""
    one = meter.Meter(loud=False, voice=False, notes=True)
    assert one.finish().flux.size == 0
    assert abs(6000 - flux_of(np.zeros(60 * RATE_HZ, np.float32)).size) <= 1
    assert abs(120 - music_of(np.zeros(60 * RATE_HZ, np.float32)).size) <= 1
