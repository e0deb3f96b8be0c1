"""An analysis on the time line of a clip, so that the camera is planned over what is seen one after the other."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from services.exporter import analysis, pieces

SLACK_S = 1e-5  # times of shots are rounded to microseconds
SIDE_S = 0.5  # seconds on each side of a jump cut in which the place of the subject is looked at


def near(found: analysis.Analysis, takes: Sequence[pieces.Take]) -> analysis.Analysis:
    """What an analysis knows about some takes and a second around them."""
    parts = [
        found.within(float(take.seconds(0)) - 1.0, float(take.seconds(len(take.pts) - 1)) + 1.0)
        for take in sorted(takes, key=lambda take: take.seconds(0))
    ]
    merged = {
        field.name: tuple(dict.fromkeys(one for part in parts for one in getattr(part, field.name)))
        for field in dataclasses.fields(found)
        if isinstance(getattr(parts[0], field.name), tuple)
    }
    return dataclasses.replace(parts[0], **merged)


def placed(found: analysis.Analysis, planned: Sequence[pieces.Piece], rate_: Fraction) -> analysis.Analysis:
    """An analysis on the time line of the clip, so that a camera plans over what is seen one after the other.

    Pieces of one shot stay one shot: a jump cut inside of it is no reason for the camera to jump.

    Args:
        found: in the times of the source.
        planned: the pieces.
        rate_: frames per second of the clip.
    """
    if len(planned) == 1 and planned[0].speed == 1:
        return found
    shots: list[analysis.Shot] = []
    focus: list[analysis.Focus] = []
    people = {subject.id: dataclasses.replace(subject, samples=()) for subject in found.subjects}
    before, offset_s = None, planned[0].source_start_s
    for piece in planned:
        length_s = float(piece.frames / rate_)

        def moved(time_s: float, piece: pieces.Piece = piece, offset_s: float = offset_s) -> float:
            return offset_s + (time_s - piece.source_start_s) / float(piece.speed)

        for shot in found.shots:
            if shot.end_s <= piece.source_start_s + SLACK_S or shot.start_s >= piece.source_end_s - SLACK_S:
                continue
            start_s = max(moved(shot.start_s), offset_s)
            end_s = min(moved(shot.end_s), offset_s + length_s)
            if shot is before and shots:
                shots[-1] = dataclasses.replace(shots[-1], end_s=end_s)
            else:
                shots.append(dataclasses.replace(shot, start_s=start_s, end_s=end_s))
            before = shot
        focus += [
            dataclasses.replace(sample, t_s=moved(sample.t_s))
            for sample in found.focus
            if piece.source_start_s <= sample.t_s < piece.source_end_s
        ]
        for subject in found.subjects:
            rows = {(moved(t_s), *box) for t_s, *box in subject.between(piece.source_start_s, piece.source_end_s)}
            known = people[subject.id]
            people[subject.id] = dataclasses.replace(known, samples=tuple(sorted(rows.union(known.samples))))
        offset_s += length_s
    seen = tuple(subject for subject in people.values() if subject.samples)
    return dataclasses.replace(found, shots=tuple(shots), focus=tuple(focus), subjects=seen)


def joins(planned: Sequence[pieces.Piece], rate_: Fraction) -> list[float]:
    """Times of the jump cuts on the time line of the clip, as in `placed`."""
    return [planned[0].source_start_s + float(piece.first / rate_) for piece in planned[1:]]


def parted(found: analysis.Analysis, joins_s: Sequence[float], window: tuple[float, float]) -> analysis.Analysis:
    """Shots are parted at the jump cuts at which the subject jumps out of the window: there the crop jumps with it.

    Args:
        found: on the time line of the clip.
        joins_s: the jump cuts.
        window: width and height of the window as shares of the picture.
    """
    shots = list(found.shots) or [analysis.Shot(0, 0, -np.inf, np.inf)]
    for join_s in joins_s:
        sides = [
            [one for one in found.focus if low_s <= one.t_s < high_s and one.weight > 0]
            for low_s, high_s in ((join_s - SIDE_S, join_s), (join_s, join_s + SIDE_S))
        ]
        if not all(sides):
            continue
        before, after = (np.median([(one.x, one.y) for one in side], axis=0) for side in sides)
        if np.all(np.abs(after - before) <= np.array(window) / 2):
            continue
        for index, shot in enumerate(shots):
            if shot.start_s + SLACK_S < join_s < shot.end_s - SLACK_S:
                shots[index : index + 1] = [
                    dataclasses.replace(shot, end_s=join_s),
                    dataclasses.replace(shot, start_s=join_s),
                ]
                break
    return dataclasses.replace(found, shots=tuple(shots))
