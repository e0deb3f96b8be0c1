"""Text that is none is refused, and an answer can always be written."""

import json

import pytest
from reelsmith.gateway.v1 import gateway_pb2 as pb

from chassis import errors
from gateway.http import bindings, problem, transcode

SERVICE = pb.DESCRIPTOR.services_by_name["ClipService"]


def created(body: bytes) -> pb.CreateClipsRequest:
    """The message that a body is."""
    (create,) = [one for one in bindings.of(SERVICE) if one.method.name == "CreateClips"]
    return transcode.request(create, {}, (), body)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"\ud800": 1}',
        rb'{"spec": {"\uDFFF": 1}}',
        rb'{"requestId": "\ud83d"}',
        rb'{"spec": {"labels": {"\ud83d": "x"}}}',
        rb'{"spec": {"labels": {"x": "\udc00\ud800"}}}',
    ],
)
def test_half_of_a_character_is_no_text(body: bytes) -> None:
    """Wherever it stands: as a name, a value or a key."""
    with pytest.raises(errors.InvalidArgument):
        created(body)


def test_whole_character_is_text() -> None:
    """Control: both halves make one, and what only looks like a half is none."""
    assert "\N{CLAPPER BOARD}" == created(rb'{"requestId": "\ud83c\udfac"}').request_id
    assert "\\ud800" == created(rb'{"requestId": "\\ud800"}').request_id


def test_problem_can_be_written_whatever_it_quotes() -> None:
    """A reader of JSON has what was quoted."""
    answer = problem.response(problem.of(errors.InvalidArgument("no \ud800")))
    assert "no \ud800" == json.loads(answer.body)["detail"]
