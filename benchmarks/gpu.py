"""How close the graphics card comes to its limits: kernels to the rate of copying, the analysis to that of decoding.

    python benchmarks/gpu.py [FOLDER]

Nothing is measured where there is no card. Beside each figure stands its limit, measured in the same run: copying from
the card's memory into itself, and its decoder with nobody looking at the frames. The tables are Markdown.
"""

import pathlib
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable

from media import errors, source
from services.analyzer import backend, placement, planes
from services.analyzer.kernels import spec
from services.analyzer.kernels.cuda import reduction

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media"
FILMS = (
    "real/bbb_1080p60_2s_h264.mp4",
    "real/bbb_1080p_5s_hevc.ts",
    "real/psd_transitions_24s_h264.mp4",
    "real/tos_office_17s_vp9_1920x800.webm",
)
SIZES = ((1280, 720), (1920, 1080), (3840, 2160))
SESSIONS = (1, 2, 4, 8)  # decoders side by side: one session uses one engine, and cards have one to seven
COPY_BYTES = 1 << 30
REPEATS = 20


def timed(stream: object, work: Callable[[], object]) -> float:
    """Median seconds that the card works, after a first time that is not counted."""
    import cupy

    times_ms = []
    for _ in range(REPEATS + 1):
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record(stream)
        work()
        end.record(stream)
        end.synchronize()
        times_ms.append(cupy.cuda.get_elapsed_time(begin, end))
    return statistics.median(times_ms[1:]) / 1000


def copying() -> float:
    """Bytes per second that a copy within the card's memory reads and writes."""
    import cupy

    stream = cupy.cuda.get_current_stream()
    here, there = cupy.empty(COPY_BYTES, cupy.uint8), cupy.empty(COPY_BYTES, cupy.uint8)
    return 2 * COPY_BYTES / timed(stream, lambda: there.data.copy_from_device_async(here.data, COPY_BYTES, stream))


def needed_bytes(layout: reduction.Layout, grid: planes.Grid) -> int:
    """Bytes of one frame that have to be read once: rows that cells or the gradient take, and all chroma in cells."""
    step = 2 if grid.cell_rows >= spec.TALL_CELL else 1
    rows = {
        line
        for row in range(grid.rows)
        for line in range(row * grid.cell_rows, (row + 1) * grid.cell_rows, step)
    }  # fmt: skip
    for row in range(1, layout.height - 1, planes.row_step(layout.height)):
        rows |= {row - 1, row, row + 1}
    return layout.width * (len(rows) + layout.height // 2)


def kernels(card: backend.Card, width: int, height: int) -> tuple[float, float]:
    """Seconds per frame of a batch, and bytes per second that the kernels read at least."""
    import cupy

    layout, grid = reduction.Layout(width, height, 8), planes.grid(width, height)
    frames = [cupy.random.randint(0, 256, (height * 3 // 2, width), cupy.uint8) for _ in range(reduction.BATCH)]
    surfaces = [reduction.Surface(one.data.ptr, one[height:].data.ptr, width, width) for one in frames]
    reducing = reduction.Reduction(card.device, layout, grid)
    frame_s = timed(cupy.cuda.get_current_stream(), lambda: reducing.submit(surfaces)) / reduction.BATCH
    return frame_s, needed_bytes(layout, grid) / frame_s


def frames_per_s(path: pathlib.Path, chosen: backend.Backend, *, looks: bool) -> tuple[int, float]:
    """Frames of a film, and the seconds that decoding it takes, with or without somebody who looks."""
    with path.open("rb") as file, source.open_source(file, threads=8, accelerator=chosen.accelerator()) as opened:
        looking = chosen.eye(opened) if looks else None
        begin, count = time.perf_counter(), 0
        for frame in opened.frames(opened.video):
            count += 1
            if looking is not None:
                looking.add(frame, float(count))
        if looking is not None:
            looking.finish()
        seconds = time.perf_counter() - begin
        opened.device = None
    return count, seconds


def side_by_side(path: pathlib.Path, card: backend.Card, sessions: int) -> float:
    """Frames per second of several decoders at once."""
    import cupy

    counts: list[int] = []

    def decode() -> None:
        cupy.cuda.Device(0).use()
        cupy.zeros(1)  # the context of this thread
        counts.append(frames_per_s(path, card, looks=False)[0])

    threads = [threading.Thread(target=decode) for _ in range(sessions)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) != sessions:
        raise RuntimeError("a decoder failed; see above")
    return sum(counts) / (time.perf_counter() - begin)


def row(cells: Iterable[object]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def print_kernels(card: backend.Card) -> None:
    """The kernels beside the copy."""
    copy = copying()
    print(f"\nCopy within the card's memory: {copy / 1e9:.0f} GB/s, read and written.\n")
    print(row(("picture", "us per frame", "GB/s read", "share of the copy")), "\n|---|---|---|---|", sep="")
    for width, height in SIZES:
        frame_s, rate = kernels(card, width, height)
        print(row((f"{width}x{height}", f"{frame_s * 1e6:.2f}", f"{rate / 1e9:.0f}", f"{rate / copy:.0%}")))


def print_films(card: backend.Card, folder: pathlib.Path) -> None:
    """The analysis of pictures beside the decoder, and beside the processor's decoder."""
    heads = ("film", "decoder alone, frames/s", "with kernels", "share", "processor alone, 8 threads")
    heads += tuple(f"{sessions} decoders" for sessions in SESSIONS)
    print("\n" + row(heads), "\n" + "|---" * len(heads) + "|", sep="")
    for name in FILMS:
        frames_per_s(folder / name, card, looks=True)  # a first time that is not counted
        rates = [
            count / seconds
            for count, seconds in (
                frames_per_s(folder / name, card, looks=False),
                frames_per_s(folder / name, card, looks=True),
                frames_per_s(folder / name, backend.Processor(), looks=False),
            )
        ]
        many = [f"{side_by_side(folder / name, card, sessions):.0f}" for sessions in SESSIONS]
        share = f"{rates[1] / rates[0]:.0%}"
        print(row((name, f"{rates[0]:.0f}", f"{rates[1]:.0f}", share, f"{rates[2]:.0f}", *many)))


def main(folder: pathlib.Path) -> None:
    """Measures, or says why not."""
    if not placement.installed():
        print("No figure: CuPy is not installed (reelsmith[gpu]).")
        return
    try:
        backend.open_card()
    except errors.WorkerLost as error:
        print(f"No figure: {error.message}.")
        return
    card = backend.of("cuda")
    facts = card.device.facts()
    print(f"{facts['name']}, driver {facts['driver']}, compute capability {facts['compute']}.")
    print_kernels(card)
    print_films(card, folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else MEDIA)
