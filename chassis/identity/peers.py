"""Which service is at the other end of a connection, by the certificate that it showed."""

from grpc import aio

from chassis import errors
from chassis.identity import caller

TRUST_DOMAIN = "spiffe://reelsmith/"


def uri(service: str) -> str:
    """The SPIFFE identifier of a service."""
    return f"{TRUST_DOMAIN}{service}"


def identify(context: aio.ServicerContext) -> caller.Caller:
    """The service that calls.

    Raises:
        errors.Unauthenticated: There is no certificate, or it does not name exactly one service of ours.
    """
    found = [value.decode(errors="replace") for value in context.auth_context().get("peer_uri", ())]
    if len(found) != 1 or not found[0].startswith(TRUST_DOMAIN) or not found[0].removeprefix(TRUST_DOMAIN):
        raise errors.Unauthenticated(
            f"a certificate with one URI {TRUST_DOMAIN}SERVICE is needed, this one has {found or 'none'}"[:300],
            reason="PEER_UNKNOWN",
        )
    return caller.Caller(caller.Kind.PEER, found[0].removeprefix(TRUST_DOMAIN))
