"""Which HTTP request is which call, as the annotations in the proto say."""

import dataclasses
import re

from google.api import annotations_pb2
from google.protobuf import descriptor

VERBS = ("get", "put", "post", "delete", "patch")
VARIABLE = re.compile(r"\{([^{}=]+)(=\*\*)?\}")
FIELD = re.compile(r"[a-z][a-z0-9_]*")


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """One HTTP rule of one method.

    Args:
        method: The method.
        verb: HTTP method in upper case.
        template: Path with its variables in braces; `=**` marks one that spans slashes.
        body: `*` where the body is the whole request message; empty where the request has none.
    """

    method: descriptor.MethodDescriptor
    verb: str
    template: str
    body: str

    @property
    def path(self) -> str:
        """`/package.Service/Method`, as gRPC calls it."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def variables(self) -> tuple[str, ...]:
        """Fields of the request that are said in the path."""
        return tuple(match[1] for match in VARIABLE.finditer(self.template))

    @property
    def pattern(self) -> str:
        """The path as Starlette routes it."""
        return VARIABLE.sub(lambda match: f"{{{match[1]}{':path' if match[2] else ''}}}", self.template)


def of(service: descriptor.ServiceDescriptor) -> tuple[Binding, ...]:
    """The rules of all methods of a service that have some.

    Raises:
        ValueError: A rule is of a form that is not transcoded here.
    """
    found = []
    for method in service.methods:
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        for each in (rule, *rule.additional_bindings):
            verb = each.WhichOneof("pattern")
            if verb is not None:
                found.append(_checked(Binding(method, verb.upper(), getattr(each, verb), each.body)))
    return tuple(found)


def _checked(binding: Binding) -> Binding:
    names = binding.method.input_type.fields_by_name
    odd = [name for name in binding.variables if not FIELD.fullmatch(name) or name not in names]
    if odd or binding.verb.lower() not in VERBS or binding.body not in ("", "*") or binding.method.client_streaming:
        raise ValueError(f"the HTTP rule of {binding.method.full_name} is of a form that is not transcoded")
    return binding
