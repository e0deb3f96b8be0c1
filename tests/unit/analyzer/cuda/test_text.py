"""The text of the CUDA kernels, run on the processor, is equal to NumPy and Numba; planted faults are noticed."""

import pathlib
import subprocess
import sys

import pytest

from services.analyzer.kernels.cuda import text
from tests.unit.analyzer.cuda import build, faults

ROOT = pathlib.Path(__file__).resolve().parents[4]
FAULT_CASES = 60  # of which the rarest fault shows in several


@pytest.fixture(scope="module")
def outcome():
    """Runs cases on some texts of a library in a process of its own, and gives what was wrong first with each."""

    def run(library: pathlib.Path, cases: int, *names: str) -> dict[str, str]:
        command = [sys.executable, "-m", "tests.unit.analyzer.cuda.parity", str(library), str(cases), *names]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return dict(line.split("\t") for line in done.stdout.splitlines())

    return run


@pytest.mark.parametrize("cases", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_kernels_equal_numpy_and_numba_on_random_cases(outcome, kernels: pathlib.Path, cases: int) -> None:
    """Any size, cell, pitch, depth, content and schedule of threads; reading beyond a plane would end the process."""
    assert {build.PRODUCT: ""} == outcome(kernels, cases, build.PRODUCT)


def test_planted_faults_are_noticed(outcome, require_tool, tmp_path: pathlib.Path) -> None:
    """Each changes one thing in the text; the change that changes nothing is not called a fault."""
    variants = {one.name: faults.planted(one) for one in (*faults.FAULTS, faults.HARMLESS)}
    found = outcome(build.library(require_tool("g++"), tmp_path, variants), FAULT_CASES, *variants)
    assert "" == found.pop(faults.HARMLESS.name)
    assert [] == [name for name, wrong in found.items() if not wrong]
    assert len(faults.FAULTS) == len(found)


def test_text_holds_no_constant_of_the_specification_twice() -> None:
    """The constants are put before the text: a change of the specification reaches every kernel."""
    for name in (*text.CONSTANTS, *text.SIZES):
        assert f"#define {name} " in text.definitions()
        assert f"#define {name} " not in text.body()
