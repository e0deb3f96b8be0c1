"""The schema takes what the services take, and explains what it refuses."""

import json

import jsonschema
import pytest

from services.analyzer.proposals import genre, terms
from services.config import builtin, schema
from services.exporter import presets

RULES = schema.Schema.load()


def with_preset(**fields: object) -> dict:
    """A valid document with one preset."""
    return {"analyzer": {"weights": {}}, "exporter": {"presets": {"mine": fields}}}


def with_weights(**weights: object) -> dict:
    """A valid document with some weights."""
    return {"analyzer": {"weights": weights}, "exporter": {"presets": {}}}


def test_builtin_document_is_valid() -> None:
    """Version 0 satisfies the rules."""
    assert [] == RULES.problems(builtin.load())


def test_builtin_weights_are_those_of_the_analyzer() -> None:
    """Every term of a score can be weighted, and without a change the weights are the analyzer's own."""
    rules = RULES.rules["properties"]["analyzer"]["properties"]["weights"]["properties"]
    assert set(terms.WEIGHTS) == set(rules)
    assert terms.WEIGHTS == builtin.load()["analyzer"]["weights"]
    assert genre.SETS == builtin.load()["analyzer"]["genres"]
    assert all(set(terms.NAMES) == set(weights) for weights in genre.SETS.values())


def test_genres_are_named_and_weighted() -> None:
    """New genres may come, in part too; `auto` is none, and terms of genres are checked like all others."""

    def problems(genres: dict) -> list[tuple[str, str]]:
        found = RULES.problems({"analyzer": {"weights": {}, "genres": genres}, "exporter": {"presets": {}}})
        return [(problem.path, problem.rule) for problem in found]

    assert [] == problems({"podcast": {"motion": 0}, "talk": {}})
    assert [] == RULES.problems(with_weights(motion=1))
    assert [("analyzer.genres.podcast.moton", "additionalProperties")] == problems({"podcast": {"moton": 1}})
    assert [("analyzer.genres.podcast.motion", "minimum")] == problems({"podcast": {"motion": -1}})
    assert [("analyzer.genres", "propertyNames")] == problems({"auto": {}})
    assert [("analyzer.genres", "propertyNames")] == problems({"My talk": {}})


@pytest.mark.parametrize("name", sorted(presets.builtin()))
def test_builtin_preset_is_valid(name: str) -> None:
    """Every preset that the exporter ships can be put into a document whole."""
    file = presets.FOLDER / f"{name}.json"
    assert [] == RULES.problems(with_preset(**json.loads(file.read_text())))


def test_preset_fields_are_those_of_the_exporter() -> None:
    """A preset in a document has the fields that the exporter knows, within its bounds."""
    rules = RULES.rules["$defs"]["preset"]["properties"]
    bounds = {name: (rule["minimum"], rule["maximum"]) for name, rule in rules.items() if "minimum" in rule}
    assert (set(presets.FIELDS), dict(presets.BOUNDS)) == (set(rules), bounds)


def test_unknown_name_is_answered_with_the_nearest() -> None:
    """A typing error is refused with its path, the rule and the right name."""
    (problem,) = RULES.problems(with_weights(moton=1))
    assert ("analyzer.weights.moton", "additionalProperties") == (problem.path, problem.rule)
    assert 'unknown name "moton": did you mean motion?' == problem.message


def test_every_problem_is_named() -> None:
    """Several mistakes are all reported, each once, in the order of their paths."""
    value = with_preset(crf=99, encoder_preset="veryfst", zz=1) | {"analyzer": {"weights": {"hook": -1, "faces": "x"}}}
    assert [
        ("analyzer.weights.faces", "type"),
        ("analyzer.weights.hook", "minimum"),
        ("exporter.presets.mine.crf", "maximum"),
        ("exporter.presets.mine.encoder_preset", "enum"),
        ("exporter.presets.mine.zz", "additionalProperties"),
    ] == [(problem.path, problem.rule) for problem in RULES.problems(value)]


def test_missing_sections_are_each_named_once() -> None:
    """An empty document lacks both sections."""
    found = [(item.path, item.rule) for item in RULES.problems({})]
    assert [("analyzer", "required"), ("exporter", "required")] == found


@pytest.mark.parametrize("name", ["TikTok", "-a", "a b", "x" * 65])
def test_preset_name_is_plain(name: str) -> None:
    """A name that no request could give is refused."""
    value = {"analyzer": {"weights": {}}, "exporter": {"presets": {name: {}}}}
    assert ["propertyNames"] == [problem.rule for problem in RULES.problems(value)]


@pytest.mark.parametrize("value", [True, "1", None, [1], {"a": 1}])
def test_weight_is_a_number(value: object) -> None:
    """A weight of another type is refused."""
    assert ["type"] == [problem.rule for problem in RULES.problems(with_weights(hook=value))]


def test_control_loose_rules_take_the_typing_error() -> None:
    """Without strictness the typing error passes: the rule is what finds it."""
    loose = json.loads(json.dumps(RULES.rules).replace('"additionalProperties": false, ', ""))
    assert [] == schema.Schema(loose).problems(with_weights(moton=1))


def test_schema_that_is_none_is_refused() -> None:
    """A broken schema is found when it is loaded, not when it is used."""
    with pytest.raises(jsonschema.SchemaError):
        schema.Schema({"type": "nothing"})
