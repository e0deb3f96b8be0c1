"""Operators see each value of the configuration, and no keys."""

from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2 as config

from gateway import configuration


def test_values_stand_with_their_layers_and_keys_are_left_out() -> None:
    """Numbers, lists and empty objects are values; what is beside the keys is shown."""
    document = {"a": {"b": 2, "c": [1, 0.5], "d": {}}, "access": {"keys": {"k": {"hash": "x"}}, "tenants": {"t": {}}}}
    found = config.Config(environment="test", version=3, origins={"a.b": "environment"})
    json_format.ParseDict(document, found.document)
    shown = configuration.shown(found)
    assert [
        ("a.b", "2", "environment"),
        ("a.c", "[1.0, 0.5]", ""),
        ("a.d", "{}", ""),
        ("access.tenants.t", "{}", ""),
    ] == [(one.path, one.value, one.origin) for one in shown.values]
    assert (3, False) == (shown.version, shown.HasField("create_time"))


def test_empty_document_has_no_values() -> None:
    """A document without anything is shown as such, and one whose only key was deleted too."""
    found = config.Config()
    assert [] == list(configuration.shown(found).values)
    json_format.ParseDict({"access": {"keys": {}}}, found.document)
    assert [] == list(configuration.shown(found).values)
