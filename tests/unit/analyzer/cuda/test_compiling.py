"""The kernels compile for every kind of card, with the compiler that CuPy uses; no card and no driver is needed.

The compiler comes with `uv sync --group cuda`.
"""

import ctypes
import importlib.metadata
import re
from collections.abc import Callable
from typing import NoReturn

import pytest

from services.analyzer.kernels.cuda import text

PACKAGE = "nvidia-cuda-nvrtc"
# Turing (T4), Ampere (A100, A10), Ada (L4), Hopper (H100, H200), Blackwell (B200, RTX 5090).
ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
REGISTERS_MAX = 64  # four groups of 256 threads then fit into the registers of a multiprocessor
SPILLING = """
KERNEL(256) spilling(const int* in, int* out) {
  int held[64];
  for (int k = 0; k < 64; ++k) held[k] = in[k * 256 + threadIdx.x];
  __syncthreads();
  for (int k = 0; k < 64; ++k) out[threadIdx.x] += held[(k * in[k]) & 63];
}
"""


@pytest.fixture(scope="module")
def compiler(tool_missing: Callable[[str], NoReturn]) -> ctypes.CDLL:
    """NVRTC, or a skip."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        tool_missing(f"{PACKAGE} is not installed (uv sync --group cuda)")
    library = next(file for file in files if re.fullmatch(r"libnvrtc\.so\.\d+", file.name))
    return ctypes.CDLL(str(library.locate()))


def compiled(compiler: ctypes.CDLL, source: str, architecture: int) -> tuple[bool, str]:
    """Whether a source compiles, and what the compiler says."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert 0 == compiler.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
    options = [f"-arch=sm_{architecture}", *text.OPTIONS, "-ftz=true", "--ptxas-options=-v"]  # CuPy adds the third
    words = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    outcome = compiler.nvrtcCompileProgram(program, len(options), words)
    compiler.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    compiler.nvrtcGetProgramLog(program, log)
    compiler.nvrtcDestroyProgram(ctypes.byref(program))
    return outcome == 0, log.value.decode()


def spilled(log: str) -> list[int]:
    """Bytes that each kernel keeps in memory for want of registers, or because it has to index them."""
    return [
        int(stack) + int(stores) for stack, stores in re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill", log)
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_kernels_compile_and_keep_all_in_registers(compiler: ctypes.CDLL, architecture: int) -> None:
    """Every kernel, no spills, and few enough registers."""
    done, log = compiled(compiler, text.whole(), architecture)
    assert done, log
    assert [0] * len(text.KERNELS) == spilled(log)
    registers = [int(count) for count in re.findall(r"Used (\d+) registers", log)]
    assert len(text.KERNELS) == len(registers)
    assert max(registers) <= REGISTERS_MAX


def test_kernel_that_spills_is_noticed(compiler: ctypes.CDLL) -> None:
    """Control: what the check looks for is in the log when it happens."""
    done, log = compiled(compiler, text.definitions() + text.file("common") + SPILLING, ARCHITECTURES[0])
    assert done, log
    assert max(spilled(log)) > 0


def test_text_that_does_not_compile_is_noticed(compiler: ctypes.CDLL) -> None:
    """Control: a name that nobody defines."""
    done, log = compiled(compiler, text.whole().replace("warp_sum(total)", "warp_total(total)"), ARCHITECTURES[0])
    assert not done
    assert "warp_total" in log
