"""Checks documents against the few words of JSON Schema that ours use, with no further package.

Known: `type`, `required`, `properties`, `items`, `enum`, `const` and `$ref` into `$defs`. A test holds the answers
against those of a complete validator.
"""

from collections.abc import Iterator
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def problems(document: Any, schema: dict[str, Any]) -> list[str]:
    """What is wrong with a document, each with its place; empty where nothing is."""
    return list(_walk(document, schema, schema, "$"))


def _walk(value: Any, rule: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rpartition("/")[2]]
    if "const" in rule and value != rule["const"]:
        yield f"{place} is {value!r}, not {rule['const']!r}"
    if "enum" in rule and value not in rule["enum"]:
        yield f"{place} is {value!r}, not one of {rule['enum']}"
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{place} is {type(value).__name__}, not {' or '.join(kinds)}"
        return
    if isinstance(value, dict):
        yield from (f"{place}.{name} is missing" for name in rule.get("required", []) if name not in value)
        for name, inner in rule.get("properties", {}).items():
            if name in value:
                yield from _walk(value[name], inner, root, f"{place}.{name}")
    if isinstance(value, list) and "items" in rule:
        for index, item in enumerate(value):
            yield from _walk(item, rule["items"], root, f"{place}[{index}]")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):  # a bool is an int in Python, and is no number in JSON
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):  # 2.0 is an integer in JSON
        return value.is_integer()
    return isinstance(value, TYPES[kind])
