"""Uploads go on where they stopped."""

import asyncio
import hashlib
import os
import pathlib

import pytest

from chassis import errors, testing
from gateway import uploads
from media import errors as media_errors
from media import sessions

CONTENT = bytes(range(256)) * 64
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def taken(tmp_path: pathlib.Path) -> uploads.Uploads:
    """Uploads in a folder of their own, of 20,000 bytes at most."""
    return uploads.Uploads(sessions.Uploads(tmp_path, 20_000))


def piece(offset: int, data: bytes = b"", *, finish: bool = False, sha256: str = "") -> uploads.Piece:
    """What one message brings."""
    return uploads.Piece(offset, data, finish, sha256)


async def test_pieces_become_one_source(taken: uploads.Uploads) -> None:
    """All pieces in order are the file, and its hash is known at the end."""
    upload = await taken.start("", "talk.mp4")
    for offset in range(0, len(CONTENT), 4096):
        await taken.take(upload.id, piece(offset, CONTENT[offset : offset + 4096]))
    finished = await taken.take(upload.id, piece(len(CONTENT), finish=True, sha256=SHA256))
    assert sessions.Upload(upload.id, len(CONTENT), True, SHA256) == finished == await taken.get(upload.id)


async def test_upload_goes_on_where_it_stands(taken: uploads.Uploads) -> None:
    """Whoever lost the connection asks where the upload stands and goes on from there."""
    upload = await taken.start("", "")
    await taken.take(upload.id, piece(0, CONTENT[:100]))
    again = await taken.start(upload.id, "")
    assert 100 == again.size_bytes
    finished = await taken.take(upload.id, piece(100, CONTENT[100:], finish=True))
    assert SHA256 == finished.sha256


@pytest.mark.parametrize(
    "wrong", [piece(0, b"abc"), piece(99, b"abc"), piece(101, b"abc"), piece(101, finish=True), piece(-1, b"a")]
)
async def test_piece_for_another_place_is_refused(taken: uploads.Uploads, wrong: uploads.Piece) -> None:
    """A piece that would leave a hole or write twice is refused with the place where the upload stands."""
    upload = await taken.start("", "")
    await taken.take(upload.id, piece(0, CONTENT[:100]))
    with pytest.raises(media_errors.Conflict) as caught:
        await taken.take(upload.id, wrong)
    assert ("100", 100) == (caught.value.metadata["offset"], (await taken.get(upload.id)).size_bytes)


async def test_last_piece_may_come_twice(taken: uploads.Uploads) -> None:
    """A finish that is repeated gives the same answer."""
    upload = await taken.start("", "")
    first = await taken.take(upload.id, piece(0, CONTENT, finish=True, sha256=SHA256))
    assert first == await taken.take(upload.id, piece(len(CONTENT), finish=True, sha256=SHA256))


async def test_wrong_hash_is_found(taken: uploads.Uploads) -> None:
    """A source that does not hash to what was said is not finished."""
    upload = await taken.start("", "")
    with pytest.raises(media_errors.Refused) as caught:
        await taken.take(upload.id, piece(0, CONTENT, finish=True, sha256="0" * 64))
    assert ("CHECKSUM_MISMATCH", False) == (caught.value.reason, (await taken.get(upload.id)).finished)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (piece(0, b"x" * (uploads.PIECE_BYTES_MAX + 1)), "data"),
        (piece(0, b"x", sha256="A" * 64), "sha256"),
        (piece(0, b"x", sha256="0" * 64 + "\n"), "sha256"),
    ],
)
async def test_piece_against_the_api_is_refused(taken: uploads.Uploads, wrong: uploads.Piece, field: str) -> None:
    """Pieces are bounded, and hashes are hashes."""
    upload = await taken.start("", "")
    with pytest.raises(errors.InvalidArgument) as caught:
        await taken.take(upload.id, wrong)
    assert field == caught.value.fields[0].name


async def test_source_that_is_too_large_is_refused(taken: uploads.Uploads) -> None:
    """The limit holds whatever the size of the pieces."""
    upload = await taken.start("", "")
    await taken.take(upload.id, piece(0, b"x" * 15_000))
    with pytest.raises(media_errors.Refused):
        await taken.take(upload.id, piece(15_000, b"x" * 15_000))


async def test_name_is_bounded(taken: uploads.Uploads) -> None:
    """A file name is short."""
    with pytest.raises(errors.InvalidArgument):
        await taken.start("", "x" * 256)


@pytest.mark.parametrize("upload_id", ["../x", "0" * 31, "Z" * 32, "/" * 32])
async def test_identifier_that_is_none_is_refused(taken: uploads.Uploads, upload_id: str) -> None:
    """An upload has an identifier, not a path."""
    with pytest.raises(media_errors.PathRefused):
        await taken.get(upload_id)


async def test_unknown_upload_is_not_found(taken: uploads.Uploads) -> None:
    """A well-formed identifier of nothing is not found."""
    with pytest.raises(media_errors.NotThere):
        await taken.start("0" * 32, "")


async def test_two_streams_on_one_upload_write_each_byte_once(taken: uploads.Uploads) -> None:
    """Of two pieces for one place exactly one is taken, however close they come."""
    upload = await taken.start("", "")
    for offset in range(0, 10_000, 1000):
        outcomes = await asyncio.gather(
            *(taken.take(upload.id, piece(offset, bytes([mark]) * 1000)) for mark in range(8)), return_exceptions=True
        )
        assert 7 == sum(isinstance(outcome, media_errors.Conflict) for outcome in outcomes)
    assert 10_000 == (await taken.get(upload.id)).size_bytes


async def test_caller_that_leaves_does_not_let_another_in_too_early(tmp_path: pathlib.Path) -> None:
    """The next piece waits until the write of a cancelled one has ended."""
    gate, store = asyncio.Event(), sessions.Uploads(tmp_path)
    taken, order, loop = uploads.Uploads(store), [], asyncio.get_running_loop()
    upload = await taken.start("", "")
    append = store.append

    def slow(upload_id: str, offset: int, chunk: bytes) -> sessions.Upload:
        order.append(f"begin {chunk.decode()}")
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(5)
        result = append(upload_id, offset, chunk)
        order.append(f"end {chunk.decode()}")
        return result

    store.append = slow
    first = asyncio.create_task(taken.take(upload.id, piece(0, b"a")))
    await asyncio.sleep(0.05)
    first.cancel()
    second = asyncio.create_task(taken.take(upload.id, piece(1, b"b")))
    await asyncio.sleep(0.05)
    gate.set()
    await second
    assert ["begin a", "end a", "begin b", "end b"] == order


async def test_uploads_that_were_left_alone_are_removed(taken: uploads.Uploads, tmp_path: pathlib.Path) -> None:
    """What is not whole goes after its time; what is whole or still comes stays."""
    left, young, whole = [(await taken.start("", "")).id for _ in range(3)]
    await taken.take(whole, piece(0, b"1", finish=True))
    for upload_id, name in ((left, "part"), (whole, "source")):
        os.utime(tmp_path / "uploads" / upload_id / name, (1, 1))
    async with taken.swept(3600):
        await testing.wait_until(lambda: not (tmp_path / "uploads" / left).exists(), 60, "the sweep")
    assert (young, whole) == ((await taken.get(young)).id, (await taken.get(whole)).id)


async def test_deleted_upload_takes_nothing(taken: uploads.Uploads) -> None:
    """It is gone for whoever still sends it, and deleting it again says so."""
    upload = await taken.start("", "")
    await taken.delete(upload.id)
    with pytest.raises(media_errors.NotThere):
        await taken.take(upload.id, piece(0, b"1"))
    with pytest.raises(media_errors.NotThere):
        await taken.delete(upload.id)
