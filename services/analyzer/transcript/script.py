"""A whole transcript, and where it came from."""

import dataclasses

from services.analyzer.transcript import cue


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """What is said in a source.

    Attributes:
        source: `embedded` or `sidecar`.
        format: Such as `subrip`.
        language: As the source names it; empty where it names none.
        cues: In the order of time.
        stream: Index of the text track; None for a file of its own.
        name: Name of the file; empty for a text track.
        sha256: Hash of the file; the same.
    """

    source: str
    format: str
    language: str
    cues: list[cue.Cue]
    stream: int | None = None
    name: str = ""
    sha256: str = ""
