"""`reelsmith analyze`: what is in a video, and where its clips would be."""

import dataclasses
import pathlib
from typing import Annotated, Any

import rich.table
import typer
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from client import analysis, follow, progress, terminal, wording
from client.commands import clip, options, session

STDOUT = pathlib.Path("-")


def analyze(
    video: options.Video,
    json_file: Annotated[
        pathlib.Path | None, typer.Option("--json", metavar="FILE", help="Write the document here; - for stdout.")
    ] = None,
    plot_file: Annotated[
        pathlib.Path | None, typer.Option("--plot", metavar="FILE", help="Draw everything on one time axis, as PNG.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many proposals at most.")] = 5,
    min_s: Annotated[float, typer.Option("--min", min=0.5, max=3600, metavar="S", help="Shortest clip, seconds.")] = 15,
    max_s: Annotated[float, typer.Option("--max", min=0.5, max=3600, metavar="S", help="Longest clip, seconds.")] = 60,
    keyword: Annotated[list[str] | None, typer.Option(help="A word that raises the score; may be repeated.")] = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="Say why there is a border of shots, or none.")] = False,
    genre: options.Genre = "",
    diversity: options.Diversity = 0.0,
    duration: options.Durations = None,
    apart: options.Apart = False,
    gap_s: options.Gap = 0.0,
    exclude: options.Exclude = None,
    explain: Annotated[
        int, typer.Option(min=0, max=100, help="How many clips that were left out to tell, and why.")
    ] = 0,
    transcript: options.Transcript = None,
    language: options.Language = "",
    gateway: options.Gateway = "",
) -> None:
    """Measure VIDEO and propose clips; render nothing.

    Starts a private suite for the run where none is up.

    The document has source, video, audio, transitions, shots, speech,
    silence, loudness, transcript, curve, proposals, left_out, genre and timings, as
    described in client/analysis.schema.json. With --evidence each transition says what was
    measured, its limits and the curve around it, and the strongest changes that
    are no borders say why.
    """
    spec = jobs.JobSpec(analyze_only=True, evidence=evidence, language=language, explain=explain)
    options.choose(spec, count, (min_s, max_s), keyword, genre, diversity, duration, apart, gap_s, exclude)
    wanted = Wanted(json_file, plot_file)
    terminal.run(_analyze(follow.Files(video, transcript), spec, wanted, gateway), as_json=json_file == STDOUT)


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """The files that are asked for; None is none, `-` is stdout."""

    json_file: pathlib.Path | None
    plot_file: pathlib.Path | None


async def _analyze(files: follow.Files, spec: jobs.JobSpec, wanted: Wanted, address: str) -> terminal.Code:
    with progress.shown(terminal.err) as display:
        async with session.any_suite(address, display) as (suite, where):
            job = await follow.run(suite, where, spec, files, display)
            if not analysis.measured(job):
                return clip.verdict(job, kept=not where.passing)
            if job.error.message:
                display.note(f"no proposals: {job.error.message}")
            document = await analysis.read(suite, job)
    deliver(document, wanted)
    return terminal.Code.DONE


def deliver(document: dict[str, Any], wanted: Wanted) -> None:
    """Writes the files that are asked for and says where they are; says the gist where none is."""
    if wanted.plot_file:
        from client import plot  # a third of the start of every command

        plot.write(document, wanted.plot_file)
    if wanted.json_file == STDOUT:
        terminal.write(document)
        return
    if wanted.json_file:
        analysis.write(document, wanted.json_file)
    for file in filter(None, (wanted.json_file, wanted.plot_file)):
        terminal.say(str(file))
    if not (wanted.json_file or wanted.plot_file):
        summarize(document)


def summarize(document: dict[str, Any]) -> None:
    """Prints the gist of an analysis."""
    source = document["source"]
    speech_s = sum(stretch["end_s"] - stretch["start_s"] for stretch in document["speech"])
    length = wording.position(source["duration_s"] or 0)
    terminal.say(f"{source['name']}: {length}, {_picture(document)}, {_sound(document)}")
    terminal.say(f"{wording.position(speech_s)} of speech")
    if document["genre"]["reason"]:
        terminal.say(f"genre {document['genre']['name'] or 'not told'}: {document['genre']['reason']}")
    _tabulate("because of", [(item, _because(item)) for item in document["proposals"]])
    _tabulate("left out because it", [(item["clip"], item["detail"]) for item in document["left_out"]])


def _tabulate(heading: str, told: list[tuple[dict[str, Any], str]]) -> None:
    """Prints clips with a word about each; nothing where there are none."""
    table = rich.table.Table("clip", "from", "to", "score", heading)
    for item, words in told:
        edges = wording.position(item["start_s"]), wording.position(item["end_s"])
        table.add_row(str(item["rank"] or ""), *edges, f"{item['score']:.3f}", words)
    if told:
        terminal.out.print(table)


def _because(proposal: dict[str, Any]) -> str:
    terms = sorted(proposal["terms"], key=lambda term: -term["contribution"])[:3]
    return ", ".join(f"{term['name']} {term['contribution']:.2f}" for term in terms if term["contribution"])


def _picture(document: dict[str, Any]) -> str:
    video, shots = document["video"], len(document["shots"])
    if not video:
        return "no picture"
    rate = f"{video['frame_rate']:.3f} frames/s" if video["frame_rate"] else "no frame rate"
    return f"{video['display_width']}x{video['display_height']}, {rate}, {shots} shot{'' if shots == 1 else 's'}"


def _sound(document: dict[str, Any]) -> str:
    if not document["audio"]:
        return "no sound"
    lufs = document["loudness"] and document["loudness"]["integrated_lufs"]
    return "silent" if lufs is None else f"{lufs:.1f} LUFS"
