"""The text of the kernels, with the constants of the specification before it."""

import pathlib

from services.analyzer.kernels import spec

FOLDER = pathlib.Path(__file__).parent
FILES = ("cells", "gradient", "tones", "blocks")
KERNELS = {
    "cell_means_8": "CELLS_THREADS",
    "cell_means_16": "CELLS_THREADS",
    "gradient_8": "GRADIENT_THREADS",
    "gradient_16": "GRADIENT_THREADS",
    "tones": "TONES_THREADS",
    "match_blocks": "BLOCKS_THREADS",
}  # and how many threads a group has
SIZES = {
    "CELLS_THREADS": 128,
    "CELLS_SAMPLES": 1024,  # samples of one row that a group sums up: 4 KiB, so that many groups run side by side
    "GRADIENT_THREADS": 128,
    "TONES_THREADS": 256,
    "BLOCKS_THREADS": 192,  # the coarse search has 169 candidates
}
CONSTANTS = ("BLOCK", "REACH", "PAD", "LUMA_BINS", "CHROMA_BINS", "TALL_CELL", "STILL")
OPTIONS = ("--std=c++17",)


def threads(kernel: str) -> int:
    """How many threads a group of a kernel has."""
    return SIZES[KERNELS[kernel]]


def definitions() -> str:
    """The constants that the text needs."""
    values = {**SIZES, **{name: getattr(spec, name) for name in CONSTANTS}}
    return "".join(f"#define {name} {value}\n" for name, value in values.items())


def file(name: str) -> str:
    """The text of one file."""
    return (FOLDER / f"{name}.cu").read_text()


def body() -> str:
    """What all kernels share, and the kernels."""
    return "".join(file(name) for name in ("common", *FILES))


def whole() -> str:
    """All kernels in one piece: what they include must be part of it, or a compiler's cache would miss a change."""
    return definitions() + body()
