"""Who measures what, and what happens when the card fails: real pools, real boxes and real files, a pretend driver."""

import dataclasses
import pathlib
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import pytest_asyncio

from media import pool
from services.analyzer import placement, tasks

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCENES = "tests.unit.analyzer.cuda.scenes"
PLAIN = pool.PoolSettings(workers=1, preload=tasks.PRELOAD)
CARDED = dataclasses.replace(PLAIN, preload=(*tasks.PRELOAD, SCENES), opening=f"{SCENES}:open_pretended")
FILM, UNFIT = "real/face_rot90_1s_h264.mov", "derived/tos5_prores422.mov"
# What a box with a device lacks, beside the rest that each system may lack.
WEAKER = "empty-root"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def processor() -> AsyncIterator[pool.Pool]:
    """The pool without a device, which the tests leave whole."""
    async with pool.Pool(PLAIN) as workers:
        yield workers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain(processor: pool.Pool, media_dir: pathlib.Path) -> dict[str, pool.Result]:
    """What the processor finds in each film."""
    found = {}
    for name in (FILM, UNFIT):
        with (media_dir / name).open("rb") as file:
            found[name] = await processor.run(tasks.MEASURE, {}, inputs={"source": file})
    return found


@pytest.fixture
def pretended(driver: dict[str, str], kernels: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has children find the pretend driver; variables tell it how to behave."""

    def tell(**told: str) -> None:
        for name, value in {"CUDA_PRETEND_KERNELS": str(kernels), **told}.items():
            monkeypatch.setenv(name, value)

    monkeypatch.setenv("LD_LIBRARY_PATH", driver["LD_LIBRARY_PATH"])
    monkeypatch.setattr(placement, "installed", lambda: True)
    tell()
    return tell


async def measured(where: placement.Placement, path: pathlib.Path) -> pool.Result:
    """An analysis of pictures."""
    with path.open("rb") as file:
        return await where.run(tasks.MEASURE, {}, pictures=True, inputs={"source": file})


def same(one: pool.Result, other: pool.Result) -> bool:
    """Whether two analyses found the same."""
    values = [{name: value for name, value in result.value.items() if name != "timings"} for result in (one, other)]
    arrays = one.arrays.keys() == other.arrays.keys() and all(
        np.array_equal(array, other.arrays[name], equal_nan=True) for name, array in one.arrays.items()
    )
    return values[0] == values[1] and arrays


async def test_card_measures_what_it_can_and_the_processor_the_rest(
    pretended, processor: pool.Pool, plain: dict[str, pool.Result], media_dir: pathlib.Path
) -> None:
    """In a box of its own, which says what is weaker."""
    async with placement.Placement(processor, CARDED, "cuda") as where:
        assert ("cuda", ("Pretended",)) == (where.status.backend, where.status.devices)
        assert {"h264", "hevc", "vp9"} <= set(where.status.decoders)
        assert not same(
            plain[FILM], await measured(where, media_dir / FILM)
        )  # the pretend driver makes up its pictures
        assert same(plain[UNFIT], await measured(where, media_dir / UNFIT))
        assert "cuda" == where.status.backend
        assert f"cuda:{WEAKER}" in {one.name for one in where.protections() if not one.active}
        assert 2 == len(where.pools)


async def test_failing_card_is_left_alone_and_tried_again(
    pretended,
    processor: pool.Pool,
    plain: dict[str, pool.Result],
    media_dir: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The analysis ends well on the processor, the status says why, and a card that works again is used again."""
    pretended(CUDA_PRETEND_FAIL_AT="10")  # trial films are shorter
    async with placement.Placement(processor, CARDED, "cuda") as where:
        assert same(plain[FILM], await measured(where, media_dir / FILM))
        assert "cpu" == where.status.backend
        assert "the device failed" in where.status.detail
        assert same(plain[FILM], await measured(where, media_dir / FILM))  # without a try: the pause is not over
        monkeypatch.setattr(placement, "PAUSE_S", 0.0)
        await where.run(tasks.CARD_PROBE.replace("backend:probe", "probe:run"), {}, pictures=True,
                        inputs={"source": (media_dir / FILM).open("rb")})  # fmt: skip
        assert "cuda" == where.status.backend


async def test_card_without_memory_is_kept(
    pretended, processor: pool.Pool, plain: dict[str, pool.Result], media_dir: pathlib.Path
) -> None:
    """One analysis is too much for it; the next may not be."""
    pretended(CUDA_PRETEND_SURFACES_MAX="12")
    async with placement.Placement(processor, CARDED, "cuda") as where:
        assert same(plain[FILM], await measured(where, media_dir / FILM))
        assert "cuda" == where.status.backend


@pytest.mark.parametrize("missing", ["card", "library"])
async def test_missing_card_is_said_and_nothing_else_changes(
    pretended, processor: pool.Pool, media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Neither a machine without a card nor an installation without CuPy is an error."""
    if missing == "library":
        monkeypatch.setattr(placement, "installed", lambda: False)
    pretended(CUDA_PRETEND_NO_DEVICE="1")
    async with placement.Placement(processor, CARDED, "cuda") as where:
        assert "cpu" == where.status.backend
        assert ("not installed" if missing == "library" else "H.264") in where.status.detail
        assert (await measured(where, media_dir / FILM)).value["video"]


@pytest.mark.parametrize("asked", ["auto", "cpu"])
async def test_card_is_not_touched_unless_asked_for(pretended, processor: pool.Pool, asked: placement.Asked) -> None:
    """A worker with a card stands in a weaker box: only `cuda` takes one."""
    async with placement.Placement(processor, CARDED, asked) as where:
        assert "cpu" == where.status.backend
        assert (processor,) == where.pools
        assert not any(one.name.startswith("cuda:") for one in where.protections())
