"""Events as a chain of hashes: each hash covers the event and, by the hash before it, all events before. Pure.

Where events were sealed, the next hash begins with the seal; see `sealing`. A chain alone does not tell whether its end
was cut off, or whether all of it was made anew. Whoever keeps a head, the number and the hash of the last event at some
time, can tell both.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

GENESIS = bytes(32)  # stands before the first event
DONE = "done"
OUTCOME_LENGTH_MAX = 500  # characters: what was refused, and why, in a sentence

Message = TypeVar("Message", bound=Any)  # of the APIs: stubs are not for the chassis

Row = tuple[int, bytes, bytes]  # sequence, body, hash
Head = tuple[int, bytes]  # sequence and hash of the last event at some time


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded.

    Args:
        actor: Who did it; empty where nobody said.
        action: Method of the API, such as `UpdateConfig`.
        resource: What it was done to, such as `config/production/versions/3` or `secrets/mail`.
        outcome: `done`, or `refused:` and why.
    """

    actor: str
    action: str
    resource: str
    outcome: str = DONE


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """An entry in its place.

    Args:
        sequence: From 1.
        time_us: When it was recorded, in microseconds since 1970 UTC.
        entry: What was recorded.
        hash: Of this event and all before it, 32 bytes.
    """

    sequence: int
    time_us: int
    entry: Entry
    hash: bytes

    def told(self, kind: Callable[..., Message]) -> Message:
        """The event as the APIs tell it.

        Args:
            kind: The class `config.v1.AuditEvent`.
        """
        message = kind(sequence=self.sequence, hash=self.hash.hex(), **dataclasses.asdict(self.entry))
        message.time.FromMicroseconds(self.time_us)
        return message


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Args:
        events: How many are whole, from the first on.
        hash: Of the last whole one.
        broken: Sequence of the first that is not what it was; 0 for none.
        next: What the hash of the next event begins with, where that is a seal and not the hash.
    """

    events: int
    hash: bytes
    broken: int
    next: bytes = b""

    @property
    def onward(self) -> bytes:
        """What the hash of the next event begins with."""
        return self.next or self.hash


def body(sequence: int, time_us: int, entry: Entry) -> bytes:
    """An event as it is hashed and stored: a JSON array."""
    values = [sequence, time_us, entry.actor, entry.action, entry.resource, entry.outcome[:OUTCOME_LENGTH_MAX]]
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()


def link(before: bytes, content: bytes) -> bytes:
    """The hash of an event, from that of the event before it and its own content."""
    return hashlib.sha256(before + content).digest()


def event(content: bytes, digest: bytes) -> Event:
    """An event from what is stored.

    Raises:
        ValueError: It is none of ours.
    """
    sequence, time_us, *entry = json.loads(content)
    return Event(sequence, time_us, Entry(*entry), digest)


WHOLE = Finding(0, GENESIS, 0)  # of no event


def follow(rows: Iterable[Row], heads: Iterable[Head] = (), begun: Finding = WHOLE) -> Finding:
    """Follows a stretch of a chain.

    Args:
        rows: Its events, in order.
        heads: Heads that the chain had at some time, from elsewhere; two that contradict each other break it.
        begun: What was found in the events before.
    """
    last, expected, sha256 = begun.onward, begun.events, hashlib.sha256
    known: dict[int, set[bytes]] = {}
    for sequence, digest in heads:
        known.setdefault(sequence, set()).add(digest)
    for sequence, content, digest in rows:
        expected += 1
        found = sha256(last + content).digest()
        if sequence != expected or found != digest or (sequence in known and known[sequence] != {digest}):
            return Finding(expected - 1, begun.hash if expected == begun.events + 1 else last, expected)
        last = digest
    return begun if expected == begun.events else Finding(expected, last, 0)


def ended(found: Finding, heads: Iterable[Head]) -> Finding:
    """What was found in all events there are: broken after the last one where a head is of a later one."""
    if not found.broken and any(sequence > found.events for sequence, _ in heads):
        return dataclasses.replace(found, broken=found.events + 1)
    return found
