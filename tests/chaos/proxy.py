"""A TCP proxy that spoils a connection in eight ways, and heals it: for each edge between two processes.

The ways are those of toxiproxy, with jitter on its own. None changes a byte: TCP would notice, so what arrives is what
was sent, late, in pieces, in part or not at all.
"""

import asyncio
import contextlib
import dataclasses
import enum
import random
import socket
import struct

from chassis import testing

CHUNK_BYTES = 65_536
LATENCY_S, JITTER_S = 0.2, 0.4  # of each piece: many times what an answer takes
BYTES_PER_S = 20_000  # an answer passes, a film does not
LIMIT_BYTES = 400  # a greeting and a call or two
SLICE_BYTES = 7  # less than the head of a frame
CLOSE_S = 1.0  # for which the other side is not told that one has closed
LINGER = struct.pack("ii", 1, 0)  # makes a close a reset


class Toxic(enum.Enum):
    """What is done to a connection."""

    LATENCY = "every piece comes late"
    JITTER = "some pieces come late"
    BANDWIDTH = "few bytes pass in a second"
    SLOW_CLOSE = "one side is gone, and the other is told late"
    RESET = "connections are reset"
    BLACKHOLE = "nothing passes, nothing is said"
    LIMIT = "connections end after some bytes"
    SLICER = "pieces arrive in splinters"


@dataclasses.dataclass(slots=True, eq=False)
class _Link:
    """One connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    left: int = LIMIT_BYTES
    dead: bool = False  # for ever, as behind a firewall that has forgotten it

    def reset(self) -> None:
        """Ends both sides with a reset."""
        for writer in (self.client, self.server):
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            writer.transport.abort()


class Proxy:
    """Listens until the end of its `async with` block, and passes on to one address.

    Args:
        target: Host and port behind it.
    """

    def __init__(self, target: str, port: int = 0) -> None:
        self.port = port or testing.free_port()
        self._host, _, port_behind = target.rpartition(":")
        self._port_behind = int(port_behind)
        self._toxic: Toxic | None = None
        self._healed = asyncio.Event()
        self._healed.set()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._chance = random.Random(self.port)
        self.passed = 0  # pieces that a toxic touched: one that touched none proves nothing

    @property
    def address(self) -> str:
        """Host and port in front."""
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self._links:
            link.reset()

    def poison(self, toxic: Toxic) -> None:
        """Spoils the connections there are, and all to come."""
        self._toxic, self.passed = toxic, 0
        self._healed.clear()
        for link in self._links:
            link.left = LIMIT_BYTES
            if toxic is Toxic.RESET:
                link.reset()
                self.passed += 1
            elif toxic is Toxic.SLOW_CLOSE:
                link.server.transport.abort()
                self.passed += 1

    def heal(self) -> None:
        """Lets everything pass again; what was held back arrives."""
        self._toxic = None
        self._healed.set()

    def bury(self) -> None:
        """Lets nothing pass on the connections there are, ever; nobody is told."""
        for link in self._links:
            link.dead = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind = await asyncio.open_connection(self._host, self._port_behind)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, behind[1])
        self._links.add(link)
        pumps = (self._pump(link, reader, behind[1]), self._pump(link, behind[0], writer))
        tasks = [asyncio.create_task(pump) for pump in pumps]
        self._tasks.update(tasks)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self._toxic is Toxic.SLOW_CLOSE:
                await asyncio.sleep(CLOSE_S)
        finally:
            for task in tasks:
                task.cancel()
            self._tasks.difference_update(tasks)
            self._links.discard(link)
            link.server.transport.abort()
            link.client.transport.abort()

    async def _pump(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # one side is gone: so is the connection
            while data := await reader.read(CHUNK_BYTES):
                if link.dead:
                    await asyncio.Event().wait()
                if not await self._pass(link, data, writer):
                    return

    async def _pass(self, link: _Link, data: bytes, writer: asyncio.StreamWriter) -> bool:
        """Passes a piece on as the toxic has it; whether the connection goes on."""
        toxic, step = self._toxic, len(data)
        self.passed += toxic is not None
        if toxic is Toxic.LATENCY:
            await asyncio.sleep(LATENCY_S)
        elif toxic is Toxic.JITTER:
            await asyncio.sleep(self._chance.uniform(0, JITTER_S))
        elif toxic is Toxic.BLACKHOLE:
            await self._healed.wait()
        elif toxic is Toxic.RESET:
            link.reset()
            return False
        elif toxic is Toxic.LIMIT:
            data, link.left = data[: link.left], link.left - len(data)
        elif toxic is Toxic.BANDWIDTH:
            step = BYTES_PER_S // 20
        elif toxic is Toxic.SLICER:
            step = SLICE_BYTES
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
            await writer.drain()
            if toxic in (Toxic.BANDWIDTH, Toxic.SLICER) and self._toxic is toxic:
                await asyncio.sleep(0.05 if toxic is Toxic.BANDWIDTH else 0)
        return link.left > 0 if toxic is Toxic.LIMIT else True
