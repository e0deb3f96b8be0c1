"""How exactly the motion of the camera is measured, in films made by code from single frames of real videos.

    python benchmarks/camera.py [SEED ...]

Every film looks at one still picture through a window that pans, tilts, zooms, rolls, trembles or stands still as the
seed says, with and without a large thing that passes in front. Beside it the peer: OpenCV's sparse optical flow
(`calcOpticalFlowPyrLK`) with `estimateAffinePartial2D`, at full resolution. Nothing was adjusted on the seeds that are
scored by default. The last line is the share of the processor time of an analysis of a real video.
"""

import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator

import av
import cv2
import numpy as np

from benchmarks import shots
from media import pool
from services.analyzer import measure
from services.analyzer.camera import path

SEEDS = (201, 202, 203)
RATE, WIDTH, HEIGHT, SECONDS, INTERVAL_S = 24, 640, 360, 4.0, 0.5
OVER = 2  # the window is drawn at twice its size and averaged, so that it moves by less than a pixel
STILLS = (("real/bbb_1080p60_2s_h264.mp4", 30), ("real/bbb_1080p60_2s_h264.mp4", 110),
          ("real/tos_office_17s_vp9_1920x800.webm", 100), ("real/two_people_desk_38s_vp9.webm", 10),
          ("real/psd_transitions_24s_h264.mp4", 30), ("real/psd_transitions_24s_h264.mp4", 400))  # fmt: skip
KINDS = (
    "static",
    "pan_left",
    "pan_right",
    "tilt_up",
    "tilt_down",
    "zoom_in",
    "zoom_out",
    "handheld",
    "shaken_pan_right",
)
REAL = "derived/tos30_h264_23976.mp4"  # whose cost is measured
AXES = ("pan", "tilt", "zoom", "roll")


@dataclasses.dataclass(frozen=True, slots=True)
class Film:
    """A film to be made.

    Attributes:
        kind: Of its move, as `path.Move.kind` has it; a shaken pan is still a pan.
        poses: Where the window is in each frame, (frames, 4): right and down in picture widths, growth as a logarithm,
            clockwise turn in radians.
        trembles: Whether a hand holds the camera.
        passer: Whether something large passes in front.
    """

    kind: str
    poses: np.ndarray
    trembles: bool
    passer: bool


def plan(kind: str, passer: bool, noise: np.random.Generator) -> Film:
    """The move of a film: an eased ramp of random speed, and a hand's tremble of 2 to 8 Hz."""
    times = np.arange(int(SECONDS * RATE)) / RATE - SECONDS / 2
    poses = np.zeros((times.size, 4))
    pace = 10 ** noise.uniform(np.log10(0.02), np.log10(0.2))  # picture widths per second
    axis, sign = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1), "in": (2, 1), "out": (2, -1)}.get(
        kind.rpartition("_")[2], (0, 0)
    )
    poses[:, axis] = sign * times * (pace if axis < 2 else pace * 1.5)
    trembles = kind in ("handheld", "shaken_pan_right")
    if trembles:
        for part, size in ((0, 0.004), (1, 0.004), (3, 0.004)):
            for hertz in noise.uniform(2, 8, 4):
                poses[:, part] += size / 2 * np.sin(2 * np.pi * (hertz * times + noise.uniform()))
    return Film(kind.removeprefix("shaken_"), poses, trembles, passer)


def stills() -> list[np.ndarray]:
    """The pictures that the films look at, (rows, columns, 3) uint8."""
    found = []
    for name, number in STILLS:
        with av.open(str(shots.MEDIA / name)) as container:
            frame = next(frame for index, frame in enumerate(container.decode(video=0)) if index == number)
            found.append(frame.to_ndarray(format="bgr24"))
    return found


def frames(film: Film, still: np.ndarray, other: np.ndarray) -> Iterator[np.ndarray]:
    """The pictures of a film."""
    height, width = still.shape[:2]
    base = 0.62 * min(width / WIDTH, height / HEIGHT)  # pixels of the still per pixel of the film
    middle = (WIDTH * OVER - 1) / 2, (HEIGHT * OVER - 1) / 2
    patch = cv2.resize(other, (200, 240), interpolation=cv2.INTER_AREA)
    for index, (right, down, growth, turn) in enumerate(film.poses):
        scale = base * np.exp(-growth) / OVER
        cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
        centre = width / 2 + right * WIDTH * base, height / 2 + down * WIDTH * base
        matrix = np.array([
            [cosine, -sine, centre[0] - cosine * middle[0] + sine * middle[1]],
            [sine, cosine, centre[1] - sine * middle[0] - cosine * middle[1]],
        ])  # fmt: skip
        size = WIDTH * OVER, HEIGHT * OVER
        large = cv2.warpAffine(still, matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                               borderMode=cv2.BORDER_REFLECT)  # fmt: skip
        picture = cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        if film.passer:
            left = int((index / len(film.poses)) * (WIDTH - 200))
            picture[HEIGHT - 240 :, left : left + 200] = patch
        yield picture


def write(pictures: Iterator[np.ndarray], target: pathlib.Path) -> None:
    """Writes pictures as H.264, as cameras and platforms do."""
    with av.open(str(target), "w") as sink:
        video = sink.add_stream("libx264", rate=RATE, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p",
                                options={"crf": "23", "preset": "veryfast"})  # fmt: skip
        for picture in pictures:
            sink.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        sink.mux(video.encode())


def truth(film: Film) -> np.ndarray:
    """Speeds of a film per interval, (intervals, 4), in the units of the analysis."""
    each = int(INTERVAL_S * RATE)
    edges = np.minimum(np.arange(0, len(film.poses) + each, each), len(film.poses) - 1)
    speeds = np.diff(film.poses[edges], axis=0) / (np.diff(edges)[:, None] / RATE)
    return speeds * [1, 1, 1, 180 / np.pi]


def ours(target: pathlib.Path) -> tuple[np.ndarray, dict]:
    """Speeds per interval as analyzed, and the move of the only shot."""
    with target.open("rb") as file:
        value, arrays = measure.run({"measures": ["picture"]}, pool.Files({"source": file}, {}), lambda report: None)
    return np.stack([arrays[name] for name in AXES], axis=1), value["cameras"][0]


def peer(target: pathlib.Path) -> np.ndarray:
    """Speeds per interval of the peer, (intervals, 4)."""
    poses, last = [np.zeros(4)], None
    with av.open(str(target)) as container:
        for frame in container.decode(video=0):
            grey = frame.to_ndarray(format="gray")
            if last is not None:
                poses.append(poses[-1] + _flow(last, grey))
            last = grey
    return truth(Film("", np.array(poses), False, False))


def _flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    corners = cv2.goodFeaturesToTrack(before, 300, 0.01, 10)
    if corners is None:
        return np.zeros(4)
    moved, known, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None)
    matrix, _ = cv2.estimateAffinePartial2D(corners[known == 1], moved[known == 1])
    if matrix is None:
        return np.zeros(4)
    middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    shift = matrix[:, :2] @ middle + matrix[:, 2] - middle
    growth = np.log(np.hypot(matrix[0, 0], matrix[1, 0]))
    return np.array([-shift[0] / WIDTH, -shift[1] / WIDTH, growth, -np.arctan2(matrix[1, 0], matrix[0, 0])])


def score(seeds: tuple[int, ...]) -> None:
    """Prints the mean errors of both, by kind of move, and how many shots were named right."""
    pictures, rows, named = stills(), {}, {}
    spent_s = {"ours": 0.0, "peer": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "film.mp4"
        for seed in seeds:
            noise = np.random.default_rng(seed)
            for kind in KINDS:
                for passer in (False, True):
                    film = plan(kind, passer, noise)
                    chosen, other = noise.choice(len(pictures), 2, replace=False)
                    write(frames(film, pictures[chosen], pictures[other]), target)
                    expected = truth(film)
                    begin_s = time.process_time()
                    found, move = ours(target)
                    spent_s["ours"] += time.process_time() - begin_s
                    begin_s = time.process_time()
                    theirs = peer(target)
                    spent_s["peer"] += time.process_time() - begin_s
                    key = f"{kind}{', passer-by' * passer}"
                    errors = [np.abs(np.nan_to_num(one) - expected).mean(axis=0) for one in (found, theirs)]
                    rows.setdefault(key, []).append([*errors[0], *errors[1]])
                    named.setdefault(key, []).append(move["kind"] == film.kind)
                    if move["kind"] != film.kind:
                        print(f"  seed {seed}, {key}, still {chosen}: {move}", file=sys.stderr)
    print("| move | ours: pan, tilt, zoom, roll | peer: pan, tilt, zoom, roll | named right |\n|---|---|---|---|")
    for key, found in rows.items():
        means = [f"{value:.4f}" for value in np.mean(found, axis=0)]
        print(f"| {key} | {', '.join(means[:4])} | {', '.join(means[4:])} | {sum(named[key])}/{len(found)} |")
    whole = [f"{value:.4f}" for value in np.mean([row for found in rows.values() for row in found], axis=0)]
    right = [sum(map(sum, named.values())), sum(map(len, named.values()))]
    print(f"| all | {', '.join(whole[:4])} | {', '.join(whole[4:])} | {right[0]}/{right[1]} |")
    print(f"\nprocessor time: {spent_s['ours']:.1f} s (all that we measure in pictures), peer {spent_s['peer']:.1f} s")


def cost() -> None:
    """Prints what the camera costs in the analysis of a real video."""
    spent = {"s": 0.0, "frames": 0}

    def timed(call):
        def run(*arguments):
            begin_s = time.thread_time()
            found = call(*arguments)
            spent["s"] += time.thread_time() - begin_s
            return found

        return run

    path.Fitter.step, path.Path.add = timed(path.Fitter.step), timed(path.Path.add)
    with (shots.MEDIA / REAL).open("rb") as file:
        value, _ = measure.run({}, pool.Files({"source": file}, {}), lambda report: None)
    total_s = sum(item["cpu_s"] for item in value["timings"])
    frame_us = spent["s"] / value["video"]["frame_count"] * 1e6
    print(f"{REAL}: {frame_us:.0f} µs per frame of the film, {spent['s'] / total_s:.1%} of the complete analysis")


if __name__ == "__main__":
    score(tuple(map(int, sys.argv[1:])) or SEEDS)
    cost()
