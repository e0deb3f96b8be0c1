"""Masks change parts of documents."""

import pytest

from chassis import errors
from services.config import mask

CURRENT = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}


@pytest.mark.parametrize(
    ("paths", "change", "expected"),
    [
        (["a.b"], {"a": {"b": 9, "c": 0}}, {"a": {"b": 9, "c": {"d": 2}}, "e": 3}),
        (["a.c"], {"a": {"c": {"x": 1}}}, {"a": {"b": 1, "c": {"x": 1}}, "e": 3}),
        (["a.c.d"], {}, {"a": {"b": 1, "c": {}}, "e": 3}),
        (["a", "e"], {"e": 4}, {"e": 4}),
        (["x.y.z"], {"x": {"y": {"z": 1}}}, {**CURRENT, "x": {"y": {"z": 1}}}),
        (["x.y", "e.f.g"], {}, CURRENT),
        (["a", "a.b"], {"a": {"b": 5}}, {"a": {"b": 5}, "e": 3}),
        (["e"], {"e": None}, {"a": CURRENT["a"], "e": None}),
        ([], {"e": 1}, {"e": 1}),
        (["*"], {"e": 1}, {"e": 1}),
    ],
)
def test_mask_sets_and_removes_what_it_names(paths: list[str], change: dict, expected: dict) -> None:
    """Named parts are taken from the change, or removed where it lacks them; the rest stays."""
    assert expected == mask.patched(CURRENT, change, mask.parsed(paths))


def test_current_document_is_left_alone() -> None:
    """A change makes a new document and shares nothing with the old ones."""
    change = {"a": {"c": {"x": [1]}}}
    result = mask.patched(CURRENT, change, mask.parsed(["a.c"]))
    result["a"]["c"]["x"].append(2)
    assert ({"d": 2}, [1]) == (CURRENT["a"]["c"], change["a"]["c"]["x"])


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a.", 'a."b.c"', "a.`b.c`", "a.*", "a\n", "x" * 129])
def test_path_that_is_no_path_is_refused(path: str) -> None:
    """Empty, quoted and odd names are refused: keys that contain dots cannot be addressed."""
    with pytest.raises(errors.InvalidArgument) as caught:
        mask.parsed([path, "ok"])
    assert ("INVALID_MASK", "update_mask") == (caught.value.reason, caught.value.fields[0].name)


def test_quoted_path_is_told_what_to_do_instead() -> None:
    """Whoever tries to address a key with a dot is told that it cannot be done."""
    with pytest.raises(errors.InvalidArgument, match="keys that contain dots cannot be addressed"):
        mask.parsed(['"a'])


def test_path_through_a_value_is_refused() -> None:
    """A number has no parts to set."""
    with pytest.raises(errors.InvalidArgument, match=r"e is not an object: e\.f cannot be set"):
        mask.patched(CURRENT, {"e": {"f": 1}}, mask.parsed(["e.f"]))


def test_number_of_paths_is_bounded() -> None:
    """A mask of more paths than any document has values is refused."""
    with pytest.raises(errors.InvalidArgument):
        mask.parsed([f"a{index}" for index in range(mask.PATHS_MAX + 1)])
