"""How surely people are found and followed: ours beside OpenCV's Haar cascades, on the same frames.

    python benchmarks/subjects.py [FOLDER]

Coverage is the share of the looked-at frames with a face, out of those in which a person saw one; the ranges are below.
Switches are tracks beyond one per person and shot. False are looked-at frames with a track, or a cascade's face, where
nobody is. Seconds are processor time per second of film, of looking for people and of everything else. The table is
Markdown; with REELSMITH_DRAW=FOLDER the boxes are drawn into pictures there.
"""

import dataclasses
import os
import pathlib
import sys
import time
from collections.abc import Sequence

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw

from media import pool
from services.analyzer import measure, probe
from services.analyzer.subjects import view

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media"
THREADS = 2
STEP_S = 0.5  # from one frame that is compared to the next, the same for both
REACH_S = 0.6  # a track covers what lies as near to one of its sightings
DRAWN_MAX, COLUMNS, WIDTH = 24, 4, 480
# Where a person sees at least one face, in seconds, and how many people there are, counted once per shot.
PEOPLE: dict[str, tuple[list[tuple[float, float]], int]] = {
    "real/two_people_desk_38s_vp9.webm": ([(0.0, 37.9)], 2),
    "real/tos_office_17s_vp9_1920x800.webm": ([(0.0, 8.4), (12.1, 16.7)], 4),
    "real/tos_office_17s_av1_1920x800.webm": ([(0.0, 8.4), (12.1, 16.7)], 4),
    "real/man_talking_10s_h264_datastreams.mp4": ([(0.4, 10.2)], 1),
    "real/asl_man_3s_h264.mkv": ([(0.0, 2.9)], 1),
    "real/asl_woman_4s_h264.mkv": ([(0.0, 3.7)], 1),
    "real/webcam_vfr_7s_h264.mov": ([(0.0, 1.7), (5.3, 7.6)], 2),
    "derived/person_portrait_404x720_10s_h264.mp4": ([(0.0, 10.0)], 1),
    "real/face_rot90_1s_h264.mov": ([(0.0, 1.0)], 1),
    "real/portrait_selfie_1s_h264.ts": ([(0.0, 1.0)], 1),
}
NOBODY = (
    "real/bottles_noaudio_40s_h264.mp4",
    "real/cars_silent_audio_12.5fps_30s.mp4",
    "real/bike_ride_30s_vp8.webm",
    "derived/bike_15s_mpeg2_480i.ts",
    "real/bbb_480p_30s_h264_51audio.mp4",
    "real/psd_transitions_24s_h264.mp4",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One file: frames with a face and without one, how many of each have a box, tracks, and seconds."""

    film: str
    there: int
    ours: int
    peer: int
    absent: int
    ours_false: int
    peer_false: int
    tracks: int
    people: int
    seconds: float
    rest: float


class Haar:
    """OpenCV's cascades for faces from the front and from the side, with the defaults of its documentation."""

    def __init__(self) -> None:
        names = ("haarcascade_frontalface_default.xml", "haarcascade_profileface.xml")
        self._cascades = [cv2.CascadeClassifier(cv2.data.haarcascades + name) for name in names]

    def sees(self, picture: np.ndarray) -> bool:
        """Whether there is a face in an RGB picture."""
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        return any(len(one.detectMultiScale(gray, 1.1, 5, minSize=(28, 28))) for one in self._cascades)


def ours(path: pathlib.Path) -> tuple[list[dict], np.ndarray, float, float]:
    """The subjects, their samples, and processor seconds for them and for the rest."""
    with path.open("rb") as file:
        value, arrays = measure.run({"threads": THREADS}, pool.Files({"source": file}, {}), lambda report: None)
    spent = {timing["stage"]: timing["cpu_s"] for timing in value["timings"]}
    return value["subjects"], arrays["subjects"], spent["subjects"], sum(spent.values()) - spent["subjects"]


def pictures(path: pathlib.Path) -> list[tuple[float, np.ndarray]]:
    """The frames that are compared, small and upright, with their times."""
    found: list[tuple[float, np.ndarray]] = []
    with av.open(str(path)) as container:
        stream = max(container.streams.video, key=lambda item: item.width * item.height)
        stream.thread_type = "AUTO"
        shown, first = view.View(probe.aspect_of(stream)), None
        for frame in container.decode(stream):
            first = frame.time if first is None else first
            t_s = frame.time - first
            if not found or t_s >= found[-1][0] + STEP_S - 1e-3:
                found.append((t_s, shown.picture(frame)))
    return found


def compared(film: str, path: pathlib.Path, peer: Haar, drawn: pathlib.Path | None) -> Row:
    """Measures one file with both."""
    subjects, samples, seconds, rest = ours(path)
    ranges, people = PEOPLE.get(film, ([], 0))
    frames = pictures(path)
    length_s = max(frames[-1][0], STEP_S)
    there = np.array([any(start <= t_s <= end for start, end in ranges) for t_s, _ in frames])
    covered = np.array([bool(len(samples)) and np.abs(samples[:, 1] - t_s).min() <= REACH_S for t_s, _ in frames])
    seen = np.array([peer.sees(picture) for _, picture in frames])
    if drawn is not None:
        draw(frames, samples, drawn / f"{path.stem}.png")
    return Row(
        path.name, int(there.sum()), int((there & covered).sum()), int((there & seen).sum()), int((~there).sum()),
        int((~there & covered).sum()) if not ranges else 0, int((~there & seen).sum()), len(subjects), people,
        seconds / length_s, rest / length_s,
    )  # fmt: skip


def draw(frames: Sequence[tuple[float, np.ndarray]], samples: np.ndarray, target: pathlib.Path) -> None:
    """Draws the boxes of the subjects onto some of the frames."""
    picked = frames[:: -(-len(frames) // DRAWN_MAX)]
    tiles = []
    for t_s, picture in picked:
        tile = Image.fromarray(picture)
        pen, (width, height) = ImageDraw.Draw(tile), tile.size
        for row in samples[np.abs(samples[:, 1] - t_s) <= STEP_S / 2] if len(samples) else ():
            box = (row[3] * width, row[4] * height, row[5] * width, row[6] * height)
            pen.rectangle(box, outline=("red", "yellow", "cyan", "lime")[int(row[0]) % 4], width=3)
            pen.text((box[0] + 4, box[1] + 2), str(int(row[0])), fill="white")
        tile.thumbnail((WIDTH, WIDTH))
        tiles.append(tile)
    width, height = tiles[0].size
    sheet = Image.new("RGB", (width * COLUMNS, height * -(-len(tiles) // COLUMNS)))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % COLUMNS * width, index // COLUMNS * height))
    sheet.save(target)


def table(rows: Sequence[Row]) -> str:
    """The result as Markdown."""
    lines = [
        "| file | ours: frames with a face | Haar | tracks/people | ours: false frames | Haar | CPU s per s | rest |",
        "|---" * 8 + "|",
    ]
    for row in rows:
        lines.append(
            f"| {row.film} | {row.ours}/{row.there} | {row.peer}/{row.there} | {row.tracks}/{row.people}"
            f" | {row.ours_false}/{row.absent} | {row.peer_false}/{row.absent} | {row.seconds:.3f} | {row.rest:.3f} |"
        )
    return "\n".join(lines)


def main(folder: pathlib.Path) -> None:
    """Measures all and prints the table."""
    drawn = pathlib.Path(os.environ["REELSMITH_DRAW"]) if "REELSMITH_DRAW" in os.environ else None
    cv2.setNumThreads(1)
    peer, began = Haar(), time.perf_counter()
    rows = [compared(film, folder / film, peer, drawn) for film in (*PEOPLE, *NOBODY)]
    names = [field.name for field in dataclasses.fields(Row)][1:]
    total = Row("all", *(sum(getattr(row, name) for row in rows) for name in names[:-2]), *(
        float(np.mean([getattr(row, name) for row in rows])) for name in names[-2:]
    ))  # fmt: skip
    print(table([*rows, total]))
    print(f"\n{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else MEDIA)
