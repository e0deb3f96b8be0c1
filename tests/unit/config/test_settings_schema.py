"""The rules of live settings are those of the services' own models."""

import pytest

from services.config import builtin, schema
from tests import settings_schema

RULES = schema.Schema.load()


def told(service: str, **values: object) -> list[tuple[str, str]]:
    """What is wrong with the settings of a service."""
    found = RULES.problems(builtin.load() | {service: {**builtin.load().get(service, {}), "settings": values}})
    return [(problem.path, problem.message) for problem in found]


def test_file_is_what_the_models_say() -> None:
    """`make protos` has been run since the settings of a service were changed."""
    assert settings_schema.text() == settings_schema.FILE.read_text()


@pytest.mark.parametrize(
    ("service", "values"),
    [("jobs", {"export_limit": 3}), ("gateway", {"log_level": "DEBUG"}), ("exporter", {"workers": "${N:3}"}),
     ("analyzer", {"workers": "${REELSMITH_VAR_WORKERS}"})],
)  # fmt: skip
def test_live_settings_are_taken(service: str, values: dict) -> None:
    """A variable counts as its default, and one without a default may be anything."""
    assert [] == told(service, **values)


@pytest.mark.parametrize(
    ("service", "values", "path", "message"),
    [
        ("jobs", {"export_limit": 0}, "jobs.settings.export_limit", "0 is less than 1"),
        ("jobs", {"export_limt": 2}, "jobs.settings.export_limt", 'unknown name "export_limt": did you mean'),
        ("exporter", {"workers": "${N:x}"}, "exporter.settings.workers", '"x" is not of type integer'),
        ("gateway", {"log_level": "LOUD"}, "gateway.settings.log_level", '"LOUD" is none of DEBUG, INFO'),
        ("gateway", {"port": 1}, "gateway.settings.port", "port cannot change while the process runs: start it with "
         "REELSMITH_GATEWAY_PORT"),
        ("gateway", {"log_level": "secret://A"}, "gateway.settings.log_level", '"secret://A" names no secret'),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(service: str, values: dict, path: str, message: str) -> None:
    """With the path, the rule, and what to do instead."""
    assert any(place == path and said.startswith(message) for place, said in told(service, **values))
