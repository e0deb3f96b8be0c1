"""Whether a clip is cut without encoding all of it, and how that is done and checked."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from chassis import errors, telemetry
from media import errors as media_errors
from media import pool
from services.exporter import asked as asked_module
from services.exporter import delivery, edit, gate, manifest, metrics, presets, prints
from services.exporter.smart import checks, finding, write

AUTO, RENDER, SMART_CUT = "auto", "render", "smart_cut"
MODES = (AUTO, RENDER, SMART_CUT)
# What an order may say beside these without changing a picture or a sample; all else has to be left out.
NEUTRAL = {"source_uri", "session_id", "directory", "name", "wanted", "preset", "aspect_ratio", "layout",
           "analysis_path", "proposal", "mode", "video_codec", "edit", "recipe", "request",
           "config_path", "config"}  # fmt: skip
TRACER = telemetry.tracer(__name__)
Heard = Callable[[Mapping[str, Any]], None]


class Refused(Exception):
    """The clip has to be rendered; says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """A clip that was cut, and what was found when it was opened again."""

    facts: Mapping[str, Any]
    checks: tuple[gate.Check, ...]
    pictures: prints.Facts

    def recalled(self, preset: presets.Preset) -> dict[str, Any]:
        """What `Cutter.verify` reads of a manifest, before there is one."""
        pictures = dataclasses.asdict(self.pictures)
        return {"smart_cut": self.facts, "settings": {"preset": preset.to_value()}, "pictures": pictures}


def refusal(
    order: Any, preset: presets.Preset, facts: Mapping[str, Any], planned: edit.Edit, wanted: delivery.Delivery
) -> str:
    """Why a clip has to be rendered; empty where it may be cut.

    Args:
        order: what is asked for: `orders.Order`.
        preset: how it is delivered.
        facts: of the source; see `survey.run`.
        planned: the plan.
        wanted: what it is delivered as.

    Raises:
        errors.FailedPrecondition: a cut is asked for, and the preset does not deliver the source's own coding
            (PASSTHROUGH_REFUSED).
    """
    if order.mode == SMART_CUT and not preset.passthrough:
        raise errors.FailedPrecondition(
            f"preset {preset.name} does not deliver the source's own coding; `source` does",
            reason="PASSTHROUGH_REFUSED",
            metadata={"preset": preset.name},
        )
    others = [field for field in dataclasses.fields(order) if field.name not in NEUTRAL]
    changes = [field.name for field in others if getattr(order, field.name) != _unsaid(field)]
    reasons = {
        "rendering was asked for": order.mode == RENDER,
        "the preset delivers its own coding": not preset.passthrough,
        f"{', '.join(changes)} change the picture or the sound": bool(changes),
        "the time line is edited": not planned.plain or order.edit.track != asked_module.BY_RULE,
        f"the source is {facts['coding']}, the clip {wanted.video_codec}": facts["coding"] != wanted.video_codec,
        "the picture gets another size": wanted.canvas != delivery.canvas(facts, presets.SOURCE),
        "the preset asks for a size": bool(preset.size_target_bytes),
        "frames are left out": planned.schedule.rate != planned.schedule.source_rate,
        "the sound is brought to a loudness": bool(facts["audio"]) and preset.normalize_loudness,
        "a silent track is added": not facts["audio"] and preset.silent_track,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _unsaid(field: dataclasses.Field) -> Any:
    """What a field holds where nothing is said."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


class Cutter:
    """Cuts clips in workers, and checks them.

    Args:
        workers: the pool of workers.
        limits: times and threads: `exports.Limits`.
    """

    def __init__(self, workers: pool.Pool, limits: Any) -> None:
        self._pool, self._limits = workers, limits

    async def cut(
        self, files: tuple[BinaryIO, BinaryIO], asked: finding.Job, preset: presets.Preset, heard: Heard
    ) -> Cut:
        """Cuts a clip and opens it again.

        Args:
            files: the source, and the file to write.
            asked: what to cut.
            preset: how it is delivered.
            heard: called with progress.

        Raises:
            Refused: the source cannot be cut; the file is to be thrown away.
        """
        source, target = files
        with TRACER.start_as_current_span("cut", attributes={"clip.frames": len(asked.pts)}):
            try:
                made = await self._pool.run(
                    "services.exporter.smart.write:run",
                    asked.to_value(),
                    inputs={"source": source},
                    outputs={"clip": target},
                    deadline_s=self._limits.render_deadline_s,
                    heartbeat_s=self._limits.heartbeat_s,
                    on_progress=heard,
                )
            except media_errors.Unsupported as error:
                if error.reason != write.UNCUT:
                    raise
                raise Refused(error.message) from error
        found = await self.inspect(target, made.value, heard)
        expected = expectation(made.value, preset.to_value(), None)
        base = Fraction(asked.facts["time_base"])
        times_s = np.array([float((int(stamp) - int(asked.pts[0])) * base) for stamp in asked.pts])
        size_bytes = os.fstat(target.fileno()).st_size
        judged = checks.judge(found.value, found.arrays, size_bytes, expected, times_s)
        metrics.judged("cut", judged)
        failed = [f"{one.name} is {one.measured}, not {one.expected}" for one in judged if one.state == gate.FAILED]
        if failed:
            raise Refused(f"the cut clip failed its checks: {'; '.join(failed)}")
        return Cut(made.value, judged, prints.facts(found.arrays["prints"]))

    async def inspect(self, file: BinaryIO, facts: Mapping[str, Any], heard: Heard) -> pool.Result:
        """Measures a clip that was cut."""
        copied = facts["copied"]
        with TRACER.start_as_current_span("inspect"):
            return await self._pool.run(
                "services.exporter.smart.checks:inspect",
                {
                    "threads": self._limits.threads,
                    "codec": facts["codec"],
                    "copied": [copied["start_frame"], copied["end_frame"]],
                },
                inputs={"clip": file},
                deadline_s=self._limits.check_deadline_s,
                heartbeat_s=self._limits.heartbeat_s,
                on_progress=heard,
            )

    async def verify(self, file: BinaryIO, document: Mapping[str, Any]) -> tuple[gate.Check, ...]:
        """Checks a clip against its manifest.

        Raises:
            manifest.Malformed: a part of it is missing or of the wrong kind.
        """
        try:
            facts, preset = document["smart_cut"], document["settings"]["preset"]
            expected = expectation(facts, preset, prints.Facts(**document["pictures"]))
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise manifest.Malformed(f"the manifest has a malformed entry: {error!r}") from error
        found = await self.inspect(file, facts, lambda value: None)
        size_bytes = os.fstat(file.fileno()).st_size
        return checks.judge(found.value, found.arrays, size_bytes, expected, np.zeros(0))


def asked(facts: Mapping[str, Any], planned: edit.Edit, container: str, threads: int) -> finding.Job:
    """What a worker is asked to cut."""
    rate, base = planned.schedule.source_rate, Fraction(facts["time_base"])
    first, last = int(planned.pts[0]), int(planned.pts[-1])
    whole = (last - first) * base + 1 / rate if facts["end_pts"] is None else (int(facts["end_pts"]) - first) * base
    return finding.Job(facts, planned.pts, planned.start_s, whole, rate, container, threads)


def expectation(facts: Mapping[str, Any], preset: Mapping[str, Any], pictures: prints.Facts | None) -> checks.Expected:
    """What a clip that was cut must be.

    Args:
        facts: what was done; see `write.run`.
        preset: as plain JSON values.
        pictures: what its frames showed when it was made.
    """
    worst = [float(edge["psnr_min_db"]) for edge in facts["encoded"]]
    return checks.Expected(
        codec=str(facts["codec"]),
        container=str(facts["container"]),
        frames=int(facts["frames"]),
        width=int(facts["width"]),
        height=int(facts["height"]),
        copied=(int(facts["copied"]["start_frame"]), int(facts["copied"]["end_frame"])),
        sha256=str(facts["copied"]["sha256"]),
        psnr_min_db=min(worst) if worst else None,
        sound=facts["sound"] is not None,
        duration_s=float(facts["duration_s"]),
        size_max_bytes=int(preset["size_max_bytes"]),
        duration_max_s=float(preset["duration_max_s"]),
        pictures=pictures,
    )
