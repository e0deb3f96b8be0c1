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

    def address(self, array: Any) -> int:
        """Where an array on the device lies."""

    def copy(self, target: Any, source: Any) -> None:
        """Copies one array into another of the same shape and type, both without gaps."""

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
        self._block_shape = (-(-grid.rows // spec.BLOCK), -(-grid.columns // spec.BLOCK))
        self._last: Any = None  # the cells of the last frame

    def submit(self, surfaces: Sequence[Surface]) -> "Pending":
        """Orders the reduction of the next frames; the surfaces must stay until it is finished.

        Args:
            surfaces: At least one, at most a batch; all with the same pitches.
        """
        count, first = len(surfaces), self._last is None
        pitches = {(item.luma_pitch, item.chroma_pitch) for item in surfaces}
        if not 0 < count <= self._batch or len(pitches) != 1:
            raise ValueError(f"{count} surfaces with {len(pitches)} pitches are no batch")
        luma_pitch, chroma_pitch = pitches.pop()
        self._device.follow_decoder()
        addresses = [[item.luma for item in surfaces], [item.chroma for item in surfaces]]
        table = self._device.upload(np.array(addresses, np.uint64))
        cells = self._luma(table[0], luma_pitch, count)
        chroma = self._chroma(table[1], chroma_pitch, count)
        tones = self._tones(cells[1:], chroma)
        energy = self._gradient(table[0], luma_pitch, count)
        moves, measures = self._match(cells[1:] if first else cells)
        self._last = cells[count]
        arrays = (cells[1:], chroma, tones, energy, moves, measures)
        return Pending(self._device, arrays, len(self._sampled_rows()) * max(self._layout.width - 2, 0), first)

    def _luma(self, table: Any, pitch: int, count: int) -> Any:
        """Cells of the luma, those of the frame before the batch first."""
        grid = self._grid
        cells = self._device.empty((count + 1, grid.rows, grid.columns), np.uint8)
        if self._last is not None:
            self._device.copy(cells[0], self._last)
        self._reduce(table, pitch, 1, (grid.cell_rows, grid.cell_columns), cells[1:])
        return cells

    def _chroma(self, table: Any, pitch: int, count: int) -> Any:
        rows, columns = self._grid.rows // 2, self._grid.columns // 2
        cells = self._device.empty((count, 2, rows, columns), np.uint8)
        cell = (-(-self._layout.height // 2) // rows, -(-self._layout.width // 2) // columns)
        self._reduce(table, pitch, 2, cell, cells)
        return cells

    def _reduce(self, table: Any, pitch: int, channels: int, cell: tuple[int, int], means: Any) -> None:
        rows, columns = means.shape[-2:]
        stretch = text.SIZES["CELLS_SAMPLES"] // (cell[1] * channels)
        numbers = (pitch, channels, self._layout.unused, self._layout.shift, *cell, rows, columns, stretch)
        grid = (-(-columns // stretch), rows, len(means))
        self._device.launch(self._kernel("cell_means"), grid, table, *map(np.int32, numbers), means)

    def _tones(self, cells: Any, chroma: Any) -> Any:
        tones = self._device.empty((len(cells), TONES + 2), np.uint32)
        counts = (np.int32(cells[0].size), np.int32(chroma[0, 0].size))
        self._device.launch("tones", (len(cells), 1, 1), cells, chroma, *counts, tones)
        return tones

    def _gradient(self, table: Any, pitch: int, count: int) -> Any:
        energy = self._device.zeros((count,), np.uint64)
        sampled = len(self._sampled_rows())
        if sampled and self._layout.width >= spec.GRADIENT_ROWS:
            numbers = (pitch, self._layout.unused, self._layout.width, planes.row_step(self._layout.height))
            self._device.launch(self._kernel("gradient"), (sampled, count, 1), table, *map(np.int32, numbers), energy)
        return energy

    def _sampled_rows(self) -> range:
        return range(1, self._layout.height - 1, planes.row_step(self._layout.height))

    def _match(self, cells: Any) -> tuple[Any, Any]:
        """Block motion into each of some pictures but the first, from the one before."""
        count = len(cells) - 1
        moves = self._device.empty((count, *self._block_shape, 2), np.int32)
        measures = self._device.empty((4, count, *self._block_shape), np.int32)
        if count:
            grid = (self._block_shape[1], self._block_shape[0], count)
            numbers = (np.int32(self._grid.rows), np.int32(self._grid.columns))
            self._device.launch("match_blocks", grid, cells, *numbers, moves, measures)
        return moves, measures

    def _kernel(self, name: str) -> str:
        return f"{name}_16" if self._layout.wide else f"{name}_8"


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """A batch that is being reduced.

    Attributes:
        device: Runs the kernels.
        arrays: On the device: luma, chroma, tones, gradient energy, moves, and the other measures of blocks.
        places: Where the gradient is taken, in each frame.
        first: Whether the first frame has none before it.
    """

    device: Device
    arrays: tuple[Any, ...]
    places: int
    first: bool

    def finish(self) -> list[Reduced]:
        """Waits for the batch and gives its frames."""
        luma, chroma, tones, energy, moves, measures = (self.device.download(array) for array in self.arrays)
        return [
            Reduced(
                luma=luma[k],
                chroma=chroma[k],
                luma_histogram=tones[k, : spec.LUMA_BINS].astype(np.int64),
                chroma_histogram=tones[k, spec.LUMA_BINS : TONES].astype(np.int64),
                moments=(int(tones[k, TONES]), int(tones[k, TONES + 1])),
                gradient=(int(energy[k]), self.places),
                blocks=pairs.Blocks(moves[pair], *(layer[pair] for layer in measures)) if pair >= 0 else None,
            )
            for k, pair in enumerate(range(-int(self.first), len(luma) - int(self.first)))
        ]
