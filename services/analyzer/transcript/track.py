"""Gathers the text tracks of a container while it is read."""

import itertools
from collections.abc import Iterable

import av
import av.stream

from services.analyzer.transcript import cue, payload, script

TRACKS_MAX = 16  # half of the streams that a container may have
LETTERS_MAX = 32 << 20  # of all tracks together; a hundred hours of talk in several languages
CUES_MAX = 400_000  # of all tracks together: empty ones count too
UNTIMED_S = 4.0  # a cue that does not say how long it lasts is shown until the next one, and so long at most


class Track:
    """One text track.

    Args:
        stream: The stream.
        codec: Its coding.
    """

    def __init__(self, stream: av.stream.Stream, codec: str) -> None:
        self.index, self.codec = stream.index, codec
        language = stream.metadata.get("language", "")
        self.language = "" if language == "und" else language
        self.preferred = bool(stream.disposition & av.stream.Disposition.default)
        self.forced = bool(stream.disposition & av.stream.Disposition.forced)
        self.letters = 0
        self._spans: list[tuple[float, float | None, tuple[str, ...]]] = []

    def add(self, start_s: float, end_s: float | None, lines: tuple[str, ...]) -> None:
        """Takes the next cue; one without lines ends the one before."""
        self.letters += sum(len(line) for line in lines)
        self._spans.append((start_s, end_s, lines))

    def cues(self) -> list[cue.Cue]:
        """The cues; ends that were not said are the next beginnings."""
        ordered = sorted(self._spans, key=lambda span: span[0])
        following = [start_s for start_s, _, _ in ordered[1:]]
        raws = []
        for (start_s, end_s, lines), next_s in itertools.zip_longest(ordered, following):
            until_s = min(next_s if next_s is not None else start_s + UNTIMED_S, start_s + UNTIMED_S)
            raws.append(cue.Raw(start_s, end_s if end_s is not None else until_s, lines))
        return cue.made([raw for raw in raws if raw.lines and raw.start_s < raw.end_s])


class Tracks:
    """The text tracks of a container.

    Args:
        streams: All streams of the container.
    """

    def __init__(self, streams: Iterable[av.stream.Stream]) -> None:
        known = ((stream, _codec(stream)) for stream in streams if stream.type == "subtitle")
        readable = [(stream, codec) for stream, codec in known if codec in payload.CODECS]
        self._tracks = {stream.index: Track(stream, codec) for stream, codec in readable[:TRACKS_MAX]}
        self._cues = 0
        self.damaged = 0
        self.full = False

    def __contains__(self, stream: av.stream.Stream) -> bool:
        return stream.index in self._tracks

    def add(self, stream: av.stream.Stream, packet: av.Packet) -> None:
        """Takes a packet of one of the tracks; what is damaged is counted and left out."""
        track = self._tracks[stream.index]
        if packet.pts is None or not stream.time_base:
            self.damaged += 1
            return
        self._cues += 1
        self.full = self._cues > CUES_MAX or sum(one.letters for one in self._tracks.values()) > LETTERS_MAX
        if self.full:
            return
        start_s = float(packet.pts * stream.time_base)
        end_s = start_s + float(packet.duration * stream.time_base) if packet.duration else None
        try:
            track.add(start_s, end_s, payload.lines(track.codec, bytes(packet)))
        except payload.Damaged:
            self.damaged += 1

    def finish(self, language: str) -> script.Script | None:
        """The track that fits best: in the language of the sound, marked as the one to show, with most text.

        Args:
            language: Of the sound; empty where unknown.
        """
        spoken = [track for track in self._tracks.values() if track.letters]
        if not spoken:
            return None
        best = max(
            spoken,
            key=lambda one: (
                not one.forced, bool(language) and one.language == language, one.preferred, one.letters, -one.index
            ),
        )  # fmt: skip
        return script.Script("embedded", best.codec, best.language, best.cues(), stream=best.index)


def _codec(stream: av.stream.Stream) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else ""
