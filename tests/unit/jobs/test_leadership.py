"""Several managers on one PostgreSQL: one writes, the others read, and none writes under an epoch that has ended."""

import asyncio
import contextlib
import threading

import psycopg
import pytest

from chassis import errors, testing
from services.jobs import board as boards
from services.jobs import dispatch, engines, leadership, lifecycle, store, watch
from services.jobs import job as jobs
from services.jobs.engines import postgres

PROBE = [dispatch.Slot(jobs.Kind.PROBE, "analyzer-1")]
LEASE_S = 60.0  # nobody loses it by being slow; where it has to end, a test ends it
END_LEASE = "UPDATE reelsmith_jobs.leadership SET until = '-infinity'"
# Writes down each event that comes under another epoch than the one in force.
WITNESS = """
    CREATE TABLE reelsmith_jobs.witness (written BIGINT, in_force BIGINT);
    CREATE FUNCTION reelsmith_jobs.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO reelsmith_jobs.witness
        SELECT NEW.epoch, epoch FROM reelsmith_jobs.leadership WHERE epoch <> NEW.epoch;
        RETURN NULL;
    END $$;
    CREATE TRIGGER look AFTER INSERT ON reelsmith_jobs.events FOR EACH ROW EXECUTE FUNCTION reelsmith_jobs.look();
"""


@pytest.fixture
def url(postgres_server) -> str:
    """A fresh database."""
    return postgres_server.fresh()


def said(url: str, statement: str) -> list[tuple]:
    """What the database says, asked by somebody else."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@contextlib.asynccontextmanager
async def two(url: str):
    """A leader and a manager that stands by."""
    async with store.Store(postgres.Postgres(url, LEASE_S)) as one, store.Store(postgres.Postgres(url, LEASE_S)) as two:
        assert (True, False) == (one.leads, two.leads)
        yield one, two


def submission(spec, number: int = 0, key: str = "") -> store.Submission:
    """A job to accept."""
    return store.Submission(f"{number:032x}", spec, key)


async def refused(work) -> errors.Unavailable:
    """The refusal of a manager that does not lead."""
    with pytest.raises(errors.Unavailable) as refusal:
        await work
    assert "NOT_LEADER" == refusal.value.reason
    return refusal.value


async def test_standby_reads_and_refuses_to_write(url, make_spec) -> None:
    """It tells what the leader wrote, who that is, and takes nothing."""
    async with two(url) as (leader, standby):
        (job,) = await leader.submit([submission(make_spec())], {}, 9)
        assert job == await standby.get(job.id)
        assert [job] == await standby.page(store.Filter(9))
        assert await leader.stats() == await standby.stats()
        assert await leader.events(job.id, 0) == await standby.events(job.id, 0)
        refusal = await refused(standby.submit([submission(make_spec(), 1)], {}, 9))
        assert leader._engine.name == refusal.metadata["leader"]
        for write in (standby.cancel(job.id, ""), standby.lease(PROBE), standby.check(), standby.delete(job.id)):
            await refused(write)
        watching = watch.Watch(standby, boards.Board()).follow(job.id, 0)
        await refused(anext(watching))


async def test_next_manager_leads_at_once_when_one_leaves(url, make_spec) -> None:
    """What ran is free under the next token, and a result under the old one is refused."""
    async with two(url) as (leader, standby):
        await leader.submit([submission(make_spec())], {}, 9)
        ((old,), _) = await leader.lease(PROBE)
        await leader.resign()
        await refused(leader.cancel(old.job.id, ""))
        assert await standby.lead()
        with pytest.raises(errors.Aborted):
            await standby.commit(old.lease, lifecycle.Outcome())
        ((new,), _) = await standby.lease(PROBE)
        assert (1, 2) == (old.lease.token, new.lease.token)
        assert not await leader.lead()
    assert [(2,)] == said(url, "SELECT epoch FROM reelsmith_jobs.leadership")


@pytest.mark.parametrize("fenced", [True, False])
async def test_write_under_an_old_epoch_is_refused(url, make_spec, monkeypatch, fenced) -> None:
    """A leader that was frozen learns at its first write that its reign is over; without the check it writes on."""
    async with two(url) as (old, new):
        (job,) = await old.submit([submission(make_spec())], {}, 9)
        said(url, WITNESS)
        said(url, END_LEASE)
        assert await new.lead()
        if not fenced:
            monkeypatch.setattr(postgres.Writing, "proven", lambda self, epoch: True)
        assert old.leads  # as far as it knows
        if fenced:
            await refused(old.cancel(job.id, "late"))
            assert not old.leads
            assert jobs.JobState.PENDING is (await new.get(job.id)).state
        else:
            await old.cancel(job.id, "late")
        assert ([] if fenced else [(1, 2)]) == said(url, "SELECT * FROM reelsmith_jobs.witness")


async def test_leader_that_freezes_in_a_transaction_is_thrown_out(url, make_spec) -> None:
    """The next manager waits for the lease, not for the frozen one; nothing of its last write is there."""
    reached, gate = threading.Event(), threading.Event()
    async with two(url) as (frozen, standby):
        (job,) = await frozen.submit([submission(make_spec())], {}, 9)
        shown: list[dict] = []

        def freeze(db: engines.Database) -> None:
            line = db.session.connection
            shown.extend(line.execute("SHOW idle_in_transaction_session_timeout").fetchall())
            line.execute("SET idle_in_transaction_session_timeout = '0.5s'")  # a lease that a test can wait for
            db.all("set_flow", state="PAUSED", reason="never", since_us=1)
            reached.set()
            gate.wait(60)

        writing = asyncio.ensure_future(frozen._write(freeze))
        await asyncio.to_thread(reached.wait, 60)
        await asyncio.to_thread(said, url, END_LEASE)  # waits for the row that the frozen one holds
        assert await standby.lead()
        gate.set()
        with pytest.raises(errors.Unavailable):
            await writing
        assert [{"idle_in_transaction_session_timeout": "1min"}] == shown
        assert not await frozen.lead()
        assert "" == (await standby.stats()).flow.reason
        assert job == await standby.get(job.id)


async def test_manager_starts_where_nobody_says_who_leads(url, make_spec) -> None:
    """It stands by while the row is held, as a frozen leader does, and leads when it is free."""
    async with store.Store(postgres.Postgres(url, LEASE_S)):
        pass
    with psycopg.connect(url) as frozen:
        frozen.execute("SELECT * FROM reelsmith_jobs.leadership FOR UPDATE")
        async with store.Store(postgres.Postgres(url, 0.5)) as kept:
            await refused(kept.submit([submission(make_spec())], {}, 9))
            frozen.rollback()
            assert await kept.lead()


async def test_lost_connection_comes_back(url, make_spec) -> None:
    """A database that restarts costs the writes in progress, not the lead."""
    async with store.Store(postgres.Postgres(url, LEASE_S)) as kept:
        await kept.submit([submission(make_spec())], {}, 9)
        said(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                  " AND datname = current_database()")  # fmt: skip
        await kept.submit([submission(make_spec(), 1)], {}, 9)
        assert 2 == len(await kept.page(store.Filter(9)))
        assert await kept.lead()
        assert [(1,)] == said(url, "SELECT epoch FROM reelsmith_jobs.leadership")


async def test_connection_that_is_cut_ends_the_waiting(url) -> None:
    """Who waits for an answer that does not come hears that there is none, and goes on with the next one."""
    async with store.Store(postgres.Postgres(url, LEASE_S)) as kept:
        said(url, "SELECT 1")
        waiting = asyncio.ensure_future(kept._read(lambda db: db.session.connection.execute("SELECT pg_sleep(25)")))

        async def asleep() -> bool:
            return bool(said(url, "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(25)'"))

        await testing.wait_until(asleep)
        kept.cut()
        with pytest.raises((errors.Unavailable, psycopg.OperationalError)):
            await asyncio.wait_for(waiting, 20)
        assert {} == (await kept.stats()).jobs


async def test_layout_of_a_newer_version_is_refused(url) -> None:
    """An older program does not touch what it does not know."""
    async with store.Store(postgres.Postgres(url, LEASE_S)):
        said(url, "UPDATE reelsmith_jobs.layout SET version = 99")
    with pytest.raises(errors.FailedPrecondition, match="layout 99"):
        async with store.Store(postgres.Postgres(url, LEASE_S)):
            pytest.fail("opened")


async def test_database_that_is_away_is_said_without_its_password(tmp_path) -> None:
    """An operator reads which address does not answer, and nobody reads the password."""
    url = f"postgresql://me:hush-hush@127.0.0.1:{testing.free_port()}/jobs"
    with pytest.raises(errors.Unavailable) as refusal:
        async with store.Store(postgres.Postgres(url, LEASE_S)):
            pytest.fail("opened")
    assert "127.0.0.1" in refusal.value.message
    assert "hush-hush" not in repr(refusal.value)


class Part:
    """Work that notes whether it is done."""

    def __init__(self) -> None:
        self.runs = 0

    async def run(self) -> None:
        """Works until it is cancelled."""
        self.runs += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.runs -= 1


async def test_only_the_leader_works(url, make_spec) -> None:
    """Work begins with a reign and ends with it, and watches of the old leader end too."""
    async with two(url) as managers:
        parts, live = [Part(), Part()], [boards.Board(), boards.Board()]
        leaders = [
            leadership.Leadership(kept, board, [part], 0.2)  # looks often; the lease itself is longer
            for kept, board, part in zip(managers, live, parts, strict=True)
        ]
        tasks = [asyncio.create_task(leader.run()) for leader in leaders]
        await testing.wait_until(lambda: [1, 0] == [part.runs for part in parts])
        (job,) = await managers[0].submit([submission(make_spec())], {}, 9)
        stream = watch.Watch(managers[0], live[0]).follow(job.id, 0)
        assert 1 == (await anext(stream)).sequence
        said(url, "UPDATE reelsmith_jobs.leadership SET until = 'infinity', epoch = epoch + 1, manager = 'other'")
        with pytest.raises(errors.Unavailable):
            async with asyncio.timeout(60):
                [sight async for sight in stream]
        await testing.wait_until(lambda: [0, 0] == [part.runs for part in parts])
        said(url, END_LEASE)
        await testing.wait_until(lambda: 1 == sum(part.runs for part in parts))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [0, 0] == [part.runs for part in parts]
