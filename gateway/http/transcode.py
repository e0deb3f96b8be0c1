"""Between HTTP and messages: path, query and JSON body become a request, an answer becomes JSON."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from google.protobuf import descriptor, json_format, message, message_factory

from chassis import errors
from gateway.http import bindings

KEYED = re.compile(r"([A-Za-z0-9_]+)\[([^\[\]]*)\]")  # one entry of a map in a query: `labels[team]=a`
DOT = re.compile(r"\.(?![^\[\]]*\])")  # between two names, not inside the brackets of a key
COMPLAINT = re.compile(r"Failed to parse (\S+) field: (.*)", re.DOTALL)
PLACE = re.compile(r"(.*) at [A-Za-z]+\.(\S+)", re.DOTALL)
UNKNOWN = re.compile(r'has no field named "([^"]*)" at "([^"]*)"')
# Messages that JSON writes as one string, and so a query can.
TEXTS = frozenset({"google.protobuf.Duration", "google.protobuf.Timestamp", "google.protobuf.FieldMask"})
HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # how JSON writes halves of characters, two of which make one
LENGTH_MAX = 512  # characters of a complaint: what it quotes comes from the caller
BOOLEANS = {"true": True, "false": False}


def request(
    binding: bindings.Binding, variables: Mapping[str, Any], query: Iterable[tuple[str, str]], body: bytes
) -> message.Message:
    """The request message of an HTTP request.

    Args:
        binding: The rule that matched.
        variables: What the path says, by field.
        query: What the query says.
        body: The body; empty counts as an empty object.

    Raises:
        errors.InvalidArgument: It is no such message; `fields` names the place.
    """
    kind = binding.method.input_type
    document = _object(body) if binding.body else {}
    if body and not binding.body:
        invalid("body", "is not expected here")
    for key, value in query:
        if binding.body:
            invalid(key, "is given in the query, but this request is told by its body")
        _place(document, kind, DOT.split(key), key, value)
    for name in variables:
        field = kind.fields_by_name[name]
        document.pop(field.name, None)
        document[field.json_name] = str(variables[name])
    return parsed(document, message_factory.GetMessageClass(kind)())


def parsed(document: dict[str, Any], into: message.Message) -> message.Message:
    """A message from its JSON form.

    Raises:
        errors.InvalidArgument: It is none.
    """
    try:
        return json_format.ParseDict(document, into)
    except json_format.ParseError as complaint:
        field, text = _said(str(complaint))
        raise errors.InvalidArgument(
            f"{field or 'the request'}: {text}"[:LENGTH_MAX],
            reason="INVALID_JSON",
            fields=[errors.Field(field, text)] if field else (),
        ) from complaint


def text(answer: message.Message) -> str:
    """The JSON form of a message in one line; fields without a value are there, so no reader needs defaults."""
    document = json_format.MessageToDict(answer, always_print_fields_with_no_presence=True)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def invalid(field: str, description: str) -> NoReturn:
    """Refuses one field.

    Raises:
        errors.InvalidArgument: Always.
    """
    field = field[:LENGTH_MAX]
    raise errors.InvalidArgument(
        f"{field} {description}", reason="INVALID_FIELD", fields=[errors.Field(field, description)]
    )


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        if HALF.search(body):  # half of a pair is no text that a message could hold, in a name neither
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as complaint:
        raise errors.InvalidArgument(f"the body is no JSON: {complaint}"[:LENGTH_MAX], reason="INVALID_JSON") from None
    if not isinstance(document, dict):
        invalid("body", "is no JSON object")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _place(document: dict[str, Any], kind: descriptor.Descriptor, path: list[str], key: str, value: str) -> None:
    """Puts one pair of a query where it belongs in the JSON form of the request."""
    keyed = KEYED.fullmatch(path[0])
    field = _field(kind, keyed[1] if keyed else path[0], key)
    entries = field.message_type is not None and field.message_type.GetOptions().map_entry
    if entries != bool(keyed):
        invalid(key, "is a map: write `name[key]=value`" if entries else "is no map")
    if keyed and len(path) == 1:
        into = document.setdefault(field.json_name, {})
        if keyed[2] in into:
            invalid(key, "is given twice")
        into[keyed[2]] = _scalar(field.message_type.fields_by_name["value"], key, value)
    elif len(path) > 1:
        if keyed or field.message_type is None or field.is_repeated or field.message_type.full_name in TEXTS:
            invalid(key, "has no fields")
        _place(document.setdefault(field.json_name, {}), field.message_type, path[1:], key, value)
    elif field.is_repeated:
        document.setdefault(field.json_name, []).append(_scalar(field, key, value))
    elif field.json_name in document:
        invalid(key, "is given twice")
    else:
        document[field.json_name] = _scalar(field, key, value)


def _field(kind: descriptor.Descriptor, name: str, key: str) -> descriptor.FieldDescriptor:
    field = kind.fields_by_camelcase_name.get(name) or kind.fields_by_name.get(name)
    if field is None:
        invalid(key, "is no field of this request")
    return field


def _scalar(field: descriptor.FieldDescriptor, key: str, value: str) -> str | bool:
    if field.message_type is not None and field.message_type.full_name not in TEXTS:
        invalid(key, "cannot be told in a query")
    if field.cpp_type == descriptor.FieldDescriptor.CPPTYPE_BOOL:
        return BOOLEANS[value] if value in BOOLEANS else invalid(key, "is neither `true` nor `false`")
    return value


def _said(complaint: str) -> tuple[str, str]:
    """The field and the words of what the JSON parser says, which wraps each level around the one below."""
    path = []
    while match := COMPLAINT.fullmatch(complaint):
        path.append(match[1])
        complaint = match[2]
    if match := UNKNOWN.search(complaint):
        holder = match[2].partition(".")[2]
        return f"{holder}.{match[1]}".removeprefix("."), "is no field of this request"
    complaint = complaint.rstrip(".")
    if match := PLACE.fullmatch(complaint):
        return match[2], match[1]
    return ".".join(path), complaint
