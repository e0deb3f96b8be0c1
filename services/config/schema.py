"""The rules that a document must satisfy, and what to say where it does not."""

import difflib
import json
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema import exceptions

from chassis import references
from services.config import document

SETTINGS = pathlib.Path(__file__).with_name("settings.schema.json")  # made by tests/settings_schema.py
FILE = pathlib.Path(__file__).with_name("schema.json")
LIKENESS_MIN = 0.6  # difflib's own default: below it the nearest name is no help
PROBLEMS_MAX = 1000  # problems looked for in one document; nobody reads more

# What each rule says. Values of the document come from callers and are shown cut.
SAYINGS: Mapping[str, Callable[[Any, Any], str]] = {
    "type": lambda value, rule: f"{document.shown(value)} is not of type {rule}",
    "minimum": lambda value, rule: f"{document.shown(value)} is less than {rule}",
    "maximum": lambda value, rule: f"{document.shown(value)} is more than {rule}",
    "maxLength": lambda value, rule: f"has {len(value)} characters, {rule} are allowed",
    "maxProperties": lambda value, rule: f"has {len(value)} entries, {rule} are allowed",
    "pattern": lambda value, rule: f"{document.shown(value)} does not match {rule}",
}


class Schema:
    """A JSON Schema of draft 2020-12.

    Args:
        rules: The schema.

    Raises:
        jsonschema.SchemaError: It is no such schema.
    """

    def __init__(self, rules: dict[str, Any]) -> None:
        jsonschema.Draft202012Validator.check_schema(rules)
        self.rules = rules
        self._validator = jsonschema.Draft202012Validator(rules)

    @classmethod
    def load(cls, file: pathlib.Path = FILE, settings: pathlib.Path = SETTINGS) -> "Schema":
        """Reads the schema of the suite's configuration: its sections, and in each the live settings of the service."""
        rules = json.loads(file.read_text())
        for service, told in json.loads(settings.read_text()).items():
            _add_settings(rules["properties"], service, told)
        return cls(rules)

    def problems(self, value: document.Document) -> list[document.Problem]:
        """Everything that is wrong with a document, in the order of its paths; empty where it is valid.

        A variable counts as its default. One without a default may be anything: its process will look at it.
        """
        filled, holes = references.filled_in(value, {})
        open_paths = {path for path, _ in holes}
        found: set[document.Problem] = set()  # the validator reports one broken rule once per name that breaks it
        for broken in self._validator.iter_errors(filled):
            if tuple(map(str, broken.absolute_path)) not in open_paths:
                found.update(_described(broken))
            if len(found) >= PROBLEMS_MAX:
                break
        for path, text in references.secrets(value):
            if not references.secret_name(text):
                message = f"{document.shown(text)} names no secret: 1 to 128 of a-z 0-9 / _ -"
                found.add(document.Problem(document.joined(path), "secret", message))
        return sorted(found, key=lambda problem: (problem.path, problem.rule, problem.message))


def _add_settings(sections: dict[str, Any], service: str, told: Mapping[str, Any]) -> None:
    section = sections.setdefault(
        service, {"description": f"The {service}.", "type": "object", "additionalProperties": False, "properties": {}}
    )
    section["properties"]["settings"] = {
        "description": "Settings that take effect while it runs; what is not named is as the process was started.",
        "type": "object",
        "additionalProperties": False,
        "properties": told["live"],
        "x-restart": told["restart"],
    }


def _described(broken: exceptions.ValidationError) -> Iterator[document.Problem]:
    path, rule, value = tuple(broken.absolute_path), str(broken.validator), broken.instance
    if rule == "additionalProperties":
        for name in _extras(value, broken.schema):
            message = _unknown(name, broken.schema)
            yield document.Problem(document.joined((*path, name)), rule, message)
    elif rule == "required":
        for name in (name for name in broken.validator_value if name not in value):
            yield document.Problem(document.joined((*path, name)), rule, "is missing")
    elif rule == "enum":
        yield document.Problem(document.joined(path), rule, _not_listed(value, broken.validator_value))
    elif "propertyNames" in broken.absolute_schema_path:
        yield document.Problem(document.joined(path), "propertyNames", _say(rule, value, broken))
    else:
        yield document.Problem(document.joined(path), rule, _say(rule, value, broken))


def _say(rule: str, value: Any, broken: exceptions.ValidationError) -> str:
    saying = SAYINGS.get(rule)
    return saying(value, broken.validator_value) if saying else broken.message[: document.NAME_LENGTH_MAX]


def _extras(value: Mapping[str, Any], rules: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in value if name not in rules["properties"])


def _unknown(name: str, rules: Mapping[str, Any]) -> str:
    if name in rules.get("x-restart", ()):
        return f"{name} cannot change while the process runs: start it with {rules['x-restart'][name]['variable']}"
    return f"unknown name {document.shown(name)}{_suggestion(name, rules['properties'])}"


def _not_listed(value: Any, allowed: Iterable[str]) -> str:
    listed = ", ".join(allowed)
    return f"{document.shown(value)} is none of {listed}{_suggestion(value, allowed)}"


def _suggestion(name: Any, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(str(name), list(known), n=1, cutoff=LIKENESS_MIN)
    return f": did you mean {nearest[0]}?" if nearest else ""
