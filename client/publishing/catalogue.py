"""All kinds of destinations, by how they are named; platforms are entry points of other packages."""

import importlib.metadata
import pathlib
from collections.abc import Callable

from chassis import errors
from client.publishing import bucket, folder, hook, post

GROUP = "reelsmith.publishers"


def plugins() -> dict[str, importlib.metadata.EntryPoint]:
    """The platforms that are installed, by name."""
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}


def destination(text: str, secret: str = "") -> post.Destination:
    """The destination that a text names: `s3://BUCKET/PREFIX`, a webhook's URL, `PLUGIN:WHATEVER`, or a folder.

    Args:
        text: What names it.
        secret: What requests to webhooks are signed with; empty for none.

    Raises:
        errors.InvalidArgument: It names nothing.
    """
    kind, colon, rest = text.partition(":")
    kinds: dict[str, Callable[[], post.Destination]] = {
        "s3": lambda: bucket.bucket(text),
        "http": lambda: hook.hook(text, secret),
        "https": lambda: hook.hook(text, secret),
        "folder": lambda: folder.Folder(pathlib.Path(rest).resolve()),
    }
    if colon and kind in kinds:
        return kinds[kind]()
    installed = plugins()
    if colon and kind in installed:
        return installed[kind].load()(rest)
    if colon or not text:
        known = ", ".join(["folder", "s3", "https", *sorted(installed)])
        raise errors.InvalidArgument(f"{text!r} names no destination; there are {known}, and folders by their paths")
    return folder.Folder(pathlib.Path(text).resolve())
