"""Events that are no longer the newest, sealed in stretches: a million are checked by hashing a thousand blocks. Pure.

A seal covers all bodies and hashes of its stretch and the seal before it. The first hash after a stretch begins with
the seal instead of the hash before it, so every later event, and every head, covers all that was sealed before.
"""

import dataclasses
import hashlib
from collections.abc import Collection, Iterator, Sequence

from chassis.audit import chain

EVENTS = 1000  # in a stretch: sealing them takes milliseconds, following their links one by one less
HASH_BYTES = 32
PART = b"\n"  # between bodies, which are JSON and hold none


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """A sealed stretch, as it is stored.

    Args:
        first: Sequence of its first event.
        last: Sequence of its last one.
        bodies: Of all of them, parted by line feeds.
        hashes: Of all of them, 32 bytes each.
        seal: See `seal`.
    """

    first: int
    last: int
    bodies: bytes
    hashes: bytes
    seal: bytes

    def rows(self) -> Iterator[chain.Row]:
        """Its events one by one; as many as are whole enough to be told apart."""
        for place, content in enumerate(self.bodies.split(PART)):
            yield self.first + place, content, self.hashes[place * HASH_BYTES : (place + 1) * HASH_BYTES]


def seal(before: bytes, bodies: bytes, hashes: bytes) -> bytes:
    """The seal of a stretch, from the seal before it, or the beginning, and what it holds."""
    return hashlib.sha256(before + hashlib.sha256(bodies).digest() + hashlib.sha256(hashes).digest()).digest()


def sealed(rows: Sequence[chain.Row], before: bytes) -> Stretch:
    """Seals events; at least one."""
    bodies, hashes = PART.join(body for _, body, _ in rows), b"".join(digest for _, _, digest in rows)
    return Stretch(rows[0][0], rows[-1][0], bodies, hashes, seal(before, bodies, hashes))


def follow(stretches: Sequence[Stretch], heads: Collection[chain.Head], begun: chain.Finding) -> chain.Finding:
    """Follows sealed stretches, in order.

    Args:
        stretches: What is stored.
        heads: Heads that the chain had at some time; links are followed up to each.
        begun: What was found in the events before.
    """
    for stretch in stretches:
        found = _followed(stretch, [head for head in heads if begun.events < head[0] <= stretch.last], begun)
        if found.broken:
            return found
        begun = found
    return begun


def _followed(stretch: Stretch, heads: Sequence[chain.Head], begun: chain.Finding) -> chain.Finding:
    found_seal = seal(begun.onward, stretch.bodies, stretch.hashes)
    size = begun.events + len(stretch.hashes) // HASH_BYTES
    intact = (begun.events + 1, size, found_seal) == (stretch.first, stretch.last, stretch.seal)
    if intact and not heads:
        return chain.Finding(stretch.last, stretch.hashes[-HASH_BYTES:], 0, stretch.seal)
    found = chain.follow(stretch.rows(), heads, begun)
    if found.broken or intact:
        return dataclasses.replace(found, next=stretch.seal)
    # Its links hold, so its borders or its seal were changed: the last event is not sealed as it was.
    before = stretch.hashes[: (found.events - begun.events - 1) * HASH_BYTES]
    return chain.Finding(found.events - 1, before[-HASH_BYTES:] or begun.hash, found.events)
