"""The Python client goes on where a stream broke, and believes no file that it has not hashed."""

import asyncio
import pathlib
import re

import pytest
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from chassis import errors
from client import gateway


async def test_watch_ends_with_the_job(fake, serve, finished, steps):
    """Every event comes once, in order, and the last one says that the job has ended."""
    async with serve(fake(finished, steps=steps)) as address, gateway.connect(address) as suite:
        seen = [event async for event in suite.watch(finished.id)]
    assert [1, 2, 3] == [event.sequence for event in seen]
    assert jobs.Job.STATE_SUCCEEDED == seen[-1].job.state


async def test_broken_watch_goes_on_after_the_last_event(fake, serve, finished, steps):
    """A watch that breaks asks for what it has not seen, and gives nothing twice."""
    player = fake(finished, steps=steps, break_watch_after=1)
    async with serve(player) as address, gateway.connect(address) as suite:
        seen = [event.sequence async for event in suite.watch(finished.id)]
    assert [1, 2, 3] == seen
    assert [0, 1] == [request.after_sequence for request in player.requests][-2:]


async def test_watch_goes_on_with_a_fresh_token(fake, serve, finished, steps):
    """A stream that ended with its token is opened again; one that is refused at the door is not."""
    player = fake(finished, steps=steps, break_watch_after=1, break_watch_with=gateway.ENDED_EARLY)
    async with serve(player) as address, gateway.connect(address) as suite:
        assert [1, 2, 3] == [event.sequence async for event in suite.watch(finished.id)]
    player = fake(finished, steps=steps, break_watch_after=0, break_watch_with="TOKEN_EXPIRED")
    async with serve(player) as address, gateway.connect(address) as suite:
        with pytest.raises(errors.Unauthenticated):
            [event async for event in suite.watch(finished.id)]


async def test_watch_of_a_dead_gateway_gives_up(fake, serve, finished, monkeypatch):
    """Where nothing moves for too long, the error comes out."""
    monkeypatch.setattr(gateway, "PATIENCE_S", 0.5)
    async with serve(fake(finished)) as address:
        pass
    async with gateway.connect(address) as suite:
        with pytest.raises(errors.Error):
            [event async for event in suite.watch(finished.id)]


async def test_broken_download_goes_on_where_it_stopped(fake, serve, finished, files, tmp_path):
    """No byte is fetched twice, and the file is whole."""
    player = fake(finished, files, break_download_at=3000)
    target = tmp_path / "deep" / "clip.mp4"
    async with serve(player) as address, gateway.connect(address) as suite:
        await suite.download(finished.id, finished.clips[0].video, target)
    assert files["final_output/clip-01.mp4"] == target.read_bytes()
    assert [0, 3000] == [request.offset for request in player.requests]


async def test_file_with_another_hash_does_not_appear(fake, serve, finished, files, tmp_path):
    """What is not what was promised is refused, and nothing is left of it."""
    wrong = media.Artifact(path="metadata/report.html", size_bytes=13, sha256="0" * 64)
    async with serve(fake(finished, files)) as address, gateway.connect(address) as suite:
        with pytest.raises(errors.DataLoss, match="arrived with SHA-256"):
            await suite.download(finished.id, wrong, tmp_path / "report.html")
    assert [] == list(tmp_path.iterdir())


async def test_upload_gives_the_source_of_a_job(fake, serve, finished, video):
    """A source is sent, checked and named."""
    player, told = fake(finished), []
    async with serve(player) as address, gateway.connect(address) as suite:
        uri = await suite.upload(video, lambda done, total: told.append((done, total)))
    assert ("upload:abc", video.read_bytes()) == (uri, player.uploaded)
    assert (video.stat().st_size, video.stat().st_size) == told[-1]


async def test_broken_upload_goes_on_where_it_stopped(fake, serve, finished, video):
    """Bytes that have arrived are not sent again: the fake takes each offset once."""
    player = fake(finished, break_upload_at=300_000)
    async with serve(player) as address, gateway.connect(address) as suite:
        assert "upload:abc" == await suite.upload(video)
    assert video.read_bytes() == player.uploaded


async def test_empty_source_is_sent(fake, serve, finished, tmp_path):
    """An empty file is a source like another; that it is no video is the suite's to say."""
    (tmp_path / "empty.mp4").touch()
    async with serve(fake(finished)) as address, gateway.connect(address) as suite:
        assert "upload:abc" == await suite.upload(tmp_path / "empty.mp4")


async def test_error_of_the_gateway_has_its_class_and_reason(fake, serve, finished):
    """The client's callers catch our errors, not gRPC's."""
    async with serve(fake(finished, refuse_paths=True)) as address, gateway.connect(address) as suite:
        with pytest.raises(errors.PermissionDenied) as raised:
            await suite.create_clips(jobs.JobSpec(source_uri="file:///x"))
    assert "SOURCE_NOT_ALLOWED" == raised.value.reason


async def test_wrong_address_is_refused():
    """An address without a port is refused with what it should be."""
    with pytest.raises(errors.InvalidArgument, match="host:port"):
        async with gateway.connect("localhost"):
            pass


README = pathlib.Path(gateway.__file__).with_name("README.md")
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=["clips", "render"])
async def test_example_of_the_readme_runs(fake, serve, finished, files, steps, video, monkeypatch, example) -> None:
    """Each example does what it says, copied as it stands."""
    monkeypatch.chdir(video.parent)
    video.rename(video.parent / "talk.mp4")
    player = fake(finished, files, steps=steps)
    async with serve(player) as address:
        text = example.replace("127.0.0.1:50050", address)
        await asyncio.to_thread(exec, compile(text, str(README), "exec"), {"__name__": "__main__"})
    assert player.requests
    if "download" in example:
        assert files["final_output/clip-01.mp4"] == (video.parent / "clips" / "1.mp4").read_bytes()


async def test_small_file_is_read_and_a_large_one_is_not(fake, serve, finished, files) -> None:
    """A file is given as bytes, with its hash checked; what does not belong into memory is refused."""
    clip = finished.clips[0].video
    async with serve(fake(finished, files)) as address, gateway.connect(address) as suite:
        assert files[clip.path] == await suite.read(finished.id, clip)
        with pytest.raises(errors.DataLoss):
            await suite.read(finished.id, media.Artifact(path=clip.path, size_bytes=1, sha256="0" * 64))
        with pytest.raises(errors.OutOfRange):
            await suite.read(finished.id, media.Artifact(path=clip.path, size_bytes=1 << 30))
