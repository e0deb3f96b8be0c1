"""What is published, and where it can go: the words and ports that publishers share.

A platform is added by a package of its own, with an entry point in the group `reelsmith.publishers`: a function of one
text, what follows its name and a colon, which returns a `Destination`. `youtube:my-channel` calls the entry point
`youtube` with `my-channel`.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """What is said about a clip.

    Args:
        title: One line.
        description: Some lines; may be empty.
        hashtags: Words without `#`.
    """

    title: str
    description: str = ""
    hashtags: Sequence[str] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A file of a post on this machine.

    Args:
        name: The name that it is to have; no path.
        path: Where it is.
        sha256: Hash of its content.
        media_type: Such as `video/mp4`.
    """

    name: str
    path: pathlib.Path
    sha256: str
    media_type: str


@dataclasses.dataclass(frozen=True, slots=True)
class Post:
    """A clip to publish.

    Args:
        job: Identifier of its job.
        rank: Its place among the clips, from 1.
        name: A name for its files, the same for the same content, and another for another.
        text: What is said about it.
        video: The clip.
        beside: Captions and a picture.
    """

    job: str
    rank: int
    name: str
    text: Text
    video: File
    beside: Sequence[File] = ()


class Destination(Protocol):
    """Where posts go.

    Failures that may pass are `errors.Unavailable` and `errors.DeadlineExceeded`: they are tried again.
    """

    @property
    def name(self) -> str:
        """What it is called in records: the same at every run, without secrets."""

    @property
    def repeatable(self) -> bool:
        """Whether a post that is sent twice is there once. Others are not sent again after a broken attempt, unless
        `find` can tell, or somebody says so."""

    async def check(self, post: Post) -> str:
        """Looks whether a post could be published, and changes nothing; says what would happen.

        Raises:
            errors.Error: It could not.
        """

    async def find(self, post: Post) -> str | None:
        """Where a post is already; None where it is not, or where that cannot be told."""

    async def send(self, post: Post) -> str:
        """Publishes a post; returns where it is."""
