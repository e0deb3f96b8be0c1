"""A graphics card that runs the kernels, through CuPy. Importing this needs no card; making a `Cuda` does.

All work is ordered on one stream, which waits for FFmpeg's decoder by an event: the decoder works on the default stream
and does not wait for anybody. A process that has made one must not fork, and one whose card failed must end: the driver
then answers every call with the same error.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import cupy
import numpy as np
from cupy.cuda import compiler, driver, runtime

from media import errors
from services.analyzer.kernels.cuda import text

# A share of the card's memory would depend on what else is there; batches of 8K, twice, need less than this.
MEMORY_MAX_BYTES = 1 << 30
FAULTS = (runtime.CUDARuntimeError, driver.CUDADriverError, compiler.CompileException, OSError)


class Cuda:
    """A card, for the thread that makes it; see `reduction.Device`.

    Args:
        index: Which card, among those that CUDA_VISIBLE_DEVICES leaves.

    Raises:
        errors.WorkerLost: There is none, or it does not work (DEVICE_FAILED).
    """

    def __init__(self, index: int = 0) -> None:
        with _translated():
            cupy.cuda.Device(index).use()
            cupy.get_default_memory_pool().set_limit(size=MEMORY_MAX_BYTES)
            cupy.zeros(1)  # makes its context the one of this thread, which FFmpeg then takes as well
            self._index = index
            self._stream = cupy.cuda.Stream(non_blocking=True)  # else it and the decoder would wait for each other
            self._stream.use()
            module = cupy.RawModule(code=text.whole(), options=text.OPTIONS)
            self._kernels = {name: module.get_function(name) for name in text.KERNELS}

    def facts(self) -> dict[str, Any]:
        """Name, driver, compute capability and memory, as JSON can say them."""
        with _translated():
            properties = runtime.getDeviceProperties(self._index)
            return {
                "name": properties["name"].decode(),
                "driver": runtime.driverGetVersion(),
                "compute": f"{properties['major']}.{properties['minor']}",
                "memory_bytes": int(properties["totalGlobalMem"]),
            }

    def address(self, array: cupy.ndarray) -> int:
        """Where an array lies."""
        return int(array.data.ptr)

    def upload(self, values: np.ndarray) -> cupy.ndarray:
        """See `reduction.Device`."""
        with _translated():
            return cupy.asarray(values)

    def empty(self, shape: tuple[int, ...], dtype: type) -> cupy.ndarray:
        """See `reduction.Device`."""
        with _translated():
            return cupy.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: type) -> cupy.ndarray:
        """See `reduction.Device`."""
        with _translated():
            return cupy.zeros(shape, dtype)

    def copy(self, target: cupy.ndarray, source: cupy.ndarray) -> None:
        """See `reduction.Device`."""
        with _translated():
            target.data.copy_from_device_async(source.data, source.nbytes, self._stream)

    def follow_decoder(self) -> None:
        """See `reduction.Device`."""
        with _translated():
            ordered = cupy.cuda.Event(disable_timing=True)
            ordered.record(cupy.cuda.Stream.null)  # FFmpeg copies its pictures on the default stream
            self._stream.wait_event(ordered)

    def launch(self, kernel: str, grid: tuple[int, int, int], *arguments: Any) -> None:
        """See `reduction.Device`."""
        with _translated():
            self._kernels[kernel](grid, (text.threads(kernel),), arguments)

    def download(self, array: cupy.ndarray) -> np.ndarray:
        """See `reduction.Device`."""
        with _translated():
            return array.get(stream=self._stream)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Says what went wrong in our own words."""
    try:
        yield
    except MemoryError as error:
        raise errors.WorkerLost("the device has no memory left", reason="DEVICE_MEMORY") from error
    except FAULTS as error:
        raise errors.WorkerLost(f"the device failed: {error}"[:500], reason="DEVICE_FAILED") from error
