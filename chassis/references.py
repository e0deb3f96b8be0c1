"""What a document says by reference: `${NAME:default}` for a variable, `secret://name` for a secret. Pure.

A variable is looked up in the environment of the process that uses the document, when it takes the document over, and
only where that process's settings let documents see it. A text that is one reference and nothing else becomes what the
variable says as JSON, a number for one, where that is JSON; within a longer text it is put in as it is. `$${` stands
for `${` itself. A secret stays a reference: only the service that needs its value asks for it.
"""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chassis import errors

VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")
SECRET = re.compile(r"secret://([a-z0-9/_-]{1,128})")  # names as the configuration service has them
Path = tuple[str, ...]


def visible(patterns: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that documents may see.

    Args:
        patterns: Names with `*` and `?`, separated by commas.
        environment: All variables.
    """
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    return {
        name: value
        for name, value in environment.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)
    }


def resolved(value: Any, variables: Mapping[str, str]) -> Any:
    """The same content with what its variables say.

    Args:
        value: Content as JSON has it.
        variables: Those that it may see.

    Raises:
        errors.FailedPrecondition: A variable has neither a value nor a default; says which, and where.
    """
    filled, holes = filled_in(value, variables)
    for path, name in holes:
        raise errors.FailedPrecondition(
            f"{'.'.join(path)} needs the variable {name}, which is not set or may not be seen, and has no default",
            reason="VARIABLE_MISSING",
            metadata={"path": ".".join(path), "variable": name},
        )
    return filled


def filled_in(value: Any, variables: Mapping[str, str]) -> tuple[Any, list[tuple[Path, str]]]:
    """The same content with what its variables say, and where one has neither a value nor a default.

    Args:
        value: Content as JSON has it.
        variables: Those that it may see.

    Returns:
        The content, and the path and the variable of each hole in it; a hole reads as it was written.
    """
    holes: list[tuple[Path, str]] = []
    return _walked(value, variables, (), holes), holes


def secrets(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text that begins like the reference to a secret, with its path."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from secrets(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from secrets(inner, (*path, str(index)))
    elif isinstance(value, str) and value.startswith("secret://"):
        yield path, value


def secret_name(text: str) -> str:
    """The name of the secret that a text refers to; empty where it refers to none."""
    found = SECRET.fullmatch(text)
    return found[1] if found else ""


def _walked(value: Any, variables: Mapping[str, str], path: Path, holes: list[tuple[Path, str]]) -> Any:
    if isinstance(value, Mapping):
        return {name: _walked(inner, variables, (*path, name), holes) for name, inner in value.items()}
    if isinstance(value, list):
        return [_walked(inner, variables, (*path, str(index)), holes) for index, inner in enumerate(value)]
    return _text(value, variables, path, holes) if isinstance(value, str) and "${" in value else value


def _text(text: str, variables: Mapping[str, str], path: Path, holes: list[tuple[Path, str]]) -> Any:
    def said(found: re.Match[str]) -> str:
        name, default = found.groups()
        if name is None:
            return "${"
        if name in variables or default is not None:
            return variables.get(name, default)
        holes.append((path, name))
        return found[0]

    made = VARIABLE.sub(said, text)
    whole = VARIABLE.fullmatch(text)
    return _json(made) if whole and whole[1] else made


def _json(text: str) -> Any:
    """A number, truth value or null where the text is one; else the text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # a deep nest of brackets ends in RecursionError
        return text
    return text if isinstance(value, str | list | dict) else value
