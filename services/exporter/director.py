"""Picks a layout for each take of a clip, and says why.

Every layout is judged by what a viewer would miss in it: 0 is nothing, 1 is a moment without anything that matters.
Over the whole clip the layouts are chosen that miss least, where every change of layout costs as well, so that none
flickers.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chassis import errors
from services.exporter import analysis, casting, framing, geometry, layouts, staging
from services.exporter.layouts import fill, fit_blur, split, stack

CHANGE = 0.5  # price of another layout than in the take before, in seconds of a worthless picture
SMALL = 0.6  # of the whole picture over a blur, per share of the canvas that is blur: all is there, but small
SMALL_TEXT = 0.1  # of the same where there is text, which nobody reads in parts
HALVES = 0.2  # of two windows: each is half as large
LISTENER = 0.6  # of somebody who matters and is left out
LISTENER_SILENT = 0.1  # of the same where it is known who speaks
CUT_S = 0.4  # seconds, for each cut between people in one take
HAIR = 0.6  # of a head whose hair and chin are cut off by the window
HEAD_MAX, FACE_MAX = 0.7, 0.95  # of the window's height that a face takes: a head fits, or only the face does
TEXT_LOST = 2.0  # of text that is cut off, per share of it
WANDERING = 0.6  # of interest that lies outside of the window
SPREAD = 0.8  # of a picture whose sides both move, per share of it that is cut off
SPEAKS = 0.1  # share of the time from which on somebody is known to speak
TEXT_MIN = 0.1  # share of the picture from which on text is more than a caption or a sign: screens have 0.3 and more
NEVER = 1e6  # of a layout that cannot be
TOGETHER_MIN = 0.7  # share of the moments at which two people must both be there for two windows
FACE_CAM_MAX = 0.3  # height of a face beside a screen: a larger one is no inset
SCREEN = 0.05  # of a screen over a face: both are there, and large


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """A layout of one take: its scenes, what is missed per second, and why."""

    scenes: Sequence[staging.Scene]
    cost: float
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """What is staged, and for which canvas.

    Attributes:
        picture: The used part of the source's picture.
        canvas: The delivered one.
    """

    picture: geometry.Picture
    canvas: geometry.Canvas


def staged(
    layout: str, takes: Sequence[staging.Take], stage: Stage, texts: Sequence[np.ndarray | None]
) -> list[staging.Scene]:
    """The scenes of a clip.

    Args:
        layout: One of `layouts.CHOICES`.
        takes: What the clip shows.
        stage: Where.
        texts: Per take, where text stands; see `glance`. None where nobody looked.
    """
    if layout != layouts.AUTO:
        return [scene for take in takes for scene in ordered(layout, take, stage)]
    verdicts = [
        {name: judge(take, stage, text) for name, judge in JUDGES.items()}
        for take, text in zip(takes, texts, strict=True)
    ]
    found = []
    for name, options in zip(_chosen(verdicts, takes), verdicts, strict=True):
        best = min(options, key=lambda other: options[other].cost)
        why = options[name].reason if name == best else f"as in the take before or after; alone {best} would be better"
        found += [dataclasses.replace(scene, reason=why) for scene in options[name].scenes]
    return found


def refuse_unfit(layout: str, found: analysis.Analysis, times_s: np.ndarray) -> None:
    """Refuses a layout that was asked for and that no take of a clip has the people for.

    Raises:
        errors.FailedPrecondition: with reason LAYOUT_UNFIT.
    """
    needed = {split.NAME: 2, stack.NAME: 1}.get(layout, 0)
    most = max((len(take.people) for take in staging.takes(found, times_s)), default=0) if needed else 0
    if most < needed:
        raise errors.FailedPrecondition(
            f"layout {layout} needs {needed} at once whose faces are known; in this range there are {most}",
            reason="LAYOUT_UNFIT",
            metadata={"layout": layout, "people": str(most)},
        )


def ordered(layout: str, take: staging.Take, stage: Stage) -> list[staging.Scene]:
    """The scenes of one take in a layout that was asked for, or in the next best where the take has not the people."""
    why = "asked for"
    if layout == fill.NAME:
        return staging.filled(take, stage.picture, stage.canvas, why)
    if layout == split.NAME:
        return staging.divided(take, stage.picture, stage.canvas, why) or staging.filled(
            take, stage.picture, stage.canvas, "split was asked for, but there are no two people"
        )
    if layout == stack.NAME:
        return staging.stacked(take, stage.picture, stage.canvas, why) or staging.whole(
            take, fit_blur.NAME, "stack was asked for, but there is no face"
        )
    return staging.whole(take, layout, why)


def _chosen(verdicts: Sequence[Mapping[str, Verdict]], takes: Sequence[staging.Take]) -> list[str]:
    """The layouts that cost least over all takes together."""
    names = list(JUDGES)
    lengths_s = [max(float(take.times_s[-1] - take.times_s[0]), 1e-3) for take in takes]
    costs = [[one[name].cost * length for one, length in zip(verdicts, lengths_s, strict=True)] for name in names]
    return [names[index] for index in casting.cheapest(np.array(costs), CHANGE)]


def _fill(take: staging.Take, stage: Stage, text: np.ndarray | None) -> Verdict:
    scenes = staging.filled(take, stage.picture, stage.canvas, "")
    window = geometry.window(stage.picture, stage.canvas)
    missed, left, known = _missed(take, scenes)
    length_s = max(float(take.times_s[-1] - take.times_s[0]), 1e-3)
    parts = {
        "who leads is cut": missed,
        "the head does not fit": known * _tight(take, window),
        "somebody who matters is left out": left,
        "the window cuts between people": CUT_S * (len(scenes) - 1) / length_s,
        "what moves leaves the window": (1 - known) * _wandering(take, scenes, window),
        "text is cut off": TEXT_LOST * _cut_off(text, window),
    }
    worst = max(parts, key=lambda name: parts[name])
    why = "the subject fits the window" if known else "a window holds what moves"
    if max(window) >= 1 and min(window) >= 1:
        why = "nothing is cut off"
    return Verdict(
        scenes, sum(parts.values()), f"{worst}, but less than in others" if parts[worst] > SMALL / 2 else why
    )


def _fit_blur(take: staging.Take, stage: Stage, text: np.ndarray | None) -> Verdict:
    width, height = geometry.fitted(stage.picture, stage.canvas)
    blur = 1 - width * height / (stage.canvas.width * stage.canvas.height)
    window = geometry.window(stage.picture, stage.canvas)
    readable = _cut_off(text, window) > 0
    why = "text would be cut off" if readable else "no window holds what matters"
    if not take.people and staging.spread(take) and not readable:
        why = "what moves is spread over the whole picture"
    return Verdict(staging.whole(take, fit_blur.NAME, ""), (SMALL_TEXT if readable else SMALL) * blur, why)


def _split(take: staging.Take, stage: Stage, text: np.ndarray | None) -> Verdict:
    pair = take.mattering[:2]
    together = np.mean(pair[0].seen & pair[1].seen) if len(pair) == 2 else 0.0
    scenes = staging.divided(take, stage.picture, stage.canvas, "") if together >= TOGETHER_MIN else None
    if scenes is None:
        return Verdict((), NEVER, "there are no two people")
    missed, left, _ = _missed(take, scenes)
    cost = HALVES + missed + left + _doubled(scenes[0]) + TEXT_LOST * (_text_share(text) > 0)
    return Verdict(scenes, cost, "two people who matter are too far apart for one window")


def _stack(take: staging.Take, stage: Stage, text: np.ndarray | None) -> Verdict:
    scenes = None
    if _text_share(text) and len(take.mattering) == 1 and take.mattering[0].size[1] <= FACE_CAM_MAX:
        scenes = staging.stacked(take, stage.picture, stage.canvas, "")
    if scenes is None:
        return Verdict((), NEVER, "there is no face beside a screen")
    return Verdict(scenes, SCREEN + _missed(take, scenes)[0], "a face beside text")


JUDGES: Mapping[str, Callable[[staging.Take, Stage, np.ndarray | None], Verdict]] = {
    fill.NAME: _fill,
    fit_blur.NAME: _fit_blur,
    split.NAME: _split,
    stack.NAME: _stack,
}


def _missed(take: staging.Take, scenes: Sequence[staging.Scene]) -> tuple[float, float, float]:
    """Shares of the take: who leads is not fully shown; the price of others who are left out; somebody is known."""
    known, _, full, left = framing.look(take, scenes)
    heard = any((person.speaking or 0.0) >= SPEAKS for person in take.people)
    price = LISTENER_SILENT if heard else LISTENER
    return float(np.mean(known & ~full)), price * float(np.mean(left)), float(np.mean(known))


def _tight(take: staging.Take, window: tuple[float, float]) -> float:
    """The price of heads that are too high for a window which does not have the height of the picture."""
    if window[1] >= 1 or not take.mattering:
        return 0.0
    face = max(person.size[1] for person in take.mattering) / window[1]
    return HAIR * float(np.clip((face - HEAD_MAX) / (FACE_MAX - HEAD_MAX), 0.0, 1.0))


def _wandering(take: staging.Take, scenes: Sequence[staging.Scene], window: tuple[float, float]) -> float:
    """The price of what moves outside of the windows."""
    if staging.spread(take):
        return SPREAD * (1 - window[0] * window[1])
    stamps = np.array([one.t_s for one in take.focus])
    frames = np.clip(np.searchsorted(take.times_s, stamps), 0, len(take.times_s) - 1) + take.first
    outside, total = 0.0, 1e-9
    numbers = np.searchsorted([scene.last for scene in scenes], frames, side="right")
    for one, frame, number in zip(take.focus, frames.tolist(), numbers.tolist(), strict=True):
        scene = scenes[number]
        away = np.abs(np.array([one.x, one.y]) - scene.at(frame)[0]) / np.array(window)
        outside, total = outside + one.weight * bool((away > 0.5).any()), total + one.weight
    return WANDERING * outside / total


def _doubled(scene: staging.Scene) -> float:
    """Share of the smaller of two windows that the other shows as well."""
    (one, other), sizes = scene.middles.mean(axis=1), np.array(scene.windows)
    shared = np.clip(np.minimum(one + sizes[0] / 2, other + sizes[1] / 2)
                     - np.maximum(one - sizes[0] / 2, other - sizes[1] / 2), 0.0, None)  # fmt: skip
    return float(shared.prod() / sizes.prod(axis=1).min())


def _text_share(text: np.ndarray | None) -> float:
    """Share of the picture that is text; 0 where nobody looked, and where it is little."""
    return float(text.mean()) if text is not None and text.mean() >= TEXT_MIN else 0.0


def _cut_off(text: np.ndarray | None, window: tuple[float, float]) -> float:
    """Share of the text that is cut off by the window that shows most of it."""
    if text is None or not _text_share(text):
        return 0.0
    rows, columns = (max(1, round(size * count)) for size, count in zip(window[::-1], text.shape, strict=True))
    whole = np.pad(text.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    held = whole[rows:, columns:] - whole[:-rows, columns:] - whole[rows:, :-columns] + whole[:-rows, :-columns]
    return 1 - float(held.max()) / max(int(whole[-1, -1]), 1)
