"""Compiles the text of the kernels for the processor, and launches it there."""

import ctypes
import itertools
import pathlib
import re
import subprocess
from collections.abc import Mapping
from typing import Any

import numpy as np

from services.analyzer.kernels.cuda import text

OURS = {"KERNEL", "SHARED"}  # the emulator's own
HEADER = pathlib.Path(__file__).with_name("emulator.h")
PRODUCT = "product"  # the text as it is
RUBBISH = 0xA5  # what memory holds that nobody wrote yet
EXPORT = """
extern "C" const char* {name}_{kernel}(const unsigned* grid, unsigned threads, uint64_t seed, void** arguments) {{
  return emulated::launch({name}::{kernel}, grid, threads, seed, arguments);
}}
"""


class KernelFault(AssertionError):
    """The emulator saw something that no kernel may do."""


def unit(variants: Mapping[str, str]) -> str:
    """A C++ unit with some texts of the kernels, each in a namespace of its name."""
    parts = [f'#include "{HEADER}"\n', text.definitions()]
    for name, body in variants.items():
        parts.append(f"namespace {name} {{\n{body}\n}}\n")
        parts += [EXPORT.format(name=name, kernel=kernel) for kernel in text.KERNELS]
        macros = sorted(set(re.findall(r"^#define (\w+)", body, re.MULTILINE)) - OURS)
        parts += [f"#undef {macro}\n" for macro in macros]  # the next text defines them anew
    return "".join(parts)


def library(compiler: str, folder: pathlib.Path, variants: Mapping[str, str]) -> pathlib.Path:
    """Compiles some texts into one shared library."""
    source, target = folder / "kernels.cpp", folder / "kernels.so"
    source.write_text(unit(variants))
    command = [compiler, "-O1", "-std=c++17", "-shared", "-fPIC", "-w", "-o", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return target


class Device:
    """The device of `reduction.Device` that is none: arrays are NumPy's, and kernels run as they are launched.

    Args:
        path: A library made by `library`.
        name: Which of its texts.
        seed: Decides in which order threads run.
    """

    def __init__(self, path: pathlib.Path, name: str = PRODUCT, seed: int = 1) -> None:
        self._library, self._name = ctypes.CDLL(str(path)), name
        self._seeds = itertools.count(seed)
        self.followed = 0  # how often it was told to wait for the decoder

    def upload(self, values: np.ndarray) -> np.ndarray:
        return values.copy()

    def empty(self, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        return np.full(shape, RUBBISH, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        return np.zeros(shape, dtype)

    def address(self, array: np.ndarray) -> int:
        return array.ctypes.data

    def copy(self, target: np.ndarray, source: np.ndarray) -> None:
        target[...] = source

    def follow_decoder(self) -> None:
        self.followed += 1

    def launch(self, kernel: str, grid: tuple[int, int, int], *arguments: Any) -> None:
        function = getattr(self._library, f"{self._name}_{kernel}")
        function.restype = ctypes.c_char_p
        held = [_argument(item) for item in arguments]
        pointers = (ctypes.c_void_p * len(held))(*(ctypes.addressof(item) for item in held))
        size, seed = ctypes.c_uint(text.threads(kernel)), ctypes.c_uint64(next(self._seeds))
        if fault := function((ctypes.c_uint * 3)(*grid), size, seed, pointers):
            raise KernelFault(f"{kernel}: {fault.decode()}")

    def download(self, array: np.ndarray) -> np.ndarray:
        return array.copy()


def _argument(item: Any) -> Any:
    if isinstance(item, np.ndarray):
        if not item.flags.c_contiguous:
            raise ValueError("a kernel reads arrays without gaps")
        return ctypes.c_void_p(item.ctypes.data)
    return ctypes.c_int32(int(item))
