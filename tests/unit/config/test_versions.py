"""Versions are changed one after the other, and watched without gaps."""

import asyncio
import collections
import pathlib
from collections.abc import AsyncIterator

import pytest

from chassis import errors
from services.config import builtin, layers, schema, versions
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
    assert ("production", 0, builtin.load()) == (newest.environment, newest.number, made.effective(newest))
    assert newest == await made.one("production", 0)


async def test_change_makes_the_next_version(made: versions.Versions) -> None:
    """A change keeps the rest of the document, and the old version stays."""
    version = await made.update("", motion(3.0), 0, actor="ann", comment="more action")
    assert (1, 3, 1.5) == (
        version.number,
        made.effective(version)["analyzer"]["weights"]["motion"],
        made.effective(version)["analyzer"]["weights"]["hook"],
    )
    assert (version, builtin.load()) == (await made.newest(), made.effective(await made.one("", 0)))


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
    assert builtin.load() == made.effective(await made.newest())


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


ANALYZER, ONE = layers.Reader("analyzer"), layers.Reader("analyzer", "one")


def seen(made: versions.Versions, version: store_module.Version, reader: layers.Reader) -> object:
    """The weight that a reader sees."""
    return made.effective(version, reader)["analyzer"]["weights"]["motion"]


async def test_each_layer_covers_the_one_below(made: versions.Versions) -> None:
    """Built in < environment < service < instance, and a change of any layer is a version of the one document."""
    readers = [layers.EVERYBODY, layers.Reader("exporter"), ANALYZER, ONE]
    await made.update("", motion(2), 0)
    await made.update("", motion(4), 1, reader=ONE)
    found = await made.update("", motion(3), 2, reader=ANALYZER)
    assert [2, 2, 3, 4] == [seen(made, found, reader) for reader in readers]
    removed = versions.patch(["analyzer.weights.motion"], {})
    found = await made.update("", removed, 3, reader=ONE)
    assert [2, 2, 3, 3] == [seen(made, found, reader) for reader in readers]
    found = await made.update("", removed, 4)
    assert [1, 1, 3, 3] == [seen(made, found, reader) for reader in readers]
    back = await made.rollback("", 3, 5)
    assert [2, 2, 3, 4] == [seen(made, back, reader) for reader in readers]


async def test_origin_of_each_value_is_told(made: versions.Versions) -> None:
    """Every value of what a reader sees has the layer that it comes from."""
    await made.update("", motion(2), 0)
    found = await made.update("", lambda _: {"exporter": {"presets": {"x": {"crf": 9}}}}, 1, reader=ONE)
    origins = layers.origins(made.stack(found, ONE))
    assert ("environment", "built in", "analyzer/one") == (
        origins["analyzer.weights.motion"],
        origins["analyzer.weights.hook"],
        origins["exporter.presets.x.crf"],
    )
    assert {"environment", "built in", "analyzer/one"} == set(origins.values())


async def test_change_below_that_breaks_a_layer_above_is_refused(made: versions.Versions) -> None:
    """Every reader's document is valid after every change, not only that of the layer that changes."""
    many = {f"jobs/{index}": {"exporter": {}} for index in range(65)}
    filled = {"exporter": {"presets": {f"p{index}": {"description": "x" * 400} for index in range(250)}}}
    wrong = [
        (layers.Content(filled, {"jobs": filled, "jobs/a": filled}), "bytes of JSON"),
        (layers.Content({}, many), "64 are allowed"),
        (layers.Content(motion(1)({}), {"analyzer/one": motion(-1)({})}), "the document of analyzer/one is not valid"),
    ]
    for content, said in wrong:
        with pytest.raises(errors.InvalidArgument, match=said):
            await made.rewrite("", lambda _, content=content: content, 0)
    assert 0 == (await made.newest()).number


@pytest.mark.parametrize(
    ("service", "instance", "said"),
    [("analyser", "", "did you mean analyzer"), ("", "one", "without its service"), ("jobs", "A/B", "is not 1 to 64")],
)
def test_layer_that_cannot_be_is_refused(service: str, instance: str, said: str) -> None:
    """Only the suite's services have layers, and instances have plain names."""
    with pytest.raises(errors.InvalidArgument, match=said):
        layers.Reader(service, instance)


@pytest.fixture
async def short(tmp_path: pathlib.Path) -> AsyncIterator[versions.Versions]:
    """Versions of which the last five are kept, and two in memory."""
    async with store_module.Store(tmp_path / "short.sqlite3", versions_max=5) as store:
        made = versions.Versions(store, schema.Schema.load(), builtin.load(), "production", watchers_max=3)
        made._recent = collections.deque(maxlen=2)
        yield made


async def test_watch_from_a_version_that_is_gone_is_a_fresh_start(short: versions.Versions) -> None:
    """A reader whose next version is no longer kept is told so and gets the newest; then it misses nothing."""
    for number in range(12):
        await short.update("", motion(number), number)
    watch = short.watch("", 3)
    version, compacted = await anext(watch)
    assert (12, True) == (version.number, compacted)
    await short.update("", motion(5), 12)
    assert (13, False) == ((found := await anext(watch))[0].number, found[1])
    assert [9, 10, 11, 12, 13] == await numbers(short.watch("", 8), 5)


async def test_reader_that_is_overtaken_is_told(short: versions.Versions) -> None:
    """A reader so slow that versions go before it takes them starts afresh, never with a silent gap."""
    watch = short.watch("", 0)
    await short.update("", motion(0), 0)
    assert [1] == await numbers(watch, 1)
    for number in range(1, 20):
        await short.update("", motion(number), number)
    version, compacted = await anext(watch)
    assert (20, True) == (version.number, compacted)


async def test_version_that_is_gone_is_told_from_one_that_never_was(short: versions.Versions) -> None:
    """Both are not found, for different reasons, and lists go from the newest to the oldest kept, and the built-in."""
    for number in range(8):
        await short.update("", motion(number), number)
    for number, reason in ((2, "VERSION_COMPACTED"), (9, "NO_SUCH_VERSION"), (-1, "NO_SUCH_VERSION")):
        with pytest.raises(errors.NotFound) as caught:
            await short.one("", number)
        assert reason == caught.value.reason
    assert [8, 7, 6, 5, 4, 0] == [version.number for version in await short.page("", None, 99)]
