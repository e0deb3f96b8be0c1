"""Fetches a source by HTTP into a session: bounded in time, size and kind, and continued where it broke off."""

import asyncio
import contextlib
import dataclasses
import functools
import os
import random
import re
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO, Protocol

import httpcore

from media import artifacts, errors, sessions
from media.ingest import guard, objects, rules

CONNECT_TIMEOUT_S = 10.0  # a server that is there answers within one second
PIECE_BYTES = 1 << 20  # is written at once; so much of a source is held in memory
REDIRECTS_MAX = 5  # a sharing site and its store need two or three
FAILURES_MAX = 5  # in a row without a byte between; the step as a whole is tried again by the job manager
PAUSE_S, PAUSE_MAX_S = 0.2, 5.0  # between tries
FREE_BYTES_MIN = 1 << 30  # stays free on the disk: what other processes promised to keep has to fit as well
HEADER_LENGTH_MAX = 2048  # of the few that are read; longer ones are nobody's honest words

REDIRECTS = frozenset({301, 302, 303, 307, 308})
FORBIDDEN = frozenset({401, 403, 407})
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses after which another try may help
CHANGED = 412  # what was asked to be the same version is another
KINDS = ("video/", "audio/")
OTHER_KINDS = frozenset(  # what servers say of media that they do not know
    {"", "application/octet-stream", "binary/octet-stream", "application/mp4", "application/ogg", "application/mxf"}
)
CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)")
BROKEN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)  # another try may help
FIXED_HEADERS = (
    ("User-Agent", "reelsmith"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),  # what is packed has no size that could be bounded beforehand
)

Listener = Callable[[int, int | None], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What a source may cost.

    Attributes:
        size_max_bytes: Largest source.
        deadline_s: Longest time for all of it, in seconds.
        idle_s: Longest silence of a server, in seconds.
        free_bytes_min: Bytes that stay free on the disk.
    """

    size_max_bytes: int
    deadline_s: float
    idle_s: float = 30.0
    free_bytes_min: int = FREE_BYTES_MIN


@dataclasses.dataclass(slots=True)
class _Standing:
    """How far a transfer is, and what the server said of the whole."""

    file: BinaryIO
    written: int = 0
    total: int | None = None
    validator: str = ""  # names the version that is being sent; without one nothing can be continued

    @property
    def resumable(self) -> bool:
        """Whether only the rest is asked for."""
        return bool(self.written and self.validator)

    def room_bytes(self) -> int:
        """What is free on the disk."""
        disk = os.fstatvfs(self.file.fileno())
        return disk.f_bavail * disk.f_frsize

    def restart(self) -> None:
        """Begins anew."""
        self.file.seek(0)
        self.file.truncate()
        self.written = 0


class Way(Protocol):
    """How a source is asked for."""

    allowed: rules.Rules
    target: rules.Target

    def headers(self, standing: _Standing) -> list[tuple[str, str]]:
        """What is sent beside the usual: who asks, and for which part."""

    def followed(self, where: str) -> "Way":
        """The way that a redirect names.

        Raises:
            errors.Refused: It may not be gone.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class _Web:
    """A URL, and what may be reached."""

    allowed: rules.Rules
    target: rules.Target

    def headers(self, standing: _Standing) -> list[tuple[str, str]]:
        if not standing.resumable:
            return []
        return [("Range", f"bytes={standing.written}-"), ("If-Range", standing.validator)]

    def followed(self, where: str) -> "_Web":
        return _Web(self.allowed, self.allowed.checked(urllib.parse.urljoin(self.target.url, where)))


@dataclasses.dataclass(frozen=True, slots=True)
class _Object:
    """An object of a store."""

    store: objects.Store
    target: rules.Target

    @property
    def allowed(self) -> rules.Rules:
        return self.store.reachable

    def headers(self, standing: _Standing) -> list[tuple[str, str]]:
        signed = self.store.signed(self.target)  # anew for each try: it is good for minutes
        if not standing.resumable:
            return signed
        return [*signed, ("Range", f"bytes={standing.written}-"), ("If-Match", standing.validator)]

    def followed(self, where: str) -> "_Object":
        raise errors.Refused("the store redirects, to another region perhaps", reason="HTTP_STATUS")


class Fetcher:
    """Fetches sources.

    Args:
        allowed: What may be reached.
        limits: What one may cost.
        resolver: Tells the addresses of names.
        trust: Certificates that servers are trusted by; those of the system by default.
        store: Where objects are; None for nowhere.
    """

    def __init__(
        self,
        allowed: rules.Rules,
        limits: Limits,
        resolver: guard.Resolver = guard.resolved,
        trust: ssl.SSLContext | None = None,
        store: objects.Store | None = None,
    ) -> None:
        self._allowed, self._limits, self._resolver, self._store = allowed, limits, resolver, store
        self._trust = trust or _system_trust()

    async def fetch(self, url: str, session: sessions.Session, folder: str, listener: Listener) -> artifacts.Artifact:
        """A source as a file of a session, whole and on disk.

        Args:
            url: Where it is.
            session: Where it goes.
            folder: Folder of the session.
            listener: Called with the bytes that have come and those that are to come, None where that is not known.

        Raises:
            errors.Refused: It may not be fetched, or is too large, too slow, or no media.
            errors.NotThere: The server does not have it.
            errors.FetchFailed: The server does not deliver it.
            errors.StorageFull: The disk has no room for it.
        """
        way = self._way(url)
        target = way.target
        async with sessions.writing(session, f"{folder}/{target.file_name}") as pending:
            standing = _Standing(pending.file)
            try:
                async with asyncio.timeout(self._limits.deadline_s):
                    await self._transfer(way, standing, listener)
            except TimeoutError as error:
                raise errors.Refused(
                    f"{target.host} did not deliver within {self._limits.deadline_s:g} s", reason="FETCH_TOO_LONG"
                ) from error
        assert pending.artifact is not None  # noqa: S101  set when the block ended well
        return pending.artifact

    def _way(self, url: str) -> Way:
        if not rules.is_object(url):
            return _Web(self._allowed, self._allowed.checked(url))
        wanted = self._allowed.object(url)
        if self._store is None:
            raise errors.Refused(
                "there is no store of objects here: REELSMITH_ANALYZER_S3_ENDPOINT names none",
                reason="SOURCE_NOT_ALLOWED",
            )
        return _Object(self._store, self._store.target(wanted))

    async def _transfer(self, way: Way, standing: _Standing, listener: Listener) -> None:
        failures = 0
        while True:  # bounded by failures in a row and by the deadline
            before = standing.written
            try:
                async with self._answer(way, standing) as response:
                    return await self._take(response, standing, listener)
            except (*BROKEN, errors.FetchFailed) as error:
                failures = 1 if standing.written > before else failures + 1
                if failures >= FAILURES_MAX:
                    raise _failed(way.target, error) from error
            pause_s = min(PAUSE_MAX_S, PAUSE_S * 2 ** (failures - 1))
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311  spreads tries

    @contextlib.asynccontextmanager
    async def _answer(self, way: Way, standing: _Standing) -> AsyncIterator[httpcore.Response]:
        """The answer of the server that the redirects lead to; each of them is checked like the first."""
        for _ in range(REDIRECTS_MAX + 1):
            async with self._asked(way, [*FIXED_HEADERS, *way.headers(standing)]) as response:
                if response.status not in REDIRECTS:
                    yield response
                    return
                where = _location(response)
            way = way.followed(where)
        raise errors.Refused(
            f"more than {REDIRECTS_MAX} redirects, the last one to {way.target.host}", reason="TOO_MANY_REDIRECTS"
        )

    @contextlib.asynccontextmanager
    async def _asked(self, way: Way, headers: list[tuple[str, str]]) -> AsyncIterator[httpcore.Response]:
        """One request over a connection of its own, which is checked when it is made."""
        target = way.target
        timeouts = {
            "connect": CONNECT_TIMEOUT_S,
            "pool": CONNECT_TIMEOUT_S,
            "read": self._limits.idle_s,
            "write": self._limits.idle_s,
        }
        url = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.target.encode()
        )
        backend = guard.Guard(way.allowed, target, self._resolver)
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self._trust, max_connections=1, network_backend=backend) as pool,
            pool.stream("GET", url, headers=headers, extensions={"timeout": timeouts}) as response,
        ):
            yield response

    async def _take(self, response: httpcore.Response, standing: _Standing, listener: Listener) -> None:
        """Writes what the server sends behind what is there, or from the beginning where it sends all."""
        self._accept(response, standing)
        buffer = bytearray()
        listener(standing.written, standing.total)
        try:
            async for chunk in response.aiter_stream():
                buffer += chunk
                if standing.written + len(buffer) > self._limits.size_max_bytes:
                    raise self._too_large()
                if len(buffer) >= PIECE_BYTES:
                    await self._write(standing, buffer, listener)
        except BROKEN:
            await self._write(standing, buffer, listener)  # what came counts, however little: the next try goes on
            raise
        await self._write(standing, buffer, listener)
        if standing.total is not None and standing.written != standing.total:
            raise errors.FetchFailed(f"{standing.written} of {standing.total} bytes came")

    async def _write(self, standing: _Standing, buffer: bytearray, listener: Listener) -> None:
        if standing.room_bytes() - len(buffer) < self._limits.free_bytes_min:
            raise errors.RoomTaken(f"no room is left on the disk after {standing.written} bytes of a source")
        await asyncio.to_thread(standing.file.write, bytes(buffer))
        standing.written += len(buffer)
        buffer.clear()
        listener(standing.written, standing.total)

    def _accept(self, response: httpcore.Response, standing: _Standing) -> None:
        """Checks the head of an answer, and stands where its body begins."""
        if response.status == CHANGED and standing.resumable:
            standing.restart()
            standing.validator = ""
            raise errors.FetchFailed("the source was replaced while it came")
        _check_status(response)
        kind = _header(response, "content-type").partition(";")[0].strip().lower()
        if not kind.startswith(KINDS) and kind not in OTHER_KINDS:
            raise errors.Refused(f"the server says that it sends {kind[:100]}, no media", reason="TYPE_NOT_ALLOWED")
        if _header(response, "content-encoding").lower() not in ("", "identity"):
            raise errors.Refused("the server sends it packed, unasked", reason="TYPE_NOT_ALLOWED")
        if response.status == 206:
            _go_on(response, standing)
        else:
            standing.restart()
            length = _header(response, "content-length")
            standing.total = int(length) if length.isdecimal() else None
            standing.validator = _validator(response)
        if standing.total is None:
            return
        if standing.total > self._limits.size_max_bytes:
            raise self._too_large()
        if standing.room_bytes() - (standing.total - standing.written) < self._limits.free_bytes_min:
            raise errors.StorageFull(f"no room on the disk for a source of {standing.total} bytes")

    def _too_large(self) -> errors.Refused:
        return errors.Refused(f"a source may have {self._limits.size_max_bytes} bytes at most", reason="TOO_LARGE")


@functools.cache
def _system_trust() -> ssl.SSLContext:
    """The certificates of the system: a tenth of a second to read, once."""
    return ssl.create_default_context()


def _check_status(response: httpcore.Response) -> None:
    status = response.status
    if status in (200, 206):
        return
    if status in (404, 410):
        raise errors.NotThere(f"the server does not have it: {status}", reason="NOT_FOUND")
    if status in LATER:
        raise errors.FetchFailed(f"the server answers {status}")
    reason = "SOURCE_NOT_ALLOWED" if status in FORBIDDEN else "HTTP_STATUS"
    raise errors.Refused(f"the server answers {status}", reason=reason)


def _go_on(response: httpcore.Response, standing: _Standing) -> None:
    """Checks that an answer is the rest that was asked for, of a whole that is as long as it was said to be."""
    if not standing.resumable:
        raise errors.Refused("the server sends a part, unasked", reason="HTTP_STATUS")
    found = CONTENT_RANGE.fullmatch(_header(response, "content-range"))
    if _header(response, "etag") not in ("", standing.validator) and standing.validator.startswith('"'):
        found = None  # another version, from a server that overlooks conditions
    total = int(found[2]) if found is not None and found[2] != "*" else standing.total
    if found is None or int(found[1]) != standing.written or standing.total not in (None, total):
        standing.restart()
        standing.validator = ""
        raise errors.FetchFailed("the server goes on elsewhere than it was asked to")
    standing.total = total


def _location(response: httpcore.Response) -> str:
    where = _header(response, "location", rules.URL_LENGTH_MAX)
    if not where:
        raise errors.Refused("the server redirects to no address, or to one too long", reason="HTTP_STATUS")
    return where


def _header(response: httpcore.Response, name: str, length_max: int = HEADER_LENGTH_MAX) -> str:
    for key, value in response.headers:
        if key.lower() == name.encode() and len(value) <= length_max:
            return value.decode("latin-1").strip()
    return ""


def _validator(response: httpcore.Response) -> str:
    """What names this version of the file, for asking for the rest of the very same; empty where nothing does."""
    if _header(response, "accept-ranges").lower() == "none":
        return ""
    tag = _header(response, "etag")
    found = tag if tag.startswith('"') else ("" if tag else _header(response, "last-modified"))
    return found if found.isascii() else ""  # it has to be sent back, and headers of requests are ASCII


def _failed(target: rules.Target, error: Exception) -> errors.FetchFailed:
    what = error.message if isinstance(error, errors.MediaError) else f"{type(error).__name__} {error}".strip()
    return errors.FetchFailed(f"{target.host} does not deliver: {what}"[:500], metadata={"host": target.host})
