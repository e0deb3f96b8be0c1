"""A process that holds secrets leaves no image of its memory behind when it crashes."""

import resource

# One byte is too little for a file, and no handler of dumps is started for it either, which 0 would not keep from.
LIMIT_BYTES = 1


def forbid() -> None:
    """Forbids dumps of this process and its children, for good."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = LIMIT_BYTES if most == resource.RLIM_INFINITY else min(LIMIT_BYTES, most)
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
