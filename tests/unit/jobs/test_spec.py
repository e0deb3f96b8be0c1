"""What callers may ask for, and what they are told when it is wrong."""

import dataclasses
import math

import pytest

from services.jobs import codec, dressing
from services.jobs import spec as specs

DIGEST = "8789225e0a7c8eb6f0ce9bdc28f1b73da4de681fd58c1eca2c19ef13042eaf1e"  # of the first release


def test_defaults_fill_what_was_not_said() -> None:
    """An accepted job keeps the defaults of its day."""
    spec = specs.resolved(specs.Spec("file:///films/My%20talk.mp4"))
    found = (spec.title, spec.count, spec.duration_min_s, spec.duration_max_s, spec.preset)
    assert ("My talk.mp4", 5, 15.0, 60.0, "default") == found
    assert [] == specs.violations(spec)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("source_uri", {"source_uri": ""}),
        ("source_uri", {"source_uri": "ftp://host/a.mp4"}),
        ("transcript_uri", {"transcript_uri": "https://host/a.srt"}),
        ("manifest_uri", {"manifest_uri": "https://host/a.json"}),
        ("source_uri", {"source_uri": "session:00000000000000000000000000000000/metadata/analysis.json"}),
        ("source_uri", {"source_uri": "file://host/a.mp4"}),
        ("source_uri", {"source_uri": "file:///a%00b"}),
        ("source_uri", {"source_uri": "upload:../../x"}),
        ("source_uri", {"source_uri": "file:///" + "a" * 5000, "title": "x"}),
        ("count", {"count": 101}),
        ("count", {"count": -1}),
        ("priority", {"priority": -101}),
        ("duration_min_s", {"duration_min_s": -1.0}),
        ("duration_min_s", {"duration_min_s": math.nan}),
        ("duration_max_s", {"duration_max_s": math.inf}),
        ("duration_max_s", {"duration_max_s": 10.0}),
        ("title", {"title": "a\nb"}),
        ("aspect_ratio", {"aspect_ratio": "99"}),
        ("layout", {"layout": "99"}),
        ("mode", {"mode": "99"}),
        ("video_codec", {"video_codec": "H265"}),
        ("preset", {"preset": "Tik Tok"}),
        ("keywords[1]", {"keywords": ("good", "")}),
        ("keywords", {"keywords": ("a",) * 101}),
        ("weights['motion']", {"weights": {"motion": -0.1}}),
        ("weights['A B']", {"weights": {"A B": 1.0}}),
        ("labels['']", {"labels": {"": "x"}}),
        ("labels", {"labels": {str(n): "" for n in range(65)}}),
        ("range.end_s", {"range": specs.TimeRange(5.0, 5.0)}),
        ("range.start_s", {"range": specs.TimeRange(-1.0, 5.0)}),
        ("clips[1].end_s", {"clips": (specs.TimeRange(0, 1), specs.TimeRange(2, 1))}),
        ("transcript_uri", {"transcript_uri": "talk.srt"}),
        ("transcript_uri", {"transcript_uri": "upload:x"}),
        ("genre", {"genre": "My talk"}),
        ("language", {"language": "German"}),
        ("diversity", {"diversity": 1.1}),
        ("diversity", {"diversity": math.nan}),
        ("explain", {"explain": 101}),
        ("gap_min_s", {"gap_min_s": -1.0}),
        ("gap_min_s", {"gap_min_s": math.inf}),
        ("durations", {"durations": (specs.Duration(15.0),) * 11}),
        ("durations", {"durations": (specs.Duration(15.0, 60), specs.Duration(30.0, 41))}),
        ("durations[1].target_s", {"durations": (specs.Duration(15.0), specs.Duration(0.0))}),
        ("durations[0].count", {"durations": (specs.Duration(15.0, -1),)}),
        ("exclusions", {"exclusions": (specs.TimeRange(0, 1),) * 101}),
        ("exclusions[0].end_s", {"exclusions": (specs.TimeRange(2, 1),)}),
        ("captions.style", {"captions": dressing.Captions("Big Words")}),
        ("captions.formats[1]", {"captions": dressing.Captions(formats=("SRT", "SRT"))}),
        ("captions.formats[0]", {"captions": dressing.Captions(formats=("7",))}),
        ("overlays.title", {"overlays": dressing.Overlays(title="x" * 301)}),
        ("overlays.hook", {"overlays": dressing.Overlays(hook="a\tb")}),
        ("overlays.hook_s", {"overlays": dressing.Overlays(hook_s=math.nan)}),
        ("overlays.title_s", {"overlays": dressing.Overlays(title_s=-1.0)}),
        ("overlays.logo_uri", {"overlays": dressing.Overlays(logo_uri="logo.png")}),
        ("overlays.logo_corner", {"overlays": dressing.Overlays(logo_corner="9")}),
        ("overlays.logo_opacity", {"overlays": dressing.Overlays(logo_opacity=1.5)}),
        ("manifest_uri", {"manifest_uri": "clip-01.manifest.json"}),
        ("manifest_uri", {"manifest_uri": "file:///m.json", "analyze_only": True}),
        ("timelines", {"timelines": ("OTIO", "OTIO")}),
        ("timelines", {"timelines": ("99",)}),
        ("edit.ranges", {"edit": {"ranges": [{"time": {"end_s": 1}}] * 65}}),
        ("edit.ranges", {"edit": {"ranges": [{"time": {"end_s": 1}}]}, "analyze_only": True}),
        ("edit.ranges[1].time.end_s", {"edit": {"ranges": [{"time": {"end_s": 1}}, {"time": {"start_s": 2}}]}}),
        ("edit.ranges[0].time.start_s", {"edit": {"ranges": [{"time": {"start_s": -1, "end_s": 1}}]}}),
        ("edit.ranges[0].speed", {"edit": {"ranges": [{"time": {"end_s": 1}, "speed": 9}]}}),
        ("edit.ranges[0]", {"edit": {"ranges": [{"frames": {"end_frame": 9}}]}}),
        ("edit.speed", {"edit": {"speed": 0.2}}),
        ("edit.speed", {"edit": {"speed": "NaN"}}),
        ("edit.fades.picture_in_s", {"edit": {"fades": {"picture_in_s": -1}}}),
        ("edit.tightening.post_roll_s", {"edit": {"tightening": {"post_roll_s": 3}}}),
        ("edit.tightening.filler_words[0]", {"edit": {"tightening": {"filler_words": ["\n"]}}}),
        ("edit.audio_track.number", {"edit": {"audio_track": {"number": 64}}}),
        ("edit.audio_track.language", {"edit": {"audio_track": {"language": "x"}}}),
        ("analyze_only", {"clips": (specs.TimeRange(0, 1),), "analyze_only": True}),
    ],
)
def test_bad_field_is_named(field: str, values: dict) -> None:
    """Each rule says which field broke it, and nothing else."""
    spec = specs.resolved(specs.Spec(**{"source_uri": "file:///a.mp4", **values}))
    assert [field] == [name for name, _ in specs.violations(spec)]


def test_good_specification_with_everything_has_no_violation() -> None:
    """Every field at work is fine."""
    spec = specs.Spec(
        "upload:" + "0a" * 16, "A talk", 100, 1.0, 3600.0, "9_16", "FIT_BLUR", "tiktok", specs.TimeRange(1, 2),
        ("word",), {"motion": 0.0}, False, 100, {"team": "a"}, (specs.TimeRange(0.5, 1),),
        "file:///talk.srt", "talk", 1.0, (specs.Duration(15.0, 50), specs.Duration(60.0)), True, 3600.0,
        (specs.TimeRange(0.0, 9.0),), 100, True, mode="RENDER", video_codec="HEVC",
        captions=dressing.Captions("karaoke", ("SRT", "VTT", "ASS"), True),
        overlays=dressing.Overlays("A title", 5.0, "A hook", 2.0, True, "file:///logo.png", "TOP_LEFT", 0.5),
        edit={"speed": 2.0, "fades": {"sound_in_s": 1.0}, "tightening": {"filler_words": ["um"]}},
        timelines=("OTIO", "EDL"),
    )  # fmt: skip
    assert [] == specs.violations(specs.resolved(spec))


@pytest.mark.parametrize(
    ("tenant", "good"),
    [("a", True), ("team-7", True), ("a" * 63, True), ("a" * 64, False), ("", False), ("-a", False), ("a-", False),
     ("A", False), ("a/b", False), ("a\n", False), ("ä", False)],
)  # fmt: skip
def test_tenant_is_a_label(tenant: str, good: bool) -> None:
    """A tenant's name can stand in any path, metric or address."""
    assert good == (specs.tenant_violations(tenant) == [])


@pytest.mark.parametrize(("request_id", "good"), [("", True), ("k" * 128, True), ("k" * 129, False), ("a\x00", False)])
def test_request_id_is_short_and_printable(request_id: str, good: bool) -> None:
    """A key is 1 to 128 printable characters, or none."""
    assert good == (specs.request_id_violations(request_id) == [])


def test_field_of_a_later_version_leaves_digests_as_they_are() -> None:
    """A request that is made again after an upgrade is the same request, until it says what is new."""
    later = dataclasses.make_dataclass("Later", [("subtitles", str, "")], bases=(specs.Spec,), frozen=True)
    accepted = codec.digest(specs.Spec("file:///a.mp4", count=3))
    assert accepted == codec.digest(later("file:///a.mp4", count=3))
    assert accepted != codec.digest(later("file:///a.mp4", count=3, subtitles="x"))
    assert accepted != codec.digest(specs.Spec("file:///a.mp4", count=4))


def test_jobs_of_earlier_releases_are_read_and_known() -> None:
    """A stored specification without the later fields means what it meant, and its key still finds it."""
    kept = (
        '{"analyze_only":false,"aspect_ratio":"","clips":[],"count":3,"duration_max_s":60.0,"duration_min_s":15.0,'
        '"keywords":["a"],"labels":{},"layout":"","preset":"default","priority":0,"range":null,'
        '"source_uri":"file:///a.mp4","title":"a.mp4","transcript_uri":"","weights":{}}'
    )
    now = specs.resolved(specs.Spec("file:///a.mp4", count=3, keywords=("a",)))
    assert now == codec.spec(kept)
    assert DIGEST == codec.digest(now)


def test_ways_to_choose_survive_the_store() -> None:
    """What is asked for comes back as it went in, defaults filled in."""
    asked = specs.resolved(
        specs.Spec(
            "file:///a.mp4", genre="auto", diversity=0.5, durations=(specs.Duration(15.0), specs.Duration(60.0, 2)),
            durations_apart=True, gap_min_s=2.0, exclusions=(specs.TimeRange(0.0, 9.0),), explain=7,
            captions=dressing.Captions("pop", ("SRT",)), overlays=dressing.Overlays("A title"),
            edit={"speed": 2.0, "ranges": [{"time": {"end_s": 1.0}}]}, manifest_uri="file:///m", timelines=("EDL",),
        )
    )  # fmt: skip
    assert asked == codec.spec(codec.dumps(asked))
    assert (5, 2) == tuple(one.count for one in asked.durations)
