"""What is known of a clip before its rendering begins."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from services.exporter import (
    analysis,
    assembly,
    delivery,
    dressing,
    edit,
    filing,
    gate,
    geometry,
    orders,
    placement,
    presets,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What is known before rendering begins."""

    order: orders.Order
    preset: presets.Preset
    aspect_ratio: str
    found: analysis.Analysis
    plan: assembly.Plan
    delivery: delivery.Delivery
    threads: int
    """Of the encoder: the bytes depend on them."""
    uncut: str
    """Why the clip is not cut without encoding all of it; empty where that is tried."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Of the source."""
        return self.plan.takes[0].facts

    @property
    def edit(self) -> edit.Edit:
        """The planned clip."""
        return self.plan.edit

    @property
    def seen(self) -> analysis.Analysis:
        """What was found, on the time line of the clip."""
        return placement.placed(self.found, self.edit.pieces, self.edit.schedule.rate)

    @property
    def canvas(self) -> geometry.Canvas:
        """The delivered picture."""
        return self.delivery.canvas

    @property
    def file(self) -> str:
        """Path of the clip in its session."""
        return filing.place(self.order.directory, "final_output", f"{self.order.name}.{self.delivery.container}")

    def overlaid(self) -> dict[str, Any] | None:
        """What a worker lays over the clip."""
        zone = dressing.zone(self.preset.name, self.canvas)
        planned = self.edit
        return dressing.plan(self.order.dressing, self.found.transcript, planned.pieces, planned.schedule.rate, zone)

    def expected(self, rendered: Mapping[str, Any]) -> gate.Expected:
        """What the finished clip must be.

        Args:
            rendered: what the worker that drew it said.
        """
        sound, preset, schedule = rendered["sound"], self.preset, self.edit.schedule
        audible = sound is not None and sound["treatment"] is not None
        return gate.Expected(
            frames=self.edit.frames,
            rate=schedule.rate,
            width=self.canvas.width,
            height=self.canvas.height,
            sound=sound is not None,
            loudness_lufs=preset.loudness_lufs if audible else None,
            loudness_limited=bool(audible and sound["treatment"]["limited"]),
            true_peak_max_dbtp=preset.true_peak_max_dbtp,
            size_max_bytes=preset.size_limit_bytes,
            duration_max_s=preset.duration_max_s,
            pictures=None,
            video_codec=self.delivery.video_codec,
            audio_codec=self.delivery.audio_codec,
            container=self.delivery.container,
            texts=len(rendered["texts"]) if self.order.dressing.captions.track else 0,
            framing=rendered["framing"],
            subject_inside_min=preset.subject_inside_min,
        )
