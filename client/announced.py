"""Recordings that messages tell of become clips once each, whatever is killed and however often a message comes.

A message is done when its job is on disk. Its request id is made of the source and of what is recorded, so one that
comes again makes no second job.
"""

import asyncio
import dataclasses
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Callable, Sequence

from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import errors
from client import broker, submission

POLL_S = 1.0  # between attempts while the suite is away
PATH, URL, ID, TITLE = "path", "url", "id", "title"  # what a message may say
TEXT_LENGTH_MAX = 4096  # of each: as long as a path may be
SHARED = re.compile(r"^\$share/[^/]*/")  # filters that several listeners divide among them
SHOWN = 100  # signs of a message that are shown


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Topics whose recordings are treated alike.

    Args:
        topics: A filter of topics, which may have `+` and `#`.
        preset: Delivery preset of their clips.
    """

    topics: str
    preset: str


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """What a message tells of: one of path and URL.

    Args:
        path: A file.
        url: Where the suite is to fetch it.
        id: Tells recordings with the same URL apart; empty where there are none.
        title: A name for people; that of the file by default.
    """

    path: str = ""
    url: str = ""
    id: str = ""
    title: str = ""


def read(payload: bytes) -> Recording:
    """What a message tells of: a path or URL as plain text, or a JSON object with `path` or `url`, `id` and `title`.

    Raises:
        errors.InvalidArgument: It tells of nothing.
    """
    if len(payload) > broker.PAYLOAD_BYTES_MAX:
        raise errors.InvalidArgument(f"a message has {broker.PAYLOAD_BYTES_MAX} bytes at most")
    try:
        text = payload.decode().strip()
        said = json.loads(text) if text.startswith("{") else {URL if "://" in text else PATH: text}
    except (ValueError, RecursionError) as error:
        raise errors.InvalidArgument(f"the message is neither text nor JSON: {error}") from error
    found = {name: said.get(name) or "" for name in (PATH, URL, ID, TITLE)}
    if not all(isinstance(value, str) and len(value) <= TEXT_LENGTH_MAX for value in found.values()):
        raise errors.InvalidArgument(f"{', '.join(found)} of a message are texts of {TEXT_LENGTH_MAX} signs at most")
    if bool(found[PATH]) == bool(found[URL]):
        raise errors.InvalidArgument(f"a message names a recording by {PATH} or by {URL}: {text[:SHOWN]!r} does not")
    return Recording(**found)


def key(source: Source, *parts: str) -> str:
    """The request id of a recording of a source."""
    return "listen-" + hashlib.sha256("\0".join((source.topics, *parts)).encode("utf-8", "replace")).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Listener:
    """Submits what messages tell of.

    Args:
        submissions: Takes it to the suite.
        sources: Topics; the first whose filter fits a message decides.
        root: The folder in which files may be named; None for none.
        spec: What to make of each recording.
        say: Told what happens, in words.
    """

    submissions: submission.Submissions
    sources: Sequence[Source]
    root: pathlib.Path | None
    spec: jobs.JobSpec
    say: Callable[[str], None]

    async def run(self, arrived: "asyncio.Queue[broker.Message]") -> None:
        """Listens until it is cancelled."""
        while True:  # ended by the caller
            message = await arrived.get()
            try:
                await self._patiently(message)
            except submission.FAULTS as error:
                self.say(f"{message.topic}: {error}")
            message.done()

    async def _patiently(self, message: broker.Message) -> None:
        quiet = False
        while True:  # ended by the suite, which comes back, or by the caller
            try:
                await self._submit(message)
            except submission.OUTAGES as error:
                if not quiet:
                    self.say(f"waits for the suite: {error.message}")
                quiet = True
                await asyncio.sleep(POLL_S)
            else:
                return

    async def _submit(self, message: broker.Message) -> None:
        source, told = self._source(message.topic), read(message.payload)
        spec = jobs.JobSpec()
        spec.CopyFrom(self.spec)
        spec.preset = source.preset
        if told.url:
            spec.source_uri, spec.title = told.url, told.title
            job = await self.submissions.accepted(spec, key(source, URL, told.url, told.id))
        else:
            path = self._inside(told.path)
            spec.title = told.title or path.name
            sha256 = await asyncio.to_thread(submission.sha256, str(path))
            if sha256 is None:
                raise errors.NotFound(f"there is no file {told.path[:SHOWN]!r}")
            job = await self.submissions.file(path, sha256, key(source, PATH, sha256), spec)
        self.say(f"{message.topic}: {told.path or told.url}: " + (f"job {job}" if job else "submitted before"))

    def _source(self, topic: str) -> Source:
        """The source of a topic; none where the broker remembers a filter of an earlier run."""
        from paho.mqtt import client as mqtt

        for source in self.sources:
            if mqtt.topic_matches_sub(SHARED.sub("", source.topics), topic):
                return source
        raise errors.FailedPrecondition("no --topic fits: the message is left out")

    def _inside(self, text: str) -> pathlib.Path:
        """The real path of a file below the root: whoever may publish may not name other files of this machine.

        Raises:
            errors.PermissionDenied: It lies elsewhere, or there is no root.
        """
        if self.root is None:
            raise errors.PermissionDenied(f"{text[:SHOWN]!r}: files may be named only below --root")
        if "\0" in text:
            raise errors.InvalidArgument(f"{text[:SHOWN]!r} is no name of a file")
        real = pathlib.Path(os.path.realpath(self.root / text))
        if not real.is_relative_to(self.root):
            raise errors.PermissionDenied(f"{text[:SHOWN]!r} does not lie below {self.root}")
        return real
