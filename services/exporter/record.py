"""What the manifest of a clip records."""

import dataclasses
import importlib.metadata
from collections.abc import Mapping
from typing import Any

from media import artifacts
from services.exporter import contexts, gate, manifest, passing, prints

VERSION = importlib.metadata.version("reelsmith")


def common(
    context: contexts.Context, made: artifacts.Artifact | None, checks: tuple[gate.Check, ...], pictures: prints.Facts
) -> dict[str, Any]:
    """What every manifest says."""
    assert made is not None  # noqa: S101 - set when the file got its name
    order = context.order
    return {
        "schema": manifest.SCHEMA,
        "version": VERSION,
        "clip": _clip_entry(context, made),
        "range": _range_entry(context),
        "edit": context.plan.to_value(),
        "settings": {
            "preset": context.preset.to_value(),
            "aspect_ratio": context.aspect_ratio,
            "layout": order.layout,
            "video_bps_max": context.edit.video_bps_max,
            "threads": context.threads,
        },
        "delivery": context.delivery.to_value(),
        "config_version": context.preset.config_version,
        "config": order.config,
        "pictures": dataclasses.asdict(pictures),
        "checks": manifest.checks(checks),
        "proposal": order.proposal,
        "request": order.request,
        "analysis": context.found.to_value(),
    }


def rendered(context: contexts.Context, drawn: Mapping[str, Any], encoder: Mapping[str, str]) -> dict[str, Any]:
    """What the manifest of a clip says that was rendered."""
    return {
        "edit": context.plan.to_value() | {"audio_track": drawn["audio_track"]},
        "crop_path": drawn["crop"],
        "scenes": drawn["scenes"],
        "framing": drawn["framing"],
        "focus_source": "analysis" if drawn["followed"] and drawn["crop"] else "centre",
        "loudness": drawn["sound"],
        "libraries": drawn["libraries"],
        "encoder": encoder,
        "smart_cut": {"used": False, "reason": context.uncut},
    }


def cut(context: contexts.Context, made: passing.Cut, clip: artifacts.Artifact | None) -> dict[str, Any]:
    """What the manifest of a clip says that was cut: its frames are the source's, at the source's times."""
    assert clip is not None  # noqa: S101 - set when the file got its name
    facts = dict(made.facts)
    entry = _clip_entry(context, clip) | {name: facts[name] for name in ("width", "height", "duration_s")}
    return {
        "clip": entry | {"frame_count": facts["frames"]},
        "encoder": {"name": facts.pop("encoder"), "reason": ""},
        "libraries": facts.pop("libraries"),
        "smart_cut": {"used": True, **facts},
        "crop_path": [],
        "focus_source": "source",
        "loudness": None,
    }


def about(context: contexts.Context, source_sha256: str) -> dict[str, Any]:
    """What the credentials of a clip say of it."""
    clip = {
        "width": context.canvas.width,
        "height": context.canvas.height,
        "frame_rate_exact": str(context.edit.schedule.rate),
        "frame_count": context.edit.frames,
    }
    return {"clip": clip, "range": _range_entry(context), "source": {"sha256": source_sha256}, "version": VERSION}


def _clip_entry(context: contexts.Context, made: artifacts.Artifact) -> dict[str, Any]:
    schedule, canvas = context.edit.schedule, context.canvas
    return {
        "file": made.path.rsplit("/", 1)[-1],
        "size_bytes": made.size_bytes,
        "sha256": made.sha256,
        "width": canvas.width,
        "height": canvas.height,
        "frame_rate": round(float(schedule.rate), 6),
        "frame_rate_exact": str(schedule.rate),
        "frame_count": context.edit.frames,
        "duration_s": round(float(schedule.duration_s), 6),
        "source_constant_rate": schedule.constant,
    }


def _range_entry(context: contexts.Context) -> dict[str, Any]:
    """The stretch of the source from which all that is shown was taken."""
    shown = context.edit.pieces
    first, last = min(shown, key=lambda one: one.start_frame), max(shown, key=lambda one: one.end_frame)
    return {
        "start_frame": first.start_frame,
        "end_frame": last.end_frame,
        "start_pts": first.start_pts,
        "end_pts": last.end_pts,
        "time_base": str(context.plan.takes[0].base),
        "start_s": round(first.source_start_s, 6),
        "end_s": round(last.source_end_s, 6),
    }
