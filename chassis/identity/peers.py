"""Which service is at the other end of a connection, by the certificate that it showed.

A person shows a certificate too, `admin`, or `admin/NAME` where several are to be told apart.
"""

import re

from grpc import aio

from chassis import errors
from chassis.identity import caller, policy

TRUST_DOMAIN = "spiffe://reelsmith/"
NAME = re.compile(r"([a-z0-9-]{1,63})(?:/([A-Za-z0-9._@+-]{1,128}))?")  # a service; for `admin`, and a person


def uri(service: str) -> str:
    """The SPIFFE identifier of a service."""
    return f"{TRUST_DOMAIN}{service}"


def identify(context: aio.ServicerContext) -> caller.Caller:
    """The service that calls.

    Raises:
        errors.Unauthenticated: There is no certificate, or it does not name exactly one service of ours.
    """
    found = [value.decode(errors="replace") for value in context.auth_context().get("peer_uri", ())]
    name = NAME.fullmatch(found[0].removeprefix(TRUST_DOMAIN)) if len(found) == 1 else None
    if name is None or not found[0].startswith(TRUST_DOMAIN) or (name[2] and name[1] != policy.PERSON):
        raise errors.Unauthenticated(
            f"a certificate with one URI {TRUST_DOMAIN}SERVICE is needed, this one has {found or 'none'}"[:300],
            reason="PEER_UNKNOWN",
        )
    return caller.Caller(caller.Kind.PEER, name[1], person=name[2] or "")
