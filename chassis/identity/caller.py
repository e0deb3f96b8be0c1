"""Whoever is behind a call, as far as it was proven."""

import contextvars
import dataclasses
import enum
import re

TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # as the API of the job manager has it
DEFAULT_TENANT = "default"  # of jobs that were made before callers had tenants


class Role(enum.IntEnum):
    """What a caller may do; each role includes those before it."""

    VIEWER = 1  # look at jobs and fetch clips
    EDITOR = 2  # and make, cancel and delete them
    OPERATOR = 3  # and look after the suite, and name files of its machines
    ADMIN = 4  # everything

    @property
    def word(self) -> str:
        """The role as people write it."""
        return self.name.lower()


class Kind(enum.StrEnum):
    """How a caller proved who it is."""

    KEY = "key"
    TOKEN = "token"  # noqa: S105  a word, not a secret
    PEER = "peer"


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """A caller that proved who it is.

    Args:
        kind: How.
        id: Identifier of the key, subject of the token, or name of the service; never a secret.
        tenant: Whose jobs it sees; empty for a service.
        role: What it may do; None for a service, which has methods of its own.
        person: Who looks after services with the certificate `admin`, where it is of one person; empty for others.
    """

    kind: Kind
    id: str
    tenant: str = ""
    role: Role | None = None
    person: str = ""

    @property
    def proven(self) -> str:
        """What was proven, in one word without spaces."""
        return f"{self.id}/{self.person}" if self.person else self.id

    @property
    def name(self) -> str:
        """One word for logs."""
        return f"{self.kind}:{self.proven}"


_current: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("caller", default=None)


def current() -> Caller | None:
    """Who is behind the call that is being served; None where callers need not prove who they are."""
    return _current.get()


def serve(who: Caller) -> None:
    """Notes who is behind this call. Every call has a task of its own, and the note ends with it."""
    _current.set(who)
