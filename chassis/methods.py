"""What the descriptors say about a method: its names, and whether a second try can do harm."""

import enum
import functools

from google.protobuf import descriptor_pb2, descriptor_pool

WATCH = "Watch"  # how the names of methods begin whose streams end with the caller only
INFRASTRUCTURE = ("grpc.health.", "grpc.reflection.")  # asked every second by machines: worth no span and no log line


class Effect(enum.Enum):
    """What a second execution of the same request does."""

    NONE = "none"  # nothing, ever: the method only reads
    ONCE = "once"  # nothing more than the first
    UNKNOWN = "unknown"  # nobody promised anything


_EFFECTS = {
    descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS: Effect.NONE,
    descriptor_pb2.MethodOptions.IDEMPOTENT: Effect.ONCE,
}


def name(path: str | bytes) -> str:
    """`pkg.Service/Method` of a path `/pkg.Service/Method`."""
    return (path.decode() if isinstance(path, bytes) else path).lstrip("/")


@functools.cache
def is_unary(method: str) -> bool:
    """Whether a method has one request and one answer.

    Args:
        method: `pkg.Service/Method`; one whose proto is not loaded is none.
    """
    service, _, short = method.partition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[short]
    except KeyError:
        return False
    return not found.client_streaming and not found.server_streaming


@functools.cache
def is_watch(method: str) -> bool:
    """Whether a method streams, without side effects, until the caller has enough: `Watch...`, and talks of reflection.

    Args:
        method: `pkg.Service/Method`.
    """
    if is_infrastructure(method):
        return not is_unary(method)
    return effect(method) is Effect.NONE and not is_unary(method) and method.partition("/")[2].startswith(WATCH)


@functools.cache
def effect(method: str) -> Effect:
    """The effect that the proto of a method promises with `idempotency_level`.

    Args:
        method: `pkg.Service/Method`; one whose proto is not loaded is UNKNOWN.
    """
    service, _, short = method.partition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[short]
    except KeyError:
        return Effect.UNKNOWN
    return _EFFECTS.get(found.GetOptions().idempotency_level, Effect.UNKNOWN)


def is_infrastructure(method: str) -> bool:
    """Whether a method is a health check or reflection."""
    return method.startswith(INFRASTRUCTURE)
