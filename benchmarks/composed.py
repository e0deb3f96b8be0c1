"""How exactly shots are found in films composed by code: every border known to the frame, made from real footage.

    python benchmarks/composed.py [FOLDER] [SEED ...]

A film is a row of takes from the real test videos and of pans over single frames of them, joined by hard cuts,
dissolves of 4 to 48 frames, and fades through black or white; flashes light up some takes. The plan of a film depends
on its seed alone. The detectors were never adjusted on the seeds that are scored by default.
"""

import dataclasses
import itertools
import pathlib
import random
import sys
import tempfile
from collections.abc import Iterator

import av
import numpy as np

from benchmarks import shots

SEEDS = (101, 102, 103, 104)  # scored; detectors may be adjusted on any other
TAKES = 40  # of a film
RATE, WIDTH, HEIGHT = 25, 640, 360
TAKE_FRAMES = (40, 100)
DISSOLVE_FRAMES = (4, 48)
FADE_FRAMES = (6, 30)  # of each half
SLUG_FRAMES = (2, 20)  # plain frames between the halves: less than a second, so that both are one transition
PAN_PACE = (2, 14)  # pixels per frame
BLACK, WHITE, GREY = 16, 235, 128
JOINS = {"cut": 12, "dissolve": 6, "black": 2, "white": 1}  # how often each kind joins two takes
PAN_SHARE, FLASH_SHARE = 0.15, 0.2
MARGIN = 4  # frames of a labelled shot that are left out at both ends
# Files that show one shot from the first frame to the last.
STILL = ("bottles_noaudio_40s_h264.mp4", "cars_silent_audio_12.5fps_30s.mp4", "two_people_desk_38s_vp9.webm",
         "bike_ride_30s_vp8.webm", "asl_woman_4s_h264.mkv", "asl_man_3s_h264.mkv")  # fmt: skip
CUT = "tos_battle_70s_vp8.webm"  # a film whose cuts are labelled


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one shot of a real video: its frames from `first` up to `end`."""

    path: pathlib.Path
    first: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Take:
    """A part of a film.

    Attributes:
        stretch: Where its frames come from.
        start: The first of them.
        length: How many.
        pace: Pixels per frame of a sweep over the first frame instead; 0 for the frames themselves.
        flash: First and last frame that is lit up, counted from the beginning of the take; None without one.
    """

    stretch: Stretch
    start: int
    length: int
    pace: int
    flash: tuple[int, int] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Join:
    """How a take goes over into the next: `cut`, `dissolve`, `black` or `white`, frames of each half and between."""

    kind: str
    frames: int = 0
    slug: int = 0


def stretches(media: pathlib.Path) -> list[Stretch]:
    """All material, longest first of each file."""
    found = [Stretch(media / "real" / name, 0, _frame_count(media / "real" / name)) for name in STILL]
    labels = shots.labels_of(media / "real" / CUT.replace(".webm", ".cuts.csv"))
    film = media / "real" / CUT
    borders = [0, *sorted(labels.cuts), _frame_count(film)]
    inside = [Stretch(film, first + MARGIN, end - MARGIN) for first, end in itertools.pairwise(borders)]
    return found + [item for item in inside if item.end - item.first > TAKE_FRAMES[0]]


def _frame_count(path: pathlib.Path) -> int:
    with av.open(str(path)) as source:
        return sum(packet.size > 0 for packet in source.demux(video=0))


def plan(seed: int, material: list[Stretch]) -> tuple[list[Take], list[Join]]:
    """What a film is made of; there is one join fewer than takes."""
    dice = random.Random(seed)
    takes: list[Take] = []
    while len(takes) < TAKES:
        stretch = dice.choice(material)
        if takes and stretch.path == takes[-1].stretch.path:
            continue  # two takes of one scene may look alike: no border that a viewer would see
        length = dice.randint(*TAKE_FRAMES)
        length = min(length, stretch.end - stretch.first)
        pace = dice.randint(*PAN_PACE) if dice.random() < PAN_SHARE else 0
        at = dice.randrange(length // 4, 3 * length // 4)
        flash = (at, at + dice.randint(0, 2)) if dice.random() < FLASH_SHARE else None
        takes.append(Take(stretch, dice.randint(stretch.first, stretch.end - length), length, pace, flash))
    return takes, [_join(dice) for _ in takes[1:]]


def _join(dice: random.Random) -> Join:
    kind = dice.choices(list(JOINS), list(JOINS.values()))[0]
    if kind == "cut":
        return Join(kind)
    if kind == "dissolve":
        return Join(kind, dice.randint(*DISSOLVE_FRAMES))
    return Join(kind, dice.randint(*FADE_FRAMES), dice.randint(*SLUG_FRAMES))


def frames_of(take: Take, extra: int) -> Iterator[np.ndarray]:
    """The frames of a take, and more of the same kind: (3 * HEIGHT / 2, WIDTH) uint8, planes one below the other."""
    pictures = _decoded(take) if not take.pace else _swept(take)
    last = None
    for index, picture in enumerate(itertools.islice(pictures, take.length + extra)):
        last = _lit(picture) if take.flash and take.flash[0] <= index <= take.flash[1] else picture
        yield last
    while last is not None:  # bounded by the reader: a stretch that ends stands still
        yield last


def _decoded(take: Take) -> Iterator[np.ndarray]:
    with av.open(str(take.stretch.path)) as source:
        frames = itertools.islice(source.decode(video=0), take.start, take.stretch.end)
        for frame in frames:
            yield frame.reformat(WIDTH, HEIGHT, "yuv420p").to_ndarray()


def _swept(take: Take) -> Iterator[np.ndarray]:
    """A window that sweeps to and fro over one picture of twice the width and height."""
    with av.open(str(take.stretch.path)) as source:
        still = next(itertools.islice(source.decode(video=0), take.start, None))
        whole = still.reformat(2 * WIDTH, 2 * HEIGHT, "yuv420p").to_ndarray()
    planes = [whole[: 2 * HEIGHT], *whole[2 * HEIGHT :].reshape(2, HEIGHT, WIDTH)]
    for index in itertools.count():
        x = abs((index * take.pace // 2 * 2 + WIDTH) % (2 * WIDTH) - WIDTH) // 2 * 2
        luma = planes[0][HEIGHT // 2 : HEIGHT // 2 + HEIGHT, x : x + WIDTH]
        rest = [plane[HEIGHT // 4 : 3 * HEIGHT // 4, x // 2 : (x + WIDTH) // 2] for plane in planes[1:]]
        yield np.vstack([luma, np.stack(rest).reshape(HEIGHT // 2, WIDTH)])


def _lit(picture: np.ndarray) -> np.ndarray:
    luma = picture[:HEIGHT].astype(np.float32) * 0.4 + WHITE * 0.6
    return np.vstack([luma.astype(np.uint8), picture[HEIGHT:]])


def _mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return (one * (1 - share) + other * share + 0.5).astype(np.uint8)


def film(takes: list[Take], joins: list[Join]) -> Iterator[tuple[np.ndarray, shots.Span | None]]:
    """The frames of a film; with the first frame of a new shot comes the transition to it."""
    count, source = 0, frames_of(takes[0], DISSOLVE_FRAMES[1])
    for take, join, following in itertools.zip_longest(takes, joins, takes[1:]):
        for _ in range(take.length):
            yield next(source), None
            count += 1
        if join is None:
            return
        ahead = frames_of(following, DISSOLVE_FRAMES[1])
        between = list(_between(join, source, ahead))
        span = shots.Span(count, count + max(len(between) - 1, 0) + (join.kind == "dissolve"), join.kind == "cut")
        source = ahead
        if join.kind == "cut":
            yield next(source), span
            count += 1
        for index, picture in enumerate(between):
            yield picture, span if index == 0 else None
            count += 1


def _between(join: Join, before: Iterator[np.ndarray], after: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames that belong to neither take alone."""
    if join.kind == "dissolve":
        for k in range(1, join.frames + 1):
            yield _mixed(next(before), next(after), k / (join.frames + 1))
    elif join.kind != "cut":
        plain = np.full((HEIGHT * 3 // 2, WIDTH), GREY, np.uint8)
        plain[:HEIGHT] = BLACK if join.kind == "black" else WHITE
        for k in range(1, join.frames + 1):
            yield _mixed(next(before), plain, k / join.frames)
        yield from itertools.repeat(plain, join.slug)
        for k in range(1, join.frames + 1):
            yield _mixed(plain, next(after), k / join.frames)


def write(takes: list[Take], joins: list[Join], path: pathlib.Path) -> shots.Labels:
    """Encodes a film, H.264 as cameras and sites do it, and tells its borders."""
    spans: list[shots.Span] = []
    with av.open(str(path), "w") as sink:
        stream = sink.add_stream("libx264", rate=RATE, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        stream.options = {"crf": "21", "preset": "veryfast"}
        for picture, span in film(takes, joins):
            spans += [span] if span else []
            sink.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="yuv420p")))
        sink.mux(stream.encode())
    cuts, gradual = ([span for span in spans if span.cut is kind] for kind in (True, False))
    return shots.Labels(frozenset(span.start for span in cuts), tuple(gradual), ())


def main(media: pathlib.Path, seeds: tuple[int, ...]) -> None:
    """Composes the films, scores all programs on them and prints the table."""
    material = stretches(media)
    with tempfile.TemporaryDirectory() as spare:
        films = []
        for seed in seeds:
            path = pathlib.Path(spare) / f"seed {seed}.mkv"
            films.append((path.stem, path, write(*plan(seed, material), path)))
        shots.compete(films)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else shots.MEDIA
    main(folder, tuple(int(text) for text in sys.argv[2:]) or SEEDS)
