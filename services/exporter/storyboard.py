"""The plan of how a clip is shown: scenes with their windows, and what its manifest tells of them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from services.exporter import analysis, director, framing, layouts, path, staging

WHOLE = (0.0, 0.0, 1.0, 1.0)  # left, top, width and height, as shares
Texts = Callable[[Sequence[tuple[float, float] | None]], Sequence[np.ndarray | None]]


@dataclasses.dataclass(frozen=True, slots=True)
class Storyboard:
    """How a clip is shown.

    Attributes:
        scenes: Its scenes; they follow each other and cover all source frames of the clip.
        takes: What it shows of each shot.
        stage: The used part of the picture, and the canvas.
    """

    scenes: Sequence[staging.Scene]
    takes: Sequence[staging.Take]
    stage: director.Stage

    def facts(
        self, shown: np.ndarray, rate: float, size: tuple[int, int], part: tuple[float, float, float, float] = WHOLE
    ) -> dict[str, Any]:
        """What the manifest tells: `scenes`, the `crop` path of the first window, and the measures of the `framing`.

        Args:
            shown: int64 (n,), index of the source's frame in each frame of the clip.
            rate: Frames per second of the clip.
            size: Width and height of the whole shown picture in pixels.
            part: The used part of it that windows are shares of: left, top, width and height as shares.
        """
        told = [entry for scene in self.scenes for entry in _entry(scene, shown, size, part)]
        measured = framing.measure(self.scenes, self.takes, self.stage.picture, self.stage.canvas, rate, shown)
        return {"scenes": told, "crop": _crop(told, size), "framing": measured.to_value()}


def plan(
    layout: str, found: analysis.Analysis, times_s: np.ndarray, stage: director.Stage, texts: Texts | None = None
) -> Storyboard:
    """Plans how a clip is shown.

    Args:
        layout: One of `layouts.CHOICES`.
        found: What is known of the used part of the source's picture.
        times_s: float64 (n,), ascending times of the source's frames.
        stage: The used part of the picture, and the canvas.
        texts: Looks where text stands in shots, which it is given as stretches of seconds of the source, None for an
            unknown one. None looks nowhere.
    """
    takes = staging.takes(found, times_s)
    seen: Sequence[np.ndarray | None] = [None] * len(takes)
    if layout == layouts.AUTO and texts is not None:
        seen = texts([_shot(found.shots, take) for take in takes])
    return Storyboard(director.staged(layout, takes, stage, seen), takes, stage)


def _shot(shots: Sequence[analysis.Shot], take: staging.Take) -> tuple[float, float] | None:
    """The whole shot that a take is of, in the source: text stands still, and the take may hold no key frame."""
    middle_s = float(take.times_s[0] + take.times_s[-1]) / 2
    return next((shot.source_s for shot in shots if shot.start_s <= middle_s < shot.end_s), None)


def _entry(
    scene: staging.Scene, shown: np.ndarray, size: tuple[int, int], part: tuple[float, float, float, float]
) -> list[dict[str, Any]]:
    """The scene in the manifest; nothing where no frame of the clip shows it."""
    first, end = (int(edge) for edge in np.searchsorted(shown, [scene.first, scene.last]))
    windows = [
        {
            "subjects": list(people),
            "path": path.keys(shown[first:end] - scene.first, *_placed(middles, window, part), size, first),
        }
        for people, window, middles in zip(scene.people, scene.windows, scene.middles, strict=True)
    ]
    entry = {"start_frame": first, "end_frame": end, "layout": scene.layout, "reason": scene.reason, "windows": windows}
    return [entry] if first < end else []


def _crop(entries: Sequence[dict[str, Any]], size: tuple[int, int]) -> list[dict[str, Any]]:
    """The path of the first window through all scenes, the whole picture where there is none; empty without windows."""
    if not any(entry["windows"] for entry in entries):
        return []
    whole = {"x": 0.0, "y": 0.0, "width": float(size[0]), "height": float(size[1])}
    return [
        key
        for entry in entries
        for key in (entry["windows"][0]["path"] if entry["windows"] else [{"frame": entry["start_frame"], **whole}])
    ]


def _placed(
    middles: np.ndarray, window: tuple[float, float], part: tuple[float, float, float, float]
) -> tuple[np.ndarray, tuple[float, float]]:
    """Middles and size of a window as shares of the whole picture."""
    left, top, width, height = part
    return middles * (width, height) + (left, top), (window[0] * width, window[1] * height)
