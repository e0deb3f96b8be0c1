"""Finished files are sent whole, from any place on, and nothing else is."""

import os
import pathlib

import pytest

from chassis import errors
from gateway import downloads
from media import artifacts, sessions
from media import errors as media_errors

CONTENT = os.urandom(3 * downloads.PIECE_BYTES + 17)


@pytest.fixture
def store(tmp_path: pathlib.Path) -> sessions.Sessions:
    """Sessions in a folder of their own."""
    return sessions.Sessions(tmp_path)


@pytest.fixture
def session(store: sessions.Sessions) -> sessions.Session:
    """A session."""
    return store.create()


@pytest.fixture
def clip(session: sessions.Session) -> artifacts.Artifact:
    """A committed clip."""
    return session.write_bytes("final_output/clip-01.mp4", CONTENT)


@pytest.mark.parametrize("offset", [0, 1, downloads.PIECE_BYTES, len(CONTENT) - 1, len(CONTENT)])
async def test_file_comes_from_any_place_on(
    store: sessions.Sessions, session: sessions.Session, clip: artifacts.Artifact, offset: int
) -> None:
    """The pieces follow each other without a gap and are what the file has from there on."""
    found = [item async for item in downloads.pieces(store, session.id, clip, offset)]
    places = [offset]
    for _, data in found:
        places.append(places[-1] + len(data))
    assert (CONTENT[offset:], places[:-1]) == (b"".join(data for _, data in found), [place for place, _ in found])
    assert all(len(data) <= downloads.PIECE_BYTES for _, data in found)


async def test_empty_file_is_one_empty_piece(store: sessions.Sessions, session: sessions.Session) -> None:
    """There is an answer also where there are no bytes."""
    empty = session.write_bytes("logs/run.log", b"")
    assert [(0, b"")] == [item async for item in downloads.pieces(store, session.id, empty, 0)]


@pytest.mark.parametrize("offset", [-1, len(CONTENT) + 1])
async def test_place_outside_of_the_file_is_refused(
    store: sessions.Sessions, session: sessions.Session, clip: artifacts.Artifact, offset: int
) -> None:
    """A place behind the end is out of range, with the size to correct it."""
    with pytest.raises(errors.OutOfRange) as caught:
        await anext(downloads.pieces(store, session.id, clip, offset))
    assert str(len(CONTENT)) == caught.value.metadata["size_bytes"]


async def test_file_that_is_not_what_was_committed_is_an_error(
    store: sessions.Sessions, session: sessions.Session, clip: artifacts.Artifact
) -> None:
    """A file of another size is not sent as if it were the committed one."""
    session.write_bytes(clip.path, CONTENT[:-1])
    with pytest.raises(errors.DataLoss):
        await anext(downloads.pieces(store, session.id, clip, 0))


async def test_link_that_leads_out_is_refused(
    store: sessions.Sessions, session: sessions.Session, clip: artifacts.Artifact, tmp_path: pathlib.Path
) -> None:
    """A link in place of a file is not followed, even where the job lists its name."""
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    path = session.root / clip.path
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(errors.PermissionDenied):
        await anext(downloads.pieces(store, session.id, clip, 0))
    assert CONTENT == path.read_bytes()  # the control: plain opening follows it


async def test_missing_file_is_not_found(store: sessions.Sessions, clip: artifacts.Artifact) -> None:
    """A session or a file that is gone is not found."""
    with pytest.raises(media_errors.NotThere):
        await anext(downloads.pieces(store, "0" * 32, clip, 0))


async def test_download_that_is_left_closes_the_file(
    store: sessions.Sessions, session: sessions.Session, clip: artifacts.Artifact
) -> None:
    """A caller that goes away leaves no file open."""
    before = len(os.listdir("/proc/self/fd"))
    stream = downloads.pieces(store, session.id, clip, 0)
    await anext(stream)
    await stream.aclose()
    assert before == len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "..", "a\\..\\b", "a\0b"])
def test_name_that_leads_out_is_refused(path: str) -> None:
    """Names with a way out are refused before anything is looked up."""
    with pytest.raises(errors.PermissionDenied):
        downloads.refuse_way_out(path)
