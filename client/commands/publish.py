"""`reelsmith publish`: finished clips go to where they are shown."""

import dataclasses
import json
import os
import pathlib
import tempfile
from typing import Annotated

import typer

from chassis import errors
from client import terminal
from client.commands import options, session
from client.publishing import catalogue, material, post, publisher

SECRET = "REELSMITH_PUBLISH_SECRET"  # noqa: S105 - a name of a variable
TEXTS_BYTES_MAX = 1 << 20  # a hundred clips of a page each


def publish(
    job: options.JobId,
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE", help="A folder, s3://BUCKET/PREFIX, a webhook, PLUGIN:NAME; may be repeated."),
    ] = None,
    clip: Annotated[list[int] | None, typer.Option(min=1, help="Only this clip; may be repeated.")] = None,
    texts: Annotated[
        pathlib.Path | None,
        typer.Option(metavar="FILE", help="Titles and so on, as --draft prints them.", exists=True, dir_okay=False),
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Print what would be said about each clip, to edit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and send nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Publish what was published once more.")] = False,
    as_json: options.Json = False,
    gateway: options.Gateway = "",
) -> None:
    """Publish the clips of JOB, each once at each place.

    Titles, descriptions and hashtags are drafted from what is said in each
    clip. The session keeps what was published where. Requests to webhooks
    are signed with REELSMITH_PUBLISH_SECRET. Exit code 3 where something
    was not published.
    """
    if not draft and not to:
        raise typer.BadParameter("--to is missing: where to publish?")
    if texts is not None and texts.stat().st_size > TEXTS_BYTES_MAX:
        raise typer.BadParameter(f"{texts} is larger than any texts")
    wish = Wish(job, tuple(to or ()), frozenset(clip or ()), texts, draft, dry_run, again)
    terminal.run(_publish(wish, as_json, gateway), as_json)


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    job: str
    places: tuple[str, ...]
    ranks: frozenset[int]
    texts: pathlib.Path | None
    draft: bool
    dry_run: bool
    again: bool


async def _publish(wish: Wish, as_json: bool, address: str) -> terminal.Code:
    places = [catalogue.destination(text, os.environ.get(SECRET, "")) for text in dict.fromkeys(wish.places)]
    with tempfile.TemporaryDirectory(prefix="reelsmith-publish-") as name:
        folder = pathlib.Path(name)
        async with session.running(address) as suite:
            job = await suite.job(wish.job)
            clips = material.chosen(job, wish.ranks)
            said = material.read(_document(wish.texts), await material.texts(suite, job, clips, folder))
            if wish.draft:
                terminal.write({rank: dataclasses.asdict(text) for rank, text in said.items()})
                return terminal.Code.DONE
            works = publisher.Publisher(suite, job, wish.again, terminal.complain)
            act = works.rehearsed if wish.dry_run else works.published
            found: list[publisher.Outcome] = []
            for clip in clips:  # one at a time: the disk holds one clip more than it has
                one = await material.post_of(suite, job, clip, said[clip.rank], folder)
                found += await act([one], places)
                _forget(one)
    return _told(found, as_json)


def _document(path: pathlib.Path | None) -> dict:
    if path is None:
        return {}
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise errors.InvalidArgument(f"{path} is no JSON: {error}") from error


def _forget(one: post.Post) -> None:
    for file in (one.video, *one.beside):
        file.path.unlink()


def _told(found: list[publisher.Outcome], as_json: bool) -> terminal.Code:
    if as_json:
        terminal.write([dataclasses.asdict(one) for one in found])
    for one in found:
        line = f"clip {one.rank}  {one.what}  {one.destination}" + (f"  {one.detail}" if one.detail else "")
        if one.failed:
            terminal.complain(line)
        elif not as_json:
            terminal.say(line)
    return terminal.Code.PARTIAL if any(one.failed for one in found) else terminal.Code.DONE
