"""How alike clips are: in what is seen and heard, in their words, and by lying near to each other.

Each kind is from 0 to 1, and the likeness of two clips is the mean of the kinds that are known:

- look and sound: 1 where the terms that describe content are the same, 0 where they differ by a third on average, as
  two numbers drawn at random between 0 and 1 do;
- words: the cosine between the counts of their words, each weighed by how few sentences have it (tf-idf);
- nearness: 1 side by side, half of it for every minute between them.
"""

from collections.abc import Sequence

import numpy as np

from services.analyzer.proposals import candidates, material, terms, wording

CONTENT = ("energy", "speech_density", "motion", "faces", "pace")  # terms that say what a clip is like, not how good
APART = 1 / 3  # mean distance of two random numbers
HALVED_S = 60.0  # a scene or a topic is of this order


def matrix(source: material.Material, found: candidates.Candidates, values: Sequence[terms.Values]) -> np.ndarray:
    """The likeness of each two candidates, (n, n).

    Args:
        source: What is known of the source.
        found: The candidates, a few hundred.
        values: Their terms.
    """
    kinds = [_near(found), _look(values)]
    if source.said is not None:
        kinds.append(_words(source.said, found))
    return np.round(np.mean([kind for kind in kinds if kind is not None], axis=0), 9)


def _near(found: candidates.Candidates) -> np.ndarray:
    gap_s = np.maximum(found.start_s[:, None] - found.end_s, found.start_s - found.end_s[:, None])
    return 0.5 ** (np.maximum(gap_s, 0.0) / HALVED_S)


def _look(values: Sequence[terms.Values]) -> np.ndarray | None:
    known = [term.value for term in values if term.name in CONTENT and term.value is not None]
    if not known:
        return None
    apart = np.mean([np.abs(value[:, None] - value) for value in known], axis=0)
    return np.maximum(1 - apart / APART, 0.0)


def _words(said: wording.Wording, found: candidates.Candidates) -> np.ndarray:
    """Cosines of the counted words."""
    counts = np.zeros((found.start_s.size, wording.PLACES))
    first, last = (np.searchsorted(said.words_s, edges) for edges in (found.start_s, found.end_s))
    for row, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        counts[row] = np.bincount(said.places[begin:end], said.counts[begin:end], wording.PLACES)
    counts /= np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-12)
    return np.clip(np.einsum("ik,jk->ij", counts, counts), 0.0, 1.0)  # no BLAS: the same on every machine
