"""Sound is cut to the sample, mixed to stereo, and brought to its loudness and peak."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from services.exporter import loudness, reading, sound

TARGET = loudness.Target(-14.0, -1.0, 30.0)


def read(path: pathlib.Path, start: Fraction, samples: int) -> np.ndarray:
    """The sound of a range."""
    with path.open("rb") as file:
        return np.concatenate(list(sound.pcm(file, start, samples)), axis=1)


def onset(samples: np.ndarray, level: float = 0.02) -> int:
    """First sample that is louder than a level."""
    return int(np.flatnonzero(np.abs(samples).max(axis=0) > level)[0])


@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 3), Fraction(3), Fraction(13, 4)])
def test_beep_is_at_its_sample(film: Callable[..., pathlib.Path], start: Fraction) -> None:
    """A tone at 3.5 s is found at exactly 3.5 s after any start."""
    found = read(film(frames=144, beeps_s=(3.5,)), start, 96_000 * 2)
    assert 192_000 == found.shape[1]
    assert abs(onset(found) - round((Fraction(7, 2) - start) * 48_000)) <= 1


@pytest.mark.parametrize(
    "name", ["real/bbb_5s_vp9_opus.webm", "derived/tos30_mpeg4_mp3_25.avi", "real/bbb_1080p_5s_hevc.ts"]
)
def test_seeking_gives_the_same_samples_as_reading_through(media_dir: pathlib.Path, name: str) -> None:
    """The second half cut out alone equals the second half of the whole."""
    path = media_dir / name
    with path.open("rb") as file, reading.opened(file) as opened:
        origin = Fraction(opened.audio.start_time or 0) * opened.audio.time_base
    whole = read(path, origin, 48_000 * 4)
    half = read(path, origin + 2, 48_000 * 2)
    # Resampling begins between two samples elsewhere: the curves are equal, the values only nearly so.
    found = half[0, 4800:24_000]
    fits = [float(np.dot(whole[0, 100_800 + lag : 120_000 + lag], found)) for lag in range(-200, 201)]
    assert abs(int(np.argmax(fits)) - 200) <= 1
    assert max(fits) > 0.95 * float(np.dot(found, found))


def test_source_without_sound_is_silence(film: Callable[..., pathlib.Path]) -> None:
    """No stream gives zeros of the right length."""
    found = read(film(sound=False), Fraction(0), 12_345)
    assert (2, 12_345) == found.shape
    assert 0.0 == float(np.abs(found).max())


def test_range_behind_the_end_of_the_sound_is_filled(film: Callable[..., pathlib.Path]) -> None:
    """Where the sound ends early, silence keeps the picture company."""
    assert 96_000 == read(film(frames=24), Fraction(1, 2), 96_000).shape[1]


def noise(level: float, seconds: float = 4.0, bursts: bool = False) -> np.ndarray:
    """Noise float32 (2, n); with bursts that are 20 dB above it."""
    samples = np.random.default_rng(3).normal(0, level, (2, round(seconds * 48_000))).astype(np.float32)
    if bursts:
        samples[:, ::9600] *= 10
    return np.clip(samples, -1, 1)


def made(samples: np.ndarray, target: loudness.Target = TARGET) -> sound.Track:
    """The finished track of samples."""

    def chunks() -> Iterator[np.ndarray]:
        yield np.zeros((2, sound.LEAD), np.float32)
        yield from (samples[:, first : first + 8192] for first in range(0, samples.shape[1], 8192))

    return sound.track(chunks, samples.shape[1], target, 192_000, lambda: None)


@pytest.mark.parametrize("level", [0.008, 0.05, 0.4])
@pytest.mark.parametrize("bursts", [False, True])
def test_delivered_sound_has_its_loudness_and_peak(level: float, bursts: bool) -> None:
    """Quiet, loud and bursting sound ends within half a unit of -14 LUFS and below -1 dBTP, measured after AAC."""
    delivered = made(noise(level, bursts=bursts)).delivered
    assert abs(delivered.integrated_lufs + 14) <= 0.5
    assert delivered.true_peak_dbtp <= -1.0


def test_control_one_round_without_a_limiter_breaks_the_peak() -> None:
    """Control: gain alone brings bursts above the allowed peak."""
    samples = noise(0.05, bursts=True)
    gain = loudness.Steering(TARGET).first(loudness.measure([samples])).gain_db
    assert loudness.measure([samples * 10 ** (gain / 20)]).true_peak_dbtp > -1.0


def test_digital_silence_stays_silence() -> None:
    """Nothing is not made louder."""
    track = made(np.zeros((2, 96_000), np.float32))
    assert (None, None) == (track.treatment, track.delivered.integrated_lufs)


def test_gain_of_a_whisper_is_limited() -> None:
    """A source at -60 LUFS gets the greatest gain and no more."""
    track = made(noise(0.0007))
    assert (30.0, True) == (track.treatment.gain_db, track.treatment.limited)


def test_limiter_keeps_length_and_place() -> None:
    """Gain and limiter neither move nor lose a sample."""
    samples = np.zeros((2, 48_000), np.float32)
    samples[:, 20_000:20_480] = np.sin(np.arange(480) / 5)
    treated = np.concatenate(list(loudness.treated([samples], loudness.Treatment(12.0, -2.0, False), 48_000)), axis=1)
    assert samples.shape == treated.shape
    assert abs(onset(treated, 0.3) - onset(samples * 4, 0.3)) <= 4
    assert np.abs(treated).max() < 1.0


def click(path: pathlib.Path, lead: int) -> float:
    """Greatest error in the first packet of an explosion, encoded behind some samples of what came before it."""
    coding = dataclasses.replace(sound.AAC, lead=lead)
    samples = np.clip(1.4 * read(path, Fraction(26) - Fraction(lead, 48_000), 48_000 + lead), -0.8, 0.8)
    packets, configuration = sound.encode([samples], 192_000, coding)
    heard = np.concatenate(list(sound.decode(packets, configuration)), axis=1)
    return float(np.abs(heard[:, :1024] - samples[:, lead : lead + 1024]).max())


def test_loud_beginning_has_no_click(media_dir: pathlib.Path) -> None:
    """With the sound before the range encoded too, the first packet is near its input; control: without, it is not."""
    film = media_dir / "real/tos_battle_70s_vp8.webm"
    assert click(film, sound.LEAD) < 0.15
    assert click(film, 0) > 0.3
