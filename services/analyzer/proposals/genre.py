"""Genres: what makes a good clip differs between a talk, a game, a match, a film and a concert.

Each set has its reasons. A talk is worth what is said: how it opens, that it ends with the sentence, and that it is
spoken all the while; its pictures hardly change. A game is worth its outbursts: sound, reactions, and what differs from
the rest; a face is always there or never. Sport is movement and the roar of the crowd. A film is faces and cut, and
tears the more where a scene is torn. Music is the entry and the drive; speech between songs is not what people want.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from services.analyzer.proposals import material, terms

AUTO = "auto"
SETS: Mapping[str, Mapping[str, float]] = {
    "talk": {
        "hook": 0.5, "energy": 0.5, "speech_density": 2.0, "motion": 0.25, "faces": 1.0, "pace": 0.25, "reaction": 1.5,
        "completeness": 2.0, "novelty": 0.25, "duration_fit": 0.5, "keyword": 2.0, "opening": 2.0, "closing": 2.0,
        "presence": 2.0,
    },
    "gaming": {
        "hook": 1.5, "energy": 2.0, "speech_density": 0.5, "motion": 1.0, "faces": 0.25, "pace": 0.25, "reaction": 1.5,
        "completeness": 1.0, "novelty": 1.5, "duration_fit": 0.5, "keyword": 2.0, "opening": 0.5, "closing": 0.5,
        "presence": 2.0,
    },
    "sport": {
        "hook": 1.5, "energy": 2.0, "speech_density": 0.25, "motion": 2.0, "faces": 0.25, "pace": 0.5, "reaction": 1.5,
        "completeness": 1.0, "novelty": 1.0, "duration_fit": 0.5, "keyword": 2.0, "opening": 0.25, "closing": 0.5,
        "presence": 2.0,
    },
    "film": {
        "hook": 1.5, "energy": 1.0, "speech_density": 0.75, "motion": 1.0, "faces": 1.5, "pace": 1.0, "reaction": 0.25,
        "completeness": 2.0, "novelty": 0.5, "duration_fit": 0.5, "keyword": 2.0, "opening": 0.75, "closing": 1.0,
        "presence": 2.0,
    },
    "music": {
        "hook": 2.0, "energy": 2.0, "speech_density": 0.0, "motion": 1.0, "faces": 1.0, "pace": 1.0, "reaction": 1.0,
        "completeness": 1.0, "novelty": 0.5, "duration_fit": 0.5, "keyword": 2.0, "opening": 0.0, "closing": 0.0,
        "presence": 2.0,
    },
}  # fmt: skip
SOURCE_MIN_S = 60.0  # a shorter source has no shares to speak of
MOVING = 0.1  # picture widths per second: something crosses the picture within ten seconds
# What tells a genre, least and largest: shares of the time, and borders of shots per minute. Shares of the time, not
# means, for a genre is what a source is throughout: one that is still for half of the time is no match.
TRAITS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "talk": {"speech": (0.55, 1.0), "music": (0.0, 0.5), "cuts": (0.0, 12.0), "moving": (0.0, 0.3)},
    "gaming": {"speech": (0.1, 0.55), "faces": (0.6, 1.0), "cuts": (0.0, 1.0), "moving": (0.6, 1.0)},
    "sport": {"speech": (0.0, 0.55), "music": (0.0, 0.3), "faces": (0.0, 0.25), "moving": (0.6, 1.0)},
    "film": {"speech": (0.1, 0.55), "music": (0.0, 0.7), "faces": (0.25, 1.0), "cuts": (5.0, np.inf)},
    "music": {"speech": (0.0, 0.2), "music": (0.7, 1.0)},
}
UNITS = {
    "speech": "speech {:.0%} of the time", "music": "music {:.0%}", "faces": "a face {:.0%}",
    "moving": "motion {:.0%}", "cuts": "{:.1f} borders of shots per minute",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """The genre of a source, empty where the general weights are in force, and what told it."""

    name: str
    reason: str


def told(source: material.Material) -> Verdict:
    """The genre that an analysis shows: the only one that all its traits fit; none where several fit, or none."""
    if source.duration_s < SOURCE_MIN_S:
        return Verdict("", f"a source of {source.duration_s:.0f} s is too short to tell its genre")
    found = _measured(source)
    fitting = [
        name
        for name, traits in TRAITS.items()
        if all(trait in found and low <= found[trait] <= high for trait, (low, high) in traits.items())
    ]
    measured = ", ".join(UNITS[name].format(value) for name, value in found.items()) or "nothing was measured"
    if len(fitting) == 1:
        return Verdict(fitting[0], measured)
    return Verdict("", f"{'several genres fit' if fitting else 'no genre fits'}: {measured}")


def _measured(source: material.Material) -> dict[str, float]:
    """The traits of a source; those that are not known are missing."""
    sums, edges = terms.Sums(source), (np.array([source.start_s]), np.array([source.end_s]))
    means = {name: sums.mean(name, *edges) for name in ("speech", "faces")}
    found = {name: float(mean[0]) for name, mean in means.items() if mean is not None}
    if "motion" in source.curves:
        found["moving"] = float((source.curves["motion"] >= MOVING).mean())
    if source.first_frame is not None:
        found["cuts"] = 60 * source.shots_s.size / source.duration_s
    if source.music is not None and np.isfinite(source.music).any():
        found["music"] = float(np.nanmean(source.music))
    return {name: found[name] for name in UNITS if name in found}
