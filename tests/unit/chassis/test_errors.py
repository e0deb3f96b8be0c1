"""Errors keep everything they say on the way to the wire and back."""

import grpc
import pytest
from google.rpc import code_pb2, status_pb2

from chassis import errors


@pytest.mark.parametrize("kind", errors.CLASSES.values(), ids=lambda kind: kind.__name__)
def test_error_survives_the_wire_whatever_its_class(kind: type[errors.Error]) -> None:
    """Class, message, reason, metadata, fields and retry delay come back."""
    sent = kind(
        "no such clip", reason="GONE", metadata={"clip": "7"}, fields=[errors.Field("id", "unknown")], retry_after_s=1.5
    )
    got = errors.from_status(errors.to_status(sent))
    assert type(sent) is type(got)
    assert vars(sent) == vars(got)


def test_every_code_but_ok_has_a_class() -> None:
    """The table is complete."""
    assert set(grpc.StatusCode) - {grpc.StatusCode.OK} == set(errors.CLASSES)


def test_class_is_named_after_its_code() -> None:
    """Names follow gRPC's."""
    names = {code.name.replace("_", "").lower() for code in errors.CLASSES}
    assert names == {kind.__name__.lower() for kind in errors.CLASSES.values()}


def test_unknown_number_becomes_unknown() -> None:
    """A code of a later gRPC is no crash."""
    assert errors.Unknown is type(errors.from_status(status_pb2.Status(code=999, message="?")))


def test_status_without_details_has_no_reason() -> None:
    """A status of somebody else's server is read too."""
    got = errors.from_status(status_pb2.Status(code=code_pb2.NOT_FOUND, message="gone"))
    assert ("gone", "", {}, (), None) == (got.message, got.reason, got.metadata, got.fields, got.retry_after_s)


def test_reason_defaults_to_the_code() -> None:
    """A client always finds a word to switch on."""
    assert "NOT_FOUND" == errors.from_status(errors.to_status(errors.NotFound("gone"))).reason


class Unreadable(Exception):
    """An exception of a package that does not know gRPC."""

    code_name = "INVALID_ARGUMENT"
    reason = "NOT_MEDIA"
    metadata = {"offset": "12"}  # noqa: RUF012  as the protocol has it


def test_coded_exception_becomes_the_error_it_names() -> None:
    """Reason and metadata are taken over."""
    assert isinstance(Unreadable("no"), errors.Coded)
    got = errors.from_coded(Unreadable("not a media file"))
    assert (errors.InvalidArgument, "not a media file", "NOT_MEDIA", {"offset": "12"}) == (
        type(got),
        got.message,
        got.reason,
        got.metadata,
    )


def test_long_message_is_cut_to_fit_a_header() -> None:
    """gRPC drops a status whose header is too long; a cut message is better."""
    assert errors.MESSAGE_LENGTH_MAX == len(errors.to_status(errors.Internal("x" * 100_000)).message)
