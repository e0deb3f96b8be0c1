"""A large upload over HTTP that breaks off again and again: time beside a plain copy, and memory of the gateway.

Starts a gateway of its own. Size and breaks may be given: `python benchmarks/uploads.py 2048 20` (MiB, breaks).
"""

import asyncio
import hashlib
import os
import pathlib
import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator

import httpx

from chassis import testing

MIB = 1 << 20
SPOKEN = {"Tus-Resumable": "1.0.0"}
BLOCK = os.urandom(MIB)
START_TIMEOUT_S = 120
SAMPLE_S = 0.05


def block(number: int) -> bytes:
    """One MiB of the file, another for each number."""
    return number.to_bytes(8, "big") + BLOCK[8:]


def copied_s(folder: pathlib.Path, size_mib: int) -> float:
    """Seconds to write the same bytes to the same disk, on disk after each MiB as an upload is."""
    start_s = time.monotonic()
    with (folder / "copy").open("wb") as file:
        for number in range(size_mib):
            file.write(block(number))
            file.flush()
            os.fsync(file.fileno())
    (folder / "copy").unlink()
    return time.monotonic() - start_s


def resident_bytes(pid: int) -> int:
    """Memory of a process."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def body(offset: int, size_mib: int) -> Iterator[bytes]:
    """The file from a place on."""
    for number in range(offset // MIB, size_mib):
        yield block(number)[offset - number * MIB :] if number == offset // MIB else block(number)


def send(url: httpx.URL, offset: int, size_mib: int, cut_at: int) -> None:
    """Sends the file from a place on, and drops the connection where it is cut; a place behind the end cuts nothing."""
    size = size_mib * MIB
    with socket.create_connection((url.host, url.port)) as connection:
        head = (
            f"PATCH {url.raw_path.decode()} HTTP/1.1\r\nHost: {url.host}\r\nTus-Resumable: 1.0.0\r\n"
            f"Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n"
            f"Content-Length: {size - offset}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(head.encode())
        for data in body(offset, size_mib):
            if offset + len(data) > cut_at:
                connection.sendall(data[: cut_at - offset])
                return
            connection.sendall(data)
            offset += len(data)
        answer = connection.recv(65536)
        assert b" 204 " in answer.splitlines()[0], answer


async def upload(base: str, size_mib: int, breaks: int) -> tuple[float, str]:
    """Seconds of an upload, and the hash that the gateway found."""
    start_s, size = time.monotonic(), size_mib * MIB
    cuts = sorted(random.Random(1).sample(range(1, size), breaks))
    async with httpx.AsyncClient(base_url=base, timeout=600) as client:
        begun = await client.post("/v1/uploads", headers={**SPOKEN, "Upload-Length": str(size)})
        address = begun.headers["location"]
        url = httpx.URL(base).join(address)
        for cut in [*cuts, size + 1]:
            await asyncio.to_thread(send, url, await stands(client, address), size_mib, cut)
        found = (await client.get(url.path)).json()
    assert found["finished"], found
    return time.monotonic() - start_s, found["sha256"]


async def stands(client: httpx.AsyncClient, address: str) -> int:
    """Where an upload stands."""
    return int((await client.head(address, headers=SPOKEN)).headers["upload-offset"])


async def measured(folder: pathlib.Path, size_mib: int, breaks: int) -> tuple[float, str, int]:
    """Seconds and hash of an upload, and by how many bytes the gateway grew."""
    port, http_port = testing.free_port(), testing.free_port()
    own = {"REELSMITH_GATEWAY_PORT": str(port), "REELSMITH_GATEWAY_HTTP_PORT": str(http_port)}
    shared = {"REELSMITH_DISCOVERY": "static", "REELSMITH_SESSIONS_ROOT": str(folder), "REELSMITH_LOG_LEVEL": "ERROR"}
    environment = {**os.environ, **shared, **own}
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", env=environment)
    try:
        base = f"http://127.0.0.1:{http_port}"
        await testing.wait_until(lambda: answers(http_port), START_TIMEOUT_S, "the gateway")
        await upload(base, 8, 1)  # whatever is loaded once is loaded now
        before = largest = resident_bytes(gateway.pid)
        working = asyncio.create_task(upload(base, size_mib, breaks))
        while not working.done():
            largest = max(largest, resident_bytes(gateway.pid))
            await asyncio.wait({working}, timeout=SAMPLE_S)
        return *working.result(), largest - before
    finally:
        gateway.kill()
        await gateway.wait()


def answers(port: int) -> bool:
    """Whether something listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Prints the figures."""
    size_mib, breaks = (int(text) for text in (sys.argv[1:] or ("2048", "20")))
    digest = hashlib.sha256()
    for number in range(size_mib):
        digest.update(block(number))
    with tempfile.TemporaryDirectory(prefix="reelsmith-uploads-") as name:
        folder = pathlib.Path(name)
        copy_s = copied_s(folder, size_mib)
        upload_s, found, grown = asyncio.run(measured(folder, size_mib, breaks))
    assert digest.hexdigest() == found, "the upload has another hash"
    print(f"{size_mib} MiB over {breaks} broken connections: the hash is that of the file")
    print(f"upload {upload_s:.1f} s, {size_mib / upload_s:.0f} MiB/s; the same bytes written alone {copy_s:.1f} s")
    print(f"memory of the gateway: {grown / MIB:.1f} MiB more at most")


if __name__ == "__main__":
    main()
