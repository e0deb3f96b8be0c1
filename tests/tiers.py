"""Which cases of a long list run each time, and which with `make test-all` only."""

from collections.abc import Collection, Iterable

import pytest


def few(cases: Iterable[str], quick: Collection[str]) -> list:
    """The cases of a list as parameters; all but some are slow.

    Raises:
        ValueError: A quick one is not in the list.
    """
    cases = list(cases)
    if missing := set(quick) - set(cases):
        raise ValueError(f"not among the cases: {sorted(missing)}")
    return [pytest.param(case, id=case, marks=() if case in quick else pytest.mark.slow) for case in cases]
