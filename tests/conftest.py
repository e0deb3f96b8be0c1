"""Fixtures that every test may use: the test videos, and tools that may be missing."""

import importlib.util
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import NoReturn

import hypothesis
import pytest

from tests import suites

# How long an example takes says nothing on a busy machine; `pytest-timeout` ends what hangs.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

# Analyses are made, not remembered, but where a test is about remembering them.
os.environ["REELSMITH_ANALYZER_CACHE_BYTES_MAX"] = "0"

ROOT = pathlib.Path(__file__).resolve().parent.parent
MEDIA_DIR = pathlib.Path(os.environ.get("REELSMITH_TEST_MEDIA", ROOT.parent / "shared" / "media"))
REQUIRE_TOOLS = os.environ.get("REELSMITH_REQUIRE_TOOLS") == "1"


@pytest.fixture(scope="session")
def media_dir() -> pathlib.Path:
    """The folder of real test videos; tests that need it are skipped where it is absent."""
    if not MEDIA_DIR.is_dir():
        pytest.skip(f"no test videos at {MEDIA_DIR} (set REELSMITH_TEST_MEDIA)")
    return MEDIA_DIR


@pytest.fixture(scope="session")
def tool_missing() -> Callable[[str], NoReturn]:
    """Skips for want of a tool; with REELSMITH_REQUIRE_TOOLS=1 it fails the test."""

    def give_up(message: str) -> NoReturn:
        if REQUIRE_TOOLS:
            pytest.fail(f"{message} and REELSMITH_REQUIRE_TOOLS=1")
        pytest.skip(message)

    return give_up


@pytest.fixture(scope="session")
def require_tool(tool_missing: Callable[[str], NoReturn]) -> Callable[[str], str]:
    """Finds a program, or skips; with REELSMITH_REQUIRE_TOOLS=1 a missing program fails the test."""

    def find(name: str) -> str:
        return (
            os.environ.get(f"REELSMITH_{name.upper()}")
            or shutil.which(name)
            or tool_missing(f"{name} is not installed")
        )

    return find


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[suites.Suite]:
    """One suite for all tests that leave it whole."""
    with suites.running(tmp_path_factory.mktemp("suite")) as suite:
        yield suite


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory, tool_missing: Callable[[str], NoReturn]) -> pathlib.Path:
    """A folder with a model of speech recognition, `tiny`, which hears the same German words in any sound."""
    if importlib.util.find_spec("faster_whisper") is None:
        tool_missing("reelsmith[asr] is not installed")
    from tests import tiny_whisper  # needs the engine

    folder = tmp_path_factory.mktemp("models")
    tiny_whisper.write(folder / "tiny", [(0.4, " Guten Tag.", 1.6), (2.4, " Die Rakete startet!", 4.0)], "de")
    return folder
