"""Loudness after EBU R 128: equal to FFmpeg's meter, to the standard's own examples, and however sound arrives."""

import contextlib
import math
import pathlib

import av
import av.filter
import numpy as np
import pytest

from services.analyzer.audio import loudness, meter

FILMS = ("real/tos_battle_70s_vp8.webm", "real/bbb_480p_30s_h264_51audio.mp4", "real/speech_7s.mp3",
         "real/man_talking_10s_h264_datastreams.mp4", "real/webcam_vfr_7s_h264.mov", "real/bike_ride_30s_vp8.webm",
         "real/phone_vfr_rot180_h264.mp4", "real/bbb_1080p_5s_hevc.ts", "real/nasa_2video_2audio_2sub_13s.mp4",
         "derived/tos30_mpeg4_mp3_25.avi", "derived/bike_15s_mpeg2_480i.ts")  # fmt: skip
FAINT = "real/webcam_vfr_7s_h264.mov"  # three blocks above the gate: FFmpeg takes the gate itself for the quiet end
NOTHING = {"range_lu": 0.0, "short_term_max_lufs": -120.691}  # what FFmpeg says before there are three seconds
FIGURES = ("integrated_lufs", "range_lu", "momentary_max_lufs", "short_term_max_lufs")


def sine(level_dbfs: float, seconds: float, rate_hz: int, channels: int = 2) -> np.ndarray:
    """A tone of 1 kHz with a peak level."""
    tone = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.tile(tone.astype(np.float32), (channels, 1))


def measured(samples: np.ndarray, rate_hz: int, names: tuple[str, ...] = ("FL", "FR"), piece: int = 4096):
    """The loudness of samples that come in pieces."""
    one = loudness.Meter(rate_hz, meter.gains(names))
    for start in range(0, samples.shape[1], piece):
        one.add(np.ascontiguousarray(samples[:, start : start + piece]))
    return one.finish()


def frames_of(path: pathlib.Path) -> list[av.AudioFrame]:
    """The sound of a file."""
    with av.open(str(path)) as container:
        return list(container.decode(audio=0))


def by_ffmpeg(frames: list[av.AudioFrame]) -> dict[str, float]:
    """What FFmpeg's filter says, by the names of ours."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=frames[0].sample_rate, format=frames[0].format.name, layout=frames[0].layout.name,
        time_base=frames[0].time_base,
    )  # fmt: skip
    gauge, sink = graph.add("ebur128", "peak=true:metadata=1"), graph.add("abuffersink")
    source.link_to(gauge)
    gauge.link_to(sink)
    graph.configure()
    found = {"true_peak_dbtp": 0.0, "momentary_max_lufs": -math.inf, "short_term_max_lufs": -math.inf}
    for frame in [*frames, None]:
        if frame is not None:
            frame.pts = None
        graph.push(frame)
        with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
            while True:
                take(found, graph.pull().metadata)
    return {**found, "true_peak_dbtp": 20 * math.log10(found["true_peak_dbtp"])}


def take(found: dict[str, float], said: dict[str, str]) -> None:
    """Keeps what the filter says with one more frame: the last or the largest of it."""
    for name, key in (("integrated_lufs", "I"), ("range_lu", "LRA")):
        if f"lavfi.r128.{key}" in said:
            found[name] = float(said[f"lavfi.r128.{key}"])
    for name, key in (("momentary_max_lufs", "M"), ("short_term_max_lufs", "S")):
        found[name] = max(found[name], float(said.get(f"lavfi.r128.{key}", -math.inf)))
    peaks = (float(value) for key, value in said.items() if "true_peaks_ch" in key)
    found["true_peak_dbtp"] = max([found["true_peak_dbtp"], *peaks])


@pytest.mark.parametrize("film", FILMS)
def test_loudness_equals_ffmpeg(film: str, media_dir: pathlib.Path) -> None:
    """Every figure within 0.1 LU, and the true peak within 0.2 dB, from almost silent to overloaded, mono to 5.1."""
    frames = frames_of(media_dir / film)
    one = meter.Meter(loud=True, voice=False)
    for frame in frames:
        one.add(frame, None)
    found, expected = one.finish().loudness, by_ffmpeg(frames)
    for name in FIGURES if film != FAINT else set(FIGURES) - {"range_lu"}:
        value = NOTHING.get(name) if getattr(found, name) is None else getattr(found, name)
        assert expected[name] == pytest.approx(value, abs=0.1), name
    assert expected["true_peak_dbtp"] == pytest.approx(found.true_peak_dbtp, abs=0.2)


@pytest.mark.parametrize(("levels_dbfs", "range_lu"), [
    ((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15),
])  # fmt: skip
def test_range_is_as_the_standard_says(
    levels_dbfs: tuple[int, ...], range_lu: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EBU Tech 3342, cases 1 to 4, each level for 20 s; without its gate the last one would read more."""
    samples = np.concatenate([sine(level, 20, 48_000) for level in levels_dbfs], axis=1)
    assert range_lu == pytest.approx(measured(samples, 48_000).range_lu, abs=1)
    monkeypatch.setattr(loudness, "RANGE_GATE_LU", -100.0)
    assert (len(levels_dbfs) > 2) == (measured(samples, 48_000).range_lu > range_lu + 1)


def test_what_is_too_short_has_no_range() -> None:
    """Two seconds have a loudest 0.4 s and neither a range nor a loudest 3 s; a tenth of a second has nothing."""
    two = measured(sine(-23, 2, 48_000), 48_000)
    assert (None, None) == (two.range_lu, two.short_term_max_lufs)
    assert -23 == pytest.approx(two.momentary_max_lufs, abs=0.1)
    assert measured(sine(-23, 0.1, 48_000), 48_000).momentary_max_lufs is None


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100, 48_000, 96_000, 192_000])
def test_tone_reads_as_the_standard_says(rate_hz: int) -> None:
    """EBU Tech 3341, case 1: 1 kHz at -23 dBFS in both channels is -23 LUFS, at any rate."""
    found = measured(sine(-23, 10, rate_hz), rate_hz)
    assert -23 == pytest.approx(found.integrated_lufs, abs=0.1)
    assert -23 == pytest.approx(found.true_peak_dbtp, abs=0.2)


def test_gates_leave_out_what_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """EBU Tech 3341, case 3: -36, -23 and -36 dBFS read -23; without the relative gate they read less."""
    parts = [sine(-36, 10, 48_000), sine(-23, 60, 48_000), sine(-36, 10, 48_000)]
    samples = np.concatenate(parts, axis=1)
    assert -23 == pytest.approx(measured(samples, 48_000).integrated_lufs, abs=0.1)
    monkeypatch.setattr(loudness, "RELATIVE_GATE_LU", -100.0)
    assert -23.3 > measured(samples, 48_000).integrated_lufs


def test_surround_counts_more_and_effects_not_at_all() -> None:
    """EBU Tech 3341, case 6: 5.1 with -28, -28, -24, -30, -30 dBFS reads -23; the effects channel adds nothing."""
    names = ("FL", "FR", "FC", "LFE", "SL", "SR")
    levels = (-28, -28, -24, 0, -30, -30)
    samples = np.concatenate([sine(level, 20, 48_000, 1) for level in levels])
    assert -23 == pytest.approx(measured(samples, 48_000, names).integrated_lufs, abs=0.1)


def test_silence_has_no_loudness() -> None:
    """Digital silence is unknown, not a number; sound below the gate has a peak and no loudness."""
    silent = measured(np.zeros((2, 96_000), np.float32), 48_000)
    assert (None, None) == (silent.integrated_lufs, silent.true_peak_dbtp)
    assert (None, None, None) == (silent.range_lu, silent.momentary_max_lufs, silent.short_term_max_lufs)
    faint = measured(sine(-80, 2, 48_000), 48_000)
    assert faint.integrated_lufs is None
    assert -80 == pytest.approx(faint.true_peak_dbtp, abs=0.2)


def test_peak_between_samples_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tone at a quarter of the rate whose samples all miss its crest; without oversampling it reads 3 dB less."""
    tone = np.sin(2 * np.pi * np.arange(48_000) / 4 + np.pi / 4).astype(np.float32)[None, :]
    assert 0 == pytest.approx(measured(tone, 48_000, ("FC",)).true_peak_dbtp, abs=0.2)
    monkeypatch.setattr(loudness, "OVERSAMPLED_RATE_HZ", 48_000)
    assert -3 == pytest.approx(measured(tone, 48_000, ("FC",)).true_peak_dbtp, abs=0.1)


@pytest.mark.parametrize("piece", [1, 7, 480, 50_000])
def test_pieces_make_no_difference(piece: int) -> None:
    """The same however the samples arrive."""
    noise = np.random.default_rng(1).normal(0, 0.1, (2, 9_000)).astype(np.float32)
    whole, parts = measured(noise, 8_000, piece=100_000), measured(noise, 8_000, piece=piece)
    assert whole.integrated_lufs == pytest.approx(parts.integrated_lufs, abs=1e-9)
    assert whole.true_peak_dbtp == parts.true_peak_dbtp
    np.testing.assert_allclose(whole.momentary_lufs, parts.momentary_lufs, atol=1e-9)
