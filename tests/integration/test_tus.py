"""Uploads by tus through the HTTP door: what breaks off goes on, and memory stays flat."""

import asyncio
import base64
import datetime
import email.utils
import hashlib
import os
import random
import urllib.parse
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.integration import doors, test_gateway
from tests.integration.test_http import refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPOKEN = {"Tus-Resumable": "1.0.0"}
MIB = 1 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[doors.Door]:
    """One gateway for all tests of this file."""
    async with doors.opened(tmp_path_factory.mktemp("tus")) as door:
        yield door


async def begun(door: doors.Door, length: int) -> str:
    """The address of a new upload."""
    name = base64.b64encode("Vortrag übers Wetter.mp4".encode()).decode()
    headers = {**SPOKEN, "Upload-Length": str(length), "Upload-Metadata": f"filename {name},empty"}
    answer = await door.http.post("/v1/uploads", headers=headers)
    assert (201, "1.0.0") == (answer.status_code, answer.headers["tus-resumable"]), answer.text
    return answer.headers["location"]


async def stands(door: doors.Door, address: str) -> int:
    """Where an upload stands."""
    answer = await door.http.head(address, headers=SPOKEN)
    assert (200, "no-store") == (answer.status_code, answer.headers["cache-control"])
    return int(answer.headers["upload-offset"])


async def sent(door: doors.Door, address: str, offset: int, content: bytes) -> httpx.Response:
    """The answer to one PATCH."""
    headers = {**SPOKEN, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return await door.http.patch(address, headers=headers, content=content)


async def opened(
    door: doors.Door, address: str, offset: int, size: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has sent the head of a PATCH."""
    url = httpx.URL(str(door.http.base_url)).join(address)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"PATCH {url.raw_path.decode()} HTTP/1.1\r\nHost: {url.host}\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: {size}"
    )
    writer.write(f"{head}\r\n\r\n".encode())
    return reader, writer


async def broken(door: doors.Door, address: str, offset: int, content: bytes, cut: int) -> None:
    """Sends a PATCH and drops the connection in the middle of its body."""
    _, writer = await opened(door, address, offset, len(content))
    writer.write(content[:cut])
    await writer.drain()
    writer.transport.abort()


async def test_upload_survives_broken_connections(door: doors.Door) -> None:
    """Twenty connections break at any byte; the upload goes on each time, and its hash is that of the file."""
    content, chance = os.urandom(40 * MIB), random.Random(7)
    address, before = await begun(door, len(content)), test_gateway.resident_bytes(door.process.running.pid)
    for _ in range(20):
        offset = await stands(door, address)
        await broken(door, address, offset, content[offset:], chance.randint(1, MIB + 1))
    while (offset := await stands(door, address)) < len(content):
        answer = await sent(door, address, offset, content[offset:])
        assert 204 == answer.status_code, answer.text
    upload = (await door.http.get(urllib.parse.urlsplit(address).path)).json()
    assert (hashlib.sha256(content).hexdigest(), True) == (upload["sha256"], upload["finished"])
    assert f"upload:{upload['id']}" == upload["sourceUri"]
    grown = test_gateway.resident_bytes(door.process.running.pid) - before
    assert grown < 36 * MIB, "the gateway holds what it should pass on"


async def test_whole_upload_is_one_request(door: doors.Door) -> None:
    """What is sent at once is finished at once; sending it again changes nothing; an empty file is a file."""
    address = await begun(door, 5)
    for _ in range(2):
        answer = await sent(door, address, 0, b"movie")
        assert (answer.status_code, answer.headers.get("upload-offset")) in ((204, "5"), (409, None))
    assert "5" == (await door.http.head(address, headers=SPOKEN)).headers["upload-length"]
    empty = await begun(door, 0)
    assert (await door.http.get(urllib.parse.urlsplit(empty).path)).json()["finished"]


async def test_wrong_offset_and_wrong_words_are_refused(door: doors.Door) -> None:
    """An offset that is not the upload's, another version, type or length are refused as tus says."""
    address = await begun(door, 10)
    assert (409, "ABORTED", "OFFSET_MISMATCH") == refused(await sent(door, address, 3, b"xyz"))
    assert (409, "ABORTED", "OFFSET_MISMATCH") == refused(await sent(door, address, 3, b""))
    assert (413, "INVALID_ARGUMENT", "TOO_LARGE") == refused(await sent(door, address, 0, b"x" * 11))
    old = await door.http.head(address, headers={"Tus-Resumable": "0.2.2"})
    assert (412, "1.0.0") == (old.status_code, old.headers["tus-version"])
    plain = await door.http.patch(address, headers={**SPOKEN, "Upload-Offset": "0"}, content=b"x")
    assert (415, "INVALID_ARGUMENT", "BAD_MEDIA_TYPE") == refused(plain)
    large = await door.http.post("/v1/uploads", headers={**SPOKEN, "Upload-Length": str(doors.UPLOAD_BYTES_MAX + 1)})
    assert (413, "INVALID_ARGUMENT", "TOO_LARGE") == refused(large)
    missing = await sent(door, f"/v1/uploads/{'0' * 32}?length=3", 0, b"abc")
    assert (404, "NOT_FOUND") == refused(missing)[:2]
    told = (await door.http.options("/v1/uploads")).headers
    assert ("1.0.0", str(doors.UPLOAD_BYTES_MAX)) == (told["tus-version"], told["tus-max-size"])


async def test_upload_is_deleted_and_says_when_it_will_be(door: doors.Door) -> None:
    """What is not whole says when it goes; deleted it is gone, for whoever still sends it too; whole ones stay."""
    address = await begun(door, 10)
    answer = await sent(door, address, 0, b"12345")
    left = email.utils.parsedate_to_datetime(answer.headers["upload-expires"]) - datetime.datetime.now(datetime.UTC)
    assert 6 < left / datetime.timedelta(days=1) <= 7
    whole = await begun(door, 1)
    assert "upload-expires" not in (await sent(door, whole, 0, b"1")).headers
    for path in (address, whole):
        gone = await door.http.delete(path, headers=SPOKEN)
        assert (204, "1.0.0") == (gone.status_code, gone.headers["tus-resumable"])
        assert (404, "NOT_FOUND") == refused(await door.http.delete(path, headers=SPOKEN))[:2]
    assert (404, "NOT_FOUND") == refused(await sent(door, address, 5, b"12345"))[:2]
    assert 412 == (await door.http.delete(address, headers={"Tus-Resumable": "0.2.2"})).status_code
    told = (await door.http.options("/v1/uploads")).headers["tus-extension"]
    assert {"creation", "expiration", "termination"} == set(told.split(","))


async def test_vanished_caller_does_not_hold_the_upload(door: doors.Door) -> None:
    """A connection that is open and silent, as one of a phone that lost its network, gives way to the next request."""
    content = os.urandom(3 * MIB)
    address = await begun(door, len(content))
    _, writer = await opened(door, address, 0, len(content))
    writer.write(content[: MIB + 7])
    await writer.drain()
    await asyncio.sleep(1)  # it has been taken, and waits for more
    offset = await stands(door, address)
    assert offset <= MIB + 7  # all of it, unless the machine is very busy
    assert 204 == (await sent(door, address, offset, content[offset:])).status_code
    upload = (await door.http.get(urllib.parse.urlsplit(address).path)).json()
    assert hashlib.sha256(content).hexdigest() == upload["sha256"]
    writer.close()
