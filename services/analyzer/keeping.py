"""What was found in a source, as it is kept: by a key of all that it depends on, with the same bytes in the end."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from media import cache
from services.analyzer import document, edition

logger = logging.getLogger(__name__)

UNIMPORTANT = frozenset({"threads", "every_frame"})  # what an analysis takes its time by, and not its content


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What was found: the document, what the source is, and where the time went."""

    document: Mapping[str, Any]
    media: Mapping[str, Any]
    timings: list[Mapping[str, Any]] = dataclasses.field(default_factory=list)


def opened(settings: cache.Settings, shared: cache.Tier | None = None) -> cache.Cache | None:
    """What was found before; None where nothing is kept, or where there is no folder to keep it in.

    Args:
        settings: Where it is kept.
        shared: What machines share; None for nothing.
    """
    if not settings.disk_bytes_max:
        return None
    try:
        return cache.Cache("analyses", settings, shared)
    except OSError as failure:  # a container whose disk is read-only, a home that is not there
        logger.warning("analyses are not remembered: %s", failure)
        return None


def key(source: str, words: str, request: Mapping[str, Any]) -> str:
    """What a finding is known by.

    Args:
        source: Hash of the source.
        words: Hash of the file with what is said; empty where there is none.
        request: What was asked, and what answers.
    """
    asked = {name: value for name, value in request.items() if name not in UNIMPORTANT}
    said = {"source": source, "words": words, "asked": asked, "edition": edition.digest()}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def packed(found: Finding) -> bytes:
    """A finding as bytes."""
    return (
        b'{"document":' + document.encode(found.document) + b',"media":' + json.dumps(dict(found.media)).encode() + b"}"
    )


def unpacked(content: bytes, name: str) -> Finding:
    """A finding from bytes.

    Args:
        content: What `packed` made.
        name: Name of the source for people, which may be another one than before.
    """
    read = json.loads(content)
    found = read["document"]
    return Finding({**found, "source": {**found["source"], "name": name}}, read["media"])
