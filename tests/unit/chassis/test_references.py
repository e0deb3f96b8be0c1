"""References in documents: variables are looked up, secrets stay what they are."""

import pytest

from chassis import errors, references


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("${A}", 5),
        ("${A:1}", 5),
        ("${B:1.5}", 1.5),
        ("${B:true}", True),
        ("${B:}", ""),
        ("${B:[1]}", "[1]"),
        ("${C}", "x y"),
        ("a${A}b${B:c}", "a5bc"),
        ("$${A}", "${A}"),
        ("$A {A} ${1}", "$A {A} ${1}"),
        ("${A}${C}", "5x y"),
    ],
)
def test_variable_becomes_what_it_says(text: str, made: object) -> None:
    """A text that is one reference becomes a number where the variable says one; in a longer text it stays text."""
    assert {"a": [made]} == references.resolved({"a": [text]}, {"A": "5", "C": "x y"})


def test_missing_variable_is_told_with_its_path() -> None:
    """Neither a value nor a default: the refusal says which, and where."""
    with pytest.raises(errors.FailedPrecondition, match=r"a\.0\.b needs the variable NONE") as caught:
        references.resolved({"a": [{"b": "x ${NONE}"}]}, {})
    assert {"path": "a.0.b", "variable": "NONE"} == caught.value.metadata


def test_only_the_variables_that_are_let_are_seen() -> None:
    """What a process keeps in its environment is not there for whoever writes a document."""
    variables = {"REELSMITH_VAR_A": "1", "REELSMITH_VAR": "2", "AWS_SECRET": "3", "X": "4"}
    assert {"REELSMITH_VAR_A"} == set(references.visible("REELSMITH_VAR_*", variables))
    assert {"X", "AWS_SECRET"} == set(references.visible("X, AWS_*", variables))
    assert {} == references.visible("", variables)


def test_secrets_are_found_and_not_touched() -> None:
    """A reference to a secret stays one, whatever the variables say."""
    document = {"a": "secret://mail/password", "b": ["secret://A"]}
    assert document == references.resolved(document, {"mail": "x"})
    assert [(("a",), "secret://mail/password"), (("b", "0"), "secret://A")] == list(references.secrets(document))
    assert ("mail/password", "") == tuple(map(references.secret_name, ("secret://mail/password", "secret://A")))
