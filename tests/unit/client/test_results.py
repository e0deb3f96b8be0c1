"""Files come home under the names they have in the session, and nowhere else."""

import json

import jsonschema
import pytest

from chassis import errors
from client import analysis, gateway, progress, results, schema, terminal
from client.commands import analyze
from services.analyzer.shots import evidence

ANALYSIS = {
    "schema": "reelsmith.analysis/1",
    "version": "0.1.0",
    "source": {"name": "a.mp4", "size_bytes": 9, "sha256": "00", "format": "mp4", "duration_s": 12.0},
    "video": {
        "frame_count": 288,
        "frame_rate": 24.0,
        "frame_rate_exact": "24/1",
        "time_base": "1/24",
        "width": 1280,
        "height": 720,
        "display_width": 1280,
        "display_height": 720,
        "rotation": 0,
        "variable_frame_rate": False,
    },
    "audio": None,
    "transitions": [{"kind": "cut", "frame": 24, "start_frame": 24, "end_frame": 24}],
    "shots": [{"index": 0, "start_frame": 0, "end_frame": 24, "start_s": 0.0, "end_s": 1.0}],
    "speech": [{"start_s": 0.5, "end_s": 1.5}],
    "silence": [],
    "loudness": {"integrated_lufs": None, "true_peak_dbtp": -1.5},
    "curve": {"interval_s": 0.5, "highlight": [0.1, None, 0.3], "motion": None},
    "focus": {"interval_s": 0.2, "samples": []},
    "faults": [],
}
TERM = {"name": "motion", "value": None, "weight": 1.0, "contribution": 0.0, "state": "unknown", "reason": "no video"}
PROPOSALS = {
    "schema": "reelsmith.proposals/1",
    "proposals": [{"rank": 1, "start_s": 0.0, "end_s": 5.0, "score": 0.5, "terms": [TERM]}],
}


async def test_files_lie_in_the_folders_of_the_session(fake, serve, finished, files, tmp_path):
    """Clips, pictures, manifests and the report come home with the bytes that the suite has."""
    async with serve(fake(finished, files)) as address, gateway.connect(address) as suite:
        folder = await results.fetch(suite, finished, tmp_path, progress.Lines(terminal.err))
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert (tmp_path / finished.id, files) == (folder, found)


async def test_file_that_is_there_is_not_fetched_again(fake, serve, finished, files, tmp_path):
    """A second fetch asks for what is missing or changed, and for nothing else."""
    player = fake(finished, files)
    async with serve(player) as address, gateway.connect(address) as suite:
        folder = await results.fetch(suite, finished, tmp_path, progress.Lines(terminal.err))
        (folder / "images" / "clip-01.jpg").write_bytes(b"changed")
        player.requests.clear()
        await results.fetch(suite, finished, tmp_path, progress.Lines(terminal.err))
    assert ["images/clip-01.jpg"] == [request.path for request in player.requests]


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a\\..\\x", "a\0b"])
def test_path_out_of_the_session_is_refused(path):
    """A suite that names a file elsewhere is not obeyed."""
    with pytest.raises(errors.DataLoss, match="no path inside"):
        results.relative(path)


def test_document_names_every_file(finished, tmp_path):
    """What `--json` prints has a local path for all that was fetched."""
    document = results.document(finished, tmp_path)
    (clip,) = document["clips"]
    assert (str(tmp_path / "final_output/clip-01.mp4"), 0.75, "SUCCEEDED") == (
        clip["video"],
        clip["score"],
        clip["state"],
    )
    assert str(tmp_path / "metadata/report.html") == document["report"]


def test_document_of_a_partial_job_says_why(partial, tmp_path):
    """A clip that failed has no file and a reason."""
    clip = results.document(partial, tmp_path)["clips"][1]
    assert (None, "CHECK_FAILED") == (clip["video"], clip["error"]["reason"])


def test_analysis_has_every_documented_part(steps):
    """Analysis, proposals and timings become one valid document."""
    document = analysis.compose(ANALYSIS, PROPOSALS, steps[1])
    jsonschema.validate(document, analysis.SCHEMA)
    assert "reelsmith.analyze/1" == document["schema"]
    assert [{"name": "analyze", "duration_s": 3.0, "attempts": 1}] == document["timings"]["steps"]
    assert 4.0 == document["timings"]["realtime_factor"]


def test_analysis_with_evidence_is_valid(steps):
    """Why borders are there, and why others are not, is checked and kept."""
    curve = evidence.Curve("residual", 8, [0.5] * 100, 3.0)
    measures = (evidence.Measure("broken", 0.9, 0.12), evidence.Measure("new_across", 0.5))
    seen = evidence.Evidence("cut", measures, curve)
    refused = evidence.Rejected(60, 60, 60, "flash", 1.0, seen).value(0)
    measured = ANALYSIS | {
        "transitions": [ANALYSIS["transitions"][0] | {"evidence": seen.value(0)}],
        "rejected_transitions": [refused],
    }
    document = analysis.compose(measured, PROPOSALS, steps[1])
    jsonschema.validate(document, analysis.SCHEMA)
    assert [refused] == document["rejected_transitions"]
    with pytest.raises(errors.DataLoss, match="reason"):
        analysis.compose(measured | {"rejected_transitions": [refused | {"reason": "odd"}]}, PROPOSALS, steps[1])


def test_clips_that_were_left_out_are_in_the_document(steps, capsys):
    """With the reason and the genre; the document stays valid, and the summary tells both."""
    clip = PROPOSALS["proposals"][0] | {"rank": 0, "start_s": 2.0, "target_s": 15.0}
    left = {"clip": clip, "reason": "overlaps", "ranks": [1], "detail": "overlaps clip 1"}
    told = {"genre": "talk", "genre_reason": "speech 90% of the time"}
    document = analysis.compose(ANALYSIS, PROPOSALS | {"left_out": [left], "request": told}, steps[1])
    jsonschema.validate(document, analysis.SCHEMA)
    assert ([left], {"name": "talk", "reason": "speech 90% of the time"}) == (document["left_out"], document["genre"])
    analyze.summarize(document)
    shown = capsys.readouterr().out
    assert "genre talk: speech 90% of the time" in shown
    assert "overlaps clip 1" in shown
    with pytest.raises(errors.DataLoss, match="left_out"):
        analysis.compose(ANALYSIS, PROPOSALS | {"left_out": [left | {"reason": "bad luck"}]}, steps[1])


async def test_analysis_without_a_fitting_clip_has_no_proposals(fake, serve, failed):
    """A source that is too short for the asked clips is measured all the same."""
    failed.error.reason = analysis.NOTHING_FITS
    content = json.dumps(ANALYSIS).encode()
    failed.artifacts.add(path=analysis.ANALYSIS, size_bytes=len(content))
    async with serve(fake(failed, {analysis.ANALYSIS: content})) as address, gateway.connect(address) as suite:
        document = await analysis.read(suite, failed)
    assert (True, []) == (analysis.measured(failed), document["proposals"])


async def test_analysis_that_is_missing_is_named(fake, serve, finished):
    """A job without the promised file is data loss, with the name of the file."""
    async with serve(fake(finished)) as address, gateway.connect(address) as suite:
        with pytest.raises(errors.DataLoss, match=r"has no metadata/analysis\.json"):
            await analysis.read(suite, finished)


def test_invalid_analysis_is_refused_with_its_place(steps):
    """A document that is not as documented does not come out."""
    broken = {**ANALYSIS, "loudness": {"integrated_lufs": "loud"}}
    with pytest.raises(
        errors.DataLoss, match=r"\$\.loudness\.integrated_lufs is str.*true_peak_dbtp is missing|missing"
    ):
        analysis.compose(broken, PROPOSALS, steps[1])


BROKEN = [
    {"video": []},
    {"video": {"frame_count": 1.5}},
    {"transitions": [{"kind": "wipe", "frame": 1, "start_frame": 1, "end_frame": 1}]},
    {"speech": [{"start_s": 0}]},
    {"curve": {"interval_s": True, "highlight": None}},
    {"schema": "other"},
    {"shots": None},
    {"faults": [{"code": 1, "detail": ""}]},
    {"loudness": None},
    {"curve": {"interval_s": 1, "highlight": [1, 2.0, None]}},
    {"video": {**ANALYSIS["video"], "frame_count": 2.0}},
]


@pytest.mark.parametrize("change", BROKEN)
def test_small_validator_agrees_with_a_complete_one(change, steps):
    """Our few words of JSON Schema give the verdict that all of it gives."""
    document = {**analysis.compose(ANALYSIS, PROPOSALS, steps[1]), **change}
    complete = jsonschema.Draft202012Validator(analysis.SCHEMA)
    assert complete.is_valid(document) == (not schema.problems(document, analysis.SCHEMA))


def test_written_document_is_whole_or_absent(tmp_path, steps):
    """The file has its name only when it is complete."""
    document = analysis.compose(ANALYSIS, PROPOSALS, steps[1])
    analysis.write(document, tmp_path / "new" / "a.json")
    assert ["a.json"] == [path.name for path in (tmp_path / "new").iterdir()]
    with pytest.raises(TypeError):
        analysis.write({"bad": object()}, tmp_path / "new" / "b.json")
    assert ["a.json"] == [path.name for path in (tmp_path / "new").iterdir()]
