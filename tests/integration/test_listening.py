"""A real MQTT broker and a real gateway: each recording that a message tells of once, whatever is killed."""

import asyncio
import json
import os
import pathlib
import random
import sys
import threading
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from reelsmith.jobs.v1 import jobs_pb2

from chassis import errors, testing
from client import announced, broker, gateway, place, submission
from client.commands import listen
from tests.integration import doors

mqtt = pytest.importorskip("paho.mqtt.client")
pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES, KILLS = 40, 2
SOURCES = (announced.Source("studio/+/done", "tiktok"), announced.Source("$share/two/games/#", "default"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[doors.Door]:
    """One gateway for all tests of this file."""
    async with doors.opened(tmp_path_factory.mktemp("listening")) as door:
        yield door


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mosquitto(require_tool, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The URL of a broker that wants a password."""
    program, folder, port = require_tool("mosquitto"), tmp_path_factory.mktemp("broker"), testing.free_port()
    (folder / "passwords").touch(mode=0o600)
    hashing = await asyncio.create_subprocess_exec(
        require_tool("mosquitto_passwd"), "-b", folder / "passwords", "camera", "word"
    )
    assert 0 == await hashing.wait()
    (folder / "broker.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/passwords\nuser root\n"
    )
    running = await asyncio.create_subprocess_exec(
        program, "-c", folder / "broker.conf", stderr=asyncio.subprocess.DEVNULL
    )
    await testing.wait_until(lambda: place.listening(f"127.0.0.1:{port}"), 60, "the broker")
    yield f"mqtt://camera@127.0.0.1:{port}"
    running.kill()
    await running.wait()


@pytest.fixture
def recordings(tmp_path: pathlib.Path, door: doors.Door) -> pathlib.Path:
    """An empty folder for recordings; the job manager has forgotten everything."""
    door.jobs.fake.jobs.clear()
    door.jobs.fake.by_request.clear()
    (tmp_path / "recordings").mkdir()
    return tmp_path / "recordings"


def published(url: str, messages: list[tuple[str, str]]) -> None:
    """Publishes messages, each taken by the broker."""
    where = broker.place(url, "")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.username_pw_set(where.user, "word")
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect_async(where.host, where.port)
    client.loop_start()
    assert connected.wait(60)
    for topic, payload in messages:
        client.publish(topic, payload, qos=2).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


async def remembered(url: str, client_id: str, topics: list[str]) -> broker.Place:
    """The broker, which from now on keeps messages for a name."""
    where, said = broker.place(url, client_id, "word"), asyncio.Queue()
    async with broker.listening(where, topics, said.put_nowait), asyncio.timeout(60):
        assert (await said.get()).startswith("listens")
    return where


async def taken(where: broker.Place, topic: str, count: int, done: int) -> list[bytes]:
    """Takes so many messages and says that the first of them are done."""
    said: asyncio.Queue[str] = asyncio.Queue()
    async with broker.listening(where, [topic], said.put_nowait) as arrived, asyncio.timeout(60):
        await said.get()  # all that the broker has to answer has come: an end that cuts nothing off loses no answer
        messages = [await arrived.get() for _ in range(count)]
        for message in messages[:done]:
            message.done()
    return [message.payload for message in messages]


def listener(suite: gateway.Gateway, root: pathlib.Path | None, said: list[str]) -> announced.Listener:
    """A listener in this process."""
    wanted = jobs_pb2.JobSpec(count=1)
    return announced.Listener(submission.Submissions(suite, True), SOURCES, root, wanted, said.append)


async def heard(door: doors.Door, root: pathlib.Path | None, *messages: tuple[str, str]) -> list[str]:
    """What a listener says to messages, without a broker."""
    said: list[str] = []
    arrived: asyncio.Queue[broker.Message] = asyncio.Queue()
    for topic, payload in messages:
        arrived.put_nowait(broker.Message(topic, payload.encode(), arrived.task_done))
    async with gateway.connect(door.process.address) as suite:
        working = asyncio.create_task(listener(suite, root, said).run(arrived))
        async with asyncio.timeout(60):
            await arrived.join()
        working.cancel()
    return said


async def test_each_recording_is_submitted_once_over_kills(
    door: doors.Door, mosquitto: str, recordings: pathlib.Path
) -> None:
    """Killed again and again, the command submits what every message tells of, though each comes twice, once."""
    for number in range(MESSAGES):
        (recordings / f"{number}.mp4").write_bytes(os.urandom(100))
    messages = [(f"studio/{number % 3}/done", f"{number}.mp4") for number in range(MESSAGES)] * 2
    command = [sys.executable, "-m", "client", "listen", mosquitto, "--topic", "studio/+/done=tiktok"]
    command += ["--root", str(recordings), "--client-id", "killed", "--gateway", door.process.address]
    environment = {**os.environ, listen.PASSWORD: "word", "REELSMITH_HOME": str(recordings.parent)}
    await remembered(mosquitto, "killed", ["studio/+/done"])
    await asyncio.to_thread(published, mosquitto, messages)
    chance = random.Random(7)
    for turn in range(KILLS + 1):
        running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL, env=environment)
        goal = MESSAGES if turn == KILLS else (turn + 1) * MESSAGES // (KILLS + 1) - chance.randint(0, 5)
        await testing.wait_until(lambda goal=goal: len(door.jobs.fake.jobs) >= goal, 60, "jobs")
        running.kill()
        await running.wait()
    found = sorted(job.spec.source_uri for job in door.jobs.fake.jobs.values())
    assert sorted((recordings / f"{number}.mp4").as_uri() for number in range(MESSAGES)) == found
    assert {"tiktok"} == {job.spec.preset for job in door.jobs.fake.jobs.values()}


async def test_message_comes_again_until_it_is_done(mosquitto: str) -> None:
    """What was taken and not done comes again to whoever is next; what was done does not (control)."""
    topic = f"games/{uuid.uuid4().hex}"
    where = await remembered(mosquitto, topic[-12:], [topic])
    await asyncio.to_thread(published, mosquitto, [(topic, "one"), (topic, "two")])
    assert [b"one", b"two"] == await taken(where, topic, 2, done=0)
    assert [b"one", b"two"] == await taken(where, topic, 2, done=1)
    assert [b"two"] == await taken(where, topic, 1, done=0)


async def test_refused_password_is_said(mosquitto: str) -> None:
    """A broker that refuses is named, and tried again."""
    said: asyncio.Queue[str] = asyncio.Queue()
    where = broker.place(mosquitto, "stranger", "wrong")
    async with broker.listening(where, ["games/#"], said.put_nowait), asyncio.timeout(60):
        assert "refuses" in await said.get()


async def test_sources_have_their_presets_and_are_separate(door: doors.Door, recordings: pathlib.Path) -> None:
    """The same file told of by two sources is two jobs with their presets; told of again it is none."""
    (recordings / "a.mp4").write_bytes(b"one")
    (recordings / "copy.mp4").write_bytes(b"one")
    told = ("studio/1/done", json.dumps({"path": "copy.mp4", "title": "Talk"}))
    said = await heard(door, recordings, ("games/x/y", str(recordings / "a.mp4")), told, ("studio/2/done", "a.mp4"))
    assert [("a.mp4", "default"), ("Talk", "tiktok")] == [
        (job.spec.title, job.spec.preset) for job in door.jobs.fake.jobs.values()
    ]
    assert "submitted before" in said[2]


async def test_urls_are_left_to_the_suite(door: doors.Door, recordings: pathlib.Path) -> None:
    """A URL is a source as it is, once for each identifier; files need no root for that."""
    url = "https://example.com/a.mp4"
    messages = [url, json.dumps({"url": url}), json.dumps({"url": url, "id": "2"})]
    await heard(door, None, *(("games/a", text) for text in messages))
    assert [url, url] == [job.spec.source_uri for job in door.jobs.fake.jobs.values()]


@pytest.mark.parametrize(
    "payload",
    ["../secret.mp4", "/etc/passwd", "link.mp4", "gone.mp4", "", ".", "{", '{"path": 1}', '{"path": "a", "url": "b"}'],
)
async def test_messages_name_nothing_else(door: doors.Door, recordings: pathlib.Path, payload: str) -> None:
    """Files elsewhere, through a link too, what is no file and what tells of nothing are refused, and said once."""
    (recordings.parent / "secret.mp4").write_bytes(b"secret")
    (recordings / "link.mp4").symlink_to(recordings.parent / "secret.mp4")
    assert 1 == len(await heard(door, recordings, ("games/a", payload)))
    assert 0 == len(door.jobs.fake.jobs)


async def test_files_need_a_root(door: doors.Door, recordings: pathlib.Path) -> None:
    """Without a root no file is read; with one that is the whole disk any is (control)."""
    (recordings / "a.mp4").write_bytes(b"one")
    assert "--root" in (await heard(door, None, ("games/a", str(recordings / "a.mp4"))))[0]
    assert 0 == len(door.jobs.fake.jobs)
    await heard(door, pathlib.Path("/"), ("games/a", str(recordings / "a.mp4")))
    assert 1 == len(door.jobs.fake.jobs)


@pytest.mark.parametrize("url", ["http://a", "mqtt://", "mqtt://a/b", "mqtt://u:p@a", "mqtt://a:99999"])
async def test_place_of_a_broker_is_a_url_without_a_password(url: str) -> None:
    """Anything else is refused before anything is sent."""
    with pytest.raises(errors.InvalidArgument):
        broker.place(url, "x")


async def test_place_of_a_broker_has_usual_ports() -> None:
    """Ports and users come from the URL; the encrypted form has a port of its own."""
    assert broker.Place("a", 8883, True, "u@b") == broker.place("mqtts://u%40b@a", "")
    assert broker.Place("a", 1, False) == broker.place("mqtt://a:1", "")
