"""Finds the transcript of a source while the source is read."""

import dataclasses
from collections.abc import Iterable
from typing import Any, BinaryIO

import av
import av.stream
import numpy as np

from media import errors
from services.analyzer.transcript import cue, script, sentences, sidecar, track

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """A file of subtitles.

    Attributes:
        file: The open file.
        name: Its name.
        named: Whether the caller named it; else it was found beside the source.
    """

    file: BinaryIO
    name: str
    named: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Axis:
    """How times of the container become times of the analysis, in seconds.

    Attributes:
        origin_s: Time stamp that the analysis counts from.
        begin_s: Time stamp that the container begins with, which files beside it count from.
        start_s: Where the measured part begins, counted from the origin.
        end_s: Where it ends.
    """

    origin_s: float
    begin_s: float
    start_s: float
    end_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """What was heard, in seconds counted from the beginning of the measured part.

    Attributes:
        speech: Stretches with speech.
        energies: Mean squares, one per step.
        step_s: Length of a step.
        shift_s: Where the first step lies.
    """

    speech: tuple[Span, ...]
    energies: np.ndarray
    step_s: float
    shift_s: float


class Reader:
    """Takes packets, and gives the transcript; a file beside the source comes before its own text tracks.

    Args:
        streams: All streams of the container; none to read no text tracks.
        beside: A file of subtitles, where there is one.
    """

    def __init__(self, streams: Iterable[av.stream.Stream], beside: Beside | None) -> None:
        self._tracks = track.Tracks(streams)
        self.faults: list[dict[str, str]] = []
        self._script = self._read(beside) if beside is not None else None

    def _read(self, beside: Beside) -> script.Script | None:
        try:
            return sidecar.read(beside.file, beside.name)
        except (errors.Unreadable, errors.Refused) as error:
            if beside.named:
                raise
            self.faults.append({"code": "BAD_TRANSCRIPT", "detail": error.message})
            return None

    def add(self, stream: av.stream.Stream, packet: av.Packet | None) -> None:
        """Takes a packet of any stream."""
        if packet is not None and stream in self._tracks:
            self._tracks.add(stream, packet)

    def finish(self, axis: Axis, heard: Heard | None, language: str) -> dict[str, Any] | None:
        """The transcript as JSON can say it; None where there is none.

        Args:
            axis: How times become times of the analysis.
            heard: What was heard; None without sound.
            language: Of the sound; empty where unknown.
        """
        found = self._script or self._tracks.finish(language)
        self._note_damage()
        if found is None:
            return None
        shift_s = (axis.begin_s if found.source == "sidecar" else 0.0) - axis.origin_s
        cues = [one for one in cue.moved(found.cues, shift_s) if one.end_s > axis.start_s and one.start_s < axis.end_s]
        return documented(found, cues, heard, axis.start_s) if cues else None

    def _note_damage(self) -> None:
        if self._tracks.damaged:
            detail = f"{self._tracks.damaged} packets of text could not be read"
            self.faults.append({"code": "DAMAGED_TEXT", "detail": detail})
        if self._tracks.full:
            self.faults.append({"code": "TOO_MUCH_TEXT", "detail": "the text tracks hold more than a film can say"})


def documented(found: script.Script, cues: list[cue.Cue], heard: Heard | None, start_s: float) -> dict[str, Any]:
    """A transcript as JSON can say it.

    Args:
        found: The transcript.
        cues: Those of its cues that are wanted, in seconds of the analysis.
        heard: What was heard; None without sound.
        start_s: Where the measured part begins, in seconds of the analysis.
    """
    return {
        "source": found.source,
        "format": found.format,
        "language": found.language or None,
        "stream": found.stream,
        "name": found.name or None,
        "sha256": found.sha256 or None,
        "model": dataclasses.asdict(found.model) if found.model is not None else None,
        "cues": [{"start_s": one.start_s, "end_s": one.end_s, "text": one.text} for one in cues],
        "words": [_word(word) for one in cues for word in one.words] or None,
        "sentences": [{"start_s": one_s, "end_s": other_s} for one_s, other_s in _spans(cues, heard, start_s)],
    }


def _word(word: cue.Word) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(word).items() if value is not None}


def _spans(cues: list[cue.Cue], heard: Heard | None, start_s: float) -> list[Span]:
    found = sentences.spans(cues)
    if heard is None:
        return found
    shift_s = start_s + heard.shift_s
    near = [(one_s - shift_s, other_s - shift_s) for one_s, other_s in found]
    speech = [(one_s - heard.shift_s, other_s - heard.shift_s) for one_s, other_s in heard.speech]
    placed = sentences.heard(near, speech, heard.energies, heard.step_s)
    return [(one_s + shift_s, other_s + shift_s) for one_s, other_s in placed]
