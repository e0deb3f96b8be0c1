"""What proves to a suite who this person is, and what its connections are encrypted with."""

import os
import pathlib
import stat

from chassis import errors
from chassis.identity import bearer, transport
from client import place

KEY, KEY_FILE = "REELSMITH_API_KEY", "REELSMITH_API_KEY_FILE"
# Other names than those of the services, which inherit this environment when they are started from here.
CA = "REELSMITH_CLIENT_TLS_CA"
FILES = (CA, "REELSMITH_CLIENT_TLS_CERTIFICATE", "REELSMITH_CLIENT_TLS_KEY")
INSECURE = "REELSMITH_INSECURE"
PERSON = "admin"  # the certificate of whoever looks after the suite
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def token() -> str:
    """The API key or token of this person; empty where there is none.

    From `REELSMITH_API_KEY`, else from the file that `REELSMITH_API_KEY_FILE` names, else from `api-key` in the
    folder of this user's settings.

    Raises:
        errors.FailedPrecondition: Others may read the file.
    """
    if given := os.environ.get(KEY, "").strip():
        return given
    named = os.environ.get(KEY_FILE)
    path = pathlib.Path(named) if named else settings_folder() / "api-key"
    try:
        text = read_private(path)
    except FileNotFoundError:
        if named:
            raise
        return ""
    return text.strip()


def settings_folder() -> pathlib.Path:
    """The folder of this user's settings, by the XDG standard."""
    given = os.environ.get("XDG_CONFIG_HOME")
    return (pathlib.Path(given) if given else pathlib.Path.home() / ".config") / "reelsmith"


def read_private(path: pathlib.Path) -> str:
    """The content of a file that only its owner may read.

    Raises:
        FileNotFoundError: It is not there.
        errors.FailedPrecondition: Others may read it.
    """
    with path.open() as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & OTHERS:
            raise errors.FailedPrecondition(f"{path} can be read by others: chmod 600 {path}", reason="KEY_NOT_PRIVATE")
        return file.read()


def write_private(path: pathlib.Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def secure(where: place.Place) -> transport.Transport | None:
    """What connections to a suite are encrypted and proven with; None for plain ones.

    From `REELSMITH_CLIENT_TLS_CA`, `_CERTIFICATE` and `_KEY`, else from the certificates of this user's own suite.

    Raises:
        errors.FailedPrecondition: They cannot be used.
    """
    ca, certificate, key = (pathlib.Path(given) if (given := os.environ.get(name)) else None for name in FILES)
    if ca:
        return transport.Transport(transport.Files(ca, certificate, key))
    if where.certificates:
        folder = pathlib.Path(where.certificates)
        return transport.Transport(transport.of(folder, PERSON))
    return None


def metadata(where: place.Place, sent: str, *, encrypted: bool) -> tuple[tuple[str, str], ...]:
    """What is sent with every call to the gateway of a suite.

    Args:
        where: The suite.
        sent: The key or token; empty for none.
        encrypted: Whether the connection is.

    Raises:
        errors.FailedPrecondition: There is a key, and it would travel where others can read it.
    """
    if sent and not (encrypted or place.local(where.gateway) or os.environ.get(INSECURE) == "1"):
        raise errors.FailedPrecondition(
            f"no key or token is sent to {where.gateway} without encryption: name the authority of its certificate in "
            f"{CA}, or set {INSECURE}=1 where nobody listens on the way",
            reason="KEY_IN_THE_OPEN",
        )
    return bearer.header(sent)
