"""What is wrong never takes effect: by calls, by files, at a restart, and in the processes that follow."""

import contextlib
import json
import math
import pathlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from chassis import errors, live, steering
from chassis.audit import head
from services.analyzer import settings as analyzer_settings
from services.analyzer import weights
from services.config import builtin, schema, versions
from services.config import store as store_module
from services.config.audit import record
from services.config.sources import folder
from services.exporter import presets

RULES, BUILTIN = schema.Schema.load(), builtin.load()
Wrong = dict[str, Any]
COUNTS = [40, pytest.param(500, marks=pytest.mark.slow)]

NUMBERS = ("x", "1", None, True, [], {}, [1], -1, -0.001, 1e9, math.nan, math.inf, -math.inf)
TEXTS = (1, None, True, [], {}, "h263", "", "\n")
TERMS = ("hook", "energy", "motion", "faces", "pace")
NUMERIC = ("crf", "loudness_lufs", "audio_bit_rate_bps", "frame_rate_max", "duration_max_s")
CHOSEN = ("video_codec", "audio_codec", "aspect_ratio", "container", "encoder_preset")


def wrong_weight(noise: random.Random) -> Wrong:
    """A weight that is none."""
    return {"analyzer": {"weights": {noise.choice(TERMS): noise.choice(NUMBERS)}}}


def wrong_preset(noise: random.Random) -> Wrong:
    """A preset with a field that cannot be."""
    field, value = noise.choice([(noise.choice(NUMERIC), "x"), (noise.choice(CHOSEN), noise.choice(TEXTS))])
    return {"exporter": {"presets": {"tiktok": {field: noise.choice(NUMBERS[:7]) if value == "x" else value}}}}


def wrong_setting(noise: random.Random) -> Wrong:
    """A setting of a process that cannot be."""
    service, field = noise.choice([("analyzer", "workers"), ("exporter", "workers"), ("jobs", "probe_limit")])
    return {service: {"settings": {field: noise.choice(("x", None, [], {}, -1, 0, 1.5, 10**12))}}}


def misspelled(noise: random.Random) -> Wrong:
    """A name that nothing has, at any depth."""
    word = noise.choice(TERMS)
    place = noise.randrange(len(word))
    typo = word[:place] + noise.choice("qxz") + word[place:]
    return noise.choice(
        (
            {typo: {}},
            {"analyzer": {typo: {}}},
            {"analyzer": {"weights": {typo: 1}}},
            {"exporter": {"presets": {"tiktok": {typo: 1}}}},
            {"jobs": {"settings": {typo: 1}}},
        )
    )


def malformed(noise: random.Random) -> Wrong:
    """Names, depths and sizes that no document has."""
    deep: Wrong = {}
    for _ in range(noise.randrange(20, 60)):
        deep = {"a": deep}
    large = {f"p{index}": {"description": "x" * 400} for index in range(700)}
    return noise.choice(
        (
            {"analyzer": deep},
            {"exporter": {"presets": large}},
            {"analyzer": {"weights": {"a.b": 1}}},
            {"analyzer": {"weights": {"": 1}}},
            {"analyzer": {"weights": {"mo\ntion": 1}}},
            {"analyzer": []},
            {"exporter": {"presets": {"No Name": {}}}},
        )
    )


KINDS: tuple[Callable[[random.Random], Wrong], ...] = (wrong_weight, wrong_preset, wrong_setting, misspelled, malformed)


def documents(count: int) -> list[Wrong]:
    """Documents that are wrong, each in its way."""
    noise = random.Random(11)
    return [KINDS[index % len(KINDS)](noise) for index in range(count)]


@contextlib.asynccontextmanager
async def served(path: pathlib.Path) -> AsyncIterator[tuple[versions.Versions, folder.Folder]]:
    """The parts of a service, with a folder of files."""
    signer = head.Signer.load(path / "audit.key")
    keeper = head.Keeper(path / "audit.head", signer)
    async with store_module.Store(path / "config.sqlite3", keeper) as store:
        known = versions.Versions(store, RULES, BUILTIN, "production", 10)
        async with folder.Folder(path / "files", known, record.Record(store, signer, keeper)) as watched:
            yield known, watched


@pytest.mark.parametrize("count", COUNTS)
async def test_no_wrong_document_is_taken_by_a_call(tmp_path: pathlib.Path, count: int) -> None:
    """Each is refused with what is wrong where; the version in force stays, and the next good one follows it."""
    (tmp_path / "files").mkdir()
    async with served(tmp_path) as (known, _):
        good = await known.update("", lambda _: {"analyzer": {"weights": {"motion": 3}}}, 0)
        for wrong in documents(count):
            with pytest.raises(errors.InvalidArgument) as refusal:
                await known.update("", lambda _, wrong=wrong: wrong, 1)
            assert refusal.value.fields, wrong
        assert good == await known.newest()
        assert 2 == (await known.update("", lambda _: {"analyzer": {"weights": {"motion": 4}}}, 1)).number


def as_file(wrong: Wrong) -> str:
    """A document as YAML, which spells numbers that are none in its own way."""
    return json.dumps(wrong).replace("-Infinity", "-.inf").replace("Infinity", ".inf").replace("NaN", ".nan")


TORN = ("analyzer: {", "\t", "- 1", "a: *b", "analyzer: &a [*a]", "\0", "analyzer:\n  weights:\n motion: 1\n", "1")


@pytest.mark.parametrize("count", COUNTS)
async def test_no_wrong_file_is_taken(tmp_path: pathlib.Path, count: int) -> None:
    """Neither while the service runs nor when it starts with it; the last good version stays, and the fault is told."""
    file = tmp_path / "files" / "production.yaml"
    file.parent.mkdir()
    file.write_text(as_file({"analyzer": {"weights": {"motion": 3}}}))
    texts = [as_file(wrong) for wrong in documents(count)] + [*TORN]
    async with served(tmp_path) as (known, watched):
        good = await known.newest()
        for text in texts:
            file.write_text(text)
            await watched.look()
            assert watched.sources[0].fault, text
        assert good == await known.newest()
    for text in texts[:: max(1, count // 20)]:  # each a start of the service
        file.write_text(text)
        async with served(tmp_path) as (known, watched):
            assert (good.number, True) == ((await known.newest()).number, bool(watched.sources[0].fault)), text


@pytest.mark.parametrize("count", COUNTS)
async def test_no_wrong_document_is_taken_by_a_process(tmp_path: pathlib.Path, count: int) -> None:
    """Were the service to hand one out all the same: it is refused when it comes, and when it lies on the disk."""
    noise, good = random.Random(12), {"analyzer": {"weights": {"motion": 3}}}
    kinds = (wrong_weight, wrong_preset, wrong_setting)
    # What a process does not know may be of a newer release: only what it would use has to be right.
    known = {"analyzer": ("weights", "settings"), "exporter": ("presets",)}
    made = (kinds[index % len(kinds)](noise) for index in range(count * 2))
    wrongs = [wrong for wrong in made if any(section in known for section in wrong)]
    wrongs = [wrong for wrong in wrongs if "settings" not in wrong.get("exporter", {})][:count]

    async def watch(after: int) -> AsyncGenerator[live.Revision, None]:
        yield live.Revision(1, good)
        for number, wrong in enumerate(wrongs, 2):
            yield live.Revision(number, wrong)
        yield live.Revision(count + 9, good)

    async def silent(after: int) -> AsyncGenerator[live.Revision, None]:
        raise errors.Unavailable("it is gone")
        yield

    taken: list[Mapping[str, Any]] = []
    steered = steering.Steering(analyzer_settings.Settings())
    use = live.Use((weights.accept, presets.accept, steered.accept), (taken.append,), wait=False)
    async with live.LiveDocument(tmp_path / "config.json", watch, use=use) as followed:
        while followed.version != count + 9:
            await followed.changed(followed.version, 60)
    assert [{}, good, good] == taken
    taken.clear()
    for number, wrong in enumerate(wrongs):
        (tmp_path / "config.json").write_text(json.dumps({"version": number, "value": wrong}))
        async with live.LiveDocument(tmp_path / "config.json", silent, use=use) as followed:
            assert 0 == followed.version, wrong
    assert [{}] * len(wrongs) == taken
