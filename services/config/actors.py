"""Who stands in the record: whoever was proven to call, and what a caller says of itself where nothing is proven."""

from chassis.identity import caller

SAYS = " (says "  # stands after what was proven, which holds no space


def of(who: caller.Caller | None, declared: str) -> str:
    """Whom a call is recorded by.

    Args:
        who: What was proven; None where nobody has to prove anything.
        declared: What the caller says of itself.
    """
    if who is None:
        return declared
    return who.proven if declared in ("", who.proven, who.person) else f"{who.proven}{SAYS}{declared})"


def same(one: str, other: str) -> bool:
    """Whether two that stand in the record are the same, as far as was proven: what they say makes nobody another."""
    return one.partition(SAYS)[0] == other.partition(SAYS)[0]
