"""The shared configuration as operators see it: each value with its layer, the keys of callers left out."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2 as config
from reelsmith.gateway.v1 import gateway_pb2 as pb

WITHHELD = "access.keys."  # hashes of keys are nobody's reading


def shown(found: config.Config) -> pb.SuiteConfig:
    """What is said about a document."""
    values = [
        pb.ConfigValue(path=path, value=json.dumps(value, ensure_ascii=False), origin=found.origins.get(path, ""))
        for path, value in _leaves(json_format.MessageToDict(found.document), "")
        if not f"{path}.".startswith(WITHHELD)
    ]
    answer = pb.SuiteConfig(
        environment=found.environment,
        version=found.version,
        actor=found.actor,
        comment=found.comment,
        values=sorted(values, key=lambda one: one.path),
    )
    if found.HasField("create_time"):
        answer.create_time.CopyFrom(found.create_time)
    return answer


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping) or (not value and path):
        yield path, int(value) if isinstance(value, float) and value.is_integer() else value
        return
    for name, inner in value.items():
        yield from _leaves(inner, f"{path}.{name}" if path else name)
