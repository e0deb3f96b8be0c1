"""What can be measured of a source, by name."""

from collections.abc import Collection

MEASURES = frozenset({"shots", "picture", "loudness", "speech", "transcript", "music", "subjects"})


def sees(measures: Collection[str]) -> bool:
    """Whether some of MEASURES look at pictures; none stands for all."""
    return not measures or not {"shots", "picture", "subjects"}.isdisjoint(measures)


def fits_card(measures: Collection[str]) -> bool:
    """Whether a card can do all that some of MEASURES ask of the pictures: people are looked for by the processor."""
    return sees(measures) and "subjects" not in (measures or MEASURES)
