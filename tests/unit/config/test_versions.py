"""Versions are changed one after the other, and watched without gaps."""

import asyncio
import pathlib
from collections.abc import AsyncIterator

import pytest

from chassis import errors
from services.config import builtin, schema, versions
from services.config import store as store_module


@pytest.fixture
async def store(tmp_path: pathlib.Path) -> AsyncIterator[store_module.Store]:
    """A store of its own."""
    async with store_module.Store(tmp_path / "config.sqlite3") as store:
        yield store


@pytest.fixture
def made(store: store_module.Store) -> versions.Versions:
    """Versions with the real rules and defaults."""
    return versions.Versions(store, schema.Schema.load(), builtin.load(), "production", watchers_max=3)


def motion(value: object) -> versions.Edit:
    """Sets one weight."""
    return versions.patch(["analyzer.weights.motion"], {"analyzer": {"weights": {"motion": value}}})


async def numbers(watch: AsyncIterator[tuple[store_module.Version, bool]], count: int) -> list[int]:
    """The next version numbers of a watch."""
    return [(await asyncio.wait_for(anext(watch), 60))[0].number for _ in range(count)]


async def test_version_zero_is_the_builtin_document(made: versions.Versions) -> None:
    """An environment that nobody changed has the defaults as version 0."""
    newest = await made.newest()
    assert ("production", 0, builtin.load()) == (newest.environment, newest.number, newest.document)
    assert newest == await made.one("production", 0)


async def test_change_makes_the_next_version(made: versions.Versions) -> None:
    """A change keeps the rest of the document, and the old version stays."""
    version = await made.update("", motion(3.0), 0, actor="ann", comment="more action")
    assert (1, 3, 1.5) == (
        version.number,
        version.document["analyzer"]["weights"]["motion"],
        version.document["analyzer"]["weights"]["hook"],
    )
    assert (version, builtin.load()) == (await made.newest(), (await made.one("", 0)).document)


async def test_change_from_an_old_version_is_refused(made: versions.Versions) -> None:
    """Whoever did not see the newest version is told its number."""
    await made.update("", motion(2), 0)
    with pytest.raises(errors.Aborted) as caught:
        await made.update("", motion(3), 0)
    assert ("VERSION_CONFLICT", "1") == (caught.value.reason, caught.value.metadata["current_version"])
    assert 1 == (await made.newest()).number


async def test_one_of_many_changes_at_once_wins(made: versions.Versions) -> None:
    """Of fifty changes from the same version exactly one is taken."""
    outcomes = await asyncio.gather(*(made.update("", motion(value), 0) for value in range(50)), return_exceptions=True)
    assert 49 == sum(isinstance(outcome, errors.Aborted) for outcome in outcomes)
    assert 1 == (await made.newest()).number


async def test_invalid_change_changes_nothing(made: versions.Versions) -> None:
    """A refused document leaves the version in force."""
    with pytest.raises(errors.InvalidArgument) as caught:
        await made.update("", motion(-1), 0)
    assert "config.document.analyzer.weights.motion" == caught.value.fields[0].name
    assert 0 == (await made.newest()).number


async def test_dry_run_says_what_would_be(made: versions.Versions) -> None:
    """Validation alone answers with the next version and stores none."""
    would = await made.update("", motion(3), 0, dry=True)
    assert (1, 0) == (would.number, (await made.newest()).number)
    assert would.sha256 == (await made.update("", motion(3), 0)).sha256
    with pytest.raises(errors.Aborted):
        await made.update("", motion(3), 0, dry=True)
    with pytest.raises(errors.InvalidArgument):
        await made.update("", motion("x"), 1, dry=True)


async def test_rollback_is_a_new_version_with_old_content(made: versions.Versions) -> None:
    """Going back adds a version; nothing in between is lost."""
    first = await made.update("", motion(2), 0)
    await made.update("", motion(3), 1)
    back = await made.rollback("", 1, 2)
    assert (3, first.sha256, "back to version 1") == (back.number, back.sha256, back.comment)
    assert 4 == (await made.rollback("", 0, 3)).number
    assert builtin.load() == (await made.newest()).document


async def test_rollback_to_what_is_not_there_is_refused(made: versions.Versions) -> None:
    """A version that does not exist cannot come back, and a race is a conflict."""
    for number in (7, -1):
        with pytest.raises(errors.NotFound):
            await made.rollback("", number, 0)
    with pytest.raises(errors.Aborted):
        await made.rollback("", 0, 5)


async def test_rollback_to_content_against_todays_rules_is_refused(store: store_module.Store) -> None:
    """Rules that became stricter keep old content out."""
    loose = versions.Versions(store, schema.Schema({}), {}, "production", watchers_max=1)
    await loose.update("", lambda _: {"old": 1}, 0)
    strict = versions.Versions(store, schema.Schema.load(), builtin.load(), "production", watchers_max=1)
    with pytest.raises(errors.FailedPrecondition) as caught:
        await strict.rollback("", 1, 1)
    assert "config.document.old" in {field.name for field in caught.value.fields}


@pytest.mark.parametrize("name", ["A", "a b", "-a", "a-", "a" * 65, "a/b", "a\n", "ä"])
async def test_name_that_is_no_environments_is_refused(made: versions.Versions, name: str) -> None:
    """Environments have plain names."""
    with pytest.raises(errors.InvalidArgument) as caught:
        await made.newest(name)
    assert "environment" == caught.value.fields[0].name


@pytest.mark.parametrize(("field", "length"), [("actor", 201), ("comment", 1001)])
async def test_text_for_the_record_is_bounded(made: versions.Versions, field: str, length: int) -> None:
    """Who and why are short."""
    with pytest.raises(errors.InvalidArgument):
        await made.update("", motion(2), 0, **{field: "x" * length})


async def test_pages_reach_from_the_newest_to_the_builtin(made: versions.Versions) -> None:
    """Pages follow each other without gap or overlap and end with version 0."""
    for number in range(5):
        await made.update("", motion(number), number)
    pages, before = [], None
    while before != 0:
        page = [version.number for version in await made.page("", before, 2)]
        pages.append(page)
        before = page[-1]
    assert [[5, 4], [3, 2], [1, 0]] == pages


async def test_page_of_an_untouched_environment_has_the_builtin(made: versions.Versions) -> None:
    """Version 0 is listed, also where it is all there is, and on a page of its own."""
    assert [0] == [version.number for version in await made.page("", None, 2)]
    await made.update("", motion(2), 0)
    assert ([1], [0]) == (
        [version.number for version in await made.page("", None, 1)],
        [version.number for version in await made.page("", 1, 1)],
    )


async def test_watch_brings_what_was_and_what_comes(made: versions.Versions) -> None:
    """Versions before and after the start of a watch come once, in order."""
    for number in range(20):
        await made.update("", motion(number), number)
    watch = made.watch("", 3)
    assert list(range(4, 21)) == await numbers(watch, 17)
    waiting = asyncio.create_task(numbers(watch, 1))
    await asyncio.sleep(0.05)
    await made.update("", motion(99), 20)
    assert [21] == await waiting


async def test_watch_from_a_negative_version_begins_with_the_newest(made: versions.Versions) -> None:
    """Whoever knows nothing gets the document in force first, the built-in one too."""
    watch = made.watch("", -1)
    assert [0] == await numbers(watch, 1)
    await made.update("", motion(1), 0)
    await made.update("", motion(2), 1)
    assert [1, 2] == await numbers(watch, 2)
    assert [2] == await numbers(made.watch("", -1), 1)


async def test_watch_from_a_version_that_never_was_is_a_fresh_start(made: versions.Versions) -> None:
    """A reader that knows more than the store, as after a loss of it, gets the newest and is told so."""
    await made.update("", motion(1), 0)
    watch = made.watch("", 9)
    version, compacted = await anext(watch)
    assert (1, True) == (version.number, compacted)
    await made.update("", motion(2), 1)
    assert (2, False) == ((found := await anext(watch))[0].number, found[1])


async def test_watch_of_one_environment_hears_nothing_of_others(made: versions.Versions) -> None:
    """Only the watched environment's versions come."""
    watch = made.watch("staging", 0)
    waiting = asyncio.create_task(numbers(watch, 1))
    await made.update("production", motion(1), 0)
    await asyncio.sleep(0.05)
    assert not waiting.done()
    made_here = await made.update("staging", motion(5), 0)
    assert [1] == await waiting
    assert "staging" == made_here.environment


async def test_slow_and_fast_watchers_see_the_same_versions(made: versions.Versions) -> None:
    """Readers of any speed get every version once and in order while writing goes on."""

    async def read(pause_s: float) -> list[int]:
        found = []
        async for version, _ in made.watch("", 0):
            found.append(version.number)
            await asyncio.sleep(pause_s)
            if version.number == 60:
                return found
        return found

    readers = [asyncio.create_task(read(pause_s)) for pause_s in (0, 0.001, 0.01)]
    for number in range(60):
        await made.update("", motion(number), number)
    assert [list(range(1, 61))] * 3 == await asyncio.wait_for(asyncio.gather(*readers), 60)


async def test_watches_are_counted_and_given_back(made: versions.Versions) -> None:
    """One watch too many is refused with a time to come back; an ended one frees its place."""
    watches = [made.watch("", -1) for _ in range(3)]
    for watch in watches:
        await anext(watch)
    with pytest.raises(errors.ResourceExhausted) as caught:
        await anext(made.watch("", -1))
    assert caught.value.retry_after_s
    await watches[0].aclose()
    assert [0] == await numbers(made.watch("", -1), 1)


async def test_change_of_a_caller_that_left_is_announced(made: versions.Versions) -> None:
    """A commit whose caller was cancelled reaches the watchers all the same."""
    watch = made.watch("", 0)
    waiting = asyncio.create_task(numbers(watch, 1))
    await asyncio.sleep(0.01)
    change = asyncio.create_task(made.update("", motion(1), 0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    change.cancel()
    assert [1] == await waiting
