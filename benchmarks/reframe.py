"""How well the planned camera frames people: ours beside windows that follow by simple rules, on the same tracks.

    python benchmarks/reframe.py [FOLDER]

Every film is analyzed once and framed in upright windows of 9:16. The peers follow whoever leads: plainly, the middle
of the window on the middle of the face in every frame; smoothed by a moving average; by a Kalman filter of place and
speed. The subject is the face with head room and shoulders. "Seen" judges by faces that are looked for again between
the looks of the analysis, so the tracks and what lies between them are judged too; "tracks" judges by the tracks. For
the walks a face is pasted into a picture along a known path, so that it is known in every frame. Jerk is in window
widths per second cubed. `auto` is what is delivered where the layout is left to the exporter. The table is Markdown.
"""

import dataclasses
import pathlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import numpy as np

from media import pool
from services.analyzer import document, measure, probe
from services.analyzer.subjects import mtcnn, view
from services.exporter import analysis, director, framing, geometry, layouts, people, presets, staging, storyboard

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media"
FILMS = (
    "real/two_people_desk_38s_vp9.webm",
    "real/man_talking_10s_h264_datastreams.mp4",
    "real/tos_office_17s_vp9_1920x800.webm",
    "real/webcam_vfr_7s_h264.mov",
    "real/asl_man_3s_h264.mkv",
    "real/asl_woman_4s_h264.mkv",
    "derived/person_portrait_404x720_10s_h264.mp4",
    "real/face_rot90_1s_h264.mov",
    "real/portrait_selfie_1s_h264.ts",
    "real/tos_battle_70s_vp8.webm",
)
FACE = ("real/man_talking_10s_h264_datastreams.mp4", 60, (150, 60, 190, 230))  # a frame with a face; where, x y w h
WALKS: dict[str, Callable[[float], float]] = {  # place of the pasted face across the picture, by seconds
    "walk across": lambda t_s: 0.15 + 0.06 * t_s,
    "sway": lambda t_s: 0.5 + 0.04 * np.sin(2 * np.pi * t_s / 3),
    "stop and go": lambda t_s: 0.2 + 0.3 * float(np.clip((t_s - 2) / 1.5, 0, 1) + np.clip((t_s - 8) / 1.5, 0, 1)),
    "there and back": lambda t_s: 0.3 + 0.4 * float(np.clip((t_s - 2) / 2, 0, 1) - np.clip((t_s - 7) / 2, 0, 1)),
}
WALK_S, RATE = 12.0, 25
LOOK_S, OFFSET_S = 0.5, 0.25  # of the second look at the films: between the looks of the analysis
CANVAS = geometry.Canvas(*presets.ASPECT_RATIOS["9:16"])
EMA_S = 0.5  # time constant of the moving average
KALMAN = (0.02, 0.5)  # standard deviations of a seen place, and of the acceleration, in pictures (per second squared)


@dataclasses.dataclass(frozen=True, slots=True)
class Film:
    """A film that is framed: its analysis, its frames, and the faces that are there for certain, with their frames."""

    name: str
    found: analysis.Analysis
    times_s: np.ndarray
    picture: geometry.Picture
    frames: np.ndarray
    faces: np.ndarray


def analyzed(path: pathlib.Path) -> analysis.Analysis:
    """What the exporter is given."""
    with path.open("rb") as file:
        value, arrays = measure.run({"threads": 2}, pool.Files({"source": file}, {}), lambda report: None)
    return analysis.Analysis.parse(document.encode(document.analysis(path.name, "", value, arrays)))


def opened(path: pathlib.Path, found: analysis.Analysis) -> Film:
    """A real film; its faces are looked for again where the analysis did not look."""
    detector, times, frames, faces = mtcnn.Detector(), [], [], []
    with av.open(str(path)) as container:
        stream = max(container.streams.video, key=lambda item: item.width * item.height)
        stream.thread_type = "AUTO"
        shown, first, rotation = view.View(probe.aspect_of(stream)), None, 0
        for number, frame in enumerate(container.decode(stream)):
            first = frame.time if first is None else first
            times.append(frame.time - first)
            rotation = frame.rotation
            if (times[-1] - OFFSET_S) // LOOK_S > ((times[-2] if number else -1.0) - OFFSET_S) // LOOK_S:
                for face in detector.scan(shown.picture(frame)):
                    frames.append(number)
                    faces.append(face.box)
        picture = geometry.upright(stream.width, stream.height, probe.aspect_of(stream), rotation)
    return Film(path.name, found, np.array(times), picture, np.array(frames, int), np.array(faces).reshape(-1, 4))


def pasted(name: str, where: Callable[[float], float], media: pathlib.Path, folder: pathlib.Path) -> Film:
    """A film of a face that goes along a known path in front of a still, blurred picture."""
    source, number, (left, top, width, height) = FACE
    with av.open(str(media / source)) as container:
        picture = next(frame for index, frame in enumerate(container.decode(video=0)) if index == number)
    rgb = picture.to_ndarray(format="rgb24")
    person, path, centres = rgb[top : top + height, left : left + width], folder / f"{name}.mp4", []
    ground = np.full((720, 1280, 3), 90, np.uint8) + np.linspace(0, 60, 1280).astype(np.uint8)[None, :, None]
    with av.open(str(path), "w") as sink:
        video = sink.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "18"})
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        for index in range(round(WALK_S * RATE)):
            scene, x = ground.copy(), round(where(index / RATE) * 1280)
            low, high = max(x - width // 2, 0), min(x - width // 2 + width, 1280)
            scene[300 : 300 + height, low:high] = person[:, low - (x - width // 2) : high - (x - width // 2)]
            centres.append(x / 1280)
            sink.mux(video.encode(av.VideoFrame.from_ndarray(scene, format="rgb24")))
        sink.mux(video.encode())
    boxes = mtcnn.Detector().scan(np.ascontiguousarray(scene))
    offset = np.array(max(boxes, key=lambda face: face.score).box) - [centres[-1], 0, centres[-1], 0]
    faces = offset[None] + np.array(centres)[:, None] * [1, 0, 1, 0]
    return Film(name, analyzed(path), np.arange(len(faces)) / RATE, geometry.Picture(1280, 720, Fraction(1)),
                np.arange(len(faces)), faces)  # fmt: skip


def plainly(places: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """The middle of the face, in every frame."""
    return places


def averaged(places: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """An exponential moving average behind the face."""
    path = places.copy()
    for index in range(1, len(path)):
        share = 1 - np.exp(-(times_s[index] - times_s[index - 1]) / EMA_S)
        path[index] = path[index - 1] + share * (places[index] - path[index - 1])
    return path


def filtered(places: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """A Kalman filter of place and speed, per axis."""
    path = places.copy()
    seen, moves = KALMAN
    for axis in (0, 1):
        state, doubt = np.array([places[0, axis], 0.0]), np.eye(2)
        for index in range(1, len(path)):
            step = times_s[index] - times_s[index - 1]
            going = np.array([[1.0, step], [0.0, 1.0]])
            noise = moves**2 * np.array([[step**4 / 4, step**3 / 2], [step**3 / 2, step**2]])
            state, doubt = going @ state, going @ doubt @ going.T + noise
            gain = doubt[:, 0] / (doubt[0, 0] + seen**2)
            state = state + gain * (places[index, axis] - state[0])
            doubt = doubt - np.outer(gain, doubt[0])
            path[index, axis] = state[0]
    return path


def led(take: staging.Take) -> np.ndarray:
    """Middles of the face that leads in each frame of a take, (n, 2); held where nobody does, else the picture's."""
    places = np.full((len(take.times_s), 2), np.nan)
    nearest = np.rint((take.times_s - take.moments[0]) / take.step_s).astype(int)
    for person in take.people:
        boxes = np.stack([np.interp(take.times_s, take.moments, person.boxes[:, edge]) for edge in range(4)], axis=1)
        mine = person.leads[nearest]
        places[mine] = ((boxes[:, :2] + boxes[:, 2:]) / 2)[mine]
    known = np.flatnonzero(~np.isnan(places[:, 0]))
    if not known.size:
        return np.full_like(places, 0.5)
    every = np.arange(len(places))
    return np.stack([np.interp(every, known, places[known, axis]) for axis in (0, 1)], axis=1)


def followed(film: Film, rule: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> storyboard.Storyboard:
    """A window that follows by a rule, one scene per take."""
    stage = director.Stage(film.picture, CANVAS)
    window = geometry.window(film.picture, CANVAS)
    half, takes, scenes = np.array(window) / 2, staging.takes(film.found, film.times_s), []
    for take in takes:
        path = np.clip(rule(led(take), take.times_s), half, 1 - half)
        scenes.append(staging.Scene(take.first, take.last, "fill", "", ((),), (1.0,), (window,), path[None]))
    return storyboard.Storyboard(scenes, takes, stage)


def planned(film: Film, layout: str) -> storyboard.Storyboard:
    """Ours."""
    return storyboard.plan(layout, film.found, film.times_s, director.Stage(film.picture, CANVAS))


def seen(film: Film, board: storyboard.Storyboard) -> tuple[int, int]:
    """How many of the certain faces of who leads are fully inside, and how many there are."""
    inside = count = 0
    for take in board.takes:
        for frame, box in zip(film.frames, film.faces, strict=True):
            if take.first <= frame < take.last and _leads(take, film.times_s[frame], box):
                count += 1
                inside += _shown(board, int(frame), box)
    return inside, count


def _leads(take: staging.Take, t_s: float, box: np.ndarray) -> bool:
    """Whether a face is that of the person who leads: their boxes overlap."""
    moment = min(max(round((t_s - take.moments[0]) / take.step_s), 0), len(take.moments) - 1)
    middle = (box[:2] + box[2:]) / 2
    return any(
        person.leads[moment] and ((person.boxes[moment, :2] < middle) & (middle < person.boxes[moment, 2:])).all()
        for person in take.people
    )


def _shown(board: storyboard.Storyboard, frame: int, box: np.ndarray) -> bool:
    scene = next(scene for scene in board.scenes if scene.first <= frame < scene.last)
    if not layouts.crops(scene.layout):
        return True
    one = people.Person(0, None, box[None], np.ones(1, bool), np.ones(1, bool))
    return any(
        bool(framing.within(people.needed([one], window), np.array([middle]), window)[0])
        and bool(people.fits([one], window)[0])
        for window, middle in zip(scene.windows, scene.at(frame), strict=True)
    )


WAYS: dict[str, Callable[[Film], storyboard.Storyboard]] = {
    "ours": lambda film: planned(film, "fill"),
    "centre follow": lambda film: followed(film, plainly),
    "moving average": lambda film: followed(film, averaged),
    "Kalman": lambda film: followed(film, filtered),
    "ours, auto": lambda film: planned(film, "auto"),
}


def row(film: Film) -> tuple[list[str], np.ndarray]:
    """One line of the table, and its numbers for the sum: (ways, 6)."""
    cells, numbers = [], []
    for way in WAYS.values():
        board = way(film)
        shown = np.arange(len(film.times_s))
        length_s = float(film.times_s[-1])
        found = framing.measure(
            board.scenes, board.takes, film.picture, CANVAS, len(shown) / max(length_s, 1e-9), shown
        )
        inside, count = seen(film, board)
        known = found.subject_known * len(shown)
        numbers.append([inside, count, (found.subject_inside or 0) * known, known, found.reversals_per_s * length_s,
                        found.travel_px_per_s * length_s, length_s, found.jerk_max])  # fmt: skip
        cells.append(_cell(np.array(numbers[-1])))
    return cells, np.array(numbers)


def _cell(numbers: np.ndarray) -> str:
    inside, count, full, known, turns, travel, length_s, jerk = numbers.tolist()
    share = f"{100 * inside / count:.1f}" if count else "-"
    tracks = f"{100 * full / known:.1f}" if known else "-"
    return f"{share} / {tracks} %, {turns / length_s:.2f}, {travel / length_s:.0f}, {jerk:.0f}"


def table(films: Sequence[Film]) -> list[str]:
    """Markdown, a line per film and one for all."""
    lines = [f"| film | {' | '.join(WAYS)} |", "|---" * (len(WAYS) + 1) + "|"]
    total = np.zeros((len(WAYS), 8))
    for film in films:
        cells, numbers = row(film)
        total = np.concatenate([(total + numbers)[:, :7], np.maximum(total, numbers)[:, 7:]], axis=1)
        lines.append(f"| {film.name} | {' | '.join(cells)} |")
    return [*lines, f"| all | {' | '.join(_cell(numbers) for numbers in total)} |"]


def main(folder: pathlib.Path) -> None:
    """Frames all films and prints the table."""
    print("subject fully inside, seen / tracks; reversals/s; travel in delivered px/s; peak jerk in windows/s^3\n")
    films = [opened(folder / name, analyzed(folder / name)) for name in FILMS]
    print("\n".join(table(films)), "\n")
    with tempfile.TemporaryDirectory() as scratch:
        walks = [pasted(name, where, folder, pathlib.Path(scratch)) for name, where in WALKS.items()]
    print("\n".join(table(walks)))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else MEDIA)
