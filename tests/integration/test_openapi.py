"""The OpenAPI description is valid, complete, and true of what a real gateway with a real job manager answers."""

import json
import urllib.request
from collections.abc import Iterator

import hypothesis
import openapi_spec_validator
import pytest
import schemathesis
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from gateway.http import app, bindings, openapi
from tests.integration import doors

TRUE = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
OPERATIONS = [*(item.method.name for item in bindings.of(app.SERVICE)), "CreateUpload", "HeadUpload"]  # bytes: test_tus
EXAMPLES = 8  # calls of each operation: enough to meet every kind of field within seconds


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running gateway."""
    with doors.real(tmp_path_factory.mktemp("openapi")) as url:
        yield url


@pytest.fixture(scope="module")
def api(url: str) -> schemathesis.BaseSchema:
    """The API as the gateway describes itself."""
    return schemathesis.openapi.from_url(f"{url}/v1/openapi.json")


def call_often(api: schemathesis.BaseSchema, name: str) -> None:
    """Calls one operation with whatever the description allows, and checks each answer."""

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=api.find_operation_by_id(name).as_strategy())
    def calls(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=TRUE, timeout=20)

    calls()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_as_described(api: schemathesis.BaseSchema, name: str) -> None:
    """Whatever the description allows is answered without a server error, and as the description says."""
    call_often(api, name)


def test_untrue_description_is_found(url: str) -> None:
    """The check is not blind: a field that an answer has and the description has not is found."""
    document = openapi.Description(bindings.of(app.SERVICE)).document()
    del document["components"]["schemas"]["gateway.SuiteStatus"]["properties"]["discovery"]
    untrue = schemathesis.openapi.from_dict(document)
    untrue.config.update(base_url=url)
    with pytest.raises(schemathesis.core.failures.FailureGroup):
        call_often(untrue, "GetSuiteStatus")


def test_description_is_valid_and_has_every_rule(url: str) -> None:
    """The served document is OpenAPI 3.1, has every rule of the protos, and a comment on every field."""
    with urllib.request.urlopen(f"{url}/v1/openapi.json") as answer:
        document = json.load(answer)
    openapi_spec_validator.validate(document)
    described = {operation["operationId"] for path in document["paths"].values() for operation in operations(path)}
    ruled = {binding.method.name for binding in bindings.of(app.SERVICE)}
    assert {method.name for method in app.SERVICE.methods} - {"UploadSource"} == ruled  # tus takes its place
    assert ruled <= described
    silent = [
        f"{name}.{field}"
        for name, told in document["components"]["schemas"].items()
        if name != openapi.PROBLEM_NAME
        for field, content in told.get("properties", {}).items()
        if not content["description"]
    ]
    assert [] == silent


def operations(path: dict) -> list[dict]:
    """The operations of one path."""
    return [operation for verb, operation in path.items() if verb != "parameters"]
