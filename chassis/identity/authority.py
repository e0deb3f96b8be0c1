"""A certificate authority for development: one certificate per service, none of them for the open world."""

import datetime
import ipaddress
import os
import pathlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import oid

from chassis import errors
from chassis.identity import peers, policy

SERVICES = ("analyzer", "config", "exporter", "gateway", "jobs", policy.PERSON)
AUTHORITY_DAYS = 3650  # believed for longer than any certificate that it signed
CERTIFICATE_DAYS = 365  # made anew by one command, and taken over without a restart
SKEW = datetime.timedelta(minutes=5)  # clocks of two machines differ
AUTHORITY_NAME = "reelsmith development"
LOCAL = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))

PrivateKey = ec.EllipticCurvePrivateKey


class Authority:
    """Signs certificates of services.

    Args:
        certificate: Its own.
        key: What it signs with.
    """

    def __init__(self, certificate: x509.Certificate, key: PrivateKey) -> None:
        self.certificate, self._key = certificate, key

    @classmethod
    def make(cls) -> "Authority":
        """A new one."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, AUTHORITY_NAME)])
        builder = _begun(name, name, key, AUTHORITY_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    def issue(
        self, service: str, hosts: Sequence[str] = (), days: float = CERTIFICATE_DAYS, uris: Sequence[str] | None = None
    ) -> tuple[bytes, bytes]:
        """A certificate and its private key, as PEM.

        Args:
            service: Whom it names: its SPIFFE identifier, and its name for whoever connects.
            hosts: Further host names and addresses, beside this machine's own.
            days: How long it is good, from now on; negative for one that has expired.
            uris: Other URIs than the SPIFFE identifier; that by default.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, service)])
        shown = (peers.uri(service),) if uris is None else uris
        named = [x509.UniformResourceIdentifier(one) for one in shown]
        names = [x509.DNSName(service), *LOCAL, *map(_host, hosts), *named]
        builder = _begun(name, self.certificate.subject, key, days)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usages = [oid.ExtendedKeyUsageOID.SERVER_AUTH, oid.ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return pem(builder.sign(self._key, hashes.SHA256())), _secret(key)

    def write(self, folder: pathlib.Path, hosts: Sequence[str] = (), people: Sequence[str] = ()) -> None:
        """Writes `ca.pem`, and `NAME.pem` with `NAME.key` for every service, into a folder.

        The private key of the authority is not kept: whoever needs another certificate makes all of them anew.

        Args:
            folder: Where to; made where it is not there.
            hosts: Further host names and addresses of all services.
            people: Who gets a certificate `admin.NAME` of its own, beside the one of nobody in particular.

        Raises:
            errors.InvalidArgument: A name cannot stand in a certificate.
        """
        if wrong := [name for name in people if not peers.NAME.fullmatch(f"{policy.PERSON}/{name}")]:
            raise errors.InvalidArgument(f"{wrong[0]!r} is not 1 to 128 of A-Z a-z 0-9 . _ @ + -", reason="BAD_NAME")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        shown = {f"{policy.PERSON}.{name}": (peers.uri(f"{policy.PERSON}/{name}"),) for name in people}
        for name in (*SERVICES, *shown):
            certificate, key = self.issue(policy.PERSON if name in shown else name, hosts, uris=shown.get(name))
            _replace(folder / f"{name}.key", key, 0o600)
            _replace(folder / f"{name}.pem", certificate, 0o644)
        _replace(folder / "ca.pem", pem(self.certificate), 0o644)


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def expires(certificate: bytes) -> datetime.datetime:
    """When a certificate ends.

    Raises:
        errors.FailedPrecondition: It is none.
    """
    try:
        return x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    except ValueError as wrong:
        raise errors.FailedPrecondition(f"no certificate: {wrong}", reason="BAD_CERTIFICATE") from wrong


def _begun(subject: x509.Name, issuer: x509.Name, key: PrivateKey, days: float) -> x509.CertificateBuilder:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(min(datetime.datetime.now(datetime.UTC), end) - SKEW)
        .not_valid_after(end)
    )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _secret(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _replace(path: pathlib.Path, content: bytes, mode: int) -> None:
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    part.replace(path)
