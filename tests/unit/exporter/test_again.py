"""What a manifest must be to be rendered again."""

import json
from typing import Any

import pytest

from chassis import errors
from services.exporter import again, manifest, presets

PIECE = {"take": 0, "start_frame": 5, "end_frame": 9, "speed": "5/4", "reason": "silence", "text": ""}


def document(**changes: Any) -> dict[str, Any]:
    """A manifest, as far as it is read, with some entries of its parts changed."""
    parts: dict[str, Any] = {
        "edit": {"takes": [{"start_frame": 0, "end_frame": 20}], "pieces": [PIECE], "tightening": None},
        "source": {"sha256": "ab", "size_bytes": 10},
        "settings": {"preset": presets.builtin()["default"].to_value(), "threads": 2},
        "clip": {"file": "clip-07.mp4"},
        "analysis": {
            "shots": [[0, 20, 0.0, 1.0, None, [0.0, 1.0]]],
            "focus": [[0.0, 0.5, 0.5, 1.0, 0.1]],
            "subjects": [[0, None, [[0.0, 0.4, 0.2, 0.1, 0.2]]]],
        },
    }
    for name, change in changes.items():
        parts[name] = parts[name] | change
    return {"schema": manifest.SCHEMA, **parts, "request": {"layout": "LAYOUT_FILL"}, "proposal": None}


def test_manifest_tells_what_it_kept() -> None:
    """Ranges, pieces, settings and what was known come out as they went in."""
    found = again.read(manifest.load(json.dumps(document()).encode()))
    assert (((0, 20),), (PIECE,)) == (found.edit.takes, found.edit.stretches)
    assert (presets.builtin()["default"], 2, "clip-07") == (found.preset, found.threads, found.clip_name)
    assert (1, 1) == (len(found.found.shots), len(found.found.focus))


@pytest.mark.parametrize(
    "change",
    [
        {"edit": {"pieces": []}},
        {"edit": {"pieces": [PIECE] * (again.PIECES_MAX + 1)}},
        {"edit": {"pieces": [PIECE | {"speed": "9"}]}},
        {"edit": {"pieces": [PIECE | {"speed": "1e999999999"}]}},
        {"edit": {"pieces": [PIECE | {"take": 1}]}},
        {"edit": {"takes": [{"start_frame": 0, "end_frame": 20}] * 65}},
        {"edit": {"takes": [{"start_frame": 9, "end_frame": 9}]}},
        {"source": {"size_bytes": "many"}},
        {"settings": {"threads": None}},
        {"analysis": {"focus": [[0.0, float("inf"), 0.5, 1.0]]}},
        {"analysis": {"shots": [[0]]}},
        {"analysis": {"subjects": [[0, None, [[0.0, float("nan"), 0.2, 0.1, 0.2]]]]}},
    ],
)
def test_malformed_manifest_is_refused(change: dict[str, Any]) -> None:
    """Whatever is out of bounds is found before any worker sees it."""
    with pytest.raises(manifest.Malformed):
        again.read(document(**change))


def test_preset_of_a_manifest_is_checked() -> None:
    """A preset that was changed by hand to what no encoder takes is refused as any other."""
    changed = presets.builtin()["default"].to_value() | {"crf": 99}
    with pytest.raises(errors.FailedPrecondition):
        again.read(document(settings={"preset": changed}))


def test_another_source_is_refused() -> None:
    """Same size is not enough: the hash decides."""
    recipe = again.read(document())
    again.refuse_other(recipe, 10, "ab")
    for size_bytes, sha256 in ((11, "ab"), (10, "cd")):
        with pytest.raises(errors.FailedPrecondition) as caught:
            again.refuse_other(recipe, size_bytes, sha256)
        assert "MANIFEST_OF_OTHER_SOURCE" == caught.value.reason
