"""A configuration document: plain JSON values with one spelling, so that equal content has equal bytes and hash."""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chassis import errors

Document = dict[str, Any]

DEPTH_MAX = 16  # levels of nesting; the schema has five
NAME_LENGTH_MAX = 128  # characters of a key
SIZE_MAX_BYTES = 256 * 1024  # of canonical JSON; a document of every term and 256 presets has about 100 KiB
WHOLE_MAX = 2**53  # beyond it a double no longer tells neighboring integers apart
REPORTED_MAX_BYTES = 2500  # of problems in one refusal: they travel in an HTTP/2 header, of which 8 KiB arrive
PATH_LENGTH_MAX = 300  # characters of a path in a message; the longest honest one has about 100
HALF = re.compile("[\ud800-\udfff]")  # YAML writes them as "\\ud800"; no text that is stored can hold one
SHOWN_LENGTH_MAX = 60  # characters of a foreign value in a message


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong at one place of a document.

    Args:
        path: Where, as names joined by dots; empty for the document as a whole.
        rule: Keyword of the schema, or name of the rule, that is broken.
        message: What is wrong, for people.
    """

    path: str
    rule: str
    message: str


class _Outside(ValueError):
    """A value that no document can hold."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


def shown(value: object) -> str:
    """A value as it appears in messages: JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str).encode(errors="replace").decode()  # halves are no text
    return text if len(text) <= SHOWN_LENGTH_MAX else f"{text[:SHOWN_LENGTH_MAX]}…"


def joined(path: Sequence[object]) -> str:
    """The spelling of a path."""
    return HALF.sub("?", ".".join(map(str, path)))[:PATH_LENGTH_MAX]


def normalized(value: Mapping[str, Any]) -> Document:
    """The same document in its one spelling: whole numbers are integers, names are plain.

    Args:
        value: Objects, lists, strings, numbers, booleans and None.

    Raises:
        errors.InvalidArgument: A name or a value that no document can hold, with one field per problem.
    """
    problems = list(_problems(value, ()))
    if problems:
        raise refusal(problems)
    document = _spelled(value)
    size_bytes = len(canonical(document))
    if size_bytes > SIZE_MAX_BYTES:
        message = f"the document has {size_bytes} bytes of JSON, {SIZE_MAX_BYTES} are allowed"
        raise refusal([Problem("", "size", message)])
    return document


def canonical(document: Document) -> bytes:
    """The bytes that a document is hashed and stored as: JSON with sorted names, no spaces, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256(document: Document) -> str:
    """The hash of the content, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(document)).hexdigest()


def refusal(
    problems: Sequence[Problem], kind: type[errors.Error] = errors.InvalidArgument, layer: str = ""
) -> errors.Error:
    """The error of a document that cannot be taken, with one field per problem.

    Args:
        problems: What is wrong; at least one.
        kind: The class of the error.
        layer: The layer whose reader's document it is; empty for the environment.
    """
    first, more = problems[0], len(problems) - 1
    what = f"the document of {layer}" if layer else "the document"
    where = f"{first.path}: " if first.path else ""
    tail = f" (and {more} more)" if more else ""
    return kind(
        f"{what} is not valid: {where}{first.message}{tail}",
        reason="INVALID_DOCUMENT",
        metadata={"problems": str(len(problems))},
        fields=list(_reported(problems)),
    )


def _reported(problems: Sequence[Problem]) -> Iterator[errors.Field]:
    size_bytes = 0
    for item in problems:
        field = errors.Field(_field(item), f"{item.message} [{item.rule}]")
        size_bytes += len(field.name.encode()) + len(field.description.encode())
        if size_bytes > REPORTED_MAX_BYTES:
            return
        yield field


def _field(problem: Problem) -> str:
    return f"config.document.{problem.path}" if problem.path else "config.document"


def _problems(value: Any, path: tuple[object, ...]) -> Iterator[Problem]:
    if len(path) > DEPTH_MAX:
        yield Problem(joined(path), "depth", f"nested deeper than {DEPTH_MAX} levels")
        return
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _name_problems(name, path)
            yield from _problems(item, (*path, name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _problems(item, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(joined(path), "number", f"{value} is not a finite number")
    elif isinstance(value, str) and HALF.search(value):
        yield Problem(joined(path), "text", f"{shown(value)} holds half of a character")


def _name_problems(name: str, path: tuple[object, ...]) -> Iterator[Problem]:
    try:
        check_name(name)
    except _Outside as outside:
        yield Problem(joined(path), outside.rule, str(outside))


def check_name(name: str) -> None:
    """Looks whether a key may be in a document.

    Raises:
        ValueError: It is empty, long, not printable, or holds a dot, which separates the names of a path.
    """
    if "." in name:
        raise _Outside("name", f"name {shown(name)} holds a dot: dots separate the names of a path")
    if not name or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise _Outside("name", f"name {shown(name)} is not 1 to {NAME_LENGTH_MAX} printable characters")


def _spelled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _spelled(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= WHOLE_MAX:
        return int(value)
    return value
