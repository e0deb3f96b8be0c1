"""Reduces frames that lie in a device's memory to cells and block motion, a batch at a time.

The results are those of `kernels.cpu` bit for bit. Nothing is gathered or converted: the kernels read the decoder's
surfaces through a table of pointers. Work is only ordered here; `Pending.finish` waits for it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from services.analyzer import planes
from services.analyzer.kernels import pairs, spec
from services.analyzer.kernels.cuda import text

BATCH = 32  # frames: a launch costs as much as some ten frames, and as many surfaces of 4K are 400 MB
WIDTH_MAX = 8192  # samples: no decoder has more, and sums of a row stay below 32 bits
TONES = spec.LUMA_BINS + spec.CHROMA_BINS**2


class Device(Protocol):
    """What can run the kernels: a graphics card, or in tests a processor. Arrays are NumPy's or alike."""

    def upload(self, values: np.ndarray) -> Any:
        """A copy on the device."""

    def empty(self, shape: tuple[int, ...], dtype: type) -> Any:
        """An array on the device, of no particular content."""

    def zeros(self, shape: tuple[int, ...], dtype: type) -> Any:
        """An array of zeros on the device."""

    def follow_decoder(self) -> None:
        """Has what is launched from now on wait for all that the decoder has ordered so far."""

    def launch(self, kernel: str, grid: tuple[int, int, int], *arguments: Any) -> None:
        """Orders a kernel; numbers are NumPy's, of the types that its text names."""

    def download(self, array: Any) -> np.ndarray:
        """The content of an array, once all that was launched before is done."""


@dataclasses.dataclass(frozen=True, slots=True)
class Surface:
    """A frame in the device's memory, as NV12, P010 or P016.

    Attributes:
        luma: Address of the luma.
        chroma: Address of the chroma, both components interleaved.
        luma_pitch: Bytes from one row of luma to the next.
        chroma_pitch: Bytes from one row of chroma to the next.
    """

    luma: int
    chroma: int
    luma_pitch: int
    chroma_pitch: int


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """What all frames of a stream share.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        bits: Bits of a sample that mean something; above eight they are the upper ones of 16.
    """

    width: int
    height: int
    bits: int

    @property
    def wide(self) -> bool:
        """Whether a sample takes two bytes."""
        return self.bits > planes.BYTE_BITS

    @property
    def shift(self) -> int:
        """Bits above eight."""
        return self.bits - planes.BYTE_BITS

    @property
    def unused(self) -> int:
        """Low bits of a sample that mean nothing."""
        return 16 - self.bits if self.wide else 0


@dataclasses.dataclass(frozen=True, slots=True)
class Reduced:
    """A frame, reduced.

    Attributes:
        luma: Cells, (rows, columns) uint8.
        chroma: Cells, (2, rows // 2, columns // 2) uint8.
        luma_histogram: See `spec.histograms`.
        chroma_histogram: See `spec.histograms`.
        moments: See `spec.moments`.
        gradient: See `spec.gradient`.
        blocks: Block motion from the frame before; None for the first frame.
    """

    luma: np.ndarray
    chroma: np.ndarray
    luma_histogram: np.ndarray
    chroma_histogram: np.ndarray
    moments: tuple[int, int]
    gradient: tuple[int, int]
    blocks: pairs.Blocks | None


class Reduction:
    """Reduces the frames of one stream in order.

    Args:
        device: Runs the kernels.
        layout: What the frames share.
        grid: How the pictures are divided.
        batch: Frames of one batch, at most.

    Raises:
        ValueError: The picture is wider than WIDTH_MAX.
    """

    def __init__(self, device: Device, layout: Layout, grid: planes.Grid, batch: int = BATCH) -> None:
        if layout.width > WIDTH_MAX:
            raise ValueError(f"{layout.width} samples in a row, {WIDTH_MAX} at most")
        self._device, self._layout, self._grid, self._batch = device, layout, grid, batch
        shape = (grid.rows, grid.columns)
        self._cells = device.empty((batch + 1, *shape), np.uint8)  # the first place is for the frame before the batch
        self._chroma = device.empty((batch, 2, shape[0] // 2, shape[1] // 2), np.uint8)
        self._tones = device.empty((batch, TONES + 2), np.uint32)
        self._block_shape = (-(-shape[0] // spec.BLOCK), -(-shape[1] // spec.BLOCK))
        self._begun = False

    def submit(self, surfaces: Sequence[Surface]) -> "Pending":
        """Orders the reduction of the next frames; the surfaces must stay until it is finished.

        Args:
            surfaces: At least one, at most a batch; all with the same pitches.
        """
        device, count = self._device, len(surfaces)
        pitches = {(item.luma_pitch, item.chroma_pitch) for item in surfaces}
        if not 0 < count <= self._batch or len(pitches) != 1:
            raise ValueError(f"{count} surfaces with {len(pitches)} pitches are no batch")
        device.follow_decoder()
        table = device.upload(
            np.array([[item.luma for item in surfaces], [item.chroma for item in surfaces]], np.uint64)
        )
        luma_pitch, chroma_pitch = pitches.pop()
        self._reduce_luma(table[0], luma_pitch, count)
        self._reduce_chroma(table[1], chroma_pitch, count)
        energy = self._gradient(table[0], luma_pitch, count)
        found = self._match(count)
        luma_count, chroma_count = (int(np.prod(array.shape[1:])) for array in (self._cells, self._chroma[:, 0]))
        device.launch("tones", (count, 1, 1), self._cells[1:], self._chroma, np.int32(luma_count),
                      np.int32(chroma_count), self._tones)  # fmt: skip
        pending = Pending(device, count, self._gradient_count(), (
            self._cells[1 : count + 1].copy(), self._chroma[:count].copy(), self._tones[:count].copy(), energy, *found,
        ), first=not self._begun)  # fmt: skip
        self._cells[0] = self._cells[count]
        self._begun = True
        return pending

    def _reduce_luma(self, table: Any, pitch: int, count: int) -> None:
        cell = (self._grid.cell_rows, self._grid.cell_columns)
        self._reduce(table, pitch, 1, cell, (self._grid.rows, self._grid.columns), self._cells[1 : count + 1])

    def _reduce_chroma(self, table: Any, pitch: int, count: int) -> None:
        rows, columns = self._grid.rows // 2, self._grid.columns // 2
        cell = (-(-self._layout.height // 2) // rows, -(-self._layout.width // 2) // columns)
        self._reduce(table, pitch, 2, cell, (rows, columns), self._chroma[:count])

    def _reduce(
        self, table: Any, pitch: int, channels: int, cell: tuple[int, int], shape: tuple[int, int], means: Any
    ) -> None:
        stretch = max(text.SIZES["CELLS_SAMPLES"] // (cell[1] * channels), 1)
        numbers = (pitch, channels, self._layout.unused, self._layout.shift, *cell, *shape, stretch)
        self._device.launch(
            "cell_means_16" if self._layout.wide else "cell_means_8",
            (-(-shape[1] // stretch), shape[0], len(means)),
            table, *map(np.int32, numbers), means,
        )  # fmt: skip

    def _gradient(self, table: Any, pitch: int, count: int) -> Any:
        energy = self._device.zeros((count,), np.uint64)
        sampled = len(self._sampled_rows())
        if sampled and self._layout.width >= spec.GRADIENT_ROWS:
            numbers = (pitch, self._layout.unused, self._layout.width, planes.row_step(self._layout.height))
            kernel = "gradient_16" if self._layout.wide else "gradient_8"
            self._device.launch(kernel, (sampled, count, 1), table, *map(np.int32, numbers), energy)
        return energy

    def _sampled_rows(self) -> range:
        return range(1, self._layout.height - 1, planes.row_step(self._layout.height))

    def _gradient_count(self) -> int:
        return len(self._sampled_rows()) * max(self._layout.width - 2, 0)

    def _match(self, count: int) -> tuple[Any, Any]:
        """Block motion into each frame from the one before; the first of a stream has none before."""
        pairs_count = count if self._begun else count - 1
        moves = self._device.zeros((pairs_count, *self._block_shape, 2), np.int32)
        measures = self._device.zeros((4, pairs_count, *self._block_shape), np.int32)
        if pairs_count:
            cells = self._cells if self._begun else self._cells[1:]
            grid = (self._block_shape[1], self._block_shape[0], pairs_count)
            numbers = (np.int32(self._grid.rows), np.int32(self._grid.columns))
            self._device.launch("match_blocks", grid, cells, *numbers, moves, measures)
        return moves, measures


class Pending:
    """A batch that is being reduced."""

    def __init__(
        self, device: Device, count: int, gradient_count: int, arrays: tuple[Any, ...], *, first: bool
    ) -> None:
        self._device, self._count, self._gradient_count = device, count, gradient_count
        self._arrays, self._first = arrays, first

    def finish(self) -> list[Reduced]:
        """Waits for the batch and gives its frames."""
        luma, chroma, tones, energy, moves, measures = (self._device.download(array) for array in self._arrays)
        missing = int(self._first)
        frames = []
        for k in range(self._count):
            pair = k - missing
            blocks = pairs.Blocks(moves[pair], *(layer[pair] for layer in measures)) if pair >= 0 else None
            tone = tones[k].astype(np.int64)
            frames.append(
                Reduced(
                    luma=luma[k],
                    chroma=chroma[k],
                    luma_histogram=tone[: spec.LUMA_BINS],
                    chroma_histogram=tone[spec.LUMA_BINS : TONES],
                    moments=(int(tone[-2]), int(tone[-1])),
                    gradient=(int(energy[k]), self._gradient_count),
                    blocks=blocks,
                )
            )
        return frames
