"""What the YAML files of a folder say: one file per layer, named after it.

`production.yaml` is the layer of an environment, `production.analyzer.yaml` that of a service, and
`production.analyzer.one.yaml` that of an instance.
"""

import dataclasses
import hashlib
import os
import pathlib
from typing import Any

import ruamel.yaml
from ruamel.yaml import error as yaml_error
from ruamel.yaml import events as yaml_events

from chassis import errors
from services.config import document, layers

SUFFIXES = (".yaml", ".yml")
NEST_MAX = 2 * document.DEPTH_MAX  # less is refused later, with all other problems; more takes the parser seconds
FILES_MAX = 1000  # layers of all environments; a folder with more is none of ours
FAULT_LENGTH_MAX = 200  # of what is said about a value: it may quote it
TRIES = 5  # readings of a folder that changes meanwhile; then the next change tells

Print = tuple[tuple[str, int, int, int], ...]  # name, inode, time of change and size of each file


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """The files of one environment.

    Args:
        environment: Its name.
        texts: What they hold, by name; None for one that cannot be read.
    """

    environment: str
    texts: dict[str, bytes | None]

    @property
    def digest(self) -> str:
        """A hash that tells whether anything in them is new."""
        told = repr(sorted(self.texts.items()))
        return hashlib.sha256(told.encode()).hexdigest()


def read(folder: pathlib.Path) -> list[Group]:
    """The files of a folder at one moment, by environment.

    Whoever swaps a link, as Kubernetes does, changes all files at once; they are read again where anything changed
    meanwhile, so that no mixture is taken.

    Raises:
        errors.Unavailable: The folder cannot be read, or does not stand still.
    """
    for _ in range(TRIES):
        before = _print(folder)
        groups: dict[str, dict[str, bytes | None]] = {}
        for name, *_ in before:
            groups.setdefault(name.split(".")[0], {})[name] = _content(folder / name)
        if _print(folder) == before:
            return [Group(environment, texts) for environment, texts in sorted(groups.items())]
    raise errors.Unavailable(f"{folder.name} changes too fast to be read", reason="FOLDER_UNSTEADY")


def content(group: Group) -> layers.Content:
    """What the files of an environment say.

    Raises:
        errors.InvalidArgument: One is no YAML of ours, or is named after no layer; says which, and where.
    """
    found, stems = layers.Content({}), set()
    for name, text in sorted(group.texts.items()):
        if (stem := name.rpartition(".")[0]) in stems:
            raise _refusal(f"{name}: another file has this name with another ending")
        stems.add(stem)
        _, _, rest = name.rpartition(".")[0].partition(".")
        service, _, instance = rest.partition(".")
        try:
            found = found.replaced(layers.Reader(service, instance), document.normalized(_parsed(text)))
        except errors.InvalidArgument as error:
            fields = [errors.Field(f"{name}: {field.name}", field.description) for field in error.fields]
            raise errors.InvalidArgument(f"{name}: {error}", reason=error.reason, fields=fields) from error
    return found


def _print(folder: pathlib.Path) -> Print:
    try:
        names = sorted(name for name in os.listdir(folder) if _is_ours(name))
        if len(names) > FILES_MAX:
            raise errors.Unavailable(f"{folder.name} holds {len(names)} files", reason="FOLDER_TOO_LARGE")
        return tuple((name, *_state(folder / name)) for name in names)
    except OSError as error:
        raise errors.Unavailable(f"{folder.name} cannot be read: {error.strerror}", reason="FOLDER_MISSING") from error


def _is_ours(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith((".", "#", "~"))


def _state(file: pathlib.Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:  # a link to nothing
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def _content(file: pathlib.Path) -> bytes | None:
    try:
        with file.open("rb") as opened:
            return opened.read(document.SIZE_MAX_BYTES + 1)
    except OSError:
        return None


def _parsed(text: bytes | None) -> dict[str, Any]:
    if text is None:
        raise _refusal("cannot be read")
    if len(text) > document.SIZE_MAX_BYTES:
        raise _refusal(f"has more than {document.SIZE_MAX_BYTES} bytes")
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    try:
        depth = 0
        for event in yaml.parse(text.decode()):
            depth += isinstance(event, yaml_events.CollectionStartEvent)
            depth -= isinstance(event, yaml_events.CollectionEndEvent)
            if depth > NEST_MAX:
                raise _refusal(f"line {event.start_mark.line + 1}: is nested more than {NEST_MAX} deep")
            if isinstance(event, yaml_events.AliasEvent):  # a few lines of them would stand for millions of values
                raise _refusal(f"line {event.start_mark.line + 1}: aliases are not taken, write the value out")
        value = yaml.load(text.decode())
    except UnicodeDecodeError as error:
        raise _refusal(f"is not UTF-8 at byte {error.start}") from error
    except yaml_error.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise _refusal(f"{line}{error.problem}") from error
    except yaml_error.YAMLError as error:
        raise _refusal(str(error).splitlines()[0]) from error
    except (ValueError, RecursionError) as error:  # a date that is none, a number of a million digits, a deep nest
        raise _refusal(f"holds a value that cannot be read: {error}"[:FAULT_LENGTH_MAX]) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refusal("holds no object at its top")
    _check_kinds(value, ())
    return value


def _check_kinds(value: Any, path: tuple[object, ...]) -> None:
    """YAML knows dates, sets and names that are no text; documents know what JSON knows."""
    if len(path) > document.DEPTH_MAX:
        return  # refused later, with all other problems
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise _refusal(f"{document.joined(path) or 'top'}: name {name!r:.40} is no text, put it in quotes")
            _check_kinds(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_kinds(inner, (*path, index))
    elif not isinstance(value, str | bool | int | float | None):
        raise _refusal(f"{document.joined(path)}: {type(value).__name__} is no kind of value, put it in quotes")


def _refusal(message: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(message, reason="BAD_FILE", fields=[errors.Field("file", message)])
