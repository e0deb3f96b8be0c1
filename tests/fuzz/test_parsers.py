"""Parsers take what is theirs, say no in their own words to all else, and never trip."""

import dataclasses

import pytest

from chassis import errors, references
from media import errors as media_errors
from services.config import document
from services.config.sources import files
from services.exporter import again, analysis, manifest
from tests.fuzz import messages, parsers

QUICK, LONG = 60, 20_000
MUTATIONS_MAX = 6  # of one input: more, and nothing of it is left


def feed(parser: parsers.Parser, number: int) -> None:
    """Gives a parser mutations of what it takes."""
    for index in range(number):
        maker = messages.Maker(f"{parser.name}-{index}")
        data = maker.chance.choice(parser.seeds)
        for _ in range(maker.chance.randrange(1, MUTATIONS_MAX)):
            data = maker.mutated(data)
        parser.feed(data)


@pytest.mark.parametrize("parser", parsers.PARSERS, ids=lambda parser: parser.name)
def test_parser_never_trips(parser: parsers.Parser) -> None:
    """Whatever it is given, it takes or refuses it in one of the ways that it promises."""
    feed(parser, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("parser", parsers.PARSERS, ids=lambda parser: parser.name)
def test_parser_never_trips_over_many(parser: parsers.Parser) -> None:
    """The same, many more of them."""
    feed(parser, LONG)


@pytest.mark.parametrize("name", ["subtitles", "configuration", "manifests-varied", "requests"])
def test_parser_that_promises_nothing_trips(name: str) -> None:
    """Control: an exception that is not promised is seen."""
    parser = dataclasses.replace(parsers.BY_NAME[name], refusals=())
    with pytest.raises((errors.Error, media_errors.MediaError, ValueError)):
        feed(parser, 400)


@pytest.mark.parametrize("text", ['a: "\\ud800"', '"\\ud800": 1', 'a: [{b: "x\\udfff"}]'])
def test_half_of_a_character_makes_no_document(text: str) -> None:
    """YAML and JSON can write what no text can hold; it is refused in words that can be sent."""
    with pytest.raises(errors.InvalidArgument) as caught:
        document.normalized(files._parsed(text.encode()))
    assert str(caught.value).encode()
    assert all(field.description.encode() for field in caught.value.fields)


def test_deep_nest_as_a_default_is_a_text() -> None:
    """What a variable stands for by default is read as a number at most, however deep it is."""
    text = "[" * 100_000
    assert ({"a": text}, []) == references.filled_in({"a": f"${{A:{text}}}"}, {})


@pytest.mark.parametrize(
    ("part", "value"),
    [("delivery", None), ("delivery", {}), ("captions", [1]), ("captions", "x"), ("clip", [])],
)
def test_manifest_with_a_part_of_another_kind_is_malformed(part: str, value: object) -> None:
    """Also where the part is none at all."""
    changed = parsers.MANIFEST | {part: value}
    with pytest.raises(manifest.Malformed):
        manifest.expected(changed)


@pytest.mark.parametrize("value", [None, {}, [], "mp4", 3])
def test_manifest_without_a_container_is_malformed(value: object) -> None:
    """It is asked alone before credentials are checked."""
    with pytest.raises(manifest.Malformed):
        manifest.container(parsers.MANIFEST | {"delivery": value})


def test_shot_of_nothing_makes_no_recipe() -> None:
    """An empty row is no shot."""
    found = parsers.MANIFEST["analysis"] | {"shots": [[]]}
    with pytest.raises(manifest.Malformed):
        again.read(parsers.MANIFEST | {"analysis": found})


def test_endless_frame_number_makes_no_analysis() -> None:
    """JSON of Python reads numbers that no frame has."""
    data = b'{"schema": "%s", "shots": [{"start_frame": 1e999}]}' % analysis.SCHEMA.encode()
    with pytest.raises(analysis.Malformed):
        analysis.Analysis.parse(data)
