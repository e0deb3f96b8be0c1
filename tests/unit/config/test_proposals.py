"""Changes that two people decide about."""

import asyncio
import contextlib
import pathlib
import sqlite3
from collections.abc import AsyncIterator

import pytest

from chassis import errors
from chassis.audit import chain
from services.config import builtin, layers, schema, versions
from services.config import store as store_module
from services.config.audit import store as audit_store
from services.config.proposals import desk, store

ONE = layers.Reader("analyzer", "one")
ENTRY = chain.Entry("ann", "ProposeConfig", "config/production")
OTHERS = chain.Entry("bob", "ProposeConfig", "config/production")


class World:
    """A desk and what it works on."""

    def __init__(self, kept: store_module.Store) -> None:
        self.store = kept
        self.versions = versions.Versions(kept, schema.Schema.load(), builtin.load(), "production", 10)
        self.desk = desk.Desk(kept, self.versions)

    async def propose(self, value: object, expected: int = 0, entry: chain.Entry = ENTRY) -> store.Proposal:
        """Proposes a weight for one instance."""
        edit = versions.patch(["analyzer.weights.motion"], {"analyzer": {"weights": {"motion": value}}})
        return await self.desk.propose("", versions.layered(edit, ONE), expected, ONE, entry, "why")

    async def reason(self, call) -> str:
        """Why a call is refused."""
        with pytest.raises(errors.Error) as caught:
            await call
        return caught.value.reason


@pytest.fixture
async def world(tmp_path: pathlib.Path) -> AsyncIterator[World]:
    """A world of its own."""
    async with store_module.Store(tmp_path / "config.sqlite3") as kept:
        yield World(kept)


async def test_proposal_takes_effect_when_somebody_else_approves(world: World) -> None:
    """Nothing changes before; then it is a version by who proposed it, and the record names who approved."""
    made = await world.propose(4)
    assert ((1, store.State.PENDING), 0) == ((made.id, made.state), (await world.versions.newest()).number)
    decided = await world.desk.approve(made.id, "bob", "fine")
    newest = await world.versions.newest()
    assert (store.State.APPROVED, 1, "bob") == (decided.state, decided.version, decided.decider)
    assert decided == await world.desk.one(made.id)
    assert (1, "ann", "why") == (newest.number, newest.actor, newest.comment)
    assert 4 == world.versions.effective(newest, ONE)["analyzer"]["weights"]["motion"]
    events = await world.store.read(lambda found: audit_store.earlier(found, 99, 9))
    assert [
        ("bob", "ApproveProposal", "config/production/versions/1"),
        ("ann", "ProposeConfig", "config/production/proposals/1"),
    ] == [(event.entry.actor, event.entry.action, event.entry.resource) for event in events]


async def test_nobody_approves_alone(world: World) -> None:
    """Not who proposed it, nobody without a name, and nothing twice."""
    made = await world.propose(4)
    assert "OWN_PROPOSAL" == await world.reason(world.desk.approve(made.id, "ann", ""))
    assert "ACTOR_REQUIRED" == await world.reason(world.desk.approve(made.id, " ", ""))
    assert "ACTOR_REQUIRED" == await world.reason(world.propose(5, entry=chain.Entry("", "ProposeConfig", "x")))
    assert "NO_SUCH_PROPOSAL" == await world.reason(world.desk.approve(9, "bob", ""))
    assert 0 == (await world.versions.newest()).number
    await world.desk.reject(made.id, "ann", "a mistake")
    assert "ALREADY_DECIDED" == await world.reason(world.desk.approve(made.id, "bob", ""))
    assert 0 == (await world.versions.newest()).number


async def test_invalid_change_is_not_even_proposed(world: World) -> None:
    """What is proposed is valid, and starts from the version in force."""
    assert "INVALID_DOCUMENT" == await world.reason(world.propose(-1))
    assert "VERSION_CONFLICT" == await world.reason(world.propose(1, expected=3))
    assert [] == await world.desk.page(None, False, 9)


async def test_proposal_from_an_older_version_cannot_be_approved(world: World) -> None:
    """What the second person saw is what comes into force, or nothing."""
    first, second = await world.propose(4), await world.propose(5)
    await world.desk.approve(second.id, "bob", "")
    assert "VERSION_CONFLICT" == await world.reason(world.desk.approve(first.id, "bob", ""))
    assert store.State.PENDING is (await world.desk.one(first.id)).state
    assert [first.id] == [found.id for found in await world.desk.page(None, True, 9)]
    assert [second.id, first.id] == [found.id for found in await world.desk.page(None, False, 9)]


async def test_two_decisions_at_once_make_one(world: World) -> None:
    """Whoever comes second is told."""
    made = await world.propose(4)
    calls = [world.desk.approve(made.id, name, "") for name in ("bob", "eve")]
    calls.append(world.desk.reject(made.id, "dan", ""))
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert 1 == sum(isinstance(found, store.Proposal) for found in ended)
    assert {"ALREADY_DECIDED", "VERSION_CONFLICT"} >= {
        found.reason for found in ended if isinstance(found, errors.Error)
    }
    assert (await world.versions.newest()).number == (await world.desk.one(made.id)).version


async def test_waiting_proposals_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused, and of decided ones the newest are kept."""
    monkeypatch.setattr(desk, "PENDING_MAX", 2)
    monkeypatch.setattr(desk, "KEPT", 2)
    for value in (1, 2):
        await world.propose(value)
    assert "TOO_MANY_PROPOSALS" == await world.reason(world.propose(3))
    await world.desk.reject(1, "bob", "")
    await world.desk.reject(2, "bob", "")
    await world.propose(3)
    assert [3, 2] == [found.id for found in await world.desk.page(None, False, 9)]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE proposal SET overlays = '{}'", "a proposal is never changed"),
        ("UPDATE proposal SET state = 'approved', decider = 'ann', version = 1", "CHECK"),
        (
            "UPDATE proposal SET state = 'rejected'; UPDATE proposal SET state = 'pending'",
            "a decision is never changed",
        ),
    ],
)
async def test_database_itself_keeps_proposals(tmp_path: pathlib.Path, statement: str, message: str) -> None:
    """What was proposed and decided cannot be changed, nor approved by its author, not even by our own statement."""
    async with store_module.Store(tmp_path / "config.sqlite3") as kept:
        await World(kept).propose(4)
    connection = sqlite3.connect(tmp_path / "config.sqlite3")
    with contextlib.closing(connection), pytest.raises(sqlite3.IntegrityError, match=message):
        connection.executescript(statement)
