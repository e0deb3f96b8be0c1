"""What a process with a pretend driver does, for the tests to look at.

    python -m tests.unit.analyzer.cuda.scenes SCENE LIBRARY FILM...

FFmpeg and PyAV are the real ones and parse real files; only the pictures are made up by the driver. The kernels are the
real text, run on the processor. For each film, a line of JSON says what was
found, or what ended it.
"""

import collections
import contextlib
import ctypes
import json
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np

from media import errors, source
from services.analyzer import backend, eye, measure
from tests.unit.analyzer.cuda import build

FRAMES_MAX = 70  # of each film that an eye looks at: two batches and the beginning of a third
DRIVER = ctypes.CDLL("libcuda.so.1")


class Device(build.Device):
    """The emulated device as a card that a backend takes: what is ordered is done when somebody waits for it."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(path)
        self._ordered: list[Callable[[], None]] = []

    def launch(self, kernel: str, grid: tuple[int, int, int], *arguments: Any) -> None:
        self._ordered.append(lambda: build.Device.launch(self, kernel, grid, *arguments))

    def copy(self, target: np.ndarray, source: np.ndarray) -> None:
        self._ordered.append(lambda: build.Device.copy(self, target, source))

    def download(self, array: np.ndarray) -> np.ndarray:
        while self._ordered:
            self._ordered.pop(0)()
        return super().download(array)

    def facts(self) -> dict[str, Any]:
        return {"name": "Pretended", "driver": 13000, "compute": "9.0", "memory_bytes": 1 << 30}


class Forgetful:
    """What a frame says, without the frame: its memory goes back to the decoder at once."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self.width, self.height, self.color_range = frame.width, frame.height, frame.color_range
        self.pts, self.duration = frame.pts, frame.duration
        self.format, self.sw_format = frame.format, frame.sw_format
        Plane = collections.namedtuple("Plane", ("buffer_ptr", "line_size"))
        self.planes = [Plane(plane.buffer_ptr, plane.line_size) for plane in frame.planes]

    def reformat(self, format: str) -> av.VideoFrame:
        """What is left of it on the processor: nothing that was decoded."""
        return av.VideoFrame(self.width, self.height, format)


@contextlib.contextmanager
def opened(path: str, library: str) -> Iterator[tuple[source.Source, backend.Card]]:
    """A source whose pictures come from the pretend decoder."""
    card = backend.Card(Device(pathlib.Path(library)))
    with open(path, "rb") as file, source.open_source(file, accelerator=card.accelerator()) as one:
        yield one, card
        one.device = None  # its memory is given back


def decode(path: str, library: str) -> dict[str, Any]:
    """What the frames say about themselves, on the device and in software."""
    sides = {}
    with opened(path, library) as (one, _):
        sides["device"] = [_facts(frame) for frame in one.frames(one.video)]
        sides["sample"] = [one.sample.rotation, one.sample.format.name]
    with open(path, "rb") as file, source.open_source(file) as one:
        sides["processor"] = [_facts(frame) for frame in one.frames(one.video)]
    return sides | _counts()


def _facts(frame: av.VideoFrame) -> list[Any]:
    return [frame.pts, frame.duration, frame.color_range, frame.interlaced_frame, frame.key_frame]


def _counts() -> dict[str, int]:
    names = ("live", "peak", "copies_to_host", "copies_off_default_stream")
    return {name: getattr(DRIVER, f"pretend_{name}")() for name in names}


def look(path: str, library: str, take: Callable[[av.VideoFrame], Any] = lambda frame: frame) -> dict[str, Any]:
    """Whether the eye on the device sees in every frame what the processor sees in the same pictures."""
    expected: list[eye.Seen] = []
    seen: list[eye.Seen] = []
    with opened(path, library) as (one, card):
        there, here = card.eye(one), eye.Processor()
        for index, frame in enumerate(one.frames(one.video, FRAMES_MAX)):
            expected += here.add(_software(frame, one.video), float(index))
            seen += there.add(take(frame), float(index))
        del frame
        seen += there.finish()
    wrong = [k for k, pair in enumerate(zip(expected, seen, strict=True)) if not backend.same(*pair)]
    moved = sum(int(np.abs(item.blocks.moves).sum() > 0) for item in seen if item.blocks is not None)
    return {"frames": len(seen), "wrong": wrong, "batches": card.device.followed, "moved": moved, **_counts()}


def _software(frame: av.VideoFrame, video: av.video.stream.VideoStream) -> av.VideoFrame:
    """A frame of the device with the same samples in the format that software decodes to."""
    context = video.codec_context
    layout = eye.layout_of(context)
    made = av.VideoFrame(context.width, context.height, context.format.name)
    made.color_range, made.pts, made.duration = frame.color_range, frame.pts, frame.duration
    luma, chroma = (_samples(plane, layout.wide, layout.unused) for plane in frame.planes)
    for plane, samples in zip(made.planes, (luma, chroma[:, ::2], chroma[:, 1::2]), strict=True):
        padded = np.zeros((plane.height, plane.line_size // samples.itemsize), samples.dtype)
        padded[:, : plane.width] = samples[: plane.height, : plane.width]
        plane.update(padded)
    return made


def _samples(plane: av.video.plane.VideoPlane, wide: bool, unused: int) -> np.ndarray:
    height = plane.buffer_size // plane.line_size
    memory = (ctypes.c_char * (height * plane.line_size)).from_address(plane.buffer_ptr)
    return np.frombuffer(memory, np.uint16 if wide else np.uint8).reshape(height, -1) >> unused


def forget(path: str, library: str) -> dict[str, Any]:
    """The same with frames that nobody holds."""
    return look(path, library, Forgetful)


def analyze(path: str, library: str) -> dict[str, Any]:
    """The whole pass on the device."""
    backend.adopt(Device(pathlib.Path(library)))
    with open(path, "rb") as file:
        files = measure.pool.Files({"source": file}, {})
        value, arrays = measure.run({"backend": "cuda"}, files, lambda report: None)
        plain, _ = measure.run({}, files, lambda report: None)
    names = ("media", "video", "duration_s", "speech", "loudness")
    return {"different": [name for name in names if value[name] != plain[name]], "arrays": sorted(arrays)} | _counts()


def open_pretended() -> None:
    """Opens the emulated device in a child of a pool, where `backend.open_card` would open a card."""
    library = ctypes.CDLL("libnvcuvid.so.1")
    device = Device(pathlib.Path(os.environ["CUDA_PRETEND_KERNELS"]))
    backend.rehearse(device)
    backend.adopt(device, DRIVER, library)
    if not backend.decodes("h264", backend.Card(device)):
        raise errors.WorkerLost("the device decodes no H.264", reason="DEVICE_FAILED")


def trial(name: str, library: str) -> dict[str, Any]:
    """Whether the device decodes a trial film."""
    return {"decodes": backend.decodes(name, backend.Card(Device(pathlib.Path(library))))}


SCENES = {"decode": decode, "look": look, "forget": forget, "analyze": analyze, "trial": trial}


def main(scene: str, library: str, *films: str) -> None:
    """Prints what a scene found in each film."""
    for film in films:
        try:
            found = SCENES[scene](film, library)
        except errors.MediaError as error:
            found = {"error": [type(error).__name__, error.reason]}
        print("found", json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
