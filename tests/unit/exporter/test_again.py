"""What a manifest must be to be rendered again."""

import json
from typing import Any

import pytest
from reelsmith.exporter.v1 import exporter_pb2 as pb

from chassis import errors
from services.exporter import again, manifest, orders, presets, service

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
        {"source": {"size_bytes": float("inf")}},
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


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e999"])
def test_number_that_is_none_makes_no_manifest(number: str) -> None:
    """Python reads more than JSON has; nothing behind the reader has to know of it."""
    with pytest.raises(manifest.Malformed, match="no finite number"):
        manifest.load(json.dumps(document()).replace('"size_bytes": 10', f'"size_bytes": {number}').encode())


ASKED = {
    "overlays": {"title": "T", "logo_uri": "file:///etc/shadow"}, "time": {"start_s": 0.0, "end_s": 2.0},
    "analysis_path": "metadata/other.json", "proposal_json": "{", "manifest_path": "file:///etc/passwd",
    "source_uri": "file:///etc/hosts", "name": "theirs",
}  # fmt: skip


async def ordered(kept: dict[str, Any], session: Any, exporter: Any, **fields: Any) -> orders.Order:
    """What is rendered of an uploaded manifest that keeps such a request."""
    session.write_bytes("metadata/m.json", manifest.dump(document() | {"request": kept}))
    request = pb.ExportClipRequest(
        source_uri="upload:1", output={"session_id": session.id}, manifest_path="metadata/m.json", **fields
    )
    return await service.ExporterService(exporter, None, None, ())._again(request)


async def test_manifest_opens_no_file(session: Any, exporter: Any) -> None:
    """Whoever wrote it may not read here: the logo is the one that the request names."""
    with pytest.raises(errors.FailedPrecondition) as refused:
        await ordered(ASKED, session, exporter)
    assert "LOGO_NOT_NAMED" == refused.value.reason
    order = await ordered(ASKED, session, exporter, overlays={"logo_uri": "upload:2", "title": "other"})
    assert ("upload:2", "T") == (order.dressing.overlays.logo_uri, order.dressing.overlays.title)
    assert ("upload:1", "", "clip-07") == (order.source_uri, order.analysis_path, order.name)
    plain = await ordered({"time": ASKED["time"]}, session, exporter, overlays={"logo_uri": "upload:2"})
    assert "" == plain.dressing.overlays.logo_uri


@pytest.mark.parametrize(
    ("uri", "kept"),
    [("file:///srv/logos/our%20logo.png", "our logo.png"), ("upload:" + "a" * 32, "upload"), ("file:///", "logo")],
)
def test_manifest_keeps_no_place_of_a_logo(uri: str, kept: str) -> None:
    """It says that there is one, and the name that people know it by."""
    request = pb.ExportClipRequest(overlays={"logo_uri": uri}, time={"end_s": 2.0}, source_uri="file:///srv/film.mp4")
    assert {"overlays": {"logo_uri": kept}, "time": {"end_s": 2.0}} == service._order(request).request


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
