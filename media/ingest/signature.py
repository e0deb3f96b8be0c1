"""Proves to a store of objects who reads. Pure.

Twenty lines of hashes, where the library that has them brings descriptions of four hundred other services, 25 MB; tests
hold them against it.

Source: AWS Signature Version 4, for S3, in headers.
"""

import dataclasses
import datetime
import hashlib
import hmac

ALGORITHM = "AWS4-HMAC-SHA256"
NOTHING = hashlib.sha256().hexdigest()  # of the body of a request that has none


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """An access key.

    Attributes:
        id: Its identifier.
        secret: The secret to it.
        token: Token of a session; empty for none.
        region: Where it is used.
    """

    id: str
    secret: str = dataclasses.field(repr=False)
    token: str = dataclasses.field(repr=False)
    region: str


def headers(key: Key, host: str, path: str, now: datetime.datetime) -> list[tuple[str, str]]:
    """The headers that make a GET one of the key's owner, good for fifteen minutes.

    Args:
        key: The access key.
        host: As the header `Host` has it.
        path: As it is sent, without a query.
        now: The time in UTC.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    sent = {"host": host, "x-amz-content-sha256": NOTHING, "x-amz-date": stamp}
    if key.token:
        sent["x-amz-security-token"] = key.token
    names = ";".join(sent)  # in the order of the alphabet, as it has to be
    lines = "".join(f"{name}:{value}\n" for name, value in sent.items())
    request = f"GET\n{path}\n\n{lines}\n{names}\n{NOTHING}"
    scope = (stamp[:8], key.region, "s3", "aws4_request")
    text = f"{ALGORITHM}\n{stamp}\n{'/'.join(scope)}\n{hashlib.sha256(request.encode()).hexdigest()}"
    derived = f"AWS4{key.secret}".encode()
    for part in (*scope, text):
        derived = hmac.digest(derived, part.encode(), "sha256")
    proof = f"{ALGORITHM} Credential={key.id}/{'/'.join(scope)}, SignedHeaders={names}, Signature={derived.hex()}"
    return [*((name, value) for name, value in sent.items() if name != "host"), ("authorization", proof)]
