"""The HTTP API as OpenAPI 3.1 describes it, out of the descriptors that it is transcoded by and their comments."""

import importlib.metadata
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor
from reelsmith.gateway.v1 import gateway_pb2 as pb

from gateway.http import bindings, events

Schema = dict[str, Any]
FieldDescriptor = descriptor.FieldDescriptor

COMMENTS: dict[str, str] = json.loads(pathlib.Path(pb.__file__).with_name("comments.json").read_text())
UPLOADS = pathlib.Path(__file__).with_name("tus.json")  # what the tus protocol adds to the paths
JSON, PROBLEM = "application/json", "application/problem+json"
REQUIRED, OUTPUT = "Required.", "Output only."  # how comments open
PROBLEM_NAME = "Problem"
# JSON has one kind of number; what may be larger than it holds exactly is text, as the JSON form of protobuf says.
SIGNED_32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
SIGNED_64 = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,18}$"}
SCALARS: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_INT32: SIGNED_32,
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.CPPTYPE_INT64: SIGNED_64,
    FieldDescriptor.CPPTYPE_UINT64: {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,19}$"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
BYTES = {"type": "string", "contentEncoding": "base64"}
WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]{1,11}(\.[0-9]{1,9})?s$", "examples": ["1.5s"]},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
}
PROBLEM_SCHEMA: Schema = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 tells it.",
    "required": ["type", "title", "status", "detail", "code", "reason", "fieldViolations"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string", "description": "Words of the status."},
        "status": {"type": "integer", "description": "HTTP status."},
        "detail": {"type": "string", "description": "What went wrong and where, for a person."},
        "code": {"type": "string", "description": "Name of the gRPC status code, such as `NOT_FOUND`."},
        "reason": {"type": "string", "description": "Stable word for a program, such as `NO_SUCH_JOB`."},
        "domain": {"type": "string", "description": "Whose reasons these are: `reelsmith`."},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "fieldViolations": {
            "type": "array",
            "description": "Fields of the request that are wrong.",
            "items": {
                "type": "object",
                "required": ["field", "description"],
                "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
            },
        },
        "retryDelay": {"type": "string", "description": "After how long another try may help, such as `1.500s`."},
    },
}


class Description:
    """Collects paths and the schemas that they refer to.

    Args:
        found: The rules by which requests are transcoded.
    """

    def __init__(self, found: Sequence[bindings.Binding]) -> None:
        self._schemas: dict[str, Schema] = {PROBLEM_NAME: PROBLEM_SCHEMA}
        self._paths: dict[str, Schema] = json.loads(UPLOADS.read_text())
        for binding in found:
            path = binding.template.replace("=**", "")
            self._paths.setdefault(path, {})[binding.verb.lower()] = self._operation(binding)

    def document(self) -> Schema:
        """The whole document."""
        return {
            "openapi": "3.1.1",
            "info": {
                "title": "reelsmith",
                "summary": "Long video in, short clips out.",
                "version": importlib.metadata.version("reelsmith"),
            },
            "servers": [{"url": "/"}],
            "security": [{}, {"bearer": []}],
            "paths": dict(sorted(self._paths.items())),
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            },
        }

    def _operation(self, binding: bindings.Binding) -> Schema:
        method = binding.method
        comment = COMMENTS.get(method.full_name, "")
        found: Schema = {
            "operationId": method.name,
            "summary": comment.partition(". ")[0].rstrip("."),
            "description": comment,
            "parameters": self._parameters(binding),
            "responses": {**self._answers(binding), "default": problem("What went wrong.")},
        }
        if binding.body:
            schema = self._object(method.input_type, without=binding.variables)
            found["requestBody"] = {"required": bool(schema.get("required")), "content": {JSON: {"schema": schema}}}
        return found

    def _parameters(self, binding: bindings.Binding) -> list[Schema]:
        fields = binding.method.input_type.fields_by_name
        found = [
            {**self._told(fields[name]), "in": "path", "name": name, "required": True} for name in binding.variables
        ]
        if not binding.body:
            found += [self._query(field) for name, field in fields.items() if name not in binding.variables]
        if events.RESUME in fields and binding.method.server_streaming:
            text = "Goes on after this event; browsers send it by themselves."
            schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
            found.append({"in": "header", "name": "Last-Event-ID", "description": text, "schema": schema})
        return found

    def _query(self, field: FieldDescriptor) -> Schema:
        style = {"style": "deepObject", "explode": True} if _is_map(field) else {}
        required = COMMENTS.get(field.full_name, "").startswith(REQUIRED)
        return {**self._told(field), "in": "query", "name": field.json_name, "required": required, **style}

    def _told(self, field: FieldDescriptor) -> Schema:
        return {"description": COMMENTS.get(field.full_name, ""), "schema": self._type(field)}

    def _answers(self, binding: bindings.Binding) -> Schema:
        schema = self._reference(binding.method.output_type)
        if not binding.method.server_streaming:
            return {"200": {"description": "The answer.", "content": {JSON: {"schema": schema}}}}
        if "data" in binding.method.output_type.fields_by_name:
            whole = {"content": {"*/*": {"schema": {}}}}
            return {
                "200": {"description": "The file.", **whole},
                "206": {"description": "The range that was asked for.", **whole},
                "304": {"description": "The file is the one that `If-None-Match` names."},
                "416": problem("The file has no such range."),
            }
        text = "Server-sent events: `id` is the sequence number, `data` a message; `end` and `problem` end the stream."
        self._reference(binding.method.output_type)
        return {"200": {"description": text, "content": {"text/event-stream": {"schema": {"type": "string"}}}}}

    def _reference(self, message: descriptor.Descriptor) -> Schema:
        if message.full_name in WELL_KNOWN:
            return WELL_KNOWN[message.full_name]
        name = _short(message.full_name)
        if name not in self._schemas:
            self._schemas[name] = {}  # a message may refer to itself
            self._schemas[name] = self._object(message)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, message: descriptor.Descriptor, without: Sequence[str] = ()) -> Schema:
        properties, required = {}, []
        for field in message.fields:
            if field.name in without:
                continue
            comment = COMMENTS.get(field.full_name, "")
            output = {"readOnly": True} if comment.startswith(OUTPUT) else {}
            properties[field.json_name] = {**self._type(field), "description": comment, **output}
            if comment.startswith(REQUIRED):
                required.append(field.json_name)
        found: Schema = {
            "type": "object",
            "description": COMMENTS.get(message.full_name, ""),
            "properties": properties,
            "additionalProperties": False,
        }
        return {**found, "required": required} if required else found

    def _type(self, field: FieldDescriptor) -> Schema:
        if _is_map(field):
            return {"type": "object", "additionalProperties": self._one(field.message_type.fields_by_name["value"])}
        return {"type": "array", "items": self._one(field)} if field.is_repeated else self._one(field)

    def _one(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self._reference(field.message_type)
        if field.enum_type is not None:
            return self._enumeration(field.enum_type)
        return BYTES if field.type == FieldDescriptor.TYPE_BYTES else SCALARS[field.cpp_type]

    def _enumeration(self, kind: descriptor.EnumDescriptor) -> Schema:
        name = _short(kind.full_name)
        lines = [f"- `{value.name}`: {COMMENTS.get(f'{kind.full_name}.{value.name}', '')}" for value in kind.values]
        self._schemas[name] = {
            "type": "string",
            "description": "\n".join([COMMENTS.get(kind.full_name, ""), "", *lines]),
            "enum": [value.name for value in kind.values],
        }
        return {"$ref": f"#/components/schemas/{name}"}


def problem(description: str) -> Schema:
    """The answer that tells a problem."""
    schema = {"$ref": f"#/components/schemas/{PROBLEM_NAME}"}
    return {"description": description, "content": {PROBLEM: {"schema": schema}}}


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _short(full_name: str) -> str:
    """`reelsmith.jobs.v1.Job.State` as `jobs.Job.State`."""
    return full_name.removeprefix("reelsmith.").replace(".v1.", ".", 1)
