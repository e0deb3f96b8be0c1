"""A warm pool, shared by the tests that leave it whole."""

import pathlib
from collections.abc import AsyncIterator
from typing import BinaryIO

import pytest
import pytest_asyncio

from media import pool

PRELOAD = ("tests.unit.media.tasks", "tests.unit.media.heavy:warm")


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared_pool() -> AsyncIterator[pool.Pool]:
    """A pool of two workers; its loop is that of the package."""
    async with pool.Pool(pool.PoolSettings(workers=2, preload=PRELOAD)) as workers:
        yield workers


@pytest.fixture
def output(tmp_path: pathlib.Path) -> BinaryIO:
    """An empty file to write and read."""
    with (tmp_path / "output").open("w+b") as file:
        yield file
