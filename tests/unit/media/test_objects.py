"""Sources come from a store of objects under the guards of every source: buckets, addresses, sizes, and versions."""

import contextlib
import datetime
import pathlib
from collections.abc import Iterator

import boto3
import hypothesis
import pytest
from botocore import auth, awsrequest, credentials
from hypothesis import strategies as st
from moto import settings as moto_settings
from moto.server import ThreadedMotoServer

from media import errors, sessions
from media.ingest import fetching, objects, rules, signature
from services.analyzer import settings as analyzer
from services.jobs import settings as jobs
from services.jobs import spec

FILM = bytes(range(256)) * 12_000  # 3 MB: several pieces
HOST = "127.0.0.1"
LIMITS = fetching.Limits(size_max_bytes=4 << 20, deadline_s=60, idle_s=30)
ALLOWED = "s3://films, s3://inbox/talks/"
POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
NAME = "ein Gespräch + (1)=ä&b,c@d.mp4"


@pytest.fixture(scope="module")
def store() -> Iterator[objects.Settings]:
    """A store with some objects that asks for signatures, and who may read."""
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    endpoint = f"http://{HOST}:{port}"
    options = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    first = {"aws_access_key_id": "first", "aws_secret_access_key": "first"}
    iam = boto3.client("iam", **options, **first)
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=POLICY)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    s3 = boto3.client("s3", **options, **first)
    for bucket, name in (("films", "talk.mp4"), ("films", NAME), ("inbox", "talks/talk.mp4"), ("secrets", "talk.mp4")):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=name, Body=FILM, ContentType="video/mp4")
    s3.put_object(Bucket="films", Key="page.html", Body=b"<html>", ContentType="text/html")
    usual, moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = (
        moto_settings.INITIAL_NO_AUTH_ACTION_COUNT,
        0,
    )  # who asks has to prove it
    yield objects.Settings(endpoint, "us-east-1", key["AccessKeyId"], key["SecretAccessKey"])
    moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = usual
    server.stop()


@pytest.fixture
def session(tmp_path: pathlib.Path) -> sessions.Session:
    """An empty session."""
    return sessions.Sessions(tmp_path).create()


def fetcher(store: objects.Settings, allowed: str = ALLOWED, limits: fetching.Limits = LIMITS) -> fetching.Fetcher:
    return fetching.Fetcher(rules.Rules.of(allowed), limits, store=objects.Store(store))


def silent(done: int, total: int | None) -> None:
    """Hears no progress."""


@pytest.mark.parametrize("uri", ["s3://films/talk.mp4", "s3://inbox/talks/talk.mp4", f"s3://films/{NAME}"])
async def test_object_arrives_whole(store: objects.Settings, session: sessions.Session, uri: str) -> None:
    """By a signature that the store checks, whatever signs its key has."""
    found = await fetcher(store).fetch(uri, session, "source", silent)
    assert FILM == (session.root / found.path).read_bytes()
    assert "source/" == found.path[:7]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://secrets/talk.mp4", "SOURCE_NOT_ALLOWED"),
        ("s3://inbox/talk.mp4", "SOURCE_NOT_ALLOWED"),
        ("s3://inbox/talks", "SOURCE_NOT_ALLOWED"),
        ("s3://inbox/talks/../talk.mp4", "BAD_SOURCE_URI"),
        ("s3://films/./talk.mp4", "BAD_SOURCE_URI"),
        ("s3://films//talk.mp4", "BAD_SOURCE_URI"),
        ("s3://films/", "BAD_SOURCE_URI"),
        ("s3://films/a\nb", "BAD_SOURCE_URI"),
        ("s3://films/" + "a" * 1025, "BAD_SOURCE_URI"),
        ("s3://films@evil.example/talk.mp4", "BAD_SOURCE_URI"),
        ("s3://FILMS/talk.mp4", "BAD_SOURCE_URI"),
        ("s3://films/page.html", "TYPE_NOT_ALLOWED"),
    ],
)
async def test_object_outside_of_the_list_is_refused(
    store: objects.Settings, session: sessions.Session, uri: str, reason: str
) -> None:
    """Though the key could read it; control: with its bucket in the list it comes."""
    with pytest.raises(errors.Refused) as refused:
        await fetcher(store).fetch(uri, session, "source", silent)
    assert reason == refused.value.reason
    if uri == "s3://secrets/talk.mp4":
        assert (await fetcher(store, "s3://secrets").fetch(uri, session, "source", silent)).size_bytes == len(FILM)


async def test_wrong_secret_and_missing_object_are_told(store: objects.Settings, session: sessions.Session) -> None:
    """In the words of any source; no secret is in them."""
    wrong = objects.Settings(store.endpoint, store.region, store.key_id, "not-the-secret")
    with pytest.raises(errors.Refused, match="403") as refused:
        await fetcher(wrong).fetch("s3://films/talk.mp4", session, "source", silent)
    assert "SOURCE_NOT_ALLOWED" == refused.value.reason
    with pytest.raises(errors.NotThere):
        await fetcher(store).fetch("s3://films/missing.mp4", session, "source", silent)
    assert store.secret not in repr(store)


async def test_large_object_is_refused(store: objects.Settings, session: sessions.Session) -> None:
    """Before it comes."""
    with pytest.raises(errors.Refused) as refused:
        await fetcher(store, limits=fetching.Limits(1 << 20, 60, 30)).fetch(
            "s3://films/talk.mp4", session, "source", silent
        )
    assert "TOO_LARGE" == refused.value.reason


@contextlib.contextmanager
def breaking(monkeypatch: pytest.MonkeyPatch, after: object) -> Iterator[list[int]]:
    """Breaks the first transfer after a piece; gives where each answer began."""
    begun, take = [], fetching.Fetcher._write

    async def write(self, standing, buffer, listener) -> None:
        begun.append(standing.written)
        await take(self, standing, buffer, listener)
        if len(begun) == 1:
            after()
            raise fetching.httpcore.ReadError("the connection breaks")

    monkeypatch.setattr(fetching.Fetcher, "_write", write)
    monkeypatch.setattr(fetching, "PAUSE_S", 0.01)
    yield begun


async def test_broken_transfer_goes_on_where_it_stopped(
    store: objects.Settings, session: sessions.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No byte comes twice."""
    with breaking(monkeypatch, lambda: None) as begun:
        found = await fetcher(store).fetch("s3://films/talk.mp4", session, "source", silent)
    assert FILM == (session.root / found.path).read_bytes()
    assert begun == sorted(begun)
    assert 1 == begun.count(0)


async def test_object_that_was_replaced_meanwhile_comes_anew(
    store: objects.Settings, session: sessions.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halves of two versions are no film; control: without a name for the version they are put together."""
    other = bytes(reversed(range(256))) * 12_000
    s3 = boto3.client(
        "s3", endpoint_url=store.endpoint, region_name=store.region,
        aws_access_key_id=store.key_id, aws_secret_access_key=store.secret,
    )  # fmt: skip

    def replace() -> None:
        s3.put_object(Bucket="films", Key="changing.mp4", Body=other, ContentType="video/mp4")

    s3.put_object(Bucket="films", Key="changing.mp4", Body=FILM, ContentType="video/mp4")
    with breaking(monkeypatch, replace):
        found = await fetcher(store).fetch("s3://films/changing.mp4", session, "source", silent)
    assert other == (session.root / found.path).read_bytes()

    s3.put_object(Bucket="films", Key="changing.mp4", Body=FILM, ContentType="video/mp4")
    go_on = fetching._go_on
    monkeypatch.setattr(fetching, "_go_on", lambda response, standing: go_on(response, _unnamed(standing)))
    monkeypatch.setattr(fetching._Object, "headers", _unconditional)
    with breaking(monkeypatch, replace):
        found = await fetcher(store).fetch("s3://films/changing.mp4", session, "mixed", silent)
    assert (session.root / found.path).read_bytes() not in (FILM, other)


def _unnamed(standing):
    standing.validator = "nothing"
    return standing


def _unconditional(self, standing):
    return [*self.store.signed(self.target), *([("Range", f"bytes={standing.written}-")] * standing.resumable)]


@pytest.mark.parametrize("networks", ["", "10.0.0.0/8", f"{HOST}/32"])
async def test_store_that_resolves_inwards_is_not_called(
    store: objects.Settings, session: sessions.Session, networks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may lead to public addresses, and to networks that the settings name; no other connection is made."""
    port = store.endpoint.rpartition(":")[2]
    named = objects.Settings(f"http://localhost:{port}", store.region, store.key_id, store.secret, "", networks)

    async def resolve(host: str, port: int) -> list:
        return [fetching.guard.ipaddress.ip_address(HOST)]

    made = fetching.Fetcher(rules.Rules.of(ALLOWED), LIMITS, resolve, store=objects.Store(named))
    if networks == f"{HOST}/32":
        assert (await made.fetch("s3://films/talk.mp4", session, "source", silent)).size_bytes == len(FILM)
        return
    with pytest.raises(errors.Refused) as refused:
        await made.fetch("s3://films/talk.mp4", session, "source", silent)
    assert "SOURCE_NOT_ALLOWED" == refused.value.reason


async def test_without_a_store_no_object_comes(session: sessions.Session) -> None:
    """The list alone makes no connection; and where a store is, URLs of it are no sources by that."""
    with pytest.raises(errors.Refused, match="S3_ENDPOINT"):
        await fetching.Fetcher(rules.Rules.of(ALLOWED), LIMITS).fetch("s3://films/a.mp4", session, "source", silent)
    with pytest.raises(errors.Refused, match="REELSMITH_FETCH_ALLOW"):
        rules.Rules.of(ALLOWED).check("http://127.0.0.1:1/films/talk.mp4")


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\\"), min_size=1, max_size=40
    ),
    st.sampled_from(["", "a-token"]),
    st.sampled_from(["https://s3.eu-central-1.amazonaws.com", "http://10.0.0.7:9000", "https://[fd00::1]:9000"]),
)
def test_signature_is_that_of_the_library(key: str, token: str, endpoint: str) -> None:
    """Of any key that is taken."""
    try:
        wanted = rules.object_of(f"s3://films/{key}")
    except errors.Refused:
        hypothesis.reject()
    now = datetime.datetime(2026, 11, 26, 12, 0, 0, tzinfo=datetime.UTC)
    target = objects.Store(objects.Settings(endpoint)).target(wanted)
    ours = dict(
        signature.headers(signature.Key("AKIA", "secret", token, "eu-central-1"), target.authority, target.target, now)
    )
    signer = auth.S3SigV4Auth(credentials.Credentials("AKIA", "secret", token or None), "s3", "eu-central-1")
    sent = {name: value for name, value in ours.items() if name != "authorization"}
    request = awsrequest.AWSRequest("GET", target.url, headers=sent)
    request.context["timestamp"] = sent["x-amz-date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["authorization"].endswith(f"Signature={signer.signature(text, request)}")
    assert f"Credential={signer.scope(request)}," in ours["authorization"]


def test_settings_say_where_the_store_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is one variable for who takes jobs and who fetches; jobs know an object as what has to be fetched."""
    monkeypatch.setenv("REELSMITH_FETCH_ALLOW", ALLOWED)
    assert [ALLOWED] * 2 == [analyzer.Settings().fetch_allow, jobs.Settings().fetch_allow]
    assert None is analyzer.Settings().store
    assert analyzer.Settings(s3_endpoint="https://s3.eu-central-1.amazonaws.com").store is not None
    assert spec.fetched("s3://films/talk.mp4")
    for endpoint in ("https://store.example/path", "ftp://store.example", "https://user@store.example"):
        with pytest.raises((ValueError, errors.Refused)):
            _ = analyzer.Settings(s3_endpoint=endpoint).store
    for entry in ("s3://", "s3://A", "s3://films/../x", "s3://films//x"):
        with pytest.raises(ValueError, match="entry"):
            rules.Rules.of(entry)
