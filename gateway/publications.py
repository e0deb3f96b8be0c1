"""What of a session was published where: one small file for each finished file and destination, replaced as a whole.

Nothing is read, changed and written back, so that several gateways and callers never lose each other's notes.
"""

import dataclasses
import hashlib
import json
import time

from chassis import errors
from gateway import uploads
from media import errors as media_errors
from media import sessions

FOLDER = "metadata/publications"
COUNT_MAX = 1000  # in one session, as the API says
NOTE_BYTES_MAX = 32 * 1024  # each of the texts below with every sign escaped
DESTINATION_LENGTH_MAX, LOCATION_LENGTH_MAX = 500, 2000  # as the API says
STATES = {1: "started", 2: "delivered"}  # by number of the API


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """A file at a destination.

    Args:
        path: Of the file, in its session.
        sha256: Its hash.
        destination: Where it goes.
        state: One of `STATES`.
        location: Where it is there.
        time_ms: When this was noted, in milliseconds since 1970.
    """

    path: str
    sha256: str
    destination: str
    state: str
    location: str
    time_ms: int

    @property
    def name(self) -> str:
        """The name of its file, the same for the same content and destination."""
        return hashlib.sha256(f"{self.path}\0{self.sha256}\0{self.destination}".encode()).hexdigest() + ".json"


def note(path: str, sha256: str, destination: str, state: str, location: str) -> Note:
    """A note of now.

    Raises:
        errors.InvalidArgument: Destination or location is too long, or has signs that cannot be printed.
    """
    if not 1 <= len(destination) <= DESTINATION_LENGTH_MAX or not destination.isprintable():
        raise uploads.invalid("destination", f"must have 1 to {DESTINATION_LENGTH_MAX} printable characters")
    if len(location) > LOCATION_LENGTH_MAX or not location.isprintable():
        raise uploads.invalid("location", f"must have at most {LOCATION_LENGTH_MAX} printable characters")
    return Note(path, sha256, destination, state, location, time.time_ns() // 1_000_000)


def record(session: sessions.Session, found: Note) -> None:
    """Writes a note down; it is on disk when this returns.

    Raises:
        errors.ResourceExhausted: The session has as many as it may have.
    """
    names = session.list(FOLDER)
    if found.name not in names and len(names) >= COUNT_MAX:
        raise errors.ResourceExhausted(
            f"session {session.id} has {COUNT_MAX} publications, and takes no more", reason="TOO_MANY_PUBLICATIONS"
        )
    session.write_bytes(f"{FOLDER}/{found.name}", json.dumps(dataclasses.asdict(found)).encode())


def of(store: sessions.Sessions, session_id: str) -> list[Note]:
    """All notes of a session, by path and destination; none where it has no files yet."""
    try:
        session = store.get(session_id)
    except media_errors.NotThere:
        return []
    notes = [Note(**json.loads(session.read(f"{FOLDER}/{name}", NOTE_BYTES_MAX))) for name in session.list(FOLDER)]
    return sorted(notes, key=lambda one: (one.path, one.destination))
