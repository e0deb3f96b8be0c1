"""The weights of the terms, general ones and those of genres, from the shared configuration or built in."""

import math
from collections.abc import Mapping
from typing import Any

from chassis import errors
from services.analyzer.proposals import genre, terms

WEIGHT_MAX = 1000.0  # more says nothing that less does not


def accept(document: Mapping[str, Any]) -> None:
    """Refuses a configuration whose weights cannot be used, before it takes effect."""
    for name in ("", *_section(document, "genres")):
        configured(document, name)


def configured(document: Mapping[str, Any], name: str = "") -> dict[str, float]:
    """The weights of a configuration; what it does not name keeps its built-in weight.

    Args:
        document: The configuration.
        name: Of a genre; empty for the general weights. What a genre does not name has its general weight.

    Raises:
        errors.InvalidArgument: There is no such genre, or a weight is no number from 0 to 1000.
    """
    general = {**terms.WEIGHTS, **_known(_section(document, "weights"))}
    if not name:
        return general
    own = _section(document, "genres")
    if name not in own and name not in genre.SETS:
        known = ", ".join(sorted({genre.AUTO, *genre.SETS, *own}))
        raise errors.InvalidArgument(
            f"no genre is called {name[:64]!r}, but {known} are",
            reason="NO_SUCH_GENRE",
            fields=[errors.Field("genre", f"is not one of {known}")],
        )
    return {**general, **genre.SETS.get(name, {}), **_known(_mapping(own.get(name), f"analyzer.genres.{name}"))}


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _mapping(_mapping(document.get("analyzer"), "analyzer").get(name), f"analyzer.{name}")


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise errors.InvalidArgument(f"{path} is no object", reason="BAD_CONFIG")
    return value or {}


def _known(given: Mapping[str, Any]) -> dict[str, float]:
    """The weights of terms that this version knows: another may have others."""
    return checked({name: weight for name, weight in given.items() if name in terms.WEIGHTS})


def checked(given: Mapping[str, Any]) -> dict[str, float]:
    """Weights that a caller gives, as numbers.

    Raises:
        errors.InvalidArgument: A name is not known, or a weight is no number from 0 to 1000.
    """
    wrong = [
        errors.Field(f"weights.{name}", _fault(name, weight))
        for name, weight in sorted(given.items())
        if _fault(name, weight)
    ]
    if wrong:
        described = "; ".join(f"{field.name} {field.description}" for field in wrong)
        raise errors.InvalidArgument(f"the weights cannot be used: {described}", reason="BAD_WEIGHTS", fields=wrong)
    return {name: float(weight) for name, weight in given.items()}


def _fault(name: str, weight: Any) -> str:
    if name not in terms.WEIGHTS:
        return f"is not one of {', '.join(terms.NAMES)}"
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
        return "is no number"
    return "" if 0 <= weight <= WEIGHT_MAX else f"is not between 0 and {WEIGHT_MAX:g}"
