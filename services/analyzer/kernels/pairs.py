"""How two pictures relate: where their blocks went, and what no motion explains."""

import dataclasses

import numpy as np

from services.analyzer.kernels import cpu

BLOCK = cpu.BLOCK


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """One frame, reduced to cells.

    Attributes:
        luma: (rows, columns) uint8.
        half: The same at half resolution.
        chroma: (2, rows // 2, columns // 2) uint8.
    """

    luma: np.ndarray
    half: np.ndarray
    chroma: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class Blocks:
    """Block motion between two pictures; see `spec.match_blocks`."""

    moves: np.ndarray
    residual: np.ndarray
    still: np.ndarray
    structure: np.ndarray
    texture: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """How far apart two pictures are.

    Attributes:
        residual: Mean absolute difference per cell after block motion, in grey levels.
        unexplained: Share of all texture that neither motion nor a change of brightness explains, 0 to about 1.
        broken: Share of the textured blocks that lost their structure, 0 to 1.
        camera: Motion that most blocks share, down and across, in cells.
    """

    residual: float
    unexplained: float
    broken: float
    camera: tuple[int, int] = (0, 0)


def picture(luma: np.ndarray, chroma: np.ndarray) -> Picture:
    """A frame reduced to cells, with its half resolution."""
    half = np.empty((luma.shape[0] // 2, luma.shape[1] // 2), np.uint8)
    cpu.halve(luma, half)
    return Picture(luma, half, chroma)


def between(before: Picture, after: Picture) -> Picture:
    """The mean of two pictures: a guess at one that was not decoded."""
    luma, chroma = (
        ((one.astype(np.uint16) + other + 1) >> 1).astype(np.uint8)
        for one, other in ((before.luma, after.luma), (before.chroma, after.chroma))
    )
    return picture(luma, chroma)


def match(before: Picture, after: Picture) -> Blocks:
    """Block motion from one picture to another of the same size."""
    shape = (-(-after.luma.shape[0] // BLOCK), -(-after.luma.shape[1] // BLOCK))
    found = Blocks(np.empty((*shape, 2), np.int32), *(np.empty(shape, np.int32) for _ in range(4)))
    cpu.match_blocks(
        before.luma, before.half, after.luma, after.half,
        found.moves, found.residual, found.still, found.structure, found.texture,
    )  # fmt: skip
    return found


def compare(blocks: Blocks) -> Pair:
    """What the block motion says about the whole picture."""
    residual, structure, texture, textured, broken, down, across = cpu.judge(
        blocks.moves, blocks.residual, blocks.structure, blocks.texture
    )
    count, scale = blocks.residual.size, BLOCK**4
    return Pair(
        residual=residual / count / BLOCK**2,
        unexplained=structure / (texture + count * scale),
        broken=broken / (textured + 0.1 * count),
        camera=(down, across),
    )


def own_motion(blocks: Blocks, camera: tuple[int, int]) -> np.ndarray:
    """How much each block moves by itself, 0 to 1; see `spec.own_motion`."""
    out = np.empty(blocks.residual.shape)
    cpu.own_motion(blocks.moves, blocks.still, blocks.structure, blocks.texture, camera[0], camera[1], out)
    return out
