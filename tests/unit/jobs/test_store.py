"""What the store promises, on a real SQLite file and on a real PostgreSQL; a few promises are of SQLite alone."""

import asyncio
import contextlib
import os
import pathlib
import sqlite3
import threading

import pytest

from chassis import errors
from services.jobs import codec, dispatch, engines, lifecycle, recent, room, store
from services.jobs import job as jobs

SQLITE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
PROBE = [dispatch.Slot(jobs.Kind.PROBE, "analyzer-1")]
LAYOUT_1 = pathlib.Path(__file__).with_name("layout_1.sql")
FILE = jobs.Artifact("metadata/media_info.json", 3, "0" * 64, "application/json", jobs.Role.MEDIA_INFO, "probe")
FAULT = jobs.Failure("INTERNAL", "X", "it broke")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """Where the stores of a test are: a folder, or a database."""
    return request.getfixturevalue("postgres_place") if request.param == "postgres" else lambda: tmp_path / "state"


def submission(spec, number: int = 0, key: str = "") -> store.Submission:
    """A job to accept."""
    return store.Submission(f"{number:032x}", spec, key)


async def submitted(kept: store.Store, spec, number: int = 0) -> jobs.Job:
    """An accepted job."""
    (job,) = await kept.submit([submission(spec, number)], {}, 100)
    return job


async def test_job_comes_back_as_it_was_accepted(kept, make_spec) -> None:
    """Nothing is lost on the way to the file and back."""
    carrier = {"traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"}
    spec = make_spec(keywords=("ä", "b"), weights={"motion": 0.25}, labels={"team": "x"})
    (job,) = await kept.submit([submission(spec)], carrier, 100)
    assert job == await kept.get(job.id) == await reread(kept, job.id)
    assert (spec, "ab" * 16) == (job.spec, job.trace_id)


async def test_ready_steps_go_by_priority_then_age(kept, make_spec) -> None:
    """The higher priority first, then the older job."""
    for number, priority in enumerate((0, 5, 0, 5)):
        await submitted(kept, make_spec(priority=priority), number)
    grants, _ = await kept.lease(PROBE * 4)
    assert [1, 3, 0, 2] == [int(grant.job.id, 16) for grant in grants]


async def test_tokens_grow_and_only_the_last_one_commits(kept, make_spec, hands, again) -> None:
    """A result under an old token is refused, whatever it is."""
    await submitted(kept, make_spec())
    ((first,), _) = await kept.lease(PROBE)
    await kept.fail(first.lease, FAULT, lambda step, failure: again(step, failure, 0.0))
    ((second,), _) = await kept.lease(PROBE)
    assert (1, 2) == (first.lease.token, second.lease.token)
    for late in (kept.commit(first.lease, lifecycle.Outcome()), kept.fail(first.lease, FAULT, again)):
        with pytest.raises(errors.Aborted, match="comes too late"):
            await late
    job = await kept.commit(second.lease, lifecycle.Outcome())
    assert jobs.StepState.SUCCEEDED is job.step("probe").state
    with pytest.raises(errors.Aborted):
        await kept.commit(second.lease, lifecycle.Outcome())


async def test_cancelled_job_takes_no_result(kept, make_spec) -> None:
    """What has ended never changes."""
    job = await submitted(kept, make_spec())
    ((grant,), _) = await kept.lease(PROBE)
    ended = await kept.cancel(job.id, "enough")
    with pytest.raises(errors.Aborted):
        await kept.commit(grant.lease, lifecycle.Outcome())
    assert ended == await kept.get(job.id) == await kept.cancel(job.id, "again")


async def test_back_off_is_kept_and_survives_a_restart(place, make_spec, hands, again) -> None:
    """A step waits by the monotonic clock; a new start goes on with what was left of the wait."""
    async with store.Store(place(), hands.clock()) as kept:
        await submitted(kept, make_spec())
        ((grant,), _) = await kept.lease(PROBE)
        await kept.fail(grant.lease, FAULT, again)
        assert ([], 10.0) == await kept.lease(PROBE)
    hands.wall_us += 4_000_000
    hands.monotonic_us = 5  # another boot
    async with store.Store(place(), hands.clock()) as kept:
        grants, left_s = await kept.lease(PROBE)
        assert ([], pytest.approx(6.0, abs=0.01)) == (grants, left_s)
        hands.monotonic_us += 6_000_000
        assert 1 == len((await kept.lease(PROBE))[0])


@pytest.mark.parametrize("jump_us", [-86_400_000_000, 86_400_000_000])
async def test_jump_of_the_wall_clock_changes_no_wait(place, make_spec, hands, again, jump_us) -> None:
    """A day forward or back delays nothing by more than the wait itself, restart included."""
    async with store.Store(place(), hands.clock()) as kept:
        await submitted(kept, make_spec())
        ((grant,), _) = await kept.lease(PROBE)
        await kept.fail(grant.lease, FAULT, again)
        hands.wall_us += jump_us
        assert ([], 10.0) == await kept.lease(PROBE)
    async with store.Store(place(), hands.clock()) as kept:
        _, left_s = await kept.lease([])
        assert left_s is None or 0 <= left_s <= 10
        hands.monotonic_us += 10_000_000
        ((grant,), _) = await kept.lease(PROBE)
        job = await kept.commit(grant.lease, lifecycle.Outcome())
        assert job.step("probe").end_us >= job.step("probe").start_us


async def test_running_steps_run_again_after_a_restart(place, make_spec, hands) -> None:
    """What ran when the manager ended is free at once, under the next token, and the old one is refused."""
    async with store.Store(place(), hands.clock()) as kept:
        await submitted(kept, make_spec())
        ((old,), _) = await kept.lease(PROBE)
    async with store.Store(place(), hands.clock()) as kept:
        with pytest.raises(errors.Aborted):
            await kept.commit(old.lease, lifecycle.Outcome())
        ((new,), _) = await kept.lease(PROBE)
        assert (2, 2, 0) == (new.lease.token, new.job.step("probe").attempts, new.job.step("probe").failures)


async def test_running_step_without_an_owner_is_freed(kept, make_spec) -> None:
    """A step that nobody runs does not stay RUNNING."""
    await submitted(kept, make_spec())
    ((grant,), _) = await kept.lease(PROBE)
    held = frozenset({(grant.job.id, "probe")})
    assert ([], None) == await kept.lease(PROBE, held)
    ((freed,), _) = await kept.lease(PROBE)
    assert 2 == freed.lease.token


async def test_step_with_something_in_flight_is_not_leased(kept, make_spec) -> None:
    """A step that was cancelled and retried waits until its last attempt is out of the way."""
    job = await submitted(kept, make_spec())
    await submitted(kept, make_spec(), 1)
    busy = frozenset({(job.id, "probe")})
    grants, _ = await kept.lease(PROBE * 2, busy)
    assert [1] == [int(grant.job.id, 16) for grant in grants]


async def test_same_key_is_the_same_job(kept, make_spec) -> None:
    """A key is answered for ever: with its job, or with why not."""
    (first,) = await kept.submit([submission(make_spec(), 1, "k")], {}, 100)
    (second,) = await kept.submit([submission(make_spec(), 2, "k")], {}, 1)
    assert first == second
    with pytest.raises(errors.AlreadyExists):
        await kept.submit([submission(make_spec(count=7), 3, "k")], {}, 100)
    await kept.cancel(first.id, "")
    await kept.delete(first.id)
    with pytest.raises(errors.FailedPrecondition, match="deleted"):
        await kept.submit([submission(make_spec(), 4, "k")], {}, 100)


async def test_tenants_share_no_key_and_no_list(kept, make_spec) -> None:
    """A key means the same job only within a tenant, and a list of one tenant has no job of another."""
    found = [
        (await kept.submit([store.Submission(f"{number:032x}", make_spec(), "k", tenant)], {}, 100))[0]
        for number, tenant in enumerate(("default", "acme", "acme", "other"))
    ]
    assert [0, 1, 1, 3] == [int(job.id, 16) for job in found]
    assert ["default", "acme", "acme", "other"] == [job.tenant for job in found]
    assert found[1] == await kept.get(found[1].id)
    assert [1] == [int(job.id, 16) for job in await kept.page(store.Filter(10, tenant="acme"))]
    assert [3, 1, 0] == [int(job.id, 16) for job in await kept.page(store.Filter(10))]


async def test_batch_is_accepted_whole_or_not_at_all(kept, make_spec) -> None:
    """One job too many refuses all of them."""
    with pytest.raises(errors.ResourceExhausted) as refusal:
        await kept.submit([submission(make_spec(), number) for number in range(3)], {}, 2)
    assert ("QUEUE_FULL", 5.0) == (refusal.value.reason, refusal.value.retry_after_s)
    assert [] == await kept.page(store.Filter(10))
    assert {} == (await kept.stats()).jobs


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (room.Bounds(tenant=2), "TENANT_QUEUE_FULL"),
        (room.Bounds(tenant=1, tenants={"acme": 2}), "TENANT_QUEUE_FULL"),
        (room.Bounds(spec_bytes=2000), "QUEUE_BYTES_FULL"),
        (room.Bounds(), "QUEUE_FULL"),
    ],
)
async def test_full_queue_refuses_and_says_why(place, make_spec, bounds, reason) -> None:
    """The third job is refused, a retry too, with when to come back; a job that ends makes room, over a restart."""

    async def submit(kept: store.Store, number: int, tenant: str = "acme") -> jobs.Job:
        item = store.Submission(f"{number:032x}", make_spec(title="x" * 200), "", tenant)
        return (await kept.submit([item], {}, 2 if reason == "QUEUE_FULL" else 9))[0]

    async with store.Store(place(), bounds=bounds) as kept:
        ended = await submit(kept, 0)
        await kept.cancel(ended.id, "")
        await submit(kept, 1)
        last = await submit(kept, 2)
    async with store.Store(place(), bounds=bounds) as kept:
        for refused in (submit(kept, 3), kept.retry(ended.id, 2 if reason == "QUEUE_FULL" else 9)):
            with pytest.raises(errors.ResourceExhausted) as refusal:
                await refused
            assert (reason, 5.0) == (refusal.value.reason, refusal.value.retry_after_s)
        if reason == "TENANT_QUEUE_FULL":
            await submit(kept, 4, "other")
        await kept.cancel(last.id, "")
        await submit(kept, 5)


@contextlib.asynccontextmanager
async def held(kept: store.Store):
    """The writer held up in the middle of a write, as a slow disk does."""
    reached, gate = threading.Event(), threading.Event()

    def wait(db: engines.Database) -> None:
        reached.set()
        gate.wait(30)

    holding = asyncio.ensure_future(kept._write(wait))
    try:
        await asyncio.to_thread(reached.wait, 30)
        yield
    finally:
        gate.set()
        await holding


async def test_full_queue_refuses_while_the_writer_is_held(kept, make_spec) -> None:
    """Who is refused does not wait for the disk; a key that is known or with the writer gets its job from it."""
    (known,) = await kept.submit([submission(make_spec(), 0, "known")], {}, 9)
    async with held(kept):
        for items in ([submission(make_spec(), 1)], [submission(make_spec(), 2, "new"), submission(make_spec(), 3)]):
            with pytest.raises(errors.ResourceExhausted) as refusal:
                await asyncio.wait_for(kept.submit(items, {}, 1), 20)
            assert "QUEUE_FULL" == refusal.value.reason
        first = asyncio.ensure_future(kept.submit([submission(make_spec(), 4, "entering")], {}, 9))
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(kept.submit([submission(make_spec(), 5, "entering")], {}, 1))]
        waiting.append(asyncio.ensure_future(kept.submit([submission(make_spec(), 6, "known")], {}, 1)))
        first.cancel()  # its caller is gone, its write is not
        await asyncio.sleep(0)
        waiting.append(asyncio.ensure_future(kept.submit([submission(make_spec(), 7, "entering")], {}, 1)))
        await asyncio.sleep(0.1)
        assert not any(one.done() for one in waiting)
    assert [f"{4:032x}", known.id, f"{4:032x}"] == [job.id for (job,) in await asyncio.gather(*waiting)]
    assert not kept._entering


async def test_bounds_are_exact_however_many_come_at_once(kept, make_spec) -> None:
    """What the last commit tells only refuses: the writer counts, and room that is made is found at once."""
    calls = [kept.submit([submission(make_spec(), number)], {}, 7) for number in range(50)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    taken = [one[0] for one in found if not isinstance(one, errors.ResourceExhausted)]
    assert (7, 43) == (len(taken), len(found) - len(taken))
    for number, job in enumerate(taken[:3], 50):
        await kept.cancel(job.id, "")
        await kept.submit([submission(make_spec(), number)], {}, 7)
    assert 7 == sum(load.jobs for load in (await kept.stats()).loads)


async def test_loads_are_those_of_unfinished_jobs(kept, make_spec) -> None:
    """Whatever happens to jobs, what is counted is what a count of them gives."""
    found = [
        (await kept.submit([store.Submission(f"{number:032x}", make_spec(), "", tenant)], {}, 9))[0]
        for number, tenant in enumerate(("a", "a", "b"))
    ]
    size = len(codec.dumps(make_spec()))
    assert (room.Load("a", 2, 2 * size), room.Load("b", 1, size)) == (await kept.stats()).loads
    for job in found[1:]:
        await kept.cancel(job.id, "")
    assert (room.Load("a", 1, size),) == (await kept.stats()).loads
    await kept.retry(found[2].id, 9)
    await kept.delete(found[1].id)
    assert (room.Load("a", 1, size), room.Load("b", 1, size)) == (await kept.stats()).loads


async def test_deleted_job_leaves_no_row_and_right_counts(kept, make_spec) -> None:
    """Steps, files and events go with their job; its session is on the list of what is to be swept."""
    job = await submitted(kept, make_spec())
    with pytest.raises(errors.FailedPrecondition):
        await kept.delete(job.id)
    await kept.cancel(job.id, "")
    await kept.delete(job.id)
    await kept.delete(job.id)
    with pytest.raises(errors.NotFound):
        await kept.get(job.id)
    with pytest.raises(errors.NotFound):
        await kept.delete("f" * 32)
    assert [job.id] == await kept.unswept(10)
    await kept.swept(job.id)
    assert [] == await kept.unswept(10)
    assert store.Stats({}, 0, 0, None) == await kept.stats()

    def count(db: engines.Database, table: str) -> int:
        return db.session.connection.execute(f"SELECT count(*) AS count FROM {table}").fetchone()["count"]

    for table in ("jobs", "steps", "artifacts", "events"):
        assert 0 == await kept._read(lambda db, table=table: count(db, table))


async def test_retry_waits_for_the_start_of_the_job(kept, make_spec, hands) -> None:
    """A job that was cancelled before its start begins at that time all the same; after it a retry runs at once."""
    job = await submitted(kept, make_spec(start_us=hands.wall_us + 60_000_000))
    await kept.cancel(job.id, "")
    again = await kept.retry(job.id, 9)
    assert ("READY", job.spec.start_us) == (again.step("probe").state.value, again.step("probe").retry_us)
    grants, left_s = await kept.lease(PROBE)
    assert ([], pytest.approx(60, abs=0.01)) == (grants, left_s)
    hands.monotonic_us += 60_000_000
    hands.wall_us += 60_000_000
    assert 1 == len((await kept.lease(PROBE))[0])
    await kept.cancel(job.id, "")
    assert (await kept.retry(job.id, 9)).step("probe").retry_us is None
    assert 1 == len((await kept.lease(PROBE))[0])


async def test_retry_of_a_whole_job_is_refused(kept, make_spec) -> None:
    """Only what did not succeed runs again; a job that runs stays as it is."""
    job = await submitted(kept, make_spec())
    assert job == await kept.retry(job.id, 100)
    cancelled = await kept.cancel(job.id, "")
    again = await kept.retry(job.id, 100)
    assert (jobs.JobState.CANCELLED, jobs.JobState.PENDING) == (cancelled.state, again.state)
    with pytest.raises(errors.NotFound):
        await kept.retry("f" * 32, 100)


async def test_all_that_waits_shares_one_commit(kept, make_spec, monkeypatch) -> None:
    """A hundred callers at once cost a few commits, not a hundred."""
    commits = []
    real = engines.Database.all

    def counted(self, statement, /, **values):
        commits.extend([1] if statement == "commit" else [])
        return real(self, statement, **values)

    monkeypatch.setattr(engines.Database, "all", counted)
    await asyncio.gather(*(submitted(kept, make_spec(), number) for number in range(100)))
    assert len(commits) <= 10


async def test_one_refused_write_leaves_the_others(kept, make_spec) -> None:
    """Writes that share a commit fail alone."""
    good = [kept.submit([submission(make_spec(), number)], {}, 100) for number in range(3)]
    bad = kept.cancel("f" * 32, "")
    found = await asyncio.gather(good[0], bad, good[1], good[2], return_exceptions=True)
    assert isinstance(found[1], errors.NotFound)
    assert 3 == len(await kept.page(store.Filter(10)))


@SQLITE
async def test_full_disk_is_said_and_recovers(kept, make_spec) -> None:
    """What the disk does not take is refused with a reason; with room again all goes on."""
    await submitted(kept, make_spec(), 0)
    await kept._write(lambda db: db.session.connection.execute("PRAGMA max_page_count = 1"))
    accepted, refused = 1, None
    for number in range(1, 2000):
        try:
            await submitted(kept, make_spec(title="x" * 200), number)
            accepted += 1
        except errors.ResourceExhausted as error:
            refused = error
            break
    assert "STORAGE_FULL" == refused.reason
    await kept._write(lambda db: db.session.connection.execute("PRAGMA max_page_count = 1000000"))
    await submitted(kept, make_spec(), 5000)
    assert accepted + 1 == sum((await kept.stats()).jobs.values())


async def test_check_writes_only_where_nothing_proves_the_disk(kept, make_spec, monkeypatch) -> None:
    """A young commit is proof enough; an empty one is none, and without proof a row is written."""
    pulses = []
    real = engines.Database.all

    def counted(self, statement, /, **values):
        pulses.extend([1] if statement == "write_pulse" else [])
        return real(self, statement, **values)

    monkeypatch.setattr(engines.Database, "all", counted)
    await submitted(kept, make_spec())
    await kept.check()
    assert [] == pulses
    monkeypatch.setattr(store, "PROOF_AGE_S", -1.0)
    await kept.lease([])
    await kept.check()
    assert [1] == pulses


@SQLITE
async def test_second_store_on_one_folder_is_refused(kept, tmp_path) -> None:
    """One store, one manager; the refusal names the one that has it."""
    with pytest.raises(errors.FailedPrecondition) as refusal:
        async with store.Store(tmp_path / "state"):
            pytest.fail("opened twice")
    assert ("STORE_IN_USE", str(os.getpid())) == (refusal.value.reason, refusal.value.metadata["pid"])


async def test_file_of_a_newer_version_is_refused(tmp_path: pathlib.Path) -> None:
    """An older program does not touch what it does not know, and lets go of the lock."""
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as newer:
        newer.execute("PRAGMA user_version = 99")
    for _ in range(2):
        with pytest.raises(errors.FailedPrecondition, match="layout 99"):
            async with store.Store(tmp_path):
                pytest.fail("opened")


async def test_store_of_the_first_release_is_read(tmp_path: pathlib.Path, hands) -> None:
    """Jobs, keys, deletions, back-off and interrupted steps of the first layout live on; its jobs have no tenant."""
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as older:
        older.executescript(LAYOUT_1.read_text())
    async with store.Store(tmp_path, hands.clock()) as kept:
        found = {int(job.id, 16): job for job in await kept.page(store.Filter(10, tenant="default"))}
        assert [6, 5, 4, 3, 1] == list(found)
        assert (jobs.JobState.SUCCEEDED, 3) == (found[1].state, len(found[1].artifacts))
        assert {"team": "x"} == found[3].spec.labels
        assert found[1].sequence == len(await kept.events(found[1].id, 0))
        (known,) = await kept.submit([submission(found[1].spec, 9, "first")], {}, 1)
        assert found[1] == known
        with pytest.raises(errors.FailedPrecondition, match="deleted"):
            await kept.submit([submission(found[6].spec, 9, "second")], {}, 100)
        assert [f"{2:032x}"] == await kept.unswept(10)
        assert [("default", 4)] == [(load.tenant, load.jobs) for load in (await kept.stats()).loads]
        hands.monotonic_us += 10_000_000
        grants, _ = await kept.lease(PROBE * 9)
        assert [5, 3, 6, 4] == [int(grant.job.id, 16) for grant in grants]  # by priority, then age
        assert [2, 2, 1, 1] == [grant.lease.token for grant in grants]


async def test_file_that_is_no_store_is_refused(tmp_path: pathlib.Path) -> None:
    """Damage is told as damage."""
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database" * 500)
    with pytest.raises(errors.DataLoss):
        async with store.Store(tmp_path):
            pytest.fail("opened")


@SQLITE
async def test_writes_are_synchronous_on_a_log(kept) -> None:
    """Every connection is in WAL mode and waits for the disk at every commit."""
    found = await kept._write(
        lambda db: [
            db.session.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        ]
    )
    assert ["wal", 2] == found  # 2 is FULL


async def test_job_of_a_write_that_was_undone_is_not_remembered(kept, make_spec) -> None:
    """What is known without reading is what was committed, also where the next change takes the same number."""
    job, other = [await submitted(kept, make_spec(), number) for number in range(2)]

    def undone(db: engines.Database) -> None:
        kept._save(db, lifecycle.cancelled(store._job(db, job.id), "never", 1))
        raise errors.Aborted("undone", reason="UNDONE")

    writes = [kept._write(undone), kept.cancel(other.id, "with it")]
    assert isinstance((await asyncio.gather(*writes, return_exceptions=True))[0], errors.Aborted)
    assert (1, jobs.JobState.PENDING) == ((await kept.get(job.id)).sequence, (await kept.get(job.id)).state)
    cancelled = await kept.cancel(job.id, "asked for")
    assert cancelled == await kept.get(job.id) == await reread(kept, job.id)
    assert "asked for" == cancelled.error.message


async def test_known_jobs_are_as_they_are_on_disk(kept, make_spec) -> None:
    """A job that need not be read equals the one that is, and only so many of them are kept."""
    await submitted(kept, make_spec())
    ((grant,), _) = await kept.lease(PROBE)
    job = await kept.commit(grant.lease, lifecycle.Outcome((FILE,), media_s=60.0))
    assert job == await kept.get(job.id) == await reread(kept, job.id)
    known = recent.Recent()
    known.add({str(number): job for number in range(recent.RECENT_MAX + 2)})
    assert (recent.RECENT_MAX, None) == (len(known._jobs), known.get("1", job.sequence))


async def reread(kept: store.Store, job_id: str) -> jobs.Job:
    """A job as the disk has it."""

    def read(db: engines.Database) -> jobs.Job:
        return store._job(engines.Database(db.session), job_id)

    return await kept._read(read)
