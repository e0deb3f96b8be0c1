"""Writes the comments of the protos as JSON, by full name: compiled descriptors keep none, and OpenAPI wants them.

Reads a `FileDescriptorSet` with source information from standard input.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2

PACKAGE = "reelsmith."
# Where the children of an element are, by the number of the field that holds them.
FILE = {4: "message_type", 5: "enum_type", 6: "service"}
MESSAGE = {2: "field", 3: "nested_type", 4: "enum_type"}
CHILDREN: dict[str, dict[int, str]] = {
    "FileDescriptorProto": FILE,
    "DescriptorProto": MESSAGE,
    "EnumDescriptorProto": {2: "value"},
    "ServiceDescriptorProto": {2: "method"},
}


def names(element: Any, name: str, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    """Every element below one with its place in the source information and its full name."""
    for number, listed in CHILDREN.get(type(element).__name__, {}).items():
        for index, child in enumerate(getattr(element, listed)):
            place, full_name = (*path, number, index), f"{name}.{child.name}"
            yield place, full_name
            yield from names(child, full_name, place)


def comments(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Full name and comment of every element that has one, in one line."""
    known = dict(names(file, file.package, ()))
    for location in file.source_code_info.location:
        name = known.get(tuple(location.path))
        if name and location.leading_comments:
            yield name, " ".join(location.leading_comments.split())


def main() -> None:
    """Reads the set and prints one line for each element, in the order of names."""
    files = descriptor_pb2.FileDescriptorSet.FromString(sys.stdin.buffer.read()).file
    found = dict(pair for file in files if file.package.startswith(PACKAGE) for pair in comments(file))
    if not found:
        sys.exit("there is no file of ours in what was read")
    print(json.dumps(found, indent=0, sort_keys=True, ensure_ascii=False))


if __name__ == "__main__":
    main()
