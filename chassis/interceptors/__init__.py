"""What happens around every served call, one concern per file, and the one place that orders them."""

from chassis.interceptors import (
    around,
    attempts,
    deadlines,
    drain,
    errors,
    identity,
    limits,
    logging,
    metrics,
    tracing,
)


def chain(limit: limits.Limit, draining: drain.Drain, guard: identity.Guard | None = None) -> around.Interceptor:
    """All interceptors as one, the first one outermost.

    Args:
        limit: How many calls the process takes at once.
        draining: Ends watches when the process stops.
        guard: Who may call what; None where everybody may call everything.
    """
    return around.Interceptor(
        (
            tracing.Around,  # outermost: everything below happens inside the span
            metrics.Around,
            logging.Around,
            errors.Around,  # from here outward every failure is one of ours, also one of who decides about callers
            *([guard.around] if guard else []),  # a stranger takes no place from others
            limit.around,  # refused calls are traced, counted and logged, and cost nothing more
            draining.around,
            deadlines.around,
            attempts.around,
        )
    )
