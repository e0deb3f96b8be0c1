"""Changes to parts of a document: paths such as `analyzer.weights.motion`."""

import copy
from collections.abc import Sequence
from typing import Any

from chassis import errors
from services.config import document

WHOLE = "*"  # the path of everything
PATHS_MAX = 1000  # more than any document has values
Path = tuple[str, ...]


def parsed(paths: Sequence[str]) -> list[Path]:
    """The paths of a mask, parents before children; empty where the mask means the whole document.

    Raises:
        errors.InvalidArgument: A path is not names joined by dots, or there are too many.
    """
    if not paths or list(paths) == [WHOLE]:
        return []
    if len(paths) > PATHS_MAX:
        raise _refusal(f"{len(paths)} paths, {PATHS_MAX} are allowed")
    return sorted({_path(text) for text in paths})


def patched(current: document.Document, change: document.Document, paths: Sequence[Path]) -> document.Document:
    """The document after a change of some of its parts.

    Args:
        current: The document as it is; left alone.
        change: A document that holds the new parts. A path that it lacks is removed.
        paths: The parts that change; everything where there are none.

    Raises:
        errors.InvalidArgument: A path leads through something that is no object.
    """
    if not paths:
        return change
    result = copy.deepcopy(current)
    for path in paths:
        found, value = _looked_up(change, path)
        if found:
            _put(result, path, value)
        else:
            _remove(result, path)
    return result


def _path(text: str) -> Path:
    names = tuple(text.split("."))
    try:
        for name in names:
            document.check_name(name)
    except ValueError as error:
        raise _refusal(f"{document.shown(text)} is not a path of names joined by dots: {error}") from error
    if any(name[0] in "\"'`*" for name in names):
        raise _refusal(
            f"{document.shown(text)} quotes a name: keys that contain dots cannot be addressed, name the object above"
        )
    return names


def _looked_up(value: Any, path: Path) -> tuple[bool, Any]:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, copy.deepcopy(value)


def _put(target: document.Document, path: Path, value: Any) -> None:
    *parents, last = path
    for depth, name in enumerate(parents, start=1):
        target = target.setdefault(name, {})
        if not isinstance(target, dict):
            raise _refusal(f"{document.joined(path[:depth])} is not an object: {document.joined(path)} cannot be set")
    target[last] = value


def _remove(target: Any, path: Path) -> None:
    *parents, last = path
    for name in parents:
        if not isinstance(target, dict) or name not in target:
            return  # nothing there: it is removed already
        target = target[name]
    if isinstance(target, dict):
        target.pop(last, None)


def _refusal(message: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(
        f"update_mask: {message}", reason="INVALID_MASK", fields=[errors.Field("update_mask", message)]
    )
