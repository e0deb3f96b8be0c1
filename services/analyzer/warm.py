"""Loads and compiles all that workers need: once shut in, they can open no file, and so import no module."""

import io
from fractions import Fraction

import av
import av.audio.resampler
import av.video.reformatter
import numpy as np
import numpy.ma  # np.median imports it when it is first called

from services.analyzer import eye, measure, picture, probe
from services.analyzer.audio import meter, silero
from services.analyzer.subjects import finder
from services.analyzer.subjects import meter as seeing
from services.analyzer.transcript import sidecar

MODULES = (measure, probe)
SUBTITLES = "1\n00:00:01,000 --> 00:00:02,000\n\u00fc &amp; <i>\u00e9</i>\n"


def everything() -> None:
    """Measures a second of made-up film, so that everything that loads late is loaded."""
    looking = eye.Processor()
    pictures = picture.Meter(shots=True, interval_s=measure.INTERVAL_S, looking=looking)
    noise = np.random.default_rng(0)
    for index in range(30):
        pixels = noise.integers(0, 255, (96, 64), np.uint8) if index != 12 else np.full((96, 64), 16, np.uint8)
        for seen in looking.add(av.VideoFrame.from_ndarray(pixels, format="yuv420p"), index / 30):
            pictures.add(seen)
    for seen in looking.add(av.VideoFrame(32, 48, "yuv420p"), 1.0):
        pictures.add(seen)
    pictures.finish(1.04)
    people = seeing.Meter(Fraction(1))
    for index in range(3):
        pixels = noise.integers(0, 255, (96, 64), np.uint8)
        people.add(av.VideoFrame.from_ndarray(pixels, format="yuv420p"), index / 2, index)
    finder.people([people.finish()], [], [])
    silero.weights()
    for encoding in ("utf-8", "utf-16", sidecar.FALLBACK):
        sidecar.read(io.BytesIO(SUBTITLES.encode(encoding)), "warm.srt")
    sound = meter.Meter(loud=True, voice=True, notes=True)
    tone = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), format="fltp", layout="mono")
    tone.sample_rate = 48_000
    sound.add(tone, 0.0)
    sound.finish()
