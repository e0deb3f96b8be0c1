"""Heads of the record: number and hash of its last event, signed, to be kept where nobody reaches the database.

A head is one line of text: `reelsmith-audit.SEQUENCE.HASH.SIGNATURE`, the hash in hexadecimal digits, the signature by
Ed25519 over what stands before it, in URL-safe Base64 without padding.
"""

import base64
import binascii
import logging
import os
import pathlib
import re

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ed25519

import failpoints
from chassis import errors, keyfile

TEXT = re.compile(r"(reelsmith-audit\.(\d{1,18})\.([0-9a-f]{64}))\.([A-Za-z0-9_-]{86})")

logger = logging.getLogger(__name__)


class Signer:
    """Signs heads with a key of this service.

    Args:
        key: Private key, 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = ed25519.Ed25519PrivateKey.from_private_bytes(key)

    @classmethod
    def load(cls, file: pathlib.Path) -> "Signer":
        """The signer with the key of a file, which is made where it does not exist."""
        made = ed25519.Ed25519PrivateKey.generate().private_bytes_raw().hex()
        return cls(bytes.fromhex(keyfile.load(file, lambda: made)))

    @property
    def public_key(self) -> str:
        """What signatures can be checked with, anywhere: 64 hexadecimal digits."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, sequence: int, digest: bytes) -> str:
        """The head of a record."""
        text = f"reelsmith-audit.{sequence}.{digest.hex()}"
        signature = base64.urlsafe_b64encode(self._key.sign(text.encode())).decode().rstrip("=")
        return f"{text}.{signature}"

    def read(self, head: str) -> tuple[int, bytes]:
        """Sequence and hash of a head that this service signed.

        Raises:
            errors.InvalidArgument: It is no head, or somebody else's.
        """
        parts = TEXT.fullmatch(head.strip())
        if not parts:
            raise _refused("is no head of a record: reelsmith-audit.SEQUENCE.HASH.SIGNATURE")
        try:
            self._key.public_key().verify(base64.urlsafe_b64decode(parts[4] + "=="), parts[1].encode())
        except (exceptions.InvalidSignature, binascii.Error) as error:
            raise _refused("is not signed by this service") from error
        return int(parts[2]), bytes.fromhex(parts[3])


def _refused(message: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"head {message}", reason="BAD_HEAD", fields=[errors.Field("head", message)])


class Keeper:
    """Keeps the newest head in a file beside the database, so that a database whose end was cut off is noticed.

    Args:
        file: Where it is kept.
        signer: Signs it.
    """

    def __init__(self, file: pathlib.Path, signer: Signer) -> None:
        self._file, self._signer = file, signer

    def keep(self, sequence: int, digest: bytes) -> None:
        """Replaces the head; one that cannot be written is an older one, which still holds."""
        part = self._file.with_name(f"{self._file.name}.part")
        try:
            part.write_text(self._signer.sign(sequence, digest) + "\n")
            with failpoints.around("audit.head.rename"):
                os.replace(part, self._file)
        except OSError as error:
            logger.warning("the head of the record cannot be kept in %s: %s", self._file.name, error)

    def kept(self) -> str:
        """The head; empty where none was ever kept."""
        return self._file.read_text() if self._file.exists() else ""
