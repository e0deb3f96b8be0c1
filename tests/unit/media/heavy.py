"""Tasks that need libraries which are slow to load."""

import io
import math
from typing import Any

import numba
import numpy as np
from PIL import Image

from media import pool


@numba.njit(cache=False)
def _summed(values: np.ndarray) -> float:
    total = 0.0
    for value in values:
        total += math.sqrt(value)
    return total


def warm() -> None:
    """Compiles and loads what the tasks use, as a service would."""
    _summed(np.ones(4))
    Image.new("RGB", (8, 8)).save(io.BytesIO(), "JPEG")


def thumbnail(request: Any, files: pool.Files, report: pool.Report) -> None:
    """Writes a picture."""
    Image.new("RGB", (64, 64), "red").resize((32, 32)).save(files.outputs["image"], "JPEG")


def compute(request: Any, files: pool.Files, report: pool.Report) -> float:
    """Runs compiled code, linear algebra and a transform."""
    matrix = np.eye(64) * 2
    return float(_summed(np.ones(1000)) + np.linalg.inv(matrix)[0, 0] + abs(np.fft.rfft(np.ones(8))[0]))
