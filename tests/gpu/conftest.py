"""A real graphics card, or a reason why there is none."""

import importlib.util

import pytest

from media import errors
from services.analyzer import backend


@pytest.fixture(scope="session")
def card() -> backend.Card:
    """The card, opened in this process; tests that need it are skipped where there is none."""
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("CuPy is not installed (reelsmith[gpu])")
    try:
        backend.open_card()
    except errors.WorkerLost as error:
        if "not installed" in error.message or "NoDevice" in error.message or "InsufficientDriver" in error.message:
            pytest.skip(f"no graphics card: {error.message}")
        raise
    return backend.of("cuda")
