"""The weights of the terms, from the shared configuration or built in."""

import math
from collections.abc import Mapping
from typing import Any

from chassis import errors
from services.analyzer.proposals import terms

WEIGHT_MAX = 1000.0  # more says nothing that less does not


def accept(document: Mapping[str, Any]) -> None:
    """Refuses a configuration whose weights cannot be used, before it takes effect."""
    configured(document)


def configured(document: Mapping[str, Any]) -> dict[str, float]:
    """The weights of a configuration; what it does not name keeps its built-in weight.

    Raises:
        errors.InvalidArgument: A weight is no number from 0 to 1000.
    """
    section = document.get("analyzer") or {}
    if not isinstance(section, Mapping) or not isinstance(section.get("weights") or {}, Mapping):
        raise errors.InvalidArgument("analyzer.weights is no object", reason="BAD_CONFIG")
    given = section.get("weights") or {}
    return {**terms.WEIGHTS, **checked({name: weight for name, weight in given.items() if name in terms.WEIGHTS})}


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
