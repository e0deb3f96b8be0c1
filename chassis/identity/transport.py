"""Connections that are encrypted and proven on both sides; certificates that change are taken over as they come."""

import dataclasses
import logging
import pathlib
import ssl

import grpc

from chassis import errors

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Files:
    """Where certificates are.

    Args:
        ca: Authorities whose certificates are believed.
        certificate: Who this process is; None for a client that shows none.
        key: The private key to it.
    """

    ca: pathlib.Path
    certificate: pathlib.Path | None = None
    key: pathlib.Path | None = None

    @property
    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Differs as soon as a file was replaced or written.

        Raises:
            OSError: A file is not there.
        """
        found = [path.stat() for path in (self.ca, self.certificate, self.key) if path]
        return tuple((status.st_mtime_ns, status.st_ino) for status in found)


@dataclasses.dataclass(frozen=True, slots=True)
class Material:
    """The content of the files, read together.

    Args:
        ca: PEM.
        certificate: PEM; None for none.
        key: PEM; None for none.
    """

    ca: bytes
    certificate: bytes | None
    key: bytes | None


class Transport:
    """Makes credentials of servers and channels.

    Args:
        files: Where certificates are.

    Raises:
        errors.FailedPrecondition: They cannot be used.
    """

    def __init__(self, files: Files) -> None:
        self.version = 1  # grows whenever other certificates come into use
        self._files = files
        try:
            self._stamp = files.stamp
            self._material = _read(files)
        except (OSError, ValueError) as wrong:
            raise errors.FailedPrecondition(f"the certificates cannot be used: {wrong}", reason="TLS") from wrong

    def refresh(self) -> bool:
        """Takes files over that were changed since they were read; says whether there were any.

        Files that do not fit together stay out: most likely the second of two is still to be replaced.
        """
        try:
            stamp = self._files.stamp
            if stamp == self._stamp:
                return False
            material = _read(self._files)
        except (OSError, ValueError) as wrong:
            logger.warning("the changed certificates are not used, those before stay: %s", wrong)
            return False
        self._stamp, changed = stamp, material != self._material
        self._material = material
        self.version += changed
        if changed:
            logger.info("the certificates at %s are in use from now on", self._files.ca.parent)
        return changed

    def server(self, *, clients: bool) -> grpc.ServerCredentials:
        """Credentials of a server, which looks for changed certificates with every connection.

        Args:
            clients: Whether clients must show a certificate.
        """
        shown: list[Material] = []

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            self.refresh()
            if shown and shown[0] is self._material:
                return None  # as before
            shown[:] = [self._material]
            return self._configuration(clients)

        return grpc.dynamic_ssl_server_credentials(
            self._configuration(clients), fetch, require_client_authentication=clients
        )

    def channel(self) -> grpc.ChannelCredentials:
        """Credentials of a new channel; one that exists keeps those that it was made with."""
        material = self._material
        return grpc.ssl_channel_credentials(material.ca, material.key, material.certificate)

    def _configuration(self, clients: bool) -> grpc.ServerCertificateConfiguration:
        material = self._material
        pairs = [(material.key, material.certificate)]
        return grpc.ssl_server_certificate_configuration(pairs, material.ca if clients else None)


def of(folder: pathlib.Path, name: str) -> Files:
    """The files of one service or person in a folder that `reelsmith certificates create` made."""
    return Files(folder / "ca.pem", folder / f"{name}.pem", folder / f"{name}.key")


def named(service: str) -> tuple[tuple[str, str], ...]:
    """Options of a channel to a service: its certificate must name the service, wherever it runs."""
    return (("grpc.ssl_target_name_override", service),)


def _read(files: Files) -> Material:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # only to find out whether the files fit together
    context.load_verify_locations(files.ca)
    if files.certificate:
        context.load_cert_chain(files.certificate, files.key)
    certificate = files.certificate.read_bytes() if files.certificate else None
    return Material(files.ca.read_bytes(), certificate, files.key.read_bytes() if files.key else None)
