"""Borders between shots: exact on labelled films, and not fooled by light, motion or standing still."""

import csv
import itertools
import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks import shots
from media import pool
from services.analyzer import measure
from services.analyzer.kernels import pairs
from services.analyzer.shots import catalogue, cut, dissolve, evidence, fade, scanner
from tests.unit.analyzer import conftest as made

STILL = ("bottles_noaudio_40s_h264.mp4", "cars_silent_audio_12.5fps_30s.mp4", "two_people_desk_38s_vp9.webm",
         "bike_ride_30s_vp8.webm", "speech_silence_timecode_42s_h264.mp4", "bbb_1080p_5s_hevc.ts",
         "man_talking_10s_h264_datastreams.mp4", "asl_woman_4s_h264.mkv", "phone_vfr_rot180_h264.mp4")  # fmt: skip


@pytest.mark.parametrize(
    "film", ["tos30_h264_23976.mp4", "tos30_h264_vfr.mp4", "tos30_hevc_24.mp4", "tos30_mpeg4_mp3_25.avi"]
)
def test_cuts_of_labelled_film_are_exact(film: str, media_dir: pathlib.Path) -> None:
    """Every cut on its frame and no other, in four codecs and at a variable rate."""
    path = media_dir / "derived" / film
    labels = shots.labels_of(path.with_name(f"{path.stem}.cuts.csv"))
    assert sorted(labels.cuts) == [span.start for span in shots.ours(path) if span.cut]


def test_cuts_of_battle_score_well(media_dir: pathlib.Path) -> None:
    """Muzzle flashes, an explosion, smoke and whip pans: at most one of 25 cuts wrong."""
    path = media_dir / "real" / "tos_battle_70s_vp8.webm"
    scored = shots.score(shots.labels_of(path.with_name("tos_battle_70s_vp8.cuts.csv")), shots.ours(path))
    assert scored.f1 >= 0.95


def test_gradual_transitions_of_labelled_film_are_exact(media_dir: pathlib.Path) -> None:
    """Fades begin and end on their frames; the dissolve is found where it is."""
    path = media_dir / "real" / "psd_transitions_24s_h264.mp4"
    rows = csv.DictReader(path.with_name("psd_transitions_24s_h264.cuts.csv").open())
    found = {(span.start, span.end) for span in shots.ours(path) if not span.cut}
    fades, dissolves = [], []
    for row in rows:
        span = (int(row["start_frame"]), int(row["end_frame"]))
        (fades if row["type"] == "fade" else dissolves if row["type"] == "dissolve" else []).append(span)
    assert set(fades) <= found
    rest = found - set(fades)
    assert [True] == [any(one[0] <= other[1] and other[0] <= one[1] for other in dissolves) for one in rest]


@pytest.mark.parametrize("film", STILL)
def test_film_of_one_shot_has_no_border(film: str, media_dir: pathlib.Path) -> None:
    """Things and people that move, a bicycle ride, a fade up from black at the beginning: one shot each."""
    assert [] == shots.ours(media_dir / "real" / film)


def test_cut_is_found_on_its_frame() -> None:
    """From one still to another."""
    frames = [made.reduced(made.scene(1))] * 20 + [made.reduced(made.scene(2))] * 20
    assert [("cut", 20, 20, 20)] == made.borders(frames)


def flashed(length: int) -> list:
    """A still scene that is lit up for some frames."""
    still, lit = made.reduced(made.scene(1)), made.reduced(made.scene(1) * 0.5 + 150)
    return [still] * 20 + [lit] * length + [still] * 20


@pytest.mark.parametrize("length", [1, 2, 3, 6])
def test_flash_is_no_cut(length: int) -> None:
    """Light that comes and goes changes every value and no structure."""
    assert [] == made.borders(flashed(length))


def interrupted() -> list:
    """Another picture for five frames, as when somebody walks by."""
    still, other = made.reduced(made.scene(1)), made.reduced(made.scene(2))
    return [still] * 20 + [other] * 6 + [still] * 20


def test_interruption_is_no_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What returns within half a second was hidden, not cut; without looking ahead it counts as two cuts."""
    assert [] == made.borders(interrupted())
    monkeypatch.setattr(cut, "_returns", lambda *anything: False)
    assert 2 == len(made.borders(interrupted()))


def test_pan_is_no_cut() -> None:
    """A camera that sweeps across a wide scene, faster and slower."""
    wide = made.scene(7, (72, 900))
    places = np.concatenate([np.zeros(10), np.cumsum([2, 5, 9, 12, 14, 14, 14, 12, 9, 5, 2] * 3), np.full(10, 294)])
    assert [] == made.borders([made.reduced(wide[:, int(x) : int(x) + 128]) for x in places])


def test_strobe_within_new_shot_is_one_cut() -> None:
    """A cut into a shot in which light comes and goes every other frame."""
    lit, dark = made.reduced(made.scene(2) * 0.6 + 100), made.reduced(made.scene(2) * 0.6)
    frames = [made.reduced(made.scene(1))] * 20 + [lit, dark] * 12
    assert [("cut", 20, 20, 20)] == made.borders(frames)


@pytest.mark.parametrize(("length", "black"), [(12, 8), (30, 8), (50, 16)])
def test_fade_through_black_is_exact(length: int, black: int) -> None:
    """Out and in again with less than a second of black: one border, its first and last changed frame."""
    one, other = made.scene(1), made.scene(2)
    down = [one * (1 - k / length) for k in range(1, length + 1)]
    up = [other * (k / length) for k in range(1, length + 1)]
    frames = [one] * 30 + down + [one * 0] * black + up + [other] * 30
    first = 30 + length + black
    assert [("fade", first, 30, first + length - 1)] == made.borders([made.reduced(frame) for frame in frames])


@pytest.mark.parametrize("length", [9, 16, 30, 48])
def test_dissolve_is_found_with_its_range(length: int) -> None:
    """One scene mixed into another; first and last mixed frame within a frame or two."""
    one, other = made.scene(1), made.scene(2)
    mixed = [one + (other - one) * k / (length + 1) for k in range(1, length + 1)]
    frames = [made.reduced(frame) for frame in [one] * 60 + mixed + [other] * 60]
    found = made.borders(frames)
    assert ["dissolve"] == [kind for kind, *_ in found]
    assert abs(found[0][2] - 60) <= 2
    assert abs(found[0][3] - (59 + length)) <= 2


def swept(seed: int, count: int, pace: int) -> list[np.ndarray]:
    """A camera that moves across a wide scene, large things and small ones, at some cells per frame."""
    noise = np.random.default_rng(seed)
    large = np.kron(noise.uniform(20, 230, (3, 30)), np.ones((24, 24)))[:, : 128 + pace * count]
    wide = 0.8 * large + 0.2 * made.scene(seed, large.shape)
    return [wide[:, pace * k : pace * k + 128] for k in range(count)]


def test_dissolve_of_moving_pictures_is_found() -> None:
    """Two cameras that go on moving while one picture is mixed into the other; motion blurs its ends."""
    length, one, other = 24, swept(1, 90, 1), swept(2, 90, 1)
    mixed = [one[60 + k] + (other[k] - one[60 + k]) * (k + 1) / (length + 1) for k in range(length)]
    ((kind, _, start, end),) = made.borders([made.reduced(frame) for frame in [*one[:60], *mixed, *other[length:]]])
    assert "dissolve" == kind
    assert min(end, 83) - max(start, 60) >= length / 3


def test_motion_is_no_dissolve(media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ride resembles mixed pictures in all but the loss of contrast; without asking for that it would count."""
    film = media_dir / "real" / "bike_ride_30s_vp8.webm"
    assert [] == shots.ours(film)
    monkeypatch.setattr(dissolve, "DIP_MIN", -np.inf)
    assert [] != shots.ours(film)


def test_title_that_appears_is_no_dissolve(media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters that are mixed into a picture leave most of it as it was; without asking for more they would count."""
    film = media_dir / "real" / "bbb_480p_30s_h264_51audio.mp4"
    assert [] == [span for span in shots.ours(film) if not span.cut]
    monkeypatch.setattr(dissolve, "CHANGED_MIN", 0.0)
    assert [] != [span for span in shots.ours(film) if not span.cut]


@pytest.mark.parametrize("steady", [True, False], ids=["steady", "control"])
def test_fade_of_a_fast_picture_is_exact(monkeypatch: pytest.MonkeyPatch, steady: bool) -> None:
    """A picture that is another one before it is half grown is told by its steady growth; without that it is lost."""
    if not steady:
        monkeypatch.setattr(fade, "_unsteady", lambda strength: 1.0)
    length, black, pace = 20, 8, 3
    one, other = swept(1, 60, pace), swept(2, 60, pace)
    down = [one[30 + k] * (1 - (k + 1) / length) for k in range(length)]
    up = [other[k] * ((k + 1) / length) for k in range(length)]
    frames = [*one[:30], *down, *[one[0] * 0] * black, *up, *other[length:]]
    found = made.borders([made.reduced(frame) for frame in frames])
    first = 30 + length + black
    assert steady == (("fade", first, 30, first + length - 1) in found)


def test_result_does_not_depend_on_windows() -> None:
    """The same borders whether frames are decided one by one or all at once."""
    scenes = [made.scene(seed) for seed in range(6)]
    frames: list[np.ndarray] = []
    for one, other in itertools.pairwise(scenes):
        frames += [one] * 45 + [one + (other - one) * k / 13 for k in range(1, 13)]
    frames += [scenes[-1]] * 20 + [scenes[0]] * 60
    reduced = [made.reduced(frame) for frame in frames]
    whole = made.borders(reduced, core=100_000)
    assert 6 == len(whole)
    assert whole == made.borders(reduced, core=64) == made.borders(reduced, core=17)


def test_detectors_say_how_far_they_look() -> None:
    """The window is as large as the farthest look of any detector."""
    assert catalogue.REACH >= max(cut.REACH, fade.REACH, dissolve.REACH)
    assert set(catalogue.PRECEDENCE) == set(catalogue.DETECTORS)


def explained(frames: list, core: int = 256) -> tuple[list, list, list]:
    """Borders, the evidence of each, and what was refused."""
    scan, last = scanner.Scanner(core, explain=True), None
    for index, frame in enumerate(frames):
        scan.add(frame, index / 25, pairs.compare(pairs.match(last, frame)) if last is not None else None)
        last = frame
    items = [item for item, _ in scan.finish()]
    return items, *scan.explained(items)


def joined() -> list:
    """A cut, a fade through black and a dissolve between still scenes."""
    one, two, three, four = (made.scene(seed) for seed in range(1, 5))
    down = [two * (1 - k / 12) for k in range(1, 13)]
    up = [three * (k / 12) for k in range(1, 13)]
    mixed = [three + (four - three) * k / 17 for k in range(1, 17)]
    frames = [*[one] * 40, *[two] * 40, *down, *[one * 0] * 6, *up, *[three] * 60, *mixed, *[four] * 60]
    return [made.reduced(frame) for frame in frames]


def test_evidence_of_a_border_keeps_every_limit() -> None:
    """Each border says by which detector, what it measured and what it saw; asking changes no border."""
    items, why, _ = explained(joined())
    assert ["cut", "fade", "dissolve"] == [item.kind for item in items] == [seen.detector for seen in why]
    assert made.borders(joined()) == [(item.kind, item.frame, item.start_frame, item.end_frame) for item in items]
    assert all(test.holds for seen in why for test in seen.measures)
    for item, seen in zip(items, why, strict=True):
        curve = seen.curve.value(1000)
        assert len(curve["values"]) <= evidence.CURVE_VALUES_MAX
        assert curve["first_frame"] - 1000 < item.start_frame
        assert curve["first_frame"] - 1000 + curve["frames_per_value"] * len(curve["values"]) > item.end_frame
    assert max(why[0].curve.values) == why[0].curve.values[items[0].frame - why[0].curve.first]


def test_evidence_does_not_depend_on_windows() -> None:
    """The same borders, numbers and refusals whether frames are decided a few at a time or all at once."""
    assert explained(joined() + flashed(2), 100_000) == explained(joined() + flashed(2), 64)


def test_evidence_of_labelled_films_keeps_every_limit(media_dir: pathlib.Path) -> None:
    """Real cuts, fades and a dissolve."""
    for film in ("psd_transitions_24s_h264.mp4", "nasa_2video_2audio_2sub_13s.mp4"):
        with (media_dir / "real" / film).open("rb") as file:
            request = {"measures": ["shots"], "evidence": True}
            value, _ = measure.run(request, pool.Files({"source": file}, {}), lambda report: None)
        assert [item["kind"] for item in value["transitions"]] == [item["detector"] for item in value["evidence"]]
        for item in value["evidence"]:
            assert all((test["at_least"] or -np.inf) <= test["value"] for test in item["measured"])
            assert all(test["value"] <= (test["at_most"] or np.inf) for test in item["measured"])


@pytest.mark.parametrize(
    ("reason", "frames"), [("flash", lambda: flashed(2)), ("interruption", interrupted)], ids=["flash", "interruption"]
)
def test_refused_change_says_why(reason: str, frames: Callable[[], list]) -> None:
    """A strong change that is no border is told with the reason, and one limit at least that it does not keep."""
    items, _, refused = explained(frames())
    assert [] == items
    assert {reason} == {item.reason for item in refused if item.evidence.detector == "cut"}
    assert all(not all(test.holds for test in item.evidence.measures) for item in refused)


def test_refusals_of_a_film_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many flashes only the strongest are told, in order of time."""
    frames = [frame for length in (1, 2, 3, 2, 1, 3) for frame in flashed(length)]
    everything = explained(frames)[2]
    monkeypatch.setattr(evidence, "REJECTED_MAX", 3)
    few = explained(frames)[2]
    assert len(everything) > len(few) == 3
    assert all(item in everything for item in few)
    assert sorted(few, key=lambda item: item.frame) == few
