"""How exactly shots are found: ours beside PySceneDetect and FFmpeg's scdet, one scorer, on every labelled file.

    python benchmarks/shots.py [FOLDER]

Hard cuts count at zero frames of tolerance. A gradual transition is found when a detection overlaps it; detections
inside of one are neither right nor wrong cuts, and those in a range to be ignored are left out. The table is Markdown.
"""

import csv
import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence

import av
import av.filter
import scenedetect

from media import pool
from services.analyzer import measure

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media"
THREADS = 3
DETECTORS = {
    "content": scenedetect.ContentDetector,
    "adaptive": scenedetect.AdaptiveDetector,
    "adaptive, minimum length 1": lambda: scenedetect.AdaptiveDetector(min_scene_len=1),  # its best settings
}


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A transition: first and last changed frame; one frame for a cut."""

    start: int
    end: int
    cut: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Labels:
    """What a person saw in a file."""

    cuts: frozenset[int]
    gradual: tuple[Span, ...]
    ignored: tuple[Span, ...]


@dataclasses.dataclass(slots=True)
class Score:
    """Counts that add up over files."""

    right: int = 0
    false: int = 0
    missed: int = 0
    gradual_found: int = 0
    gradual: int = 0
    gradual_false: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Score") -> "Score":
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Score(*(one + two for one, two in pairs))

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall of the cuts; 1 where there is nothing to find and nothing found."""
        total = 2 * self.right + self.false + self.missed
        return 2 * self.right / total if total else 1.0


def labels_of(path: pathlib.Path) -> Labels:
    """Reads `NAME.cuts.csv` and, where it is there, `NAME.ignore.csv`."""
    rows = list(csv.DictReader(path.open()))
    beside = path.with_name(path.name.replace(".cuts.csv", ".ignore.csv"))
    ignored = csv.DictReader(beside.open()) if beside.exists() else []
    return Labels(
        frozenset(int(row["frame_index"]) for row in rows if row["type"] == "cut"),
        tuple(Span(int(row["start_frame"]), int(row["end_frame"]), False) for row in rows if row["type"] != "cut"),
        tuple(Span(int(row["start_frame"]), int(row["end_frame"]), False) for row in ignored),
    )


def overlap(one: Span, other: Span) -> bool:
    """Whether two spans share a frame."""
    return one.start <= other.end and other.start <= one.end


def score(labels: Labels, found: Iterable[Span]) -> Score:
    """Compares detections with labels."""
    found = [span for span in found if not any(overlap(span, item) and span.cut for item in labels.ignored)]
    hits = [item for item in labels.gradual if any(overlap(item, span) for span in found)]
    cuts = {span.start for span in found if span.cut and not any(overlap(span, item) for item in labels.gradual)}
    strays = [span for span in found if not span.cut and not any(overlap(span, item) for item in labels.gradual)]
    return Score(
        right=len(cuts & labels.cuts),
        false=len(cuts - labels.cuts),
        missed=len(labels.cuts - cuts),
        gradual_found=len(hits),
        gradual=len(labels.gradual),
        gradual_false=len(strays),
    )


def ours(path: pathlib.Path) -> list[Span]:
    """What the analyzer finds."""
    with path.open("rb") as file:
        files = pool.Files({"source": file}, {})
        value, _ = measure.run({"threads": THREADS, "measures": ["shots"]}, files, lambda report: None)
    return [Span(item["start_frame"], item["end_frame"], item["kind"] == "cut") for item in value["transitions"]]


def scenedetect_finds(name: str, path: pathlib.Path) -> list[Span]:
    """What PySceneDetect finds with one of its detectors."""
    scenes = scenedetect.detect(str(path), DETECTORS[name](), start_in_scene=True)
    return [Span(start.frame_num, start.frame_num, True) for start, _ in scenes[1:]]


def scdet_finds(path: pathlib.Path) -> list[Span]:
    """What FFmpeg's filter finds with its defaults."""
    found = []
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        graph = av.filter.Graph()
        graph.link_nodes(graph.add_buffer(template=stream), graph.add("scdet"), graph.add("buffersink")).configure()
        for index, frame in enumerate(source.decode(stream)):
            graph.vpush(frame)
            if "lavfi.scd.time" in graph.vpull().metadata:
                found.append(Span(index, index, True))
    return found


def single(path: pathlib.Path, index: int, folder: pathlib.Path) -> pathlib.Path:
    """One stream of a file as a file of its own, its packets copied."""
    target = folder / f"{path.stem}.stream{index}.mp4"
    with av.open(str(path)) as source, av.open(str(target), "w") as sink:
        stream = sink.add_stream_from_template(source.streams[index])
        for packet in source.demux(source.streams[index]):
            if packet.dts is not None:
                packet.stream = stream
                sink.mux(packet)
    return target


def films(folder: pathlib.Path, spare: pathlib.Path) -> list[tuple[str, pathlib.Path, Labels]]:
    """Every labelled film: name, file, labels."""
    found = []
    for path in sorted(folder.glob("*/*.cuts.csv")):
        name, _, stream = path.name.removesuffix(".cuts.csv").partition(".stream")
        film = next(item for item in path.parent.glob(f"{name}.*") if item.suffix in {".mp4", ".webm", ".avi", ".mkv"})
        file = single(film, int(stream), spare) if stream else film
        found.append((file.name if stream else film.name, file, labels_of(path)))
    return found


def table(rows: Sequence[tuple[str, dict[str, Score]]]) -> str:
    """The result as Markdown."""
    names = list(rows[0][1])
    head = "| file | " + " | ".join(f"{name}: F1 (right/false/missed), gradual, s" for name in names) + " |"
    lines = [head, "|---" * (len(names) + 1) + "|"]
    for film, scores in rows:
        cells = [
            f"{one.f1:.3f} ({one.right}/{one.false}/{one.missed}), {one.gradual_found}/{one.gradual}"
            f" +{one.gradual_false}, {one.seconds:.1f}"
            for one in scores.values()
        ]
        lines.append(f"| {film} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def programs() -> dict[str, Callable[[pathlib.Path], list[Span]]]:
    """What takes part, by name."""
    peers = {f"PySceneDetect {name}": lambda path, name=name: scenedetect_finds(name, path) for name in DETECTORS}
    return {"ours": ours, **peers, "FFmpeg scdet": scdet_finds}


def compete(films: Iterable[tuple[str, pathlib.Path, Labels]]) -> None:
    """Scores all programs on all films and prints the table."""
    rows: list[tuple[str, dict[str, Score]]] = []
    for name, path, labels in films:
        scores = {}
        for program, find in programs().items():
            begin = time.perf_counter()
            scores[program] = score(labels, find(path))
            scores[program].seconds = time.perf_counter() - begin
        rows.append((name, scores))
    total = {program: sum((scores[program] for _, scores in rows), Score()) for program in programs()}
    print(table([*rows, ("all", total)]))


def main(folder: pathlib.Path) -> None:
    """Scores all programs on the labelled films."""
    with tempfile.TemporaryDirectory() as spare:
        compete(films(folder, pathlib.Path(spare)))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else MEDIA)
