"""Sources come from where the operator allows it and from nowhere else, bounded and whole."""

import asyncio
import collections
import contextlib
import datetime
import hashlib
import ipaddress
import pathlib
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Callable

import httpx
import hypothesis
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st

from media import errors, folders, sessions
from media.ingest import addresses, fetching, guard, rules
from services.analyzer import settings as analyzer
from services.jobs import settings as jobs

FILM = bytes(range(256)) * 12_000  # 3 MB: several pieces
FRONT, INNER = "127.0.0.2", "127.0.0.1"  # what is allowed, and what is not
ALLOWED = f"http://*:*, https://*:*, http://{FRONT}/32:*"
LIMITS = fetching.Limits(size_max_bytes=4 << 20, deadline_s=20, idle_s=0.5)

Answer = Callable[["Request", asyncio.StreamWriter], None]


class Request:
    """What a client asked."""

    def __init__(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.path = first.split(" ")[1]
        self.headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines) if key}


@contextlib.asynccontextmanager
async def listening(
    answer: Answer, host: str = FRONT, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[Request | None]]]:
    """A server that says what it is told to; its port, and what it was asked: None for a connection without words."""
    asked: list[Request | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(asked)
        asked.append(None)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            asked[place] = Request(await reader.readuntil(b"\r\n\r\n"))
            answer(asked[place], writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


def film(request: Request, writer: asyncio.StreamWriter) -> None:
    """All of it."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n" % len(FILM) + FILM)


def saying(head: str, body: bytes = b"") -> Answer:
    """A fixed answer."""
    return lambda _, writer: writer.write(f"HTTP/1.1 {head}\r\n\r\n".encode() + body)


@pytest.fixture
def session(tmp_path: pathlib.Path) -> sessions.Session:
    """An empty session."""
    return sessions.Sessions(tmp_path).create()


def fetcher(allowed: str = ALLOWED, limits: fetching.Limits = LIMITS, **more) -> fetching.Fetcher:
    """A fetcher under rules."""
    return fetching.Fetcher(rules.Rules.of(allowed), limits, **more)


def resolving(*answers: str) -> guard.Resolver:
    """Tells another address every time it is asked, as a name that is rebound does; the last one for ever."""
    left = collections.deque(answers)

    async def resolve(host: str, port: int) -> list[addresses.Address]:
        return [ipaddress.ip_address(left.popleft() if len(left) > 1 else left[0])]

    return resolve


def nothing(done: int, total: int | None) -> None:
    """Hears no progress."""


def left_over(session: sessions.Session) -> list[str]:
    """Files of the session, temporary ones too."""
    return [str(path.relative_to(session.root)) for path in session.root.rglob("*") if path.is_file()]


async def test_source_arrives_whole(session: sessions.Session) -> None:
    """The file has the bytes, the hash and the name, and what has come was told."""
    heard = []
    async with listening(film) as (port, asked):
        url = f"http://{FRONT}:{port}/films/My%20Talk.mp4?key=1"
        artifact = await fetcher().fetch(url, session, "source", lambda done, total: heard.append((done, total)))
    assert ("source/My_Talk.mp4", len(FILM), hashlib.sha256(FILM).hexdigest()) == (
        artifact.path,
        artifact.size_bytes,
        artifact.sha256,
    )
    assert "/films/My%20Talk.mp4?key=1" == asked[0].path
    assert [(0, len(FILM)), (len(FILM), len(FILM))] == [heard[0], heard[-1]]


async def test_nothing_is_fetched_by_default(session: sessions.Session) -> None:
    """An empty list refuses every URL and says how to change that."""
    async with listening(film) as (port, asked):
        with pytest.raises(errors.Refused, match="REELSMITH_FETCH_ALLOW") as refusal:
            await fetcher("").fetch(f"http://{FRONT}:{port}/a.mp4", session, "source", nothing)
    assert ("SOURCE_NOT_ALLOWED", []) == (refusal.value.reason, asked)


FORMS = (
    "http://127.0.0.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://0x7f.1:{port}/",
    "http://0177.0.0.1:{port}/", "http://127.1:{port}/", "http://0:{port}/", "http://0.0.0.0:{port}/",
    "http://127.0.0.1.:{port}/", "http://[::1]:{port}/", "http://[::]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[::127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/", "http://[2002:7f00:1::1]:{port}/", "http://[2001:0:7f00:1::]:{port}/",
    "http://[fe80::1]:{port}/", "http://[fd00:ec2::254]:{port}/", "http://[ff02::1]:{port}/",
    "http://localhost:{port}/", "http://LOCALHOST.:{port}/", "http://user@127.0.0.1:{port}/",
    "http://films.example:80@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@films.example/",
    "http://\u2460\u2461\u2466.0.0.1:{port}/", "http://127\u30020.0.1:{port}/", "http://127.0.0.1%00.films.example:{port}/",
    "http:127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/", "file:///etc/passwd", "http://169.254.169.254/", "http://168.63.129.16/",
    "http://100.100.100.200/", "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://224.0.0.1/",
    "http://255.255.255.255/", "http://198.18.0.1/", "http://rebound.example:{port}/",
)  # fmt: skip


async def trapped(session: sessions.Session, form: str, redirected: bool) -> int:
    """Connections that a trap on the inner address got from a fetch of a URL, at once or by a redirect."""
    async with listening(film, INNER) as (port, caught):
        url = form.format(port=port)
        front = saying(f"302 Found\r\nLocation: {url}".encode("utf-8", "replace").decode("latin-1"))
        async with listening(front) as (outer, _):
            first = f"http://{FRONT}:{outer}/" if redirected else url
            with contextlib.suppress(errors.MediaError):
                await fetcher(resolver=resolving(INNER)).fetch(first, session, "source", nothing)
        return len(caught)


@pytest.mark.parametrize("redirected", [False, True], ids=["direct", "redirect"])
async def test_no_form_of_an_inner_address_is_reached(session: sessions.Session, redirected: bool) -> None:
    """The trap gets no connection, however the address is written, and whether it is named or redirected to."""
    reached = {form: await trapped(session, form, redirected) for form in FORMS}
    assert {} == {form: count for form, count in reached.items() if count}
    assert [] == left_over(session)


async def test_trap_is_reached_when_addresses_are_not_checked(session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without the check, direct and redirected requests and a rebound name reach the trap."""
    monkeypatch.setattr(rules.Rules, "check_address", lambda *_: None)
    for form in ("http://127.0.0.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://rebound.example:{port}/"):
        assert [1, 1] == [await trapped(session, form, redirected) for redirected in (False, True)]


class Unpinned(guard.Guard):
    """Control: checks one lookup and connects by another one."""

    async def connect_tcp(self, host: str, port: int, *rest: object, **more: object):
        self._check(await self._resolver(host, port))
        (address,) = await self._resolver(host, port)
        return await self._backend.connect_tcp(str(address), port)


@pytest.mark.parametrize(("kind", "caught_count"), [(guard.Guard, 0), (Unpinned, 1)], ids=["pinned", "control"])
async def test_name_that_changes_its_address_leads_nowhere(session, monkeypatch, kind, caught_count: int) -> None:
    """A name is resolved once for a connection: what was checked is what is connected to."""
    monkeypatch.setattr(guard, "Guard", kind)
    async with listening(film, FRONT) as (port, _), listening(film, INNER, port) as (_, caught):
        with contextlib.suppress(errors.MediaError):
            url = f"http://rebound.example:{port}/film.mp4"
            await fetcher(resolver=resolving(FRONT, INNER)).fetch(url, session, "source", nothing)
    assert caught_count == len(caught)


async def test_name_with_an_inner_address_among_outer_ones_is_refused(session: sessions.Session) -> None:
    """Every address of a name is checked, not the first."""

    async def resolve(host: str, port: int) -> list[addresses.Address]:
        return [ipaddress.ip_address("93.184.215.14"), ipaddress.ip_address(INNER)]

    with pytest.raises(errors.Refused) as refusal:
        await fetcher(resolver=resolve).fetch("http://films.example/a.mp4", session, "source", nothing)
    assert "SOURCE_NOT_ALLOWED" == refusal.value.reason
    assert INNER not in str(refusal.value), "an inner address is nobody's business"


@pytest.mark.parametrize(
    ("listed", "url", "allowed"),
    [
        ("films.example", "https://films.example/a.mp4", True),
        ("films.example", "https://FILMS.example:443/a.mp4", True),
        ("films.example", "http://films.example/a.mp4", False),
        ("films.example", "https://films.example:8443/a.mp4", False),
        ("films.example:8443", "https://films.example:8443/a.mp4", True),
        ("films.example", "https://evil.example/a.mp4", False),
        ("films.example", "https://films.example.evil.example/a.mp4", False),
        ("*.films.example", "https://a.b.films.example/a.mp4", True),
        ("*.films.example", "https://evilfilms.example/a.mp4", False),
        ("*.films.example", "https://films.example/a.mp4", False),
        ("http://*:*", "http://any.example:8080/a.mp4", True),
        ("*", "http://any.example/a.mp4", False),
        ("10.1.2.0/24", "https://10.1.2.3/a.mp4", True),
        ("10.1.2.0/24", "https://10.1.3.3/a.mp4", False),
        ("[fd00:1::/64]:8443", "https://[fd00:1::5]:8443/a.mp4", True),
    ],
)
def test_list_says_what_may_be_asked(listed: str, url: str, allowed: bool) -> None:
    """By scheme, name and port, each exactly."""
    with contextlib.nullcontext() if allowed else pytest.raises(errors.Refused):
        rules.Rules.of(listed).checked(url)


def test_network_allows_its_private_addresses_and_a_name_does_not() -> None:
    """An intranet is named by its network; a listed name that leads into one is not enough."""
    target = rules.parsed("https://media.corp.example/a.mp4")
    inner, outer = ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("93.184.215.14")
    rules.Rules.of("10.1.2.0/24").check_address(target, inner)
    rules.Rules.of("media.corp.example").check_address(target, outer)
    for listed, address in (("media.corp.example", inner), ("10.1.2.0/24", outer), ("*", inner)):
        with pytest.raises(errors.Refused):
            rules.Rules.of(listed).check_address(target, address)


@pytest.mark.parametrize(
    "text", ["https//x", "a b/c", "films.example:port", "fi_lms..example", "10.0.0.1/99", "é.example"]
)
def test_malformed_list_stops_the_process(text: str) -> None:
    """A list that is half understood would allow the wrong things."""
    with pytest.raises(ValueError, match=r"."):
        rules.Rules.of(text)


def test_public_addresses_are_public() -> None:
    """Those of known servers, and those behind a translator."""
    for text in ("1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001::200e", "64:ff9b::101:101"):
        assert addresses.public(ipaddress.ip_address(text)), text


BREAKS_AT = 1_300_000


def breaking(validator: str) -> Answer:
    """Breaks off in the middle, and goes on from there for whoever asks for the rest of the same."""

    def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        begin = 0
        if "range" in request.headers and request.headers.get("if-range") == '"v1"':
            begin = int(request.headers["range"].removeprefix("bytes=").rstrip("-"))
        status = (
            f"206 Partial Content\r\nContent-Range: bytes {begin}-{len(FILM) - 1}/{len(FILM)}" if begin else "200 OK"
        )
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(FILM) - begin}\r\n{validator}\r\n"
        writer.write(head.encode() + FILM[begin : begin + BREAKS_AT])

    return answer


async def test_broken_transfer_goes_on_where_it_stopped(session, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Range, as long as the server says that it is the same file."""
    monkeypatch.setattr(fetching, "PAUSE_S", 0.01)
    async with listening(breaking('ETag: "v1"\r\n')) as (port, asked):
        artifact = await fetcher().fetch(f"http://{FRONT}:{port}/a.mp4", session, "source", nothing)
    assert hashlib.sha256(FILM).hexdigest() == artifact.sha256
    assert 3 == len(asked)


async def test_transfer_that_cannot_go_on_fails_and_leaves_nothing(session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name for the version, the rest could be of another file; it is begun anew, a few times."""
    monkeypatch.setattr(fetching, "PAUSE_S", 0.01)
    async with listening(breaking("")) as (port, asked):
        with pytest.raises(errors.FetchFailed):
            await fetcher().fetch(f"http://{FRONT}:{port}/a.mp4", session, "source", nothing)
    assert fetching.FAILURES_MAX == len(asked)
    assert not any("range" in request.headers for request in asked)
    assert [] == left_over(session)


ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"\0" * 65536 + b"\r\n") * 80


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (saying("200 OK\r\nContent-Length: 9999999999"), "TOO_LARGE"),
        (lambda _, writer: writer.write(ENDLESS), "TOO_LARGE"),
        (saying("200 OK\r\nContent-Type: text/html\r\nContent-Length: 2", b"hi"), "TYPE_NOT_ALLOWED"),
        (saying("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2", b"hi"), "TYPE_NOT_ALLOWED"),
        (saying("302 Found\r\nLocation: /again"), "TOO_MANY_REDIRECTS"),
        (saying("302 Found\r\nLocation: ftp://films.example/"), "BAD_SOURCE_URI"),
        (saying("302 Found"), "HTTP_STATUS"),
        (saying("302 Found\r\nLocation: /" + "s" * 5000), "HTTP_STATUS"),
        (saying("206 Part\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2", b"hi"), "HTTP_STATUS"),
        (saying("404 Not Found\r\nContent-Length: 0"), "NOT_FOUND"),
        (saying("403 Forbidden\r\nContent-Length: 0"), "SOURCE_NOT_ALLOWED"),
        (saying("418 Teapot\r\nContent-Length: 0"), "HTTP_STATUS"),
    ],
)
async def test_bad_answer_ends_the_fetch(session: sessions.Session, answer: Answer, reason: str) -> None:
    """For good, with a reason, and with nothing left on disk."""
    async with listening(answer) as (port, _):
        with pytest.raises((errors.Refused, errors.NotThere)) as refusal:
            await fetcher().fetch(f"http://{FRONT}:{port}/a.mp4", session, "source", nothing)
    assert (reason, []) == (refusal.value.reason, left_over(session))


def unmeasured(request: Request, writer: asyncio.StreamWriter) -> None:
    """All of it, without saying how much that is."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + FILM)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [(film, errors.StorageFull, "RESOURCE_EXHAUSTED"), (unmeasured, errors.RoomTaken, "ABORTED")],
)
async def test_source_does_not_fill_the_disk(session, monkeypatch, answer: Answer, kind: type, code: str) -> None:
    """What says its size is refused before it is written, and waits for room; what does not is seldom tried again."""
    rooms = iter([5_000_000] * 2)
    monkeypatch.setattr(fetching._Standing, "room_bytes", lambda _: next(rooms, 3_000_000))
    limits = fetching.Limits(4 << 20, deadline_s=20, free_bytes_min=2_500_000)
    heard = []
    async with listening(answer) as (port, asked):
        url = f"http://{FRONT}:{port}/a.mp4"
        with pytest.raises(errors.StorageFull) as refusal:
            await fetcher(limits=limits).fetch(url, session, "source", lambda done, _: heard.append(done))
    assert (kind, code, 1, []) == (type(refusal.value), refusal.value.code_name, len(asked), left_over(session))
    assert (answer is unmeasured) == bool(heard[1:]), "pieces were written only where the size was not known"


async def test_room_is_that_of_the_disk(session: sessions.Session) -> None:
    """Control: nothing pretended; no disk has so much free."""
    limits = fetching.Limits(4 << 20, deadline_s=20, free_bytes_min=1 << 62)
    async with listening(film) as (port, _):
        with pytest.raises(errors.StorageFull):
            await fetcher(limits=limits).fetch(f"http://{FRONT}:{port}/a.mp4", session, "source", nothing)


async def test_small_steps_are_steps(session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer that breaks more often than failures are allowed ends well while bytes come in between."""
    monkeypatch.setattr(fetching, "PAUSE_S", 0.001)
    small, step = FILM[:700_000], 100_000

    def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        begin = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        status = f"206 Part\r\nContent-Range: bytes {begin}-{len(small) - 1}/{len(small)}" if begin else "200 OK"
        head = f'HTTP/1.1 {status}\r\nContent-Length: {len(small) - begin}\r\nETag: "v1"\r\n\r\n'
        writer.write(head.encode() + small[begin : begin + step])

    async with listening(answer) as (port, asked):
        artifact = await fetcher().fetch(f"http://{FRONT}:{port}/a.mp4", session, "source", nothing)
    assert (hashlib.sha256(small).hexdigest(), 7) == (artifact.sha256, len(asked))


async def test_rest_of_another_length_is_not_taken(session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the same name for the version all the same: it is begun anew, and never joined."""
    monkeypatch.setattr(fetching, "PAUSE_S", 0.001)
    ranges = []

    def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        ranges.append(request.headers.get("range", ""))
        if ranges[-1]:
            begin = int(ranges[-1].removeprefix("bytes=").rstrip("-"))
            rest = FILM[begin:] + b"more"
            head = f"206 Part\r\nContent-Range: bytes {begin}-{begin + len(rest) - 1}/{begin + len(rest)}"
            writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(rest)}\r\n\r\n".encode() + rest)
        else:
            head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(FILM)}\r\nETag: "v1"\r\n\r\n'.encode()
            writer.write(head + (FILM if len(ranges) > 2 else FILM[:BREAKS_AT]))

    async with listening(answer) as (port, _):
        artifact = await fetcher().fetch(f"http://{FRONT}:{port}/a.mp4", session, "source", nothing)
    assert hashlib.sha256(FILM).hexdigest() == artifact.sha256
    assert ["", f"bytes={BREAKS_AT}-", ""] == ranges


async def test_name_of_a_version_that_cannot_be_sent_back_is_none(session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers of requests are ASCII: the file is begun anew."""
    monkeypatch.setattr(fetching, "PAUSE_S", 0.001)

    def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(FILM)}\r\nETag: "\u00fc"\r\n\r\n'.encode("latin-1")
        writer.write(head + (FILM if len(asked) > 1 else FILM[:BREAKS_AT]))

    async with listening(answer) as (port, asked):
        artifact = await fetcher().fetch(f"http://{FRONT}:{port}/a.mp4", session, "source", nothing)
    assert (hashlib.sha256(FILM).hexdigest(), 2) == (artifact.sha256, len(asked))


def test_fetch_ends_before_the_attempt_at_it_does() -> None:
    """Its own end is final and says why; that of the attempt would begin it anew, and fetch all of it again."""
    fields = (analyzer.Settings.model_fields["fetch_deadline_s"], jobs.Settings.model_fields["attempt_max_s"])
    fetch_s, attempt_s = (field.default for field in fields)
    assert fetch_s < attempt_s


async def test_long_address_is_followed(session: sessions.Session) -> None:
    """Signed addresses of stores are longer than any other header that is read."""

    def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/":
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: /a.mp4?{'s' * 3000}\r\n\r\n".encode())
        else:
            film(request, writer)

    async with listening(answer) as (port, asked):
        await fetcher().fetch(f"http://{FRONT}:{port}/", session, "source", nothing)
    assert ["/", "/a.mp4?" + "s" * 3000] == [request.path for request in asked]


async def test_silent_and_slow_servers_are_given_up(session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence by the longest silence, dripping by the deadline."""
    monkeypatch.setattr(fetching, "PAUSE_S", 0.01)
    monkeypatch.setattr(fetching, "FAILURES_MAX", 2)
    limits = fetching.Limits(1 << 20, deadline_s=1.0, idle_s=0.2)

    async def serve(drip: bool) -> errors.MediaError:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" if drip else b"")
                for _ in range(30):
                    await asyncio.sleep(0.1)
                    writer.write(b"x" if drip else b"")
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, FRONT)
        url = f"http://{FRONT}:{server.sockets[0].getsockname()[1]}/a.mp4"
        with pytest.raises(errors.MediaError) as failure:
            await fetcher(limits=limits).fetch(url, session, "source", nothing)
        server.close()
        return failure.value

    assert "FETCH_FAILED" == (await serve(drip=False)).reason
    assert "FETCH_TOO_LONG" == (await serve(drip=True)).reason
    assert [] == left_over(session)


def certified(name: str, folder: pathlib.Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS with a certificate for a name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(text + secret)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=text.decode())


async def test_certificate_must_be_that_of_the_name(session, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the checked address; TLS and `Host` still have the name, and another name is refused."""
    monkeypatch.setattr(fetching, "PAUSE_S", 0.01)
    tls, trust = certified("films.example", tmp_path)
    allowed = f"{FRONT}/32:*"
    async with listening(film, tls=tls) as (port, asked):
        made = fetcher(allowed, resolver=resolving(FRONT), trust=trust)
        await made.fetch(f"https://films.example:{port}/a.mp4", session, "source", nothing)
        assert f"films.example:{port}" == asked[0].headers["host"]
        with pytest.raises(errors.FetchFailed, match="certificate"):
            await made.fetch(f"https://other.example:{port}/a.mp4", session, "source", nothing)
        with pytest.raises(errors.FetchFailed, match="certificate"):
            await fetcher(allowed, resolver=resolving(FRONT)).fetch(
                f"https://films.example:{port}/a.mp4", session, "source", nothing
            )
    assert 1 == sum(request is not None for request in asked)


PIECES = st.sampled_from(
    "http https :// : / ? # @ \\ . .. %2f %00 [ ] [::1] 127.0.0.1 0x7f.1 2130706433 films.example a b-c _ 80 65536 ; = "
    "& FILMS.example. a.mp4 é \t \n".split(" ")
)


@hypothesis.given(st.lists(PIECES, max_size=9).map(lambda pieces: "http://" + "".join(pieces)))
@hypothesis.settings(max_examples=3000, deadline=None)
def test_accepted_url_is_read_alike_by_everybody(url: str) -> None:
    """Whatever is not refused has the same host and port for the standard library and for httpx; nothing else fails."""
    try:
        target = rules.parsed(url)
    except errors.Refused as refusal:
        hypothesis.event(refusal.reason)
        return
    split, other = urllib.parse.urlsplit(url), httpx.URL(url)
    assert {target.host} == {split.hostname.removesuffix("."), other.host.removesuffix(".")} or target.literal
    assert {target.port} == {split.port or 80, other.port or 80}
    assert target == rules.parsed(target.url), "its plainest form is the same"
    assert folders.PART.fullmatch(target.file_name), target.file_name


async def test_fetch_that_is_cancelled_leaves_nothing(session: sessions.Session) -> None:
    """Neither a file nor a connection."""
    begun = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 2_000_000)
        await reader.read()  # until the client is gone
        begun.clear()
        writer.close()

    async with await asyncio.start_server(handle, FRONT) as server:
        url = f"http://{FRONT}:{server.sockets[0].getsockname()[1]}/a.mp4"
        limits = fetching.Limits(4 << 20, deadline_s=60, idle_s=60)
        running = asyncio.create_task(
            fetcher(limits=limits).fetch(url, session, "source", lambda done, _: done and begun.set())
        )
        await asyncio.wait_for(begun.wait(), 20)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [] == left_over(session)
