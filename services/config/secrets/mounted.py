"""Keys of secrets that somebody else looks after, such as a secret that an orchestrator mounts: they are only read.

To turn them, put a line with a new key before the others, have the secrets encrypted anew, and take the others out.
"""

import pathlib

from chassis import errors
from services.config.secrets import ring


class Mounted:
    """Keys of a file that is never written.

    Args:
        file: Where they are, as `ring.Ring` keeps them; it may be replaced while the service runs.

    Raises:
        errors.FailedPrecondition: The file is not there, or holds something else.
    """

    def __init__(self, file: pathlib.Path) -> None:
        self._file = file
        self._box = self._read()

    def _read(self) -> ring.Box:
        try:
            text = self._file.read_text()
        except OSError as error:
            message = f"the keys of secrets cannot be read from {self._file.name}: {error.strerror or error}"
            raise errors.FailedPrecondition(message, reason="KEYS_MISSING") from error
        return ring.Box(ring.parsed(self._file, text.strip()), self._file.name)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the keys as they were last read; the first one encrypts."""
        return self._box.ids

    def turn(self) -> str:
        """Encrypts with what is now the first key of the file; returns its id."""
        self._box = self._read()
        return self.ids[0]

    def forget(self) -> None:
        """Nothing: whoever looks after the file takes old keys out of it."""

    def seal(self, name: str, version: int, value: bytes) -> tuple[bytes, str]:
        """Encrypts a value; see `ring.Keys`."""
        return self._box.seal(name, version, value)

    def unseal(self, name: str, version: int, key_id: str, token: bytes) -> bytes:
        """Decrypts a value; see `ring.Keys`. A key that is not known may have come since."""
        if key_id not in self.ids:
            self._box = self._read()
        return self._box.unseal(name, version, key_id, token)
