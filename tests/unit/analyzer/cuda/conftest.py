"""The kernels' text and a pretend driver, compiled once for all tests here."""

import os
import pathlib
import subprocess

import pytest

from services.analyzer.kernels.cuda import text
from tests.unit.analyzer.cuda import build

DRIVER = pathlib.Path(__file__).with_name("driver")


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory, require_tool) -> pathlib.Path:
    """The library of the product's own text."""
    return build.library(require_tool("g++"), tmp_path_factory.mktemp("product"), {build.PRODUCT: text.body()})


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory, require_tool) -> dict[str, str]:
    """The environment of a process that finds a pretend driver."""
    folder = tmp_path_factory.mktemp("driver")
    for name, file in (("libcuda.so.1", "cuda.c"), ("libnvcuvid.so.1", "nvcuvid.c")):
        command = [require_tool("gcc"), "-O1", "-shared", "-fPIC", "-w", f"-Wl,-soname,{name}"]
        command += ["-o", str(folder / name), str(DRIVER / file)]
        subprocess.run(command, check=True, capture_output=True)
    return {**os.environ, "LD_LIBRARY_PATH": str(folder)}
