"""From what is asked to the edit list: surveyed ranges, jump cuts, speeds and fades become one plan."""

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from chassis import errors
from services.exporter import analysis, asked, edit, pieces, presets, splice, survey, tightening

UNKNOWN = "the analysis knows neither silence nor words with times"
OTHER_SOUND = "the analysis heard the sound that the rule picks, not the one that was chosen"


@dataclasses.dataclass(frozen=True, slots=True)
class EditList:
    """A clip as a manifest says it was made: nothing is decided anew."""

    takes: tuple[tuple[int, int], ...]
    """Frames of every range that was surveyed, the end exclusive."""
    stretches: tuple[Mapping[str, Any], ...]
    """Entries of the edit list, see `pieces.Piece.to_value`."""
    tightening: Mapping[str, Any] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a clip, and what the manifest says about the jump cuts in it."""

    edit: edit.Edit
    takes: tuple[pieces.Take, ...]
    tightening: Mapping[str, Any] | None

    def to_value(self) -> dict[str, Any]:
        """The edit list as it stands in the manifest."""
        planned = self.edit
        return {
            "takes": [
                {"start_frame": take.first_frame, "end_frame": take.first_frame + len(take.pts)} for take in self.takes
            ],
            "pieces": [piece.to_value() for piece in planned.pieces],
            "time_base": str(self.takes[0].base),
            "source_rate": str(planned.schedule.source_rate),
            "fades": planned.fades.to_value(),
            "crossfade_s": 2 * splice.CROSS / splice.RATE_HZ,
            "tightening": self.tightening,
        }


def wanted(ranges: Sequence[asked.Range], recipe: EditList | None) -> list[survey.Wanted]:
    """The ranges to survey: near ones together, or those of a recipe."""
    if recipe is not None:
        return [survey.Wanted(frames=frames) for frames in recipe.takes]
    return [hull for hull, _ in pieces.groups(ranges)]


def plan(
    takes: Sequence[pieces.Take],
    wish: asked.Edit,
    recipe: EditList | None,
    preset: presets.Preset,
    found: analysis.Analysis,
) -> Plan:
    """Plans a clip.

    Args:
        takes: what was surveyed for `wanted`, in its order.
        wish: what is asked of the edit.
        recipe: what a manifest says instead.
        preset: how the clip is delivered.
        found: what the analysis knows of silence and words.

    Raises:
        errors.OutOfRange: a range holds no frame of the source (RANGE_EMPTY).
        errors.FailedPrecondition: see `edit.joined`.
    """
    if recipe is not None:
        stretches, note = _repeated(takes, recipe), recipe.tightening
    else:
        stretches = _asked(takes, wish.ranges)
        stretches, note = _tightened(takes, stretches, wish, found)
    return Plan(edit.joined(takes, stretches, preset, wish.fades), tuple(takes), note)


def _asked(takes: Sequence[pieces.Take], ranges: Sequence[asked.Range]) -> list[pieces.Cut]:
    found = []
    for number, (_, members) in enumerate(pieces.groups(ranges)):
        cuts = pieces.cuts(number, takes[number], members)
        if len(cuts) < len(members):
            raise errors.OutOfRange("the range holds no frame of the source", reason="RANGE_EMPTY")
        found += cuts
    return found


def _repeated(takes: Sequence[pieces.Take], recipe: EditList) -> list[pieces.Cut]:
    found = []
    for entry in recipe.stretches:
        take = takes[entry["take"]]
        first, last = entry["start_frame"] - take.first_frame, entry["end_frame"] - take.first_frame
        if not 0 <= first < last <= len(take.pts):
            raise errors.OutOfRange("the source has not the frames of the manifest", reason="RANGE_EMPTY")
        found.append(pieces.Cut(entry["take"], first, last, Fraction(entry["speed"]), entry["reason"], entry["text"]))
    return found


def _tightened(
    takes: Sequence[pieces.Take],
    stretches: Sequence[pieces.Cut],
    wish: asked.Edit,
    found: analysis.Analysis,
) -> tuple[list[pieces.Cut], dict[str, Any] | None]:
    if wish.tightening is None:
        return list(stretches), None
    note = UNKNOWN if found.silence is None and found.words is None else ""
    if wish.track != asked.BY_RULE:
        found, note = analysis.Analysis(), OTHER_SOUND
    kept, removed = [], []
    for cut in stretches:
        take = takes[cut.take]
        span_s = (float(take.seconds(cut.first)), float(take.seconds(cut.last)))
        gone = tightening.removals(found, span_s, wish.tightening)
        kept += pieces.tightened(take, cut, gone)
        removed += gone
    return kept, {
        "asked": wish.tightening.to_value(),
        "removed": [one.to_value() for one in removed],
        "note": note,
    }
