"""The configuration that a job is pinned to, as it is kept in the job's session from the first step on.

It carries what it says and not only its version: so it holds whether the configuration service is there, still keeps
that version, or has changed, and on whichever instance a step runs. Variables and secrets in it stay references, for
the process that uses them.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from chassis import errors, live, references
from chassis import settings as settings_module

SCHEMA = "reelsmith.config/1"
PATH = "metadata/config.json"  # in the session
BYTES_MAX = 2 << 20  # two sections of documents that have 256 KiB at most, and what JSON may escape
OWN = ("settings",)  # of processes, not of jobs: they change while a job runs


@dataclasses.dataclass(frozen=True, slots=True)
class Pin:
    """What a job goes by.

    Args:
        environment: Whose configuration it is.
        version: Its version.
        sections: What each service read in it, by service; without the settings of processes.
    """

    environment: str
    version: int
    sections: Mapping[str, Mapping[str, Any]]


def section(document: Mapping[str, Any], service: str) -> dict[str, Any]:
    """What a document says to a service about jobs."""
    return {name: value for name, value in (document.get(service) or {}).items() if name not in OWN}


def packed(pin: Pin) -> bytes:
    """A pin as it is kept."""
    return json.dumps({"schema": SCHEMA, **dataclasses.asdict(pin)}, indent=1, sort_keys=True).encode()


def opened(content: bytes) -> Pin:
    """A pin from what is kept.

    Raises:
        errors.FailedPrecondition: It is none.
    """
    try:
        found = json.loads(content)
        schema, sections = found["schema"], {name: dict(part) for name, part in found["sections"].items()}
        pin = Pin(str(found["environment"]), int(found["version"]), sections)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(repr(error)) from error
    if schema != SCHEMA:
        raise _unreadable(f"its schema is {schema!r}")
    return pin


def _unreadable(why: str) -> errors.FailedPrecondition:
    message = f"the configuration that the job is pinned to cannot be read: {why:.200}"
    return errors.FailedPrecondition(message, reason="BAD_PIN")


class Configuration:
    """What requests go by: the configuration in force, or the one that a job is pinned to.

    Args:
        followed: The configuration in force.
        settings: Of the process: its name, and the variables that documents may see.
    """

    def __init__(self, followed: live.LiveDocument, settings: settings_module.Settings) -> None:
        self._followed, self._service = followed, settings.name
        self._variables = references.visible(settings.document_variables, os.environ)

    def __call__(self, pinned: bytes | None = None) -> tuple[Mapping[str, Any], int]:
        """A document and its version.

        Args:
            pinned: A pin as it is kept; None for the configuration in force.

        Raises:
            errors.FailedPrecondition: It is no pin, or needs a variable that is not there.
        """
        if pinned is None:
            return self._followed.value, self._followed.version
        pin = opened(pinned)
        own = {self._service: dict(pin.sections.get(self._service, {}))}
        return references.resolved(own, self._variables), pin.version
