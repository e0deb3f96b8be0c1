"""A whole transcript, and where it came from."""

import dataclasses

from services.analyzer.transcript import cue


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """What recognized speech.

    Attributes:
        name: Of the model.
        sha256: Hash of the model.
        language_probability: How sure it is of the language; None where it was told.
    """

    name: str
    sha256: str
    language_probability: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """What is said in a source.

    Attributes:
        source: `embedded`, `sidecar` or `recognition`.
        format: Such as `subrip`; the kind of the model for recognition.
        language: As the source names it; empty where it names none.
        cues: In the order of time.
        stream: Index of the text track; None for a file of its own.
        name: Name of the file; empty for a text track.
        sha256: Hash of the file; the same.
        model: What recognized it; None for text that came with the source.
    """

    source: str
    format: str
    language: str
    cues: list[cue.Cue]
    stream: int | None = None
    name: str = ""
    sha256: str = ""
    model: Model | None = None
