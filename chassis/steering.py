"""Settings that the shared configuration changes while a process runs: its section `<service>.settings`.

Only the fields that a settings class lists as `live` are steered; all others need a restart. What the configuration
does not name has the value that the process was started with.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, TypeVar

import prometheus_client
import pydantic

from chassis import errors
from chassis import settings as settings_module

Kind = TypeVar("Kind", bound=settings_module.Settings)
Apply = Callable[[Kind], None]

SETTING = prometheus_client.Gauge(
    "reelsmith_setting", "Settings that may change while a process runs and are numbers, as they are now.", ["name"]
)

logger = logging.getLogger(__name__)


def rules(kind: type[settings_module.Settings], name: str) -> pydantic.TypeAdapter[Any]:
    """What a field of a settings class takes."""
    field = kind.model_fields[name]
    return pydantic.TypeAdapter(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)


class Steering(Generic[Kind]):
    """The settings of one process, as they are now.

    Args:
        started: What the process was started with.
        apply: Called with the settings after each change.
    """

    def __init__(self, started: Kind, *apply: Apply[Kind]) -> None:
        self._started, self._apply = started, (_log_level, *apply)
        self._checks = {name: rules(type(started), name) for name in sorted(started.live)}
        self.settings = started
        _show(started)

    def accept(self, document: Mapping[str, Any]) -> None:
        """Refuses a document whose settings cannot be.

        Raises:
            errors.FailedPrecondition: One cannot; says which.
        """
        self._steered(document)

    def take(self, document: Mapping[str, Any]) -> None:
        """Takes the settings of a document over."""
        steered, before = self._steered(document), self.settings
        changed = [name for name in self._checks if getattr(steered, name) != getattr(before, name)]
        if not changed:
            return
        self.settings = steered
        _show(steered)
        for name in changed:
            logger.warning("setting %s is now %s, it was %s", name, getattr(steered, name), getattr(before, name))
        for apply in self._apply:
            apply(steered)

    def _steered(self, document: Mapping[str, Any]) -> Kind:
        name = self._started.name
        section = (document.get(name) or {}).get("settings") or {}
        values = {}
        for field, check in self._checks.items():  # what a newer release may have beside them is not for this one
            if field in section:
                try:
                    values[field] = check.validate_python(section[field])
                except pydantic.ValidationError as error:
                    message = f"{name}.settings.{field}: {error.errors()[0]['msg']}"
                    raise errors.FailedPrecondition(message, reason="BAD_SETTING") from error
        return self._started.model_copy(update=values)


def _show(settings: settings_module.Settings) -> None:
    for name in settings.live:
        value = getattr(settings, name)
        if isinstance(value, int | float):
            SETTING.labels(name).set(value)


def _log_level(settings: settings_module.Settings) -> None:
    logging.getLogger().setLevel(settings.log_level)
