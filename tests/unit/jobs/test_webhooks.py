"""News of jobs on its way to a real receiver in a process of its own, which fails, hangs and is killed."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pydantic
import pytest

from chassis import errors, testing
from services.jobs import codec, courier, dispatch, engines, lifecycle, notice, retry, settings, store
from services.jobs import job as jobs
from services.jobs import spec as specs

SECRET = "whsec_" + base64.b64encode(b"a secret of more than 16 bytes").decode()
RECEIVER = pathlib.Path(__file__).with_name("receiver.py")
ONE = notice.Targets(frozenset({"https://a.example"}), {"default": "s"})
PROBE = dispatch.Slot(jobs.Kind.PROBE, "analyzer-1")


class Receiver:
    """A receiver that can be killed and started again on the same port."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.port = folder, testing.free_port()
        folder.mkdir()
        self.running: subprocess.Popen | None = None

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, *orders: str) -> None:
        """Starts it and waits until it listens; it answers as ordered, then well."""
        (self.folder / "orders").write_text("\n".join(orders))
        self.launch()

        def listens() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False

        await testing.wait_until(listens)

    def launch(self) -> None:
        """Starts it."""
        self.running = subprocess.Popen([sys.executable, RECEIVER, str(self.port), self.folder])

    def kill(self) -> None:
        """Kills it, whatever it is doing."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()
            self.running = None

    def got(self) -> list[dict]:
        """What arrived, in any order."""
        return [json.loads(file.read_text()) for file in self.folder.glob("*.json")]


@pytest.fixture
def receiver(tmp_path) -> Iterator[Receiver]:
    """A receiver, not yet started."""
    made = Receiver(tmp_path / "received")
    yield made
    made.kill()


@contextlib.asynccontextmanager
async def posting(kept: store.Store, targets: notice.Targets):
    """A courier at work."""
    running = asyncio.create_task(courier.Courier(kept, targets).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def submission(origin: str, number: int = 0) -> store.Submission:
    """A job that tells a webhook."""
    hook = specs.Webhook(f"{origin}/news?team=7")
    spec = specs.resolved(specs.Spec("file:///films/talk.mp4", analyze_only=True, webhook=hook, labels={"a": "b"}))
    return store.Submission(f"{number:032x}", spec, tenant="acme")


async def cancelled(kept: store.Store, origin: str, number: int = 0) -> jobs.Job:
    """A job that ran and was cancelled: two changes of its state."""
    await kept.submit([submission(origin, number)], {}, 100)
    ((grant,), _) = await kept.lease([PROBE])
    return await kept.cancel(grant.job.id, "enough")


def verified(told: dict, secret: str = SECRET) -> bool:
    """What a receiver does, by the words of the specification."""
    headers = told["headers"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{told['body']}".encode()
    mark = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    young = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return young and headers["webhook-signature"] == f"v1,{mark}"


def test_signature_is_that_of_the_specification() -> None:
    """The example that the specification publishes."""
    found = notice.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330
    )
    assert "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" == found["webhook-signature"]


async def test_news_arrives_signed_with_what_happened(tmp_path, receiver) -> None:
    """Each change of a job's state is told once by a receiver that is well, and nothing else of the job is."""
    await receiver.start()
    async with store.Store(tmp_path) as kept, posting(kept, notice.Targets({receiver.origin}, {"default": SECRET})):
        job = await cancelled(kept, receiver.origin)
        await testing.wait_until(lambda: len(receiver.got()) == 2)
        told = sorted((json.loads(one["body"]) for one in receiver.got()), key=lambda one: one["data"]["sequence"])
        assert [("job.running", 2), ("job.cancelled", 3)] == [(one["type"], one["data"]["sequence"]) for one in told]
        data = told[1]["data"]
        assert (job.id, "acme", "CANCELLED", "enough", {"a": "b"}) == (
            data["job_id"], data["tenant"], data["state"], data["error"]["message"], data["labels"]
        )  # fmt: skip
        assert {f"{job.id}-2", f"{job.id}-3"} == {one["headers"]["webhook-id"] for one in receiver.got()}
        assert {"/news?team=7"} == {one["path"] for one in receiver.got()}
        assert all(verified(one) for one in receiver.got())
        changed = {**receiver.got()[0], "body": receiver.got()[0]["body"].replace("acme", "evil")}
        assert not verified(changed)
        assert not verified(receiver.got()[0], "whsec_" + base64.b64encode(b"another secret, as long").decode())

        async def empty() -> bool:
            return (await kept.stats()).notices_waiting == 0

        await testing.wait_until(empty)


async def test_news_survives_failures_kills_and_a_restart(tmp_path, receiver, monkeypatch) -> None:
    """A receiver that fails, redirects and is killed before it answers gets every piece again, under the same name."""
    monkeypatch.setattr(courier, "BACKOFF", retry.Backoff(0.2, 0.5))
    monkeypatch.setattr(courier, "LOOK_S", 0.05)
    targets = notice.Targets({receiver.origin}, {"default": SECRET})
    async with store.Store(tmp_path) as kept:
        job = await cancelled(kept, receiver.origin)  # nobody listens yet
        async with posting(kept, targets):
            await asyncio.sleep(0.3)
            await receiver.start("500", "302", *["hang"] * 50)  # for as long as it lives
            await testing.wait_until(lambda: len(receiver.got()) >= 4)
            receiver.kill()
        assert 2 == (await kept.stats()).notices_waiting
    await receiver.start("503")
    async with store.Store(tmp_path) as kept, posting(kept, targets):

        async def empty() -> bool:
            return (await kept.stats()).notices_waiting == 0

        await testing.wait_until(empty)
        counts = [one["headers"]["webhook-id"] for one in receiver.got()]
        assert {f"{job.id}-2", f"{job.id}-3"} == set(counts)
        assert len(counts) >= 7
        assert not [one for one in receiver.got() if one["path"] == "/elsewhere"]
        assert not [one for one in receiver.got() if "cookie" in one["headers"]]
        assert 0 == (await kept.stats()).notices_given_up


async def test_hanging_receiver_holds_up_no_other(tmp_path, receiver, monkeypatch) -> None:
    """News for one that does not answer waits alone, and is given up by a receiver that is gone for good."""
    monkeypatch.setattr(courier, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(courier, "LOOK_S", 0.05)
    await receiver.start("410")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        silent = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with store.Store(tmp_path) as kept:
            for number in range(4):
                await cancelled(kept, silent, number)
            await cancelled(kept, receiver.origin, 9)
            async with posting(kept, notice.Targets({silent, receiver.origin}, {"default": SECRET})):
                await testing.wait_until(lambda: len(receiver.got()) == 2)

                async def settled() -> bool:
                    stats = await kept.stats()
                    return (stats.notices_waiting, stats.notices_given_up) == (8, 1)

                await testing.wait_until(settled)
            await kept.delete(f"{9:032x}")
            assert 0 == (await kept.stats()).notices_given_up


async def test_failure_holds_back_all_news_of_its_receiver(kept, hands) -> None:
    """Nothing else is sent to a receiver that has just failed, and others do not wait."""
    dead, well = "http://127.0.0.1:9", "http://127.0.0.1:10"
    for number in range(3):
        await cancelled(kept, dead, number)
    await cancelled(kept, well, 3)
    first, second, *_ = await kept.outbox_due(99)
    await kept.outbox_failed(first, "dead", 60.0, 30.0)
    await kept.outbox_failed(second, "dead", 60.0, 20.0)
    assert {f"{well}/news?team=7"} == {one.url for one in await kept.outbox_due(99)}
    hands.monotonic_us += 30_000_000
    assert 2 + 4 == len(await kept.outbox_due(99))
    hands.monotonic_us += 30_000_000
    assert 2 + 6 == len(await kept.outbox_due(99))


async def test_dead_receiver_is_left_alone_for_longer_each_time(tmp_path, hands, monkeypatch) -> None:
    """However much new news there is for it: what counts is how often it failed, not the news; success forgets it."""
    monkeypatch.setattr(courier, "BACKOFF", retry.Backoff(2.0, 3600.0, jitter=0.0))
    async with store.Store(tmp_path, hands.clock()) as kept:
        post = courier.Courier(kept, notice.Targets())
        for number in range(7):
            await cancelled(kept, "http://127.0.0.1:9", number)
            due = [one for one in await kept.outbox_due(99) if not one.attempts]
            assert min(courier.HOLD_MAX_S, 2.0 ** (number + 1)) == post._hold_s(due[0].url)
            post._remember(due, [await post._deliver(None, one) for one in due])
            hands.monotonic_us += 3600_000_000
        post._remember(due, [None, *[courier.Fault("dead")] * (len(due) - 1)])
        assert 2.0 == post._hold_s(due[0].url)


async def test_news_that_is_given_up_is_not_kept_for_ever(kept, monkeypatch) -> None:
    """What is given up after its job was deleted goes, and so does the oldest of too many."""
    monkeypatch.setattr(store, "GIVEN_UP_MAX", 2)
    first, *_ = [await cancelled(kept, "http://127.0.0.1:9", number) for number in range(3)]
    await kept.delete(first.id)
    due = await kept.outbox_due(99)
    for one in due[:2]:
        await kept.outbox_failed(one, "dead", None)
    assert (4, 0) == ((await kept.stats()).notices_waiting, (await kept.stats()).notices_given_up)
    for one in due[2:]:
        await kept.outbox_failed(one, "dead", None)
    assert (0, 2) == ((await kept.stats()).notices_waiting, (await kept.stats()).notices_given_up)

    def left(db: engines.Database) -> list[str]:
        return [
            row["notice_id"] for row in db.session.connection.execute("SELECT notice_id FROM outbox ORDER BY number")
        ]

    assert [one.notice_id for one in due[-2:]] == await kept._read(left)


async def test_full_outbox_refuses_jobs_that_would_tell_more(kept, make_spec, monkeypatch) -> None:
    """Jobs without a webhook are taken, and news that arrives makes room."""
    monkeypatch.setattr(store, "NOTICES_MAX", 2)
    job = await cancelled(kept, "http://127.0.0.1:9")
    for refused in (kept.submit([submission("http://127.0.0.1:9", 1)], {}, 9), kept.retry(job.id, 9)):
        with pytest.raises(errors.ResourceExhausted) as refusal:
            await refused
        assert "OUTBOX_FULL" == refusal.value.reason
    await kept.submit([store.Submission("e" * 32, make_spec())], {}, 9)
    await kept.outbox_done((await kept.outbox_due(1))[0].number)
    await kept.submit([submission("http://127.0.0.1:9", 1)], {}, 9)


async def test_origin_that_is_not_allowed_any_more_is_not_called(tmp_path, receiver, monkeypatch) -> None:
    """What the operator has withdrawn holds for news that waits; it goes out when it is allowed again."""
    monkeypatch.setattr(courier, "BACKOFF", retry.Backoff(0.05, 0.05))
    monkeypatch.setattr(courier, "LOOK_S", 0.05)
    await receiver.start()
    async with store.Store(tmp_path) as kept:
        await cancelled(kept, receiver.origin)
        for targets in (
            notice.Targets({"http://127.0.0.1"}, {"default": SECRET}),
            notice.Targets({receiver.origin}, {"other": SECRET}),
        ):
            async with posting(kept, targets):
                await asyncio.sleep(0.3)
            assert [] == receiver.got()
        async with posting(kept, notice.Targets({receiver.origin}, {"default": SECRET})):
            await testing.wait_until(lambda: len(receiver.got()) == 2)


async def test_address_without_an_origin_is_not_called(tmp_path, receiver, monkeypatch) -> None:
    """What is no http URL has no origin, and is called by nobody, not even where the empty one is allowed."""
    monkeypatch.setattr(courier, "LOOK_S", 0.05)
    await receiver.start()
    async with store.Store(tmp_path) as kept:
        await cancelled(kept, receiver.origin.replace("//", "//a@"))
        async with posting(kept, notice.Targets(frozenset({""}), {"default": SECRET})):

            async def tried() -> bool:
                return all(one.attempts for one in await kept.outbox_due(9))

            await testing.wait_until(tried)
        assert [] == receiver.got()


async def test_news_and_change_are_one_transaction(tmp_path, make_spec) -> None:
    """A change that is undone tells nothing, one that lasts is told; a job without a webhook tells nothing."""
    async with store.Store(tmp_path) as kept:
        await kept.submit([submission("http://127.0.0.1:9")], {}, 100)
        ((grant,), _) = await kept.lease([PROBE])
        assert [f"{grant.job.id}-2"] == [one.notice_id for one in await kept.outbox_due(9)]

        def broken(db: engines.Database) -> None:
            job = kept._held(db, grant.lease)
            kept._save(db, lifecycle.cancelled(job, "never", 1))
            assert 2 == len(db.all("outbox_due", now_us=1 << 62, limit=9))
            raise ValueError("undone")

        with pytest.raises(ValueError, match="undone"):
            await kept._write(broken)
        assert 1 == len(await kept.outbox_due(9))
        (job,) = await kept.submit([store.Submission("f" * 32, make_spec())], {}, 100)
        await kept.cancel(job.id, "")
        assert 1 == len(await kept.outbox_due(9))


@pytest.mark.parametrize(
    ("hook", "targets", "field"),
    [
        (None, notice.Targets(), None),
        (specs.Webhook("https://a.example/x"), notice.Targets(), "webhook"),
        (specs.Webhook("https://a.example/x"), ONE, None),
        (specs.Webhook("https://A.example:443/x"), ONE, None),
        (specs.Webhook("http://a.example/x"), ONE, "webhook.url"),
        (specs.Webhook("https://a.example:8/"), ONE, "webhook.url"),
        (
            specs.Webhook("https://a.example@b.c"),
            ONE,
            "webhook.url",
        ),
        (specs.Webhook("https://b.a.example"), ONE, "webhook.url"),
        (
            specs.Webhook("https://a.example\\@b.c"),
            ONE,
            "webhook.url",
        ),
        (specs.Webhook("http://a@b.c/"), notice.Targets(frozenset({""}), {"default": "s"}), "webhook.url"),
        (
            specs.Webhook("https://a.example", "x"),
            ONE,
            "webhook.secret",
        ),
    ],
)
def test_webhook_goes_only_where_the_operator_allows(hook, targets, field) -> None:
    """By scheme, host and port, with a secret that is known; with no origins there are no webhooks at all."""
    assert ([field] if field else []) == [name for name, _ in targets.violations(hook)]


def test_job_with_a_webhook_comes_back_as_it_was() -> None:
    """The specification is kept whole, and one of before webhooks is read."""
    spec = submission("https://a.example").spec
    assert spec == codec.spec(codec.dumps(spec))
    old = json.loads(codec.dumps(spec))
    del old["webhook"], old["start_us"], old["deadline_us"]
    assert codec.spec(json.dumps(old)).webhook is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_ORIGINS", '["https://a.example/path"]'),
        ("WEBHOOK_ORIGINS", '["a.example"]'),
        ("WEBHOOK_ORIGINS", '[""]'),
        ("WEBHOOK_SECRETS", '{"default": "too-short"}'),
        ("WEBHOOK_SECRETS", '{"default": "whsec_no*base64*but*long*enough"}'),
    ],
)
def test_settings_that_make_no_sense_are_refused_without_showing_them(monkeypatch, name, value) -> None:
    """An origin is no path, a secret is long; the error does not repeat what may be a secret."""
    monkeypatch.setenv(f"REELSMITH_JOBS_{name}", value)
    with pytest.raises(pydantic.ValidationError) as refusal:
        settings.Settings()
    assert "too-short" not in str(refusal.value)
    assert "no*base64" not in str(refusal.value)
