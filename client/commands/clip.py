"""`reelsmith clip`: a video becomes clips."""

import pathlib
from typing import Annotated

import typer
from google.protobuf import json_format
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from client import follow, place, progress, results, terminal, wording
from client.commands import dressing, editing, options, session

USABLE = frozenset({jobs.Job.STATE_SUCCEEDED, jobs.Job.STATE_PARTIAL})


def clip(
    video: options.Video,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many clips at most.")] = 5,
    min_s: Annotated[float, typer.Option("--min", min=0.5, max=3600, metavar="S", help="Shortest clip, seconds.")] = 15,
    max_s: Annotated[float, typer.Option("--max", min=0.5, max=3600, metavar="S", help="Longest clip, seconds.")] = 60,
    aspect: Annotated[options.Aspect | None, typer.Option(help="Shape; the preset's by default.")] = None,
    preset: Annotated[str, typer.Option(help="Delivery preset, such as tiktok.")] = "",
    layout: options.Filling = None,
    mode: options.WayToMake = None,
    codec: options.VideoCodec = None,
    keyword: Annotated[list[str] | None, typer.Option(help="A word that raises the score; may be repeated.")] = None,
    genre: options.Genre = "",
    diversity: options.Diversity = 0.0,
    duration: options.Durations = None,
    apart: options.Apart = False,
    gap_s: options.Gap = 0.0,
    exclude: options.Exclude = None,
    transcript: options.Transcript = None,
    language: options.Language = "",
    captions: dressing.Captions = None,
    caption_files: dressing.CaptionFiles = "",
    caption_track: dressing.CaptionTrack = False,
    title_card: dressing.TitleCard = "",
    hook_card: dressing.HookCard = "",
    progress_bar: dressing.ProgressBar = False,
    logo: dressing.Logo = None,
    logo_corner: dressing.LogoCorner = dressing.Corner.TOP_RIGHT,
    join: editing.Join = None,
    tighten: editing.Tighten = False,
    speed: editing.Speed = 1.0,
    fade: editing.Fade = "",
    audio: editing.AudioTrack = "",
    timeline: editing.Timeline = "",
    title: Annotated[str, typer.Option(help="A name for people; the file name by default.")] = "",
    priority: options.Priority = 0,
    start_at: options.StartAt = "",
    deadline: options.Deadline = "",
    detach: options.Detach = False,
    out: options.Out = pathlib.Path("clips"),
    as_json: options.Json = False,
    gateway: options.Gateway = "",
) -> None:
    """Cut VIDEO into short clips, ready to post.

    Starts a private suite for the run where none is up.

    Exit codes: 0 every clip is there; 1 no clip; 2 wrong usage;
    3 some clips are there and others failed; 130 interrupted.
    """
    spec = jobs.JobSpec(
        aspect_ratio=options.aspect_ratio(aspect),
        layout=options.layout(layout),
        preset=preset or ("source" if mode is options.Mode.SMART_CUT else "default"),
        mode=options.mode(mode),
        video_codec=options.video_codec(codec),
        title=title,
        language=language,
        captions=dressing.captions(captions, caption_files, caption_track),
        overlays=dressing.overlays(title_card, hook_card, progress_bar, logo_corner if logo else None),
        edit=editing.edit(join or (), tighten, speed, fade, audio),
        timelines=editing.timelines(timeline),
        priority=priority,
        start_time=options.moment(start_at, "--start-at"),
        deadline=options.moment(deadline, "--deadline"),
    )
    options.choose(spec, count, (min_s, max_s), keyword, genre, diversity, duration, apart, gap_s, exclude)
    files = follow.Files(video, transcript, logo=logo)
    work = left(files, spec, as_json, gateway) if detach else made(files, spec, out, as_json, gateway)
    terminal.run(work, as_json)


async def left(files: follow.Files, spec: jobs.JobSpec, as_json: bool, address: str) -> terminal.Code:
    """Makes a job of files and leaves it to the suite that runs."""
    with progress.shown(terminal.err) as display:
        async with session.running(address) as suite:
            job = await follow.submitted(suite, place.find(address), spec, files, display)
    if as_json:
        terminal.write(json_format.MessageToDict(job, preserving_proto_field_name=True))
    else:
        terminal.say(job.id)
    return terminal.Code.DONE


async def made(
    files: follow.Files, spec: jobs.JobSpec, out: pathlib.Path, as_json: bool, address: str
) -> terminal.Code:
    """Makes a job of files, sees it through and brings home what came out."""
    with progress.shown(terminal.err) as display:
        async with session.any_suite(address, display) as (suite, where):
            job = await follow.run(suite, where, spec, files, display)
            folder = await results.fetch(suite, job, out, display) if job.state in USABLE else None
    return told(job, folder, as_json, kept=not where.passing)


def told(job: jobs.Job, folder: pathlib.Path | None, as_json: bool, kept: bool) -> terminal.Code:
    """Says what came out.

    Args:
        job: A job that has ended.
        folder: Where its files are; None where none were fetched.
        as_json: Whether as one JSON document.
        kept: Whether the job can still be asked for after this run.

    Returns:
        The exit code that fits it.
    """
    document = results.document(job, folder)
    if as_json:
        terminal.write(document)
    else:
        paths(document)
    return verdict(job, kept)


def paths(document: dict) -> None:
    """Prints where everything is."""
    for clip in document["clips"]:
        if clip["video"]:
            score = "" if clip["score"] is None else f"  score {clip['score']:.3f}"
            span = f"{wording.position(clip['start_s'])} to {wording.position(clip['end_s'])}"
            terminal.say(f"clip {clip['rank']}  {span}{score}")
            for kind in ("video", "thumbnail", "manifest"):
                if clip[kind]:
                    terminal.say(f"  {kind:12} {clip[kind]}")
            for file in clip["captions"]:
                terminal.say(f"  {'captions':12} {file}")
    for kind in ("contact_sheet", "report"):
        if document[kind]:
            terminal.say(f"{kind.replace('_', ' '):14} {document[kind]}")
    for path in document["timelines"]:
        terminal.say(f"{'timeline':14} {path}")


def verdict(job: jobs.Job, kept: bool = True) -> terminal.Code:
    """The exit code of a job that has ended; says on stderr what is not well."""
    for clip in job.clips:
        if clip.error.message or clip.error.code:
            terminal.complain(f"clip {clip.rank}: {wording.failure(clip.error)}")
    made = sum(clip.HasField("video") for clip in job.clips)
    if job.state == jobs.Job.STATE_SUCCEEDED and made:
        return terminal.Code.DONE
    if job.state == jobs.Job.STATE_PARTIAL and made:
        hint = f"; `reelsmith jobs retry {job.id}` tries the rest" if kept else ""
        terminal.complain(f"{made} of {len(job.clips)} clips are there{hint}")
        return terminal.Code.PARTIAL
    if job.error.message or job.error.code:
        terminal.complain(f"job {job.id} {wording.state(job.state).lower()}: {wording.failure(job.error)}")
    else:
        terminal.complain(f"job {job.id} {wording.state(job.state).lower()} without a clip")
    return terminal.Code.FAILED
