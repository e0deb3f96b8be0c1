"""What proposals are made of: the parts of an analysis that they look at."""

import collections
import dataclasses
import hashlib
import json
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from services.analyzer import document, timeline
from services.analyzer.proposals import memo, spoken, wording

CURVES = ("highlight", "motion", "sharpness", "exposure", "loudness_lufs", "speech")
ENTRIES_MAX = 4_000_000  # intervals or spans of any kind; more is no analysis of ours

SILENT_LUFS = -60.0  # nobody hears what is quieter, at any usual volume
BLACK = 0.02  # of white, on average
STILL = 1e-3  # picture widths per second: a pixel in a second of a common picture
KEPT_BYTES_MAX = 32 << 20  # of an analysis that is kept: fifty hours; larger ones are read each time


class Malformed(ValueError):
    """The document is not an analysis that this version reads."""


@dataclasses.dataclass(frozen=True, slots=True)
class Material:
    """An analysis as arrays.

    Attributes:
        start_s: Where the analyzed part begins, in seconds.
        duration_s: Its length in seconds.
        interval_s: Length of an interval of the curves.
        curves: Per interval, by name; those that were not measured are missing. `faces` is the share with a face.
        first_frame: First frame of each interval; None where there is no video.
        frame_rate: Frames per second; None where it varies, is unknown, or there is no video.
        frame_end: The frame after the last one.
        shots_s: Borders of the shots inside of the film, in seconds, sorted.
        shot_frames: The frames of these borders.
        speech: Stretches with speech, (n, 2) in seconds; None where nobody listened.
        silence: Stretches without sound, (n, 2) in seconds.
        pauses_s: Quiet moments within long speech, in seconds.
        sentences: What is said, sentence by sentence, (n, 2) in seconds; empty where there is no transcript.
        script: The transcript; None where there is none.
        said: What its words do; the same.
        changes_s: When the shot before each border begins to go, and when the one after it is there as a whole, (n, 2)
            in seconds; None where all borders are cuts.
        music: Share of the time in which music plays, per interval, nan where it cannot be told; None where nobody
            listened.
        kept: What was worked out of it; a changed copy has its own.
    """

    start_s: float
    duration_s: float
    interval_s: float
    curves: Mapping[str, np.ndarray]
    first_frame: np.ndarray | None
    frame_rate: float | None
    frame_end: int
    shots_s: np.ndarray
    shot_frames: np.ndarray
    speech: np.ndarray | None
    silence: np.ndarray
    pauses_s: np.ndarray
    sentences: np.ndarray = dataclasses.field(default_factory=lambda: np.empty((0, 2)))
    script: spoken.Script | None = None
    said: wording.Wording | None = None
    changes_s: np.ndarray | None = None
    music: np.ndarray | None = None
    kept: memo.Memo = dataclasses.field(default_factory=memo.Memo, init=False, compare=False, repr=False)

    @property
    def end_s(self) -> float:
        """Where the analyzed part ends, in seconds."""
        return self.start_s + self.duration_s

    @property
    def heard(self) -> np.ndarray | None:
        """Whether anything is heard, per interval; None where nobody listened."""
        loudness = self.curves.get("loudness_lufs")
        return None if loudness is None else loudness > SILENT_LUFS

    @property
    def seen(self) -> np.ndarray | None:
        """Whether there is anything to see, per interval: a picture that is not black, nor still without a sound."""
        if "exposure" not in self.curves or "motion" not in self.curves:
            return None
        moves, heard = self.curves["motion"] > STILL, self.heard
        return (self.curves["exposure"] > BLACK) & (moves if heard is None else moves | heard)

    @property
    def present(self) -> np.ndarray | None:
        """Whether there is anything at all, per interval: to see, or to hear where there is no picture."""
        return self.heard if self.seen is None else self.seen

    @property
    def exits_s(self) -> np.ndarray:
        """Where clips may end at borders of shots: before anything of the next one is seen."""
        return self.shots_s if self.changes_s is None else self.changes_s[:, 0]

    @property
    def entries_s(self) -> np.ndarray:
        """Where clips may begin at borders of shots: when nothing of the last one is seen any more."""
        return self.shots_s if self.changes_s is None else self.changes_s[:, 1]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Reads `analysis.json`.

        Raises:
            Malformed: It is no JSON, of another schema, or something is missing or no number.
        """
        try:
            found = json.loads(content)
            if found.get("schema") != document.SCHEMA:
                raise Malformed(f"the schema is {str(found.get('schema'))[:60]!r}, not {document.SCHEMA!r}")
            return cls._from_value(found)
        except (KeyError, TypeError, AttributeError, OverflowError, json.JSONDecodeError, RecursionError) as error:
            raise Malformed(f"the analysis cannot be read: {type(error).__name__}: {error}") from error

    @classmethod
    def _from_value(cls, found: Mapping[str, Any]) -> Self:
        curve, video, shots = found["curve"], found["video"], found["shots"]
        heard, said = curve["speech"] is not None, found.get("transcript")
        sentences = _spans(said["sentences"] if said else [])
        script, told = _script(said, sentences) if said else (None, None)
        material = cls(
            start_s=float(found["source"].get("start_s") or 0.0),
            duration_s=float(found["source"]["duration_s"]),
            interval_s=float(curve["interval_s"]),
            curves={name: _numbers(curve[name]) for name in CURVES if curve.get(name) is not None},
            first_frame=_numbers(curve["first_frame"]) if curve.get("first_frame") is not None else None,
            frame_rate=_rate(video),
            frame_end=int(shots[-1]["end_frame"]) if shots else 0,
            shots_s=_numbers([shot["start_s"] for shot in shots[1:]]),
            shot_frames=_numbers([shot["start_frame"] for shot in shots[1:]]),
            speech=_spans(found["speech"]) if heard else None,
            silence=_spans(found["silence"]),
            pauses_s=_numbers(found.get("pauses_s") or []),
            sentences=sentences,
            script=script,
            said=told,
            changes_s=_changes(found, _rate(video)),
            music=_gapped(curve["music"]) if curve.get("music") is not None else None,
        )
        if found.get("subjects") is not None:
            seen = _spans(found["subjects"]) - material.start_s
            count = timeline.count_of(material.duration_s, material.interval_s)
            material = dataclasses.replace(
                material, curves={**material.curves, "faces": _shares(seen, material.interval_s, count)}
            )
        sizes = {curve.size for curve in material.curves.values()}
        if len(sizes) > 1 or not math.isfinite(material.duration_s) or not material.interval_s > 0:
            raise Malformed("the curves of the analysis do not fit together")
        return material

    def snapped(self, t_s: np.ndarray) -> np.ndarray:
        """The times of the first frames at or after times; the times themselves where frames are not evenly spaced."""
        if self.frame_rate is None or self.first_frame is None or not self.first_frame.size:
            return t_s
        frames = self._frames(t_s, self.first_frame)
        return np.minimum(self.start_s + (frames - self.first_frame[0]) / self.frame_rate, self.end_s)

    def frame(self, t_s: float) -> int | None:
        """The frame that is shown first at or after a time; None without video."""
        if self.first_frame is None or not self.first_frame.size:
            return None
        return int(self._frames(np.array([t_s]), self.first_frame)[0])

    def _frames(self, t_s: np.ndarray, first_frame: np.ndarray) -> np.ndarray:
        place = np.maximum(t_s - self.start_s, 0.0) / self.interval_s
        index = np.minimum(place.astype(np.int64), first_frame.size - 1)
        known = np.append(first_frame, self.frame_end)
        first, end = known[index], known[index + 1]
        count = self.interval_s * self.frame_rate if self.frame_rate else end - first
        frames = np.clip(first + np.ceil((place - index) * count - 1e-3), first, np.maximum(end, first))
        if self.shots_s.size:
            near = np.minimum(np.searchsorted(self.shots_s, t_s - 1e-6), self.shots_s.size - 1)
            frames = np.where(np.abs(self.shots_s[near] - t_s) < 1e-6, self.shot_frames[near], frames)
        return frames


def _shares(seen: np.ndarray, interval_s: float, count: int) -> np.ndarray:
    """The share of each interval in which at least one of several overlapping stretches lies, (count,)."""
    joined: list[list[float]] = []
    for start_s, end_s in seen[np.argsort(seen[:, 0], kind="stable")].tolist():
        if joined and start_s <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end_s)
        else:
            joined.append([start_s, end_s])
    return timeline.shares(joined, interval_s, count)


class Shelf:
    """Keeps the analyses that were read last: proposals are asked for again and again, with other weights.

    What was worked out of an analysis is kept of the last one only.

    Args:
        kept_max: How many are kept.
    """

    def __init__(self, kept_max: int = 4) -> None:
        self._kept_max = kept_max
        self._kept: collections.OrderedDict[bytes, Material] = collections.OrderedDict()
        self._lock = threading.Lock()  # analyses are read in threads

    def material(self, content: bytes) -> Material:
        """The analysis in a file; known by its hash, so that a file that changed is read anew.

        Raises:
            Malformed: It is none.
        """
        key = hashlib.sha256(content).digest()
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = Material.parse(content)
        if len(content) <= KEPT_BYTES_MAX:
            with self._lock:
                self._kept[key] = found
                self._kept.move_to_end(key)
                while len(self._kept) > self._kept_max:  # ends, for it drops one
                    self._kept.popitem(last=False)
                for other in self._kept.values():
                    if other is not found:
                        other.kept.clear()
        return found


def _rate(video: Mapping[str, Any] | None) -> float | None:
    if video is None or video["variable_frame_rate"] or not video["frame_rate"]:
        return None
    rate = float(video["frame_rate"])
    return rate if math.isfinite(rate) and rate > 0 else None


def _changes(found: Mapping[str, Any], rate: float | None) -> np.ndarray | None:
    """When each border of shots begins and ends; None where that cannot be told."""
    shots, transitions = found["shots"][1:], found.get("transitions") or []
    if rate is None or not shots or len(transitions) != len(shots):
        return None
    borders_s, frames = (_numbers([shot[name] for shot in shots]) for name in ("start_s", "start_frame"))
    first, last = (_numbers([item[name] for item in transitions]) for name in ("start_frame", "end_frame"))
    after = np.where(last > first, np.maximum(last + 1 - frames, 0), 0)  # the last frame that changes is inclusive
    edges = np.stack([borders_s + np.minimum(first - frames, 0) / rate, borders_s + after / rate], axis=1)
    return np.maximum.accumulate(edges, axis=0)


def _numbers(values: Sequence[Any]) -> np.ndarray:
    if len(values) > ENTRIES_MAX:
        raise Malformed(f"a list of the analysis has {len(values)} entries, {ENTRIES_MAX} are allowed")
    numbers = np.array(values, np.float64)
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise Malformed("a list of the analysis holds something that is no finite number")
    return numbers


def _gapped(values: Sequence[Any]) -> np.ndarray:
    """A curve that is unknown in places: nan there."""
    known = np.array([value is not None for value in values], bool)
    numbers = np.full(known.size, np.nan)
    numbers[known] = _numbers([value for value in values if value is not None])
    return numbers


def _script(said: Mapping[str, Any], sentences: np.ndarray) -> tuple[spoken.Script, wording.Wording]:
    """By words where they have times, else by cues."""
    pieces = said["words"] or said["cues"]
    texts = [str(piece["text"]) for piece in pieces]
    script = spoken.Script.of(texts, _spans(pieces))
    return script, wording.Wording.of(script, texts, sentences, str(said.get("language") or ""))


def _spans(values: Sequence[Mapping[str, Any]]) -> np.ndarray:
    edges = [_numbers([value[name] for value in values]) for name in ("start_s", "end_s")]
    return np.stack(edges, axis=1)
