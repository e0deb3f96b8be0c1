"""Films made by code, whose every frame and beep is known, and the exporter around a real pool."""

import dataclasses
import pathlib
import types
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from chassis import live, pins
from media import pool, sessions
from services.exporter import (
    analysis,
    asked,
    assembly,
    delivery,
    edit,
    exports,
    orders,
    pieces,
    placement,
    presets,
    render,
    settings,
    survey,
    warm,
)

NOTHING = analysis.Analysis()
ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
BITS = 10  # of the number that is painted into every frame


@dataclasses.dataclass(frozen=True, slots=True)
class Film:
    """What to make."""

    frames: int = 48
    rate: Fraction = Fraction(24)
    size: tuple[int, int] = (320, 180)
    times: Sequence[int] | None = None
    """Time stamps in milliseconds, where the rate is not constant."""
    beeps_s: Sequence[float] = ()
    """Where a short tone begins; none of them with `sound` makes silence."""
    sound: bool = True
    channels: str = "stereo"
    level: float = 0.2
    container: str = "matroska"
    codec: str = "libx264"
    format: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = (("preset", "ultrafast"), ("crf", "8"), ("bf", "2"), ("g", "12"))


def painted(number: int, film: Film) -> np.ndarray:
    """RGB picture whose left column of blocks spells a number, with a gradient beside it."""
    width, height = film.size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :, 1] = np.linspace(40, 200, width, dtype=np.uint8)[None, :]
    for bit in range(BITS):
        top, bottom = bit * height // BITS, (bit + 1) * height // BITS
        picture[top:bottom, width // 3 : 2 * width // 3] = 235 if number >> bit & 1 else 20
    return picture


def number_of(frame: av.VideoFrame) -> int:
    """The number that is painted into a frame, whatever its size."""
    luma = frame.to_ndarray(format="gray")
    height, width = luma.shape
    rows = [(2 * bit + 1) * height // (2 * BITS) for bit in range(BITS)]
    return sum(1 << bit for bit, row in enumerate(rows) if luma[row - 1 : row + 2, width // 2].mean() > 128)


def waveform(film: Film) -> np.ndarray:
    """Samples float32 (channels, n) at 48 kHz with a 40 ms tone at each beep."""
    length_s = film.times[-1] / 1000 + 0.04 if film.times else film.frames / film.rate
    count = {"mono": 1, "stereo": 2, "5.1": 6}[film.channels]
    samples = np.zeros((count, round(length_s * 48_000)), np.float32)
    tone = film.level * np.sin(2 * np.pi * 1000 * np.arange(1920) / 48_000).astype(np.float32)
    for beep_s in film.beeps_s:
        first = round(beep_s * 48_000)
        part = samples[:, first : first + len(tone)]
        part += tone[: part.shape[1]]
    return samples


def make(path: pathlib.Path, film: Film) -> pathlib.Path:
    """Writes a film."""
    with av.open(str(path), "w", format=film.container) as out:
        video = out.add_stream(film.codec, rate=film.rate, options=dict(film.options))
        video.width, video.height = film.size
        video.pix_fmt = film.format
        base = Fraction(1, 1000) if film.times else 1 / film.rate
        video.codec_context.time_base = base
        audio = out.add_stream("flac", rate=48_000, layout=film.channels) if film.sound else None
        for number in range(film.frames):
            frame = av.VideoFrame.from_ndarray(painted(number, film), format="rgb24")
            frame.pts, frame.time_base = film.times[number] if film.times else number, base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            _write_sound(out, audio, film)
    return path


def _write_sound(out: Any, audio: Any, film: Film) -> None:
    samples = (waveform(film) * 32767).astype(np.int16)
    for first in range(0, samples.shape[1], 4096):
        part = np.ascontiguousarray(samples[:, first : first + 4096].T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout=film.channels)
        frame.sample_rate, frame.pts, frame.time_base = 48_000, first, Fraction(1, 48_000)
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))


@pytest.fixture
def film(tmp_path: pathlib.Path) -> Callable[..., pathlib.Path]:
    """Makes films in a folder of the test."""

    def build(name: str = "film.mkv", **fields: Any) -> pathlib.Path:
        return make(tmp_path / name, Film(**fields))

    return build


@pytest.fixture(name="number_of")
def number_of_fixture() -> Callable[[av.VideoFrame], int]:
    """Reads the number that is painted into a frame."""
    return number_of


def quiet(value: Any) -> None:
    """Takes progress and does nothing."""


@pytest.fixture
def rendered(tmp_path: pathlib.Path) -> Callable[..., tuple[pathlib.Path, dict[str, Any], np.ndarray]]:
    """Renders ranges without a sandbox, for tests of what is in the file."""
    return renderer(tmp_path)


def renderer(folder: pathlib.Path) -> Callable[..., tuple[pathlib.Path, dict[str, Any], np.ndarray]]:
    """Renders into a folder."""

    def run(
        source: pathlib.Path,
        wanted: survey.Wanted,
        *,
        layout: str = "fill",
        found: analysis.Analysis = NOTHING,
        name: str = "clip.mp4",
        ratio: str = "",
        wish: asked.Edit | None = None,
        **overlay: Any,
    ) -> tuple[pathlib.Path, dict[str, Any], np.ndarray]:
        fields = {key: getattr(presets.builtin()["default"], key) for key in presets.FIELDS}
        preset = presets.build("test", fields | {"encoder_preset": "ultrafast"} | overlay, 0)
        target = folder / name
        with source.open("rb") as file, target.open("w+b") as out:
            wish = wish or asked.Edit((asked.Range(wanted),))
            takes = [
                pieces.Take(*survey.find(file, one, found.shots, decoding=False, report=quiet))
                for one in assembly.wanted(wish.ranges, None)
            ]
            planned = assembly.plan(takes, wish, None, preset, found).edit
            job = dataclasses.replace(
                job_of(takes[0].facts, planned, preset, ratio, layout, found), audio_track=wish.track
            )
            files = types.SimpleNamespace(inputs={"source": file}, outputs={"clip": out})
            value, arrays = render.run(job.to_value(), files, quiet)
        return target, value, arrays["prints"]

    return run


def job_of(
    facts: dict[str, Any],
    planned: edit.Edit,
    preset: presets.Preset,
    ratio: str,
    layout: str,
    found: analysis.Analysis,
) -> render.Job:
    """The job of a planned clip."""
    wanted = delivery.decide(preset, facts, ratio, "")
    return render.Job.of(
        planned,
        facts=facts,
        canvas=wanted.canvas,
        layout=layout,
        preset=preset.to_value() | wanted.to_value() | {"encoder": ENCODERS[wanted.video_codec]},
        found=placement.placed(found, planned.pieces, planned.schedule.rate),
        threads=2,
        audio_track=asked.BY_RULE,
    )


def decoded(path: pathlib.Path) -> list[av.VideoFrame]:
    """Every frame of a file."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.fixture(name="decoded")
def decoded_fixture() -> Callable[[pathlib.Path], list[av.VideoFrame]]:
    """Decodes every frame of a file."""
    return decoded


@pytest.fixture
def samples() -> Callable[[pathlib.Path], np.ndarray]:
    """Decodes the sound of a file: float32 (2, n), from the beginning of its time line."""

    def read(path: pathlib.Path) -> np.ndarray:
        with av.open(str(path)) as container:
            return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)

    return read


@pytest.fixture
def workers() -> Iterator[pool.Pool]:
    """A pool that is not running yet."""
    return pool.Pool(pool.PoolSettings(workers=1, memory_bytes=3 << 30, preload=warm.PRELOAD))


@pytest.fixture
def exporter(tmp_path: pathlib.Path, workers: pool.Pool) -> exports.Exporter:
    """An exporter around the pool, with sessions in a folder of the test."""
    root = tmp_path / "store"
    store = sessions.Sessions(root)
    sources = sessions.Sources(sessions.Uploads(root))
    configuration = pins.Configuration(live.LiveDocument(tmp_path / "none.json", None), settings.Settings())
    return exports.Exporter(workers, exports.Storage(store, sources), configuration, exports.Limits(2, 300, 300, 60))


@pytest.fixture
def session(tmp_path: pathlib.Path) -> sessions.Session:
    """A fresh session of the exporter."""
    return sessions.Sessions(tmp_path / "store").create()


@pytest.fixture
def order(session: sessions.Session) -> Callable[..., orders.Order]:
    """Orders of a clip."""

    def build(source: pathlib.Path, wanted: survey.Wanted, **fields: Any) -> orders.Order:
        base = orders.Order(source.as_uri(), session.id, "", "clip-01", wanted, "default", "", "fill", "", None)
        return dataclasses.replace(base, **fields)

    return build
