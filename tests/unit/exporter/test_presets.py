"""Presets: shipped, overlaid live, and refused where they make no sense."""

import json
import pathlib

import pytest

from chassis import errors
from services.exporter import edit, presets

SCHEMA = pathlib.Path(presets.__file__).parents[2] / "config" / "schema.json"


def test_every_shipped_preset_is_usable() -> None:
    """The files are all there, and each is complete and in bounds."""
    expected = {"default", "tiktok", "shorts", "reels", "x", "linkedin", "facebook", "square", "wide", "source"}
    assert expected == set(presets.builtin())


def test_configuration_lies_over_a_shipped_preset() -> None:
    """Named fields change, the others stay, and the version is noted."""
    found = presets.in_force({"exporter": {"presets": {"tiktok": {"crf": 28}}}}, 7)
    assert (28.0, 7) == (found["tiktok"].crf, found["tiktok"].config_version)
    assert presets.builtin()["tiktok"].size_max_bytes == found["tiktok"].size_max_bytes
    assert 0 == found["reels"].config_version


def test_new_name_starts_from_the_default() -> None:
    """A preset of one's own needs only what differs."""
    found = presets.in_force({"exporter": {"presets": {"ours": {"aspect_ratio": "1:1"}}}}, 1)
    assert "1:1" == found["ours"].aspect_ratio
    assert presets.builtin()["default"].crf == found["ours"].crf


@pytest.mark.parametrize(
    "overlay",
    [
        {"crf": 99},
        {"crf": "20"},
        {"crf": True},
        {"aspect_ratio": "2:1"},
        {"encoder_preset": "veryfast:movie=/etc/passwd"},
        {"video_codec": "rawvideo"},
        {"unknown": 1},
        {"silent_track": 1.0},
        {"description": "x" * 401},
    ],
)
def test_preset_out_of_bounds_is_refused_with_its_path(overlay: dict[str, object]) -> None:
    """A value that no encoder takes is refused, and the message says where it stands."""
    with pytest.raises(errors.FailedPrecondition, match=r"exporter\.presets\.tiktok"):
        presets.in_force({"exporter": {"presets": {"tiktok": overlay}}}, 1)


def test_schema_of_the_configuration_knows_the_same_fields() -> None:
    """What the configuration service lets through is what the exporter takes."""
    properties = json.loads(SCHEMA.read_text())["$defs"]["preset"]["properties"]
    assert set(presets.FIELDS) == set(properties)
    for name, (low, high) in presets.BOUNDS.items():
        assert (low, high) == (properties[name]["minimum"], properties[name]["maximum"])


def test_size_limit_lowers_the_bit_rate() -> None:
    """A small limit is met by a lower rate, and refused where nothing worth looking at is left."""
    preset = presets.in_force({"exporter": {"presets": {"small": {"size_max_bytes": 8_000_000}}}}, 1)["small"]
    assert edit.video_bps_max(30.0, preset) * 30 / 8 + preset.audio_bit_rate_bps * 30 / 8 < 8_000_000
    with pytest.raises(errors.FailedPrecondition) as caught:
        edit.video_bps_max(300.0, preset)
    assert "CLIP_TOO_LARGE" == caught.value.reason
