"""Errors as HTTP tells them: `application/problem+json` of RFC 9457, with the code, reason and fields of ours."""

import json
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from chassis import errors

MEDIA_TYPE = "application/problem+json"
# As google.rpc.Code documents them; 499 is what others call a caller that went away.
STATUSES = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
SNAKE = re.compile(r"_([a-z0-9])")
UNNAMED = {499: "Client Closed Request"}  # statuses that Python's list does not have


class Problem(Exception):
    """A request that HTTP itself refuses, such as one whose body is too large.

    Args:
        status: HTTP status.
        error: What is wrong.
        headers: Headers that belong to the status.
    """

    def __init__(self, status: int, error: errors.Error, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = dict(headers or {})


def of(error: errors.Error) -> Problem:
    """The problem that one of our errors is."""
    status = STATUSES[error.code.name]
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))  # HTTP knows whole seconds only
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Problem(status, error, headers)


def document(problem: Problem) -> dict[str, Any]:
    """The members of the problem document."""
    error = problem.error
    found: dict[str, Any] = {
        "type": "about:blank",
        "title": title(problem.status),
        "status": problem.status,
        "detail": error.message,
        "code": error.code.name,
        "reason": error.reason or error.code.name,
        "domain": errors.DOMAIN,
        "metadata": {key: str(value) for key, value in error.metadata.items()},
        "fieldViolations": [{"field": _json_name(item.name), "description": item.description} for item in error.fields],
    }
    if error.retry_after_s is not None:
        found["retryDelay"] = f"{error.retry_after_s:.3f}s"
    return found


def response(problem: Problem) -> Response:
    """The answer that tells the problem."""
    text = json.dumps(document(problem), ensure_ascii=False)
    content = text.encode("utf-8", "backslashreplace")  # what is no text is then written as JSON escapes it
    return Response(content, problem.status, {**problem.headers, "Cache-Control": "no-store"}, MEDIA_TYPE)


def _json_name(path: str) -> str:
    """The path of a field as JSON writes it: `spec.source_uri` is `spec.sourceUri`."""
    return SNAKE.sub(lambda match: match[1].upper(), path)


def title(status: int) -> str:
    """The words of a status."""
    return UNNAMED.get(status) or HTTPStatus(status).phrase
