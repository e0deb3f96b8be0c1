"""Names that a caller slips in, told at submission as far as anybody knows them."""

import dataclasses
import pathlib

import grpc
import pytest
from reelsmith.jobs.v1 import jobs_pb2 as pb

from services.jobs import names
from services.jobs import spec as specs
from tests.unit.jobs import test_service

KNOWN = {"genre": {"talk", "gaming", "sport"}, "preset": {"default", "tiktok", "reels"}}


@dataclasses.dataclass
class Remembered:
    """Knows what it is given, and counts how often it is asked."""

    known: dict[str, set[str] | None]
    asked: list[str] = dataclasses.field(default_factory=list)

    async def genres(self) -> set[str] | None:
        """See `names.Directory`."""
        self.asked.append("genre")
        return self.known["genre"]

    async def presets(self) -> set[str] | None:
        """See `names.Directory`."""
        self.asked.append("preset")
        return self.known["preset"]


def wanted(**changes: str) -> specs.Spec:
    """A specification with some names."""
    return specs.Spec("file:///talk.mp4", **changes)


@pytest.mark.parametrize(("field", "name", "told"), [
    ("genre", "tallk", "there is no genre 'tallk': did you mean talk?"),
    ("genre", "zzz", "there is no genre 'zzz'; there are gaming, sport, talk"),
    ("preset", "titkok", "there is no preset 'titkok': did you mean tiktok?"),
])  # fmt: skip
async def test_unknown_name_is_told_with_the_nearest(field: str, name: str, told: str) -> None:
    """Else with all that there are."""
    assert [(field, told)] == await names.Names(Remembered(KNOWN)).violations(wanted(**{field: name}))


async def test_known_names_are_asked_for_once() -> None:
    """The default and `auto` never; a name that nobody knew is asked for again, for it may be new."""
    directory = Remembered({**KNOWN})
    checked = names.Names(directory)
    for spec in (wanted(), wanted(genre="auto", preset="default"), wanted(genre="talk"), wanted(genre="sport")):
        assert not await checked.violations(spec)
    assert ["genre"] == directory.asked
    assert await checked.violations(wanted(genre="news"))
    directory.known["genre"] = {*KNOWN["genre"], "news"}
    assert not await checked.violations(wanted(genre="news"))


async def test_what_nobody_can_say_is_accepted() -> None:
    """Where no exporter and no configuration answers, the step that needs the name checks it."""
    directory = Remembered({"genre": None, "preset": None})
    assert not await names.Names(directory).violations(wanted(genre="tallk", preset="titkok"))
    assert ["genre", "preset"] == directory.asked


async def test_submission_with_a_slip_is_refused(tmp_path: pathlib.Path) -> None:
    """Of a batch too, with the place of the slip; nothing of it is accepted. Without the check it is."""
    async with test_service.serving(tmp_path / "checked", known=names.Names(Remembered(KNOWN))) as desk:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await desk.submit(preset="titkok")
        assert grpc.StatusCode.INVALID_ARGUMENT is failure.value.code()
        assert "did you mean tiktok?" in failure.value.details()
        requests = [
            pb.SubmitJobRequest(spec=pb.JobSpec(source_uri="file:///films/talk.mp4", genre=genre))
            for genre in ("talk", "tallk")
        ]
        with pytest.raises(grpc.aio.AioRpcError, match=r"requests\[1\].spec.genre"):
            await desk.stub.SubmitBatch(pb.SubmitBatchRequest(requests=requests))
        assert not (await desk.stub.ListJobs(pb.ListJobsRequest())).jobs
    async with test_service.serving(tmp_path / "unchecked") as desk:
        assert (await desk.submit(preset="titkok")).id
