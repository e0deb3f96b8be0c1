"""Whether the queue starts what it has and takes what is new."""

import dataclasses
import enum

from chassis import errors


class FlowState(enum.StrEnum):
    """What the queue does: all, take without starting, or finish without taking."""

    OPEN = "OPEN"
    PAUSED = "PAUSED"
    DRAINING = "DRAINING"


@dataclasses.dataclass(frozen=True, slots=True)
class Flow:
    """What the queue does, why, and since when; it stays so over restarts."""

    state: FlowState = FlowState.OPEN
    reason: str = ""
    since_us: int | None = None

    @property
    def starts(self) -> bool:
        """Whether steps are started."""
        return self.state is not FlowState.PAUSED

    def require_open(self) -> None:
        """Makes sure that jobs are taken.

        Raises:
            errors.FailedPrecondition: They are not.
        """
        if self.state is FlowState.DRAINING:
            why = f": {self.reason}" if self.reason else ""
            raise errors.FailedPrecondition(
                f"the queue is being emptied and takes no new jobs until it is resumed{why}", reason="QUEUE_DRAINING"
            )
