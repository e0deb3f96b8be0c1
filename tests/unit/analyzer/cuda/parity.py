"""Random pictures, and what each of the three ways to compute makes of them: NumPy, Numba, and the kernels' text.

    python -m tests.unit.analyzer.cuda.parity LIBRARY CASES NAME...

compares each text of a library with NumPy on so many cases, in a process of its own, and prints a line for each; beside
the product's own text, Numba is compared as well.
"""

import ctypes
import dataclasses
import mmap
import os
import pathlib
import sys
from collections.abc import Callable

import numpy as np

from services.analyzer import planes
from services.analyzer.kernels import cpu, pairs, spec
from services.analyzer.kernels.cuda import reduction
from tests.unit.analyzer.cuda import build

NAMES = ("luma", "chroma", "luma_histogram", "chroma_histogram", "moments", "gradient")
BLOCK_NAMES = ("moves", "residual", "still", "structure", "texture")
Measures = dict[str, np.ndarray]  # of one frame, by the names of `reduction.Reduced` and `pairs.Blocks`
KINDS = ("noise", "structure", "flat", "extreme", "ramp")


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """Some frames of one stream.

    Attributes:
        layout: What they share.
        grid: How they are divided.
        lumas: One (height, width) per frame.
        chromas: One (2, height, width) per frame.
        pitch: Bytes from one row to the next.
        batch: Frames of one batch.
    """

    layout: reduction.Layout
    grid: planes.Grid
    lumas: list[np.ndarray]
    chromas: list[np.ndarray]
    pitch: int
    batch: int


def case(seed: int) -> Case:
    """A random case: any size, cell, pitch, depth and content, one to three frames in batches of one to four."""
    noise = np.random.default_rng(seed)
    rows, columns = (int(value) for value in noise.integers(8, (19, 26)))
    cell_rows, cell_columns = (int(value) for value in noise.choice([1, 1, 2, 2, 3, 5, 8, 9], 2))
    if seed % 25 == 0:  # rows of cells that take more than one group
        columns, cell_columns = int(noise.integers(64, 129)), 16
    if seed % 25 == 1:  # so tall that sharpness leaves rows out
        rows, cell_rows = int(noise.integers(40, 60)), 8
    rest = noise.integers(0, (cell_rows, cell_columns))
    height, width = max(rows * cell_rows + int(rest[0]), 16), max(columns * cell_columns + int(rest[1]), 16)
    bits = int(noise.choice([8, 8, 10, 12, 16]))
    layout = reduction.Layout(width, height, bits)
    frames = int(noise.integers(1, 4))
    kind = KINDS[seed % len(KINDS)]
    lumas = _film(noise, kind, (height, width), bits, frames)
    blue, red = (_film(noise, kind, (-(-height // 2), -(-width // 2)), bits, frames) for _ in "uv")
    chromas = [np.stack(pair) for pair in zip(blue, red, strict=True)]
    pitch = (width + 1) // 2 * 2 * (2 if layout.wide else 1) + 4 * int(noise.integers(0, 64))
    return Case(layout, planes.Grid(cell_rows, cell_columns, rows, columns), lumas, chromas, pitch, 1 + seed % 4)


def _film(noise: np.random.Generator, kind: str, shape: tuple[int, int], bits: int, frames: int) -> list[np.ndarray]:
    """Pictures of one kind; those with structure move, so that blocks can be matched."""
    top = (1 << bits) - 1
    if kind == "structure":
        size = int(noise.integers(2, 24))
        coarse = noise.integers(0, top + 1, (shape[0] // size + 1, shape[1] // size + 1))
        still = np.kron(coarse, np.ones((size, size), np.int64))[: shape[0], : shape[1]]
        steps = noise.integers(-9, 10, (frames, 2)) * noise.choice([1, 4])
        grain = noise.integers(-top // 64 - 1, top // 64 + 2, (frames, *shape))
        made = [np.clip(np.roll(still, step, (0, 1)) + grain[k], 0, top) for k, step in enumerate(steps.cumsum(0))]
    elif kind == "flat":
        made = [np.full(shape, int(noise.integers(0, top + 1))) for _ in range(frames)]
    elif kind == "extreme":
        made = [noise.choice([0, top], shape) for _ in range(frames)]
    elif kind == "ramp":
        made = [(np.add.outer(3 * np.arange(shape[0]), np.arange(shape[1])) + 5 * k) % (top + 1) for k in range(frames)]
    else:
        made = [noise.integers(0, top + 1, shape) for _ in range(frames)]
    return [picture.astype(np.uint16 if bits > 8 else np.uint8) for picture in made]


class Fence:
    """Memory of which the first byte behind the last one that is used cannot be read."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        whole = -(-size // page) * page
        self._memory = mmap.mmap(-1, whole + page)
        self._begin = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(self._begin + whole), page, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        offset = (whole - size) // 4 * 4  # as aligned as decoders' rows are at least
        self.address = self._begin + offset
        self.bytes = np.frombuffer(self._memory, np.uint8, size, offset)


def surface(plane: np.ndarray, layout: reduction.Layout, pitch: int, noise: np.random.Generator) -> Fence:
    """A plane as a hardware decoder leaves it: values in the upper bits, rubbish in the lower ones and between rows."""
    height, width = plane.shape
    memory = Fence((height - 1) * pitch + width * plane.itemsize)
    memory.bytes[:] = noise.integers(0, 256, memory.bytes.size, np.uint8)
    samples = memory.bytes.view(plane.dtype)
    lines = np.lib.stride_tricks.as_strided(samples, plane.shape, (pitch, plane.itemsize))
    lines[:] = (lines & ((1 << layout.unused) - 1)) | (plane << layout.unused)
    return memory


def interleaved(chroma: np.ndarray) -> np.ndarray:
    """Both components side by side, (height, 2 * width)."""
    return np.ascontiguousarray(np.moveaxis(chroma, 0, 2).reshape(chroma.shape[1], -1))


def reduced(device: reduction.Device, one: Case, place: Callable[[Fence], int]) -> list[Measures]:
    """What the kernels make of a case.

    Args:
        device: Runs them.
        one: The case.
        place: Puts a plane where the device can read it, and gives its address there.
    """
    noise = np.random.default_rng(one.pitch)
    held = [
        (surface(luma, one.layout, one.pitch, noise), surface(interleaved(chroma), one.layout, one.pitch, noise))
        for luma, chroma in zip(one.lumas, one.chromas, strict=True)
    ]
    surfaces = [reduction.Surface(place(luma), place(chroma), one.pitch, one.pitch) for luma, chroma in held]
    reducing = reduction.Reduction(device, one.layout, one.grid, one.batch)
    starts = range(0, len(surfaces), one.batch)
    frames = [item for start in starts for item in reducing.submit(surfaces[start : start + one.batch]).finish()]
    return [{**{name: np.array(getattr(item, name)) for name in NAMES}, **_named(item.blocks)} for item in frames]


def specified(one: Case) -> list[Measures]:
    """What the specification makes of a case, by the names of `Reduced` and `Blocks`."""
    frames: list[Measures] = []
    grid, shift, before = one.grid, one.layout.shift, None
    for plane, chroma_planes in zip(one.lumas, one.chromas, strict=True):
        shape, half = (grid.rows, grid.columns), (grid.rows // 2, grid.columns // 2)
        luma = spec.cell_means(plane, grid.cell_rows, grid.cell_columns, shift, shape)
        cell = (chroma_planes.shape[1] // half[0], chroma_planes.shape[2] // half[1])
        chroma = np.stack([spec.cell_means(layer, *cell, shift, half) for layer in chroma_planes])
        found = dict(zip(("luma_histogram", "chroma_histogram"), spec.histograms(luma, chroma), strict=True))
        found |= {"luma": luma, "chroma": chroma, "moments": np.array(spec.moments(luma))}
        found["gradient"] = np.array(spec.gradient(plane, planes.row_step(one.layout.height)))
        if before is not None:
            found |= dict(zip(BLOCK_NAMES, spec.match_blocks(before, luma), strict=True))
        frames.append(found)
        before = luma
    return frames


def compiled(one: Case) -> list[Measures]:
    """What the compiled kernels of the processor make of a case."""
    frames: list[Measures] = []
    grid, layout, before = one.grid, one.layout, None
    for plane, chroma_planes in zip(one.lumas, one.chromas, strict=True):
        luma = np.empty((grid.rows, grid.columns), np.uint8)
        chroma = np.empty((2, grid.rows // 2, grid.columns // 2), np.uint8)
        cpu.cell_means(plane.ravel(), layout.width, grid.cell_rows, grid.cell_columns, layout.shift, luma)
        for layer, cells in zip(chroma_planes, chroma, strict=True):
            cell = (layer.shape[0] // cells.shape[0], layer.shape[1] // cells.shape[1])
            cpu.cell_means(layer.ravel(), layer.shape[1], *cell, layout.shift, cells)
        tones = np.zeros(spec.LUMA_BINS, np.int64), np.zeros(spec.CHROMA_BINS**2, np.int64)
        cpu.histograms(luma, chroma, *tones)
        step = planes.row_step(layout.height)
        found = {"luma": luma, "chroma": chroma, "moments": np.array(cpu.moments(luma))}
        found |= {"luma_histogram": tones[0], "chroma_histogram": tones[1]}
        found["gradient"] = np.array(cpu.gradient(plane.ravel(), layout.width, layout.width, layout.height, step))
        picture = pairs.picture(luma, chroma)
        found |= _named(pairs.match(before, picture)) if before is not None else {}
        frames.append(found)
        before = picture
    return frames


def _named(blocks: pairs.Blocks | None) -> Measures:
    return {name: getattr(blocks, name) for name in BLOCK_NAMES} if blocks is not None else {}


def differences(expected: list[Measures], actual: list[Measures]) -> list[str]:
    """The names of what is not equal, each with the number of its frame."""
    return [
        f"{frame}:{name}"
        for frame, (ours, theirs) in enumerate(zip(expected, actual, strict=True))
        for name in ours.keys() | theirs.keys()
        if name not in ours or name not in theirs or not np.array_equal(ours[name], theirs[name])
    ]


def first_difference(device: reduction.Device, cases: int, *, numba: bool = False) -> str:
    """What is wrong first; empty where all is equal.

    Args:
        device: Runs the kernels.
        cases: How many random cases are tried.
        numba: Whether the compiled kernels of the processor are compared as well.
    """
    for seed in range(cases):
        one = case(seed)
        expected = specified(one)
        try:
            wrong = differences(expected, reduced(device, one, lambda fence: fence.address))
        except build.KernelFault as fault:
            return f"case {seed}: {fault}"
        wrong += differences(expected, compiled(one)) if numba else []
        if wrong:
            return f"case {seed}: {', '.join(wrong[:4])}"
    return ""


def apart(work: Callable[[], str]) -> str:
    """What some work says, done by a child, which may die of it."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.write(theirs, work().encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        said = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return said if status == 0 else f"died: {status}"


def main(library: str, cases: str, *names: str) -> None:
    """Prints each name and what is wrong first with its text."""
    for name in names:
        device = build.Device(pathlib.Path(library), name)
        said = apart(lambda device=device, ours=name == build.PRODUCT: first_difference(device, int(cases), numba=ours))
        print(f"{name}\t{said}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
