"""Makes a film of about a minute by code: scenes, motion, cuts, a dissolve, fades, tones, voice-like sound and silence.

`python -m deploy.local.sample_film FILM.mp4`. The same version of the libraries makes the same bytes.
"""

import argparse
import dataclasses
import fractions
import os
import pathlib
from collections.abc import Callable, Iterator

import av
import numpy as np

WIDTH, HEIGHT, FRAME_RATE = 1280, 720, 24
SAMPLE_RATE_HZ = 48_000
AUDIO_FRAME = 1024  # samples: what the encoder takes at once
DISSOLVE_FRAMES = 24
FADE_FRAMES = 24
BLACK = (16, 128, 128)  # of limited range, as Y, U, V
SEED = 20  # of every texture and noise: the film is the same each time

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """A shot of the film.

    Attributes:
        frames: How long it is shown, in frames.
        picture: Paints the frame of an index; `frames` is given for motion that fits the shot.
        sound: Makes mono samples in [-1, 1] for a number of samples.
        entry: How it begins: `cut`, `dissolve` (into the shot before) or `fade` (out of black).
    """

    frames: int
    picture: Callable[[int, int], Planes]
    sound: Callable[[int], np.ndarray]
    entry: str = "cut"


# Pictures. Planes are Y (720, 1280), U and V (360, 640), uint8 in limited range.


def texture(cell: int, low: int, high: int, seed: int) -> np.ndarray:
    """A smooth random texture, twice as wide as the picture so that it can be panned over.

    Args:
        cell: Size of its details in pixels.
        low: Darkest value.
        high: Brightest value.
        seed: Which texture.
    """
    size = (HEIGHT // cell + 2, 2 * WIDTH // cell + 2)
    grid = np.random.default_rng(SEED + seed).uniform(low, high, size)
    rows, columns = np.arange(HEIGHT) / cell, np.arange(2 * WIDTH) / cell
    top, left = rows.astype(int), columns.astype(int)
    down, right = (rows - top)[:, None], (columns - left)[None, :]
    upper = grid[top][:, left] * (1 - right) + grid[top][:, left + 1] * right
    lower = grid[top + 1][:, left] * (1 - right) + grid[top + 1][:, left + 1] * right
    return (upper * (1 - down) + lower * down).astype(np.uint8)


def gradient(low: int, high: int) -> np.ndarray:
    """A slope of brightness from top to bottom, twice as wide as the picture."""
    column = np.linspace(low, high, HEIGHT).astype(np.uint8)
    return np.repeat(column[:, None], 2 * WIDTH, axis=1)


def stripes(period: int, low: int, high: int) -> np.ndarray:
    """Slanted stripes, twice as wide as the picture."""
    phase = np.add.outer(np.arange(HEIGHT) // 2, np.arange(2 * WIDTH)) // period % 2
    return np.where(phase == 0, low, high).astype(np.uint8)


def disc(radius: int) -> np.ndarray:
    """A mask of a disc, of even size."""
    offsets = np.arange(-radius, radius)
    return np.add.outer(offsets**2, offsets**2) < radius**2


def square(radius: int) -> np.ndarray:
    """A mask of a frame-like square with a hole."""
    mask = np.ones((2 * radius, 2 * radius), dtype=bool)
    mask[radius // 2 : -radius // 2, radius // 2 : -radius // 2] = False
    return mask


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """Something that moves over the picture and draws the eye.

    Attributes:
        mask: Its shape.
        color: Its Y, U, V.
        path: Its centre in the picture, from 0 to 1 in x and y, by its time from 0 to 1.
    """

    mask: np.ndarray
    color: tuple[int, int, int]
    path: Callable[[float], tuple[float, float]]


def painter(background: np.ndarray, tint: tuple[int, int], pan: int, subject: Subject) -> Callable[[int, int], Planes]:
    """Paints a background that glides by, and a subject over it.

    Args:
        background: Y plane twice as wide as the picture.
        tint: U and V of the background.
        pan: Pixels per frame by which the background moves.
        subject: What moves over it.
    """

    def paint(index: int, frames: int) -> Planes:
        offset = pan * index % WIDTH
        luma = background[:, offset : offset + WIDTH].copy()
        chroma = [np.full((HEIGHT // 2, WIDTH // 2), value, np.uint8) for value in tint]
        x, y = subject.path(index / max(1, frames - 1))
        stamp((luma, *chroma), subject, round(x * WIDTH), round(y * HEIGHT))
        return luma, chroma[0], chroma[1]

    return paint


def stamp(planes: Planes, subject: Subject, x: int, y: int) -> None:
    """Puts a subject on a picture; what lies outside is cut off."""
    radius = len(subject.mask) // 2
    for plane, value, scale in zip(planes, subject.color, (1, 2, 2), strict=True):
        mask, reach = subject.mask[::scale, ::scale], radius // scale
        top, left = y // scale - reach, x // scale - reach
        rows = slice(max(0, top), max(0, min(plane.shape[0], top + len(mask))))
        columns = slice(max(0, left), max(0, min(plane.shape[1], left + len(mask))))
        inside = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        plane[rows, columns][inside] = value


def left_to_right(time: float) -> tuple[float, float]:
    """A steady walk from the left edge to the right one."""
    return 0.08 + 0.84 * time, 0.55


def bouncing(time: float) -> tuple[float, float]:
    """Three bounces from right to left."""
    return 0.85 - 0.7 * time, 0.8 - 0.5 * abs(np.sin(3 * np.pi * time))


def circling(time: float) -> tuple[float, float]:
    """Two rounds about the middle."""
    return 0.5 + 0.3 * np.cos(4 * np.pi * time), 0.5 + 0.25 * np.sin(4 * np.pi * time)


def resting(time: float) -> tuple[float, float]:
    """A slow sway on the right third."""
    return 0.68 + 0.02 * np.sin(2 * np.pi * time), 0.5


# Sound. Mono samples, float, full scale 1.


def silence(samples: int) -> np.ndarray:
    """Nothing at all."""
    return np.zeros(samples)


def chord(*frequencies_hz: float, level: float = 0.25) -> Callable[[int], np.ndarray]:
    """Steady tones with soft edges."""

    def make(samples: int) -> np.ndarray:
        time_s = np.arange(samples) / SAMPLE_RATE_HZ
        tones = sum(np.sin(2 * np.pi * frequency * time_s) for frequency in frequencies_hz)
        return level * tones / len(frequencies_hz) * edges(samples)

    return make


def beat(samples: int) -> np.ndarray:
    """A drum: noise that dies away, four times a second, over a low tone."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(SEED).standard_normal(samples)
    return (0.2 * noise * np.exp(-18 * (time_s % 0.25)) + 0.2 * np.sin(2 * np.pi * 82 * time_s)) * edges(samples)


def voice(seed: int) -> Callable[[int], np.ndarray]:
    """Something like speech: a hum with three formants, in syllables, in phrases with pauses between.

    Harmonics of a gliding pitch are weighted by their distance from the formants, which change with every syllable.
    """

    def make(samples: int) -> np.ndarray:
        chooser = np.random.default_rng(SEED + seed)
        time_s = np.arange(samples) / SAMPLE_RATE_HZ
        pitch_hz = 118 + 14 * np.sin(2 * np.pi * 0.7 * time_s)
        phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
        syllable = (time_s * 4.2).astype(int)
        formants_hz = chooser.uniform((300, 900, 2200), (800, 1900, 2900), (syllable.max() + 1, 3))[syllable]
        sound = sum(
            np.exp(-((((harmonic * pitch_hz)[:, None] - formants_hz) / 180) ** 2)).sum(axis=1)
            * np.sin(harmonic * phase)
            for harmonic in range(1, 24)
        )
        breath = 0.02 * chooser.standard_normal(samples)
        envelope = np.sin(np.pi * (time_s * 4.2 % 1)) ** 0.6 * (time_s % 3.0 < 2.3)
        return 0.16 * (sound + breath) * envelope * edges(samples)

    return make


def edges(samples: int) -> np.ndarray:
    """A slope of 20 ms at both ends, so that nothing clicks."""
    ramp = np.minimum(np.arange(samples), np.arange(samples)[::-1]) / (0.02 * SAMPLE_RATE_HZ)
    return np.minimum(1.0, ramp)


# The film.


def script() -> list[Scene]:
    """The shots, in order: 60 s."""
    ball = Subject(disc(90), (190, 90, 200), left_to_right)
    coin = Subject(disc(70), (215, 60, 150), bouncing)
    frame = Subject(square(80), (60, 180, 90), circling)
    host = Subject(disc(130), (170, 110, 160), resting)
    wall, sky, bars = texture(40, 40, 150, 1), gradient(60, 160), stripes(48, 70, 130)
    grain, dusk, cloth = texture(12, 30, 120, 2), gradient(150, 40), texture(90, 80, 200, 3)
    return [
        Scene(192, painter(sky, (150, 110), 0, ball), voice(1)),
        Scene(120, painter(wall, (110, 140), 3, coin), chord(220, 277.2, 329.6)),
        Scene(168, painter(cloth, (120, 136), 1, host), voice(2)),
        Scene(96, painter(bars, (140, 120), 0, host), silence),
        Scene(144, painter(dusk, (170, 120), 0, frame), voice(3), entry="dissolve"),
        Scene(30, painter(grain, (100, 150), 9, coin), beat),
        Scene(30, painter(bars, (120, 160), 11, frame), beat),
        Scene(30, painter(cloth, (150, 100), 8, ball), beat),
        Scene(30, painter(wall, (130, 170), 12, coin), beat),
        Scene(96, painter(grain, (90, 140), 6, frame), beat),
        Scene(168, painter(sky, (130, 128), 0, host), voice(4), entry="fade"),
        Scene(72, painter(wall, (128, 128), 1, ball), silence),
        Scene(168, painter(dusk, (110, 120), 0, ball), voice(5)),
        Scene(96, painter(cloth, (140, 140), 2, coin), chord(196, 246.9, 293.7, level=0.3)),
    ]


def frames(scenes: list[Scene]) -> Iterator[Planes]:
    """Every picture of the film."""
    for number, scene in enumerate(scenes):
        following = scenes[number + 1].entry if number + 1 < len(scenes) else "cut"
        for index in range(scene.frames):
            planes = scene.picture(index, scene.frames)
            if scene.entry == "dissolve" and index < DISSOLVE_FRAMES:
                before = scenes[number - 1]
                planes = mixed(
                    before.picture(before.frames - 1, before.frames), planes, (index + 1) / (DISSOLVE_FRAMES + 1)
                )
            if scene.entry == "fade" and index < FADE_FRAMES:
                planes = mixed(black(), planes, index / FADE_FRAMES)
            if following == "fade" and index >= scene.frames - FADE_FRAMES:
                planes = mixed(black(), planes, (scene.frames - 1 - index) / FADE_FRAMES)
            yield planes


def black() -> Planes:
    """A black picture."""
    luma, *chroma = BLACK
    return np.full((HEIGHT, WIDTH), luma, np.uint8), *(np.full((HEIGHT // 2, WIDTH // 2), v, np.uint8) for v in chroma)


def mixed(first: Planes, second: Planes, share: float) -> Planes:
    """Two pictures over each other; `share` is that of the second, from 0 to 1."""
    weight = round(256 * share)
    return tuple(
        ((a.astype(np.uint16) * (256 - weight) + b.astype(np.uint16) * weight) >> 8).astype(np.uint8)
        for a, b in zip(first, second, strict=True)
    )


def sound(scenes: list[Scene]) -> np.ndarray:
    """The whole track: stereo, int16, shape (1, 2 * samples), packed."""
    track = np.concatenate([scene.sound(scene.frames * SAMPLE_RATE_HZ // FRAME_RATE) for scene in scenes])
    samples = np.clip(np.rint(track * 32767), -32768, 32767).astype(np.int16)
    return np.repeat(samples, 2)[None, :]


def make(path: pathlib.Path, scenes: list[Scene] | None = None) -> None:
    """Writes the film; the file appears when it is whole.

    Args:
        path: Where it goes.
        scenes: Other shots than those of `script()`.
    """
    scenes = script() if scenes is None else scenes
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with av.open(str(part), "w", format="mp4") as container:
            write(container, scenes)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write(container: av.container.OutputContainer, scenes: list[Scene]) -> None:
    """Encodes the pictures and the sound of a film, side by side."""
    # A fixed number of threads: x264 writes other bytes with another one.
    picture_options = {"preset": "superfast", "crf": "20", "threads": "2", "g": "48"}
    video = container.add_stream("libx264", rate=FRAME_RATE, options=picture_options)
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    audio = container.add_stream(
        "aac", rate=SAMPLE_RATE_HZ, layout="stereo", options={"b": "160k", "aac_coder": "fast"}
    )
    voices = pieces(sound(scenes))
    heard_s = 0.0
    for index, planes in enumerate(frames(scenes)):
        while heard_s <= index / FRAME_RATE and (piece := next(voices, None)) is not None:
            heard_s = float(piece.pts * piece.time_base)
            container.mux(audio.encode(piece))
        container.mux(video.encode(picture(planes, index)))
    for piece in voices:
        container.mux(audio.encode(piece))
    container.mux(video.encode(None))
    container.mux(audio.encode(None))


def picture(planes: Planes, index: int) -> av.VideoFrame:
    """A frame from its planes."""
    packed = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(HEIGHT * 3 // 2, WIDTH)
    frame = av.VideoFrame.from_ndarray(packed, format="yuv420p")
    frame.pts, frame.time_base = index, fractions.Fraction(1, FRAME_RATE)
    return frame


def pieces(track: np.ndarray) -> Iterator[av.AudioFrame]:
    """The track in pieces that the encoder takes."""
    for start in range(0, track.shape[1] // 2, AUDIO_FRAME):
        samples = np.ascontiguousarray(track[:, 2 * start : 2 * (start + AUDIO_FRAME)])
        piece = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        piece.sample_rate, piece.pts, piece.time_base = SAMPLE_RATE_HZ, start, fractions.Fraction(1, SAMPLE_RATE_HZ)
        yield piece


def main() -> None:
    """Makes the film that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=pathlib.Path, help="file to write, such as sample.mp4")
    make(parser.parse_args().path)


if __name__ == "__main__":
    main()
