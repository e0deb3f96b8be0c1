"""Times, sizes and failures read well."""

import io

import pytest
import rich.console
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from chassis import errors
from client import place, progress, wording


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (3599.9, "1:00:00"), (3723, "1:02:03")]
)
def test_clock_carries_over(seconds, expected):
    """No clock says 0:60."""
    assert expected == wording.clock(seconds)


@pytest.mark.parametrize(("seconds", "expected"), [(0, "0:00.0"), (59.96, "1:00.0"), (62.34, "1:02.3")])
def test_position_has_tenths(seconds, expected):
    """Edges of clips are told to a tenth of a second."""
    assert expected == wording.position(seconds)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 2**30, "5.0 GiB"), (2**60, "1048576.0 TiB")],
)
def test_size_has_a_fitting_unit(count, expected):
    """Sizes are told in binary units."""
    assert expected == wording.size(count)


def test_failure_is_one_line():
    """Message first, code and reason behind."""
    assert "it broke (INTERNAL/CRASHED)" == wording.failure(
        media.Failure(code="INTERNAL", reason="CRASHED", message="it broke")
    )
    assert "no reason was given" == wording.failure(media.Failure())


def test_error_says_fields_once():
    """A field that the message names already is not named again."""
    field, other = errors.Field("doc.a.b", "-1 is less than 0 [minimum]"), errors.Field("doc.c", "is missing")
    error = errors.InvalidArgument("not valid: a.b: -1 is less than 0", fields=[field, other], retry_after_s=2)
    assert "not valid: a.b: -1 is less than 0; doc.c: is missing (try again in 2 s)" == wording.explain(error)


def test_clip_steps_are_named_by_rank():
    """People see clips, not steps."""
    assert "clip 2" == wording.step("export-2", jobs.Step.KIND_EXPORT)
    assert "analyze" == wording.step("analyze", jobs.Step.KIND_ANALYZE)


def test_bars_show_the_job_and_its_running_steps(steps):
    """On a terminal every running step has a bar with its stage, rate and the time left."""
    screen = io.StringIO()
    console = rich.console.Console(file=screen, force_terminal=True, width=120)
    with progress.shown(console) as display:
        for job in steps:
            display.job(job)
            display.transfer("fetch", 512, 1024)
            display._bars.refresh()
    shown = screen.getvalue()
    for words in (
        "analyze",
        "measure, 812 frames/s",
        "0:12",
        "✓",
        "analyze done in 3.0 s",
        "clip 1",
        "512 B of 1.0 KiB",
    ):
        assert words in shown


def test_end_of_a_step_is_told_once_per_attempt(steps):
    """An end that is in every later event is told once; a retried step can end again."""
    endings, job = progress.Endings(), steps[1]
    assert (["analyze"], []) == ([step.name for step in endings.new(job)], endings.new(job))
    job.steps[0].attempts = 2
    assert ["analyze"] == [step.name for step in endings.new(job)]


def test_title_with_markup_is_shown_as_it_is(steps):
    """A file name in brackets is text, not a color."""
    screen = io.StringIO()
    steps[0].spec.title = "[red]talk[/red].mp4"
    with progress.shown(
        rich.console.Console(file=screen, force_terminal=True, width=160, color_system=None)
    ) as display:
        display.job(steps[0])
        display._bars.refresh()
    assert "[red]talk[/red].mp4" in screen.getvalue()


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:1", True), ("127.9.9.9:1", True), ("localhost:1", True), ("[::1]:1", True), ("10.0.0.1:1", False)],
)
def test_loopback_is_told_from_elsewhere(address, expected):
    """Only a suite on this machine may be given paths."""
    assert expected == place.local(address)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"processes": []}'])
def test_place_survives_an_odd_state_file(tmp_path, monkeypatch, text):
    """A damaged state file means the standard ports, not a crash."""
    monkeypatch.setenv("REELSMITH_HOME", str(tmp_path))
    (tmp_path / "suite.json").write_text(text)
    assert place.Place(place.GATEWAY, place.CONFIG, named=False) == place.find()


def test_named_gateway_wins(monkeypatch, tmp_path):
    """By hand before the environment, the environment before the state file."""
    monkeypatch.setenv("REELSMITH_HOME", str(tmp_path))
    monkeypatch.setenv("REELSMITH_GATEWAY", "a:1")
    assert ("b:2", "a:1") == (place.find("b:2").gateway, place.find().gateway)
