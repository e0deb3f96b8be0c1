"""Which of several sounds is heard, and how channels become two."""

import pathlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from media import errors as media_errors
from services.exporter import asked, reading, sound, tracks

DISPOSITION = av.stream.Disposition
Tracks = Sequence[tuple[str, str, DISPOSITION | None]]  # language, layout, and what it is marked as


def made(path: pathlib.Path, wanted: Tracks) -> pathlib.Path:
    """A file of sound tracks, each a constant as loud as its number says."""
    with av.open(str(path), "w", format="matroska") as out:
        streams = []
        for language, layout, mark in wanted:
            stream = out.add_stream("flac", rate=48_000, layout=layout)
            stream.metadata["language"] = language
            stream.disposition = mark or DISPOSITION(0)
            streams.append((stream, layout))
        for number, (stream, layout) in enumerate(streams, 1):
            channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
            block = np.full((1, 4800 * channels), number * 3000, np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def heard(path: pathlib.Path, choice: asked.Track = asked.BY_RULE) -> int | None:
    """Number of the track that is chosen."""
    with path.open("rb") as file, reading.opened(file) as opened:
        tracks.choose(opened, choice)
        found = tracks.facts(opened)
    return found and found["number"]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ([("eng", "stereo", None), ("deu", "stereo", None)], 0),
        ([("eng", "stereo", None), ("deu", "stereo", DISPOSITION.default)], 1),
        ([("eng", "stereo", None), ("eng", "5.1", None), ("eng", "mono", None)], 1),
        ([("eng", "5.1", DISPOSITION.default | DISPOSITION.comment), ("eng", "stereo", None)], 1),
        ([("eng", "5.1", DISPOSITION.visual_impaired), ("eng", "mono", None)], 1),
        ([("eng", "stereo", DISPOSITION.comment)], 0),
    ],
)
def test_rule_hears_what_a_viewer_would(tmp_path: pathlib.Path, wanted: Tracks, number: int) -> None:
    """No commentary where there is another sound; then the default, the most channels, the first."""
    assert number == heard(made(tmp_path / "sounds.mkv", wanted))


@pytest.mark.parametrize(
    ("choice", "number"),
    [
        (asked.Track(number=0), 0),
        (asked.Track(number=2), 2),
        (asked.Track(language="de"), 1),
        (asked.Track(language="deu"), 1),
        (asked.Track(language="en-GB"), 2),
        (asked.Track(language="fr"), 2),
    ],
)
def test_caller_chooses_by_number_or_language(tmp_path: pathlib.Path, choice: asked.Track, number: int) -> None:
    """Two and three letters mean the same; of several in a language the rule picks, and where none is too."""
    wanted = [("eng", "stereo", None), ("deu", "stereo", None), ("eng", "stereo", DISPOSITION.default)]
    path = made(tmp_path / "sounds.mkv", wanted)
    assert number == heard(path, choice)
    with path.open("rb") as file:
        (chunk,) = sound.pcm(file, Fraction(0), 4096, choice)
    assert pytest.approx((number + 1) * 3000 / 32768, abs=1e-3) == float(chunk[0, 2000])


def test_track_that_is_not_there_is_refused(tmp_path: pathlib.Path) -> None:
    """The error says how many there are."""
    with pytest.raises(media_errors.Unreadable, match="it has 1") as caught:
        heard(made(tmp_path / "sounds.mkv", [("eng", "mono", None)]), asked.Track(number=1))
    assert "NO_SUCH_TRACK" == caught.value.reason


SHARES = {"FL": (1, 0), "FR": (0, 1), "FC": (0.7071, 0.7071), "LFE": (0, 0), "BL": (0.7071, 0), "BR": (0, 0.7071)}


@pytest.mark.parametrize("channel", SHARES)
def test_surround_is_mixed_as_itu_says(channel: str) -> None:
    """Centre and surround come at -3 dB, so dialogue is heard on both sides; the low-frequency channel is left out.

    Source: ITU-R BS.775-4, annex 4; it has no share for the low-frequency effects, which are no part of the programme.
    """
    samples = np.zeros((6, 4800), np.float32)
    samples[list(SHARES).index(channel)] = 0.5
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="5.1")
    frame.sample_rate = 48_000
    mixer: Any = sound.Mixer(frame, 0)
    out = np.concatenate([chunk for _, chunk in (*mixer.add(frame), *mixer.end())], axis=1)
    assert SHARES[channel] == pytest.approx(tuple(out[:, 2400] / 0.5), abs=1e-3)


def test_mono_is_heard_on_both_sides(film: Callable[..., pathlib.Path]) -> None:
    """A single channel is no left one."""
    with film(channels="mono", beeps_s=(0.1,), frames=12).open("rb") as file:
        found = np.concatenate(list(sound.pcm(file, Fraction(0), 24_000)), axis=1)
    assert np.abs(found).max() > 0.1
    assert np.array_equal(found[0], found[1])
