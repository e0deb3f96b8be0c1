"""Loads all that workers need: once inside their box, they can open no file, and so import no module."""

import io
from fractions import Fraction

import av.audio.resampler
import av.video.reformatter
import numpy as np
import numpy.ma  # np.median imports it when it is first called
from PIL import Image

from services.exporter import (
    analysis,
    director,
    dressing,
    encoders,
    gate,
    geometry,
    glance,
    images,
    layouts,
    loudness,
    preview,
    render,
    storyboard,
    survey,
    tones,
)
from services.exporter.smart import checks, write

PRELOAD = ("services.exporter.warm:everything",)
TASKS = (survey.run, render.run, gate.inspect, images.still, preview.run, encoders.probe, write.run, checks.inspect)


def everything() -> None:
    """Runs what loads its parts late: pictures, sound and the camera."""
    Image.init()
    image = Image.new("RGB", (16, 16))
    image.save(io.BytesIO(), "JPEG", quality=images.QUALITY, optimize=True, progressive=True)
    shots = (analysis.Shot(0, 2, 0.0, 2.0),)
    focus = tuple(analysis.Focus(t_s=float(at), x=0.1 + 0.8 * at, y=0.5, weight=1.0) for at in range(2))
    seen = (analysis.Subject(0, None, tuple((float(at), 0.1, 0.2, 0.1, 0.2) for at in range(3))),)
    stage = director.Stage(geometry.Picture(1920, 1080, Fraction(1)), geometry.Canvas(1080, 1920))
    storyboard.plan(layouts.AUTO, analysis.Analysis(shots, focus, seen), np.linspace(0.0, 2.0, 8), stage)
    glance.text(np.zeros((90, 160), np.uint8))
    loudness.measure([np.zeros((2, loudness.RATE_HZ), np.float32)])
    frame = av.VideoFrame.from_ndarray(np.zeros((24, 16), np.uint8), format="yuv420p")
    av.video.reformatter.VideoReformatter().reformat(frame, 8, 8, "rgb24", interpolation="AREA").to_image()
    av.audio.resampler.AudioResampler("fltp", "stereo", loudness.RATE_HZ)
    dressing.warm()
    tones.tables()
