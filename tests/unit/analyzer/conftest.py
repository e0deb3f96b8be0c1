"""Made-up films for the tests of the analyzer."""

import pathlib
from collections.abc import Callable, Sequence

import av
import numpy as np
import pytest

from services.analyzer.kernels import pairs
from services.analyzer.shots import scanner

SIZE = (72, 128)


def scene(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A still picture with structure, (rows, columns) float."""
    noise = np.random.default_rng(seed)
    coarse = noise.uniform(20, 230, (size[0] // 5 + 1, size[1] // 5 + 1))
    return np.kron(coarse, np.ones((5, 5)))[: size[0], : size[1]]


def reduced(luma: np.ndarray, tint: int = 128) -> pairs.Picture:
    """A frame in cells with one colour."""
    chroma = np.full((2, luma.shape[0] // 2, luma.shape[1] // 2), tint, np.uint8)
    return pairs.picture(np.ascontiguousarray(np.clip(luma, 0, 255).astype(np.uint8)), chroma)


def borders(frames: Sequence[pairs.Picture], *, core: int = scanner.CORE, rate: float = 25.0) -> list[tuple]:
    """Kind, frame, first and last frame of each border that is found."""
    scan, last = scanner.Scanner(core), None
    for index, frame in enumerate(frames):
        scan.add(frame, index / rate, pairs.compare(pairs.match(last, frame)) if last is not None else None)
        last = frame
    return [(item.kind, item.frame, item.start_frame, item.end_frame) for item, _ in scan.finish()]


@pytest.fixture
def write_film(tmp_path: pathlib.Path) -> Callable[..., pathlib.Path]:
    """Writes pictures and, where given, mono sound as a film."""

    def write(
        pictures: Sequence[np.ndarray], rate: int = 25, sound: np.ndarray | None = None, **options
    ) -> pathlib.Path:
        path = tmp_path / f"film-{len(list(tmp_path.iterdir()))}.mkv"
        with av.open(str(path), "w") as sink:
            height, width = pictures[0].shape
            video = sink.add_stream("mpeg4", rate=rate, width=width, height=height, pix_fmt="yuv420p", **options)
            video.bit_rate = 4_000_000
            audio = sink.add_stream("flac", rate=48_000, layout="mono") if sound is not None else None
            for picture in pictures:
                gray = np.full((height * 3 // 2, width), 128, np.uint8)
                gray[:height] = np.clip(picture, 0, 255).astype(np.uint8)
                sink.mux(video.encode(av.VideoFrame.from_ndarray(gray, format="yuv420p")))
            sink.mux(video.encode())
            if audio is not None:
                samples = (np.clip(sound, -1, 1) * 32767).astype(np.int16)[None, :]
                for start in range(0, samples.shape[1], 4096):
                    part = np.ascontiguousarray(samples[:, start : start + 4096])
                    frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
                    frame.sample_rate, frame.pts = 48_000, start
                    sink.mux(audio.encode(frame))
                sink.mux(audio.encode())
        return path

    return write
