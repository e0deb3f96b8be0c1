"""Each toxic on each edge of a real suite: nothing hangs, nothing is wrong, everything comes back."""

import contextlib
import pathlib

import pytest

from tests.chaos import edges


@pytest.mark.slow
@pytest.mark.timeout(3600)  # 80 faults; a job has to end for each of sixteen
async def test_no_toxic_on_any_edge_hangs_or_changes_anything(tmp_path: pathlib.Path, media_dir: pathlib.Path) -> None:
    """Calls end in time with the right answer or a word of why there is none; jobs end with the same bytes."""
    film = (media_dir / "real" / "full_range_bt709_1s.mp4").resolve().as_uri()
    async with contextlib.aclosing(edges.matrix(tmp_path, film)) as cells:
        found = [cell async for cell in cells]
    assert [] == [str(cell) for cell in found if cell.faults]
    assert len(edges.EDGES) * len(edges.proxy.Toxic) == len(found)
