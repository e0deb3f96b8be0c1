"""Clips are published once at each place: a folder, a bucket of a real server of S3, a webhook, a plug-in."""

import asyncio
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2
from reelsmith.media.v1 import media_pb2

from chassis import errors
from client import gateway
from client.publishing import bucket, catalogue, folder, hook, material, post, publisher
from tests.integration import doors

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
CUES = [{"start_s": 12, "end_s": 15, "text": "Rockets burn methane."}]
PLUGIN = """
from chassis import errors
class Channel:
    name, repeatable, sent = "channel:mine", False, []
    async def check(self, post): return "1 video"
    async def find(self, post): return None
    async def send(self, post):
        self.sent.append(post.text.title)
        if len(self.sent) == 1: raise errors.Unavailable("the line is dead")
        return "https://channel.example/1"
channel = Channel()
def made(text): return channel
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[doors.Door]:
    """One gateway for all tests of this file."""
    async with doors.opened(tmp_path_factory.mktemp("publishing")) as door:
        yield door


@pytest_asyncio.fixture(loop_scope="module")
async def job_id(door: doors.Door) -> str:
    """A job with a finished clip in which something is said."""
    made, _ = await door.clip()
    content = json.dumps({"transcript": {"cues": CUES}}).encode()
    written = door.store.get(made).write_bytes("metadata/analysis.json", content)
    role = media_pb2.ARTIFACT_ROLE_ANALYSIS
    found = media_pb2.Artifact(path=written.path, size_bytes=len(content), sha256=written.sha256, role=role)
    door.jobs.fake.jobs[made].artifacts.append(found)
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(door: doors.Door) -> AsyncIterator[gateway.Gateway]:
    """A client."""
    async with gateway.connect(door.process.address) as suite:
        yield suite


@pytest.fixture
def publish(suite: gateway.Gateway, job_id: str, tmp_path: pathlib.Path, monkeypatch) -> Callable:
    """Publishes the clip as the command does; gives what came of it at the only place."""
    monkeypatch.setattr(publisher, "RETRY_FIRST_S", 0.01)

    async def work(place: post.Destination, *, again: bool = False, dry: bool = False) -> publisher.Outcome:
        job: jobs_pb2.Job = await suite.job(job_id)
        clips = material.chosen(job, ())
        texts = await material.texts(suite, job, clips, tmp_path)
        one = await material.post_of(suite, job, clips[0], texts[1], tmp_path)
        works = publisher.Publisher(suite, job, again, lambda text: None)
        [found] = await (works.rehearsed if dry else works.published)([one], [place])
        return found

    return work


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes webhooks, and answers as it is told to."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 201)
        self.send_header("location", "https://elsewhere.example/1")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[http.server.ThreadingHTTPServer]:
    """A server that takes webhooks."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.taken, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server that speaks S3."""
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def place(s3: str, monkeypatch) -> bucket.Bucket:
    """A bucket that is there."""
    words = {"AWS_ENDPOINT_URL": s3, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name, value in {**words, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    found = bucket.bucket("s3://clips/shorts/")
    found._client.create_bucket(Bucket="clips")
    return found


def states(found: list[pb.Publication]) -> list[tuple[str, str]]:
    """State and location of publications."""
    return [(pb.Publication.State.Name(one.state).removeprefix("STATE_"), one.location) for one in found]


async def test_folder_gets_a_clip_once(publish, suite, job_id, door, tmp_path: pathlib.Path) -> None:
    """The session says what is where; without its note the folder itself is asked, and a damaged clip is sent again."""
    place = folder.Folder(tmp_path / "shorts")
    assert "would be published" == (await publish(place, dry=True)).what
    assert not place.root.exists()
    assert [] == await suite.publications(job_id)
    first = await publish(place)
    [clip] = place.root.glob("*.mp4")
    assert ("published", str(clip), doors.CONTENT) == (first.what, first.detail, clip.read_bytes())
    [about] = place.root.glob("*.json")
    assert "Rockets burn methane." == json.loads(about.read_text())["text"]["title"]
    assert [("DELIVERED", first.detail)] == states(await suite.publications(job_id))
    about.unlink()
    assert "there already" == (await publish(place)).what
    assert "published" == (await publish(place, again=True)).what
    door.store.get(job_id).remove("metadata/publications")
    assert "there already" == (await publish(place)).what
    door.store.get(job_id).remove("metadata/publications")
    clip.write_bytes(b"damaged")
    assert "published" == (await publish(place)).what
    assert doors.CONTENT == clip.read_bytes()


async def test_folder_follows_no_link(publish, tmp_path: pathlib.Path) -> None:
    """A link that has the name of a clip is replaced, and what it leads to is left alone."""
    place, other = folder.Folder(tmp_path / "shorts"), tmp_path / "other"
    await publish(place)
    [clip] = place.root.glob("*.mp4")
    other.write_bytes(b"mine")
    clip.unlink()
    clip.symlink_to(other)
    await publish(place, again=True)
    assert (b"mine", False) == (other.read_bytes(), clip.is_symlink())


async def test_bucket_gets_a_clip_once(publish, place: bucket.Bucket, suite, job_id, door) -> None:
    """Objects have type and hash; without the note in the session the bucket itself is asked."""
    assert "would be published" == (await publish(place, dry=True)).what
    first = await publish(place)
    name = first.detail.removeprefix("s3://clips/")
    found = place._client.get_object(Bucket="clips", Key=name)
    assert (doors.CONTENT, "video/mp4") == (found["Body"].read(), found["ContentType"])
    assert [("DELIVERED", first.detail)] == states(await suite.publications(job_id))
    door.store.get(job_id).remove("metadata/publications")
    assert "there already" == (await publish(place)).what
    missing = bucket.bucket("s3://nobody")
    assert (await publish(missing)).failed
    assert (await publish(missing, dry=True)).failed


async def test_webhook_is_signed_and_tried_again(publish, receiver, suite, job_id) -> None:
    """Outages pass, each attempt has the same identifier, and the receiver can prove where it comes from."""
    receiver.answers[:] = [503, 429]
    place = hook.hook(f"http://127.0.0.1:{receiver.server_port}/secret-path", SECRET)
    found = await publish(place)
    assert ("published", "https://elsewhere.example/1") == (found.what, found.detail)
    headers, body = receiver.taken[-1]
    assert (3, 1) == (len(receiver.taken), len({headers["webhook-id"] for headers, _ in receiver.taken}))
    assert doors.CONTENT in body
    about = body.partition(b"application/json\r\n\r\n")[2].partition(b"\r\n--")[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + about
    mark = base64.b64encode(hmac.new(b"0123456789abcdef", signed, hashlib.sha256).digest()).decode()
    assert f"v1,{mark}" == headers["webhook-signature"]
    [note] = await suite.publications(job_id)
    assert "secret-path" not in note.destination
    assert "there already" == (await publish(place)).what
    assert 3 == len(receiver.taken)


async def test_webhook_is_not_led_elsewhere(publish, receiver, suite, job_id) -> None:
    """A redirect is a refusal, attempts are bounded, and what was begun is on record."""
    place = hook.hook(f"http://127.0.0.1:{receiver.server_port}/", "")
    receiver.answers[:] = [307]
    assert "answers 307" in (await publish(place)).detail
    assert [("STARTED", "")] == states(await suite.publications(job_id))
    receiver.answers[:] = [500] * 100
    assert (await publish(place)).failed
    assert 1 + publisher.ATTEMPTS_MAX == len(receiver.taken)
    assert "webhook-signature" not in receiver.taken[0][0]


async def test_plugin_that_cannot_tell_gets_nothing_twice(publish, tmp_path, monkeypatch) -> None:
    """A platform is an entry point; what may be there is sent again only where somebody says so."""
    (tmp_path / "channel.py").write_text(PLUGIN)
    (tmp_path / "channel-1.dist-info").mkdir()
    (tmp_path / "channel-1.dist-info" / "METADATA").write_text("Name: channel\nVersion: 1\n")
    (tmp_path / "channel-1.dist-info" / "entry_points.txt").write_text(f"[{catalogue.GROUP}]\nchannel = channel:made\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    place = catalogue.destination("channel:mine")
    assert "1 video" == (await publish(place, dry=True)).detail
    assert (await publish(place)).failed
    assert "--again" in (await publish(place)).detail
    assert 1 == len(place.sent)
    assert "https://channel.example/1" == (await publish(place, again=True)).detail
    assert "there already" == (await publish(place)).what
    assert 2 == len(place.sent)
    sys.modules.pop("channel")


async def test_note_of_a_publication_is_replaced_and_checked(suite, door, job_id) -> None:
    """The same file and place have one note; other files, nameless places and states that are none are refused."""
    words = {"job_id": job_id, "path": "final_output/clip-01.mp4", "destination": "a", "state": 1}
    await suite.record_publication(pb.RecordPublicationRequest(**words))
    await suite.record_publication(pb.RecordPublicationRequest(**{**words, "state": 2, "location": "b"}))
    assert [("DELIVERED", "b")] == states(await suite.publications(job_id))
    for wrong in ({"path": "final_output/clip-02.mp4"}, {"job_id": "0" * 32}):
        with pytest.raises(errors.NotFound):
            await suite.record_publication(pb.RecordPublicationRequest(**{**words, **wrong}))
    for wrong in ({"destination": ""}, {"destination": "a\nb"}, {"state": 0}, {"state": 9}, {"location": "x" * 3000}):
        with pytest.raises(errors.InvalidArgument):
            await suite.record_publication(pb.RecordPublicationRequest(**{**words, **wrong}))
    answer = await door.http.get(f"/v1/jobs/{job_id}/publications")
    assert ["STATE_DELIVERED"] == [one["state"] for one in answer.json()["publications"]]


@pytest.mark.parametrize("text", ["", "ftp://a/b", "s3://", "s3://u:p@b", "https://u:p@h/", "http://", "nobody:x"])
async def test_what_names_no_place_is_refused(text: str) -> None:
    """Other schemes, users in addresses and plug-ins that are not installed are refused."""
    with pytest.raises(errors.InvalidArgument):
        catalogue.destination(text)


async def test_texts_are_edited_by_hand() -> None:
    """What a document says holds, what it leaves out is drafted, and what is none is refused."""
    drafts = {1: post.Text("drafted", "words", ("one",)), 2: post.Text("other")}
    found = material.read({"1": {"title": "Mine", "hashtags": ["#two"]}}, drafts)
    assert {1: post.Text("Mine", "words", ("two",)), 2: post.Text("other")} == found
    for wrong in ([], {"1": []}, {"1": {"name": "x"}}, {"1": {"title": 1}}, {"1": {"hashtags": "x"}}):
        with pytest.raises(errors.InvalidArgument):
            material.read(wrong, drafts)


async def test_command_publishes_and_drafts(door: doors.Door, job_id: str, tmp_path: pathlib.Path) -> None:
    """The command prints drafts, and says where everything is."""

    async def told(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "client", "publish", job_id, "--gateway", door.process.address]
        running = await asyncio.create_subprocess_exec(*command, *arguments, stdout=asyncio.subprocess.PIPE)
        said, _ = await asyncio.wait_for(running.communicate(), 120)
        return running.returncode, said.decode()

    code, said = await told("--draft")
    assert (0, "Rockets burn methane.") == (code, json.loads(said)["1"]["title"])
    code, said = await told("--to", str(tmp_path / "shorts"), "--json")
    assert (0, "published") == (code, json.loads(said)[0]["what"])
