"""Documents have one spelling."""

import math

import hypothesis
import pytest
from hypothesis import strategies as st

from chassis import errors
from services.config import document

NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def doubled(value: object) -> object:
    """The value as a Struct gives it back: every number is a double."""
    if isinstance(value, dict):
        return {name: doubled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [doubled(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@hypothesis.given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_hash_is_the_same_after_the_way_through_doubles(value: dict) -> None:
    """A document hashes to the same before and after a Struct turned its integers into doubles."""
    spelled = document.normalized(value)
    assert document.sha256(spelled) == document.sha256(document.normalized(doubled(spelled)))


def test_whole_double_is_spelled_as_an_integer() -> None:
    """1.0 and 1 are one content with one hash; a negative zero is zero."""
    assert b'{"a":1,"b":[0,0.5],"c":true}' == document.canonical(
        document.normalized({"c": True, "b": [-0.0, 0.5], "a": 1.0})
    )


def test_hash_is_that_of_the_canonical_bytes() -> None:
    """The hash can be made again outside: SHA-256 of sorted JSON without spaces."""
    assert "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777" == document.sha256({"b": 2, "a": 1})


@pytest.mark.parametrize(
    ("value", "path", "rule"),
    [
        ({"a": {"b.c": 1}}, "config.document.a", "name"),
        ({"": 1}, "config.document", "name"),
        ({"x" * 129: 1}, "config.document", "name"),
        ({"a\n": 1}, "config.document", "name"),
        ({"a": [1, math.nan]}, "config.document.a.1", "number"),
        ({"a": math.inf}, "config.document.a", "number"),
        ({"a": "x" * document.SIZE_MAX_BYTES}, "config.document", "size"),
    ],
)
def test_value_that_no_document_holds_is_refused_with_its_place(value: dict, path: str, rule: str) -> None:
    """The refusal names the place and the rule."""
    with pytest.raises(errors.InvalidArgument) as caught:
        document.normalized(value)
    assert ("INVALID_DOCUMENT", path) == (caught.value.reason, caught.value.fields[0].name)
    assert caught.value.fields[0].description.endswith(f"[{rule}]")


def test_nesting_is_bounded() -> None:
    """A document that is nested too deep is refused, not recursed into."""
    value: dict = {}
    for _ in range(5000):
        value = {"a": value}
    with pytest.raises(errors.InvalidArgument, match="nested deeper"):
        document.normalized(value)


def test_refusal_of_many_problems_fits_into_a_header() -> None:
    """A thousand problems are counted, and only as many named as arrive."""
    problems = [document.Problem(f"a.{'ü' * 200}.{index}", "type", "ß" * 100) for index in range(1000)]
    refusal = document.refusal(problems)
    assert "1000" == refusal.metadata["problems"]
    assert 1 <= len(refusal.fields) < 20
    assert len(errors.to_status(refusal).SerializeToString()) * 4 // 3 < 6 * 1024
