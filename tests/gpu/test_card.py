"""What only a real graphics card can show. Run all of it, and the benchmark, with `sh tests/gpu/run.sh`."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pytest

from media import errors, pool, source
from services.analyzer import backend, eye, measure, placement, tasks
from tests.unit.analyzer.cuda import parity

pytestmark = pytest.mark.gpu
CASES = 1000
FILMS = {
    "real/bbb_1080p60_2s_h264.mp4": "h264",
    "real/psd_transitions_24s_h264.mp4": "h264",
    "real/full_range_bt709_1s.mp4": "h264",
    "real/bbb_1080p_5s_hevc.ts": "hevc",
    "derived/tos10_hevc_main10_pq_tagged.mp4": "hevc 10 bit",
    "real/bike_ride_30s_vp8.webm": "vp8",
    "derived/tos10_vp9_427x177_odd.webm": "vp9",
    "real/tos_office_17s_av1_1920x800.webm": "av1",
}
FRAMES_MAX = 200
LEAK_MAX_BYTES = 64 << 20  # what pools and caches may still take after the first round
DEVICE_MEMORY = 2  # of cudaMemoryType


@pytest.fixture(params=FILMS)
def film(request: pytest.FixtureRequest, card: backend.Card, media_dir: pathlib.Path) -> pathlib.Path:
    """A film that the card decodes."""
    coding = FILMS[request.param]
    if not backend.decodes(coding, card):
        pytest.skip(f"this card decodes no {coding}")
    return media_dir / request.param


def looked(path: pathlib.Path, backend_: backend.Backend) -> list[eye.Seen]:
    """What a backend sees in the first frames of a film."""
    with path.open("rb") as file, source.open_source(file, threads=2, accelerator=backend_.accelerator()) as opened:
        looking = backend_.eye(opened)
        frames = enumerate(opened.frames(opened.video, FRAMES_MAX))
        seen = [one for index, frame in frames for one in looking.add(frame, float(index))]
        seen += looking.finish()
        opened.device = None
    return seen


def measured(path: pathlib.Path, name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A whole analysis."""
    with path.open("rb") as file:
        value, arrays = measure.run({"backend": name}, pool.Files({"source": file}, {}), lambda report: None)
    return {key: item for key, item in value.items() if key != "timings"}, arrays


def test_kernels_equal_numpy_and_numba_on_random_cases(card: backend.Card) -> None:
    """The same cases as on the processor, on the card itself."""
    held: list[Any] = []

    def place(fence: parity.Fence) -> int:
        held.append(card.device.upload(fence.bytes))
        return card.device.address(held[-1])

    for seed in range(CASES):
        one = parity.case(seed)
        expected = parity.specified(one)
        assert [] == parity.differences(expected, parity.reduced(card.device, one, place)), seed
        assert [] == parity.differences(expected, parity.compiled(one)), seed
        held.clear()


def test_card_sees_what_the_processor_sees(card: backend.Card, film: pathlib.Path) -> None:
    """Hardware and software decode to the same bits, and kernels reduce them to the same bits."""
    expected, seen = looked(film, backend.Processor()), looked(film, card)
    assert len(expected) == len(seen)
    assert [] == [index for index, pair in enumerate(zip(expected, seen, strict=True)) if not backend.same(*pair)]


def test_analysis_is_the_same_on_both(card: backend.Card, film: pathlib.Path) -> None:
    """Every value and every array."""
    (value, arrays), (plain, plain_arrays) = measured(film, "cuda"), measured(film, "cpu")
    assert plain == value
    assert plain_arrays.keys() == arrays.keys()
    for name, array in plain_arrays.items():
        np.testing.assert_array_equal(array, arrays[name], err_msg=name)


def test_frames_stay_on_the_device(card: backend.Card, media_dir: pathlib.Path) -> None:
    """What the kernels are pointed at is memory of the device."""
    import cupy

    path = media_dir / "real/bbb_1080p60_2s_h264.mp4"
    with path.open("rb") as file, source.open_source(file, accelerator=card.accelerator()) as opened:
        for frame in opened.frames(opened.video, FRAMES_MAX):
            surface = eye.surface_of(frame)
            for address in (surface.luma, surface.chroma):
                assert DEVICE_MEMORY == cupy.cuda.runtime.pointerGetAttributes(address).type
        opened.device = None


@pytest.mark.parametrize("name", ["derived/tos30_mpeg4_mp3_25.avi", "derived/tos5_prores422.mov"])
def test_stream_that_is_not_for_the_card_is_said_so(card: backend.Card, media_dir: pathlib.Path, name: str) -> None:
    """The processor takes it then."""
    with pytest.raises(errors.Unsupported) as caught:
        measured(media_dir / name, "cuda")
    assert source.NOT_ON_DEVICE == caught.value.reason


def test_analyses_leave_no_memory_behind(card: backend.Card, media_dir: pathlib.Path) -> None:
    """The free memory of the card after ten analyses is that after the first."""
    import cupy

    path, free_bytes = media_dir / "real/bbb_1080p60_2s_h264.mp4", []
    for _ in range(10):
        looked(path, card)
        cupy.cuda.runtime.deviceSynchronize()
        free_bytes.append(cupy.cuda.runtime.memGetInfo()[0])
    assert free_bytes[0] - free_bytes[-1] <= LEAK_MAX_BYTES


async def test_card_is_used_in_its_box(card: backend.Card, media_dir: pathlib.Path) -> None:
    """The driver works behind the weaker box: the analysis is that of the processor, and nothing fell back."""
    plain = pool.PoolSettings(workers=1, preload=tasks.PRELOAD)
    carded = dataclasses.replace(plain, preload=tasks.CARD_PRELOAD, opening=tasks.CARD_OPENING)
    path = media_dir / "real/bbb_1080p60_2s_h264.mp4"
    async with pool.Pool(plain) as processor, placement.Placement(processor, carded, "cuda") as where:
        assert "cuda" == where.status.backend, where.status.detail
        with path.open("rb") as file:
            found = await where.run(tasks.MEASURE, {}, pictures=True, inputs={"source": file})
        assert "cuda" == where.status.backend, where.status.detail
        value, arrays = measured(path, "cpu")
        assert value == {key: item for key, item in found.value.items() if key != "timings"}
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, found.arrays[name], err_msg=name)
