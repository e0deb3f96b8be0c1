"""A clip is made once more from its manifest alone: the same frames, and on the same machine the same bytes."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Any

from chassis import errors
from services.exporter import analysis, asked, assembly, manifest, presets

PIECES_MAX = 4096  # of one clip: more jump cuts than anyone sits through
THREADS_MAX = 64  # of an encoder; more would not be ours


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """What a manifest keeps beside what was asked."""

    edit: assembly.EditList
    preset: presets.Preset
    found: analysis.Analysis
    sha256: str
    size_bytes: int
    threads: int
    clip_name: str
    request: Mapping[str, Any]
    proposal: Mapping[str, Any] | None
    config: Mapping[str, Any] | None


def read(document: Mapping[str, Any]) -> Recipe:
    """Reads a manifest.

    Raises:
        manifest.Malformed: a part is missing, of the wrong kind, or out of bounds.
        errors.FailedPrecondition: its preset is none that this version can use.
    """
    try:
        edit, source, settings = document["edit"], document["source"], document["settings"]
        fields = dict(settings["preset"])
        name, version = str(fields.pop("name")), int(fields.pop("config_version"))
        recipe = Recipe(
            edit=assembly.EditList(
                takes=tuple((int(one["start_frame"]), int(one["end_frame"])) for one in edit["takes"]),
                stretches=tuple(_stretch(one, len(edit["takes"])) for one in edit["pieces"]),
                tightening=edit["tightening"],
            ),
            preset=presets.build(name, fields, version),
            found=_analysis(document["analysis"]),
            sha256=str(source["sha256"]),
            size_bytes=int(source["size_bytes"]),
            threads=min(max(int(settings["threads"]), 1), THREADS_MAX),
            clip_name=pathlib.PurePosixPath(str(document["clip"]["file"])).stem,
            request=dict(document["request"]),
            proposal=document["proposal"],
            config=_config(document.get("config")),
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise manifest.Malformed(f"the manifest has a malformed entry: {error!r}") from error
    takes, pieces = recipe.edit.takes, len(recipe.edit.stretches)
    if not (
        1 <= pieces <= PIECES_MAX and len(takes) <= asked.RANGES_MAX and all(0 <= low < high for low, high in takes)
    ):
        raise manifest.Malformed("the edit list of the manifest has no pieces, too many, or ranges without frames")
    return recipe


def _config(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Which configuration a clip was made by; None where its manifest is older than that."""
    return {"version": int(value["version"]), "pinned": bool(value["pinned"])} if value else None


def _analysis(value: Mapping[str, Any]) -> analysis.Analysis:
    rows = [row for name in ("shots", "focus") for row in value[name]]
    rows += [row for _, _, samples in value["subjects"] for row in samples] + [row[-1] or () for row in value["shots"]]
    if not all(math.isfinite(one) for row in rows for one in row if isinstance(one, int | float)):
        raise ValueError("a number of the analysis is not finite")
    return analysis.Analysis.from_value(value)


def _stretch(entry: Mapping[str, Any], takes: int) -> dict[str, Any]:
    speed, take = manifest.ratio(entry["speed"]), int(entry["take"])
    if not (asked.SPEED_MIN <= speed <= asked.SPEED_MAX and 0 <= take < takes):
        raise ValueError(f"a piece of take {take} at speed {speed}")
    whole = {name: int(entry[name]) for name in ("start_frame", "end_frame")}
    return whole | {"take": take, "speed": str(speed), "reason": str(entry["reason"]), "text": str(entry["text"])}


def refuse_other(recipe: Recipe, size_bytes: int, sha256: str) -> None:
    """Refuses a source that is not the file that the clip was made of.

    Raises:
        errors.FailedPrecondition: it is another one.
    """
    if (size_bytes, sha256) != (recipe.size_bytes, recipe.sha256):
        raise errors.FailedPrecondition(
            f"the manifest is of a source with {recipe.size_bytes} bytes and SHA-256 {recipe.sha256}, "
            f"this one has {size_bytes} bytes and {sha256}",
            reason="MANIFEST_OF_OTHER_SOURCE",
            metadata={"sha256": sha256},
        )
