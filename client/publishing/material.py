"""Makes posts of a job: brings its files here, and drafts what is said about each clip."""

import json
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from chassis import errors
from client import gateway
from client.publishing import draft, post

HASH_SHOWN = 8  # signs: enough to tell the versions of one clip apart
TEXT_FIELDS = frozenset({"title", "description", "hashtags"})


def chosen(job: jobs.Job, ranks: Collection[int]) -> list[jobs.Clip]:
    """The finished clips of a job; all of them where no ranks are given.

    Raises:
        errors.NotFound: One of them is not there.
    """
    there = {clip.rank: clip for clip in job.clips if clip.HasField("video")}
    if missing := sorted(set(ranks) - set(there)) or ([0] if not there else []):
        known = ", ".join(map(str, there)) or "none"
        raise errors.NotFound(f"job {job.id} has no finished clip {missing[0] or ''}; it has {known}", reason="NO_CLIP")
    return [clip for rank, clip in sorted(there.items()) if not ranks or rank in ranks]


async def texts(
    suite: gateway.Gateway, job: jobs.Job, clips: Sequence[jobs.Clip], folder: pathlib.Path
) -> dict[int, post.Text]:
    """Drafts of what is said about clips, by rank.

    Args:
        suite: The gateway.
        job: Their job.
        clips: The clips.
        folder: For files that are needed for it.
    """
    found = next((one for one in job.artifacts if one.role == media.ARTIFACT_ROLE_ANALYSIS), None)
    spoken: list[draft.Said] = []
    if found is not None:
        await suite.download(job.id, found, folder / "analysis.json")
        spoken = draft.said(json.loads((folder / "analysis.json").read_bytes()))
    title = pathlib.PurePath(job.spec.title).stem
    return {clip.rank: draft.drafted(spoken, _ranges(job, clip), title, job.spec.keywords) for clip in clips}


def _ranges(job: jobs.Job, clip: jobs.Clip) -> list[tuple[float, float]]:
    return [(one.start_s, one.end_s) for one in job.spec.edit.ranges or [clip.time]]


def read(document: Any, drafts: Mapping[int, post.Text]) -> dict[int, post.Text]:
    """What is said about clips: an edited document over the drafts.

    Args:
        document: An object by rank, of objects with some of `title`, `description` and `hashtags`.
        drafts: The drafts.

    Raises:
        errors.InvalidArgument: It is no such document.
    """
    if not isinstance(document, dict) or not all(isinstance(item, dict) for item in document.values()):
        raise errors.InvalidArgument("texts are an object by rank, as --draft prints it")
    changed = dict(drafts)
    for rank, item in document.items():
        if unknown := set(item) - TEXT_FIELDS:
            raise errors.InvalidArgument(f"texts of clip {rank} have {sorted(unknown)[0]!r}, which is none")
        hashtags = item.get("hashtags", [])
        if not isinstance(hashtags, list) or not all(isinstance(word, str) for word in [*hashtags, *_lines(item)]):
            raise errors.InvalidArgument(f"texts of clip {rank} are not text")
        if rank.isdecimal() and int(rank) in drafts:
            before = drafts[int(rank)]
            changed[int(rank)] = post.Text(
                item.get("title", before.title),
                item.get("description", before.description),
                tuple(word.lstrip("#") for word in item["hashtags"]) if "hashtags" in item else before.hashtags,
            )
    return changed


def _lines(item: Mapping[str, Any]) -> list[Any]:
    return [item[name] for name in ("title", "description") if name in item]


async def post_of(
    suite: gateway.Gateway, job: jobs.Job, clip: jobs.Clip, text: post.Text, folder: pathlib.Path
) -> post.Post:
    """A clip with its picture and captions, brought here."""
    name = f"{job.id[:HASH_SHOWN]}-{clip.rank:02}-{clip.video.sha256[:HASH_SHOWN]}"
    files = []
    beside = [clip.thumbnail] if clip.HasField("thumbnail") else []
    for artifact in [clip.video, *beside, *clip.captions]:
        own = name + pathlib.PurePosixPath(artifact.path).suffix
        await suite.download(job.id, artifact, folder / own)
        files.append(post.File(own, folder / own, artifact.sha256, artifact.media_type or "application/octet-stream"))
    return post.Post(job.id, clip.rank, name, text, files[0], tuple(files[1:]))
