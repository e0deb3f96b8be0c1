"""Who is shown when, in which layout, and how well: on takes whose people are known."""

import dataclasses
import itertools
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from services.exporter import analysis, director, framing, geometry, glance, layouts, people, presets, storyboard

WIDE = geometry.Picture(1920, 1080, Fraction(1))
RATE = 25
Span = tuple[float, float]


def person(
    number: int, x: float, spans: Sequence[Span], size: float = 0.1, speaking: float | None = None
) -> analysis.Subject:
    """A face around a place, as wide as a share of the picture, seen twice a second in some stretches."""
    height = size * 16 / 9
    stamps = [stamp for start, end in spans for stamp in np.arange(start, end, 0.5).tolist()]
    return analysis.Subject(
        number, speaking, tuple((at, x - size / 2, 0.4 - height / 2, size, height) for at in stamps)
    )


def looked(turns: Sequence[tuple[float, float, float]]) -> tuple[analysis.Focus, ...]:
    """A focus on the face at a place from a time to another, for each of several turns."""
    return tuple(
        analysis.Focus(at, x, 0.4, 1.0) for start, end, x in turns for at in np.arange(start, end, 0.2).tolist()
    )


def plan(
    found: analysis.Analysis,
    length_s: float,
    layout: str = "auto",
    ratio: str = "9:16",
    text: np.ndarray | None = None,
    picture: geometry.Picture = WIDE,
) -> storyboard.Storyboard:
    """The plan of a clip from the start."""
    stage = director.Stage(picture, geometry.Canvas(*presets.ASPECT_RATIOS[ratio]))
    times_s = np.arange(round(length_s * RATE)) / RATE
    return storyboard.plan(layout, found, times_s, stage, lambda spans: [text] * len(spans))


def told(board: storyboard.Storyboard) -> dict[str, float | None]:
    """The measures of a plan."""
    shown = np.arange(board.scenes[-1].last)
    return board.facts(shown, RATE, (1920, 1080))["framing"]


ALONE = analysis.Analysis(subjects=(person(0, 0.7, [(0, 6)]),))
FAR = analysis.Analysis(subjects=(person(0, 0.2, [(0, 12)]), person(1, 0.8, [(0, 12)])))
NEAR = analysis.Analysis(subjects=(person(0, 0.46, [(0, 6)], 0.06), person(1, 0.6, [(0, 6)], 0.06)))
TEXT = np.zeros((36, 64), bool)
TEXT[4:30:2, 4:40] = True


@pytest.mark.parametrize(
    ("found", "ratio", "text", "layout"),
    [
        (ALONE, "9:16", None, "fill"),
        (NEAR, "9:16", None, "fill"),
        (FAR, "9:16", None, "split"),
        (FAR, "1:1", None, "split"),
        (FAR, "16:9", None, "fill"),
        (analysis.Analysis(subjects=(person(0, 0.5, [(0, 6)], 0.4),)), "9:16", None, "fit_blur"),
        (
            analysis.Analysis(subjects=tuple(person(n, 0.1 + n / 4, [(0, 6)]) for n in range(4))),
            "9:16",
            None,
            "fit_blur",
        ),
        (analysis.Analysis(), "9:16", TEXT, "fit_blur"),
        (analysis.Analysis(), "9:16", None, "fill"),
        (analysis.Analysis(subjects=(person(0, 0.9, [(0, 6)]),)), "9:16", TEXT, "stack"),
        (analysis.Analysis(subjects=(person(0, 0.9, [(0, 6)]),)), "16:9", TEXT, "fill"),
        (analysis.Analysis(focus=tuple(analysis.Focus(n / 5, n % 2, 0.5, 0.5, 0.36) for n in range(30))), "9:16", None,
         "fit_blur"),
    ],
)  # fmt: skip
def test_auto_takes_the_layout_that_loses_nothing(
    found: analysis.Analysis, ratio: str, text: np.ndarray | None, layout: str
) -> None:
    """One or near people fill, far ones split, what no window holds is shown whole, a face beside text stacks."""
    scenes = plan(found, 6.0, ratio=ratio, text=text).scenes
    assert [layout] == [scene.layout for scene in scenes]
    assert all(scene.reason for scene in scenes)


def test_two_who_hardly_fit_together_are_not_both_cut() -> None:
    """Where a window holds two bare faces but not both heads, it shows who leads fully instead of two halves."""
    pair = (person(0, 0.30, [(0, 6)]), person(1, 0.74, [(0, 6)], 0.11))
    board = plan(analysis.Analysis(subjects=pair), 6.0, layout="fill", ratio="1:1")
    assert [((1,),)] == [scene.people for scene in board.scenes]
    assert 1.0 == told(board)["subject_inside"]


def test_layout_does_not_flicker() -> None:
    """Half a second of two far people between takes of one changes nothing; three seconds of them do."""
    for length_s, expected in ((0.5, ["fill"] * 3), (3.0, ["fill", "split", "fill"])):
        edges = (0.0, 4.0, 4.0 + length_s, 8.0 + length_s)
        shots = tuple(analysis.Shot(round(RATE * a), round(RATE * b), a, b) for a, b in itertools.pairwise(edges))
        alone = person(0, 0.5, [(edges[0], edges[1]), (edges[2], edges[3])])
        pair = [person(number, x, [(edges[1], edges[2])]) for number, x in ((1, 0.2), (2, 0.8))]
        found = analysis.Analysis(shots=shots, subjects=(alone, *pair))
        assert expected == [scene.layout for scene in plan(found, edges[-1]).scenes]


def test_window_cuts_to_whoever_speaks_long_enough() -> None:
    """Two far people who speak for four seconds each are cut between, at the change; a second of the other is not."""
    both = (person(0, 0.2, [(0, 12)], speaking=0.5), person(1, 0.8, [(0, 12)], speaking=0.5))
    turns = looked([(0, 4, 0.2), (4, 8, 0.8), (8, 9, 0.2), (9, 12, 0.8)])
    board = plan(analysis.Analysis(focus=turns, subjects=both), 12.0, layout="fill")
    assert [(0,), (1,)] == [scene.people[0] for scene in board.scenes]
    assert abs(board.scenes[1].first - 4 * RATE) <= 5
    assert all(0.0 == float(np.ptp(scene.middles, axis=1).max()) for scene in board.scenes)
    assert told(board)["subject_inside"] > 0.89


def test_walking_person_stays_inside_with_looking_room() -> None:
    """Somebody who walks through the picture is fully inside in every frame; a window that stands still loses them."""
    rows = tuple((at, 0.15 + 0.06 * at, 0.3, 0.08, 0.14) for at in np.arange(0, 10, 0.5).tolist())
    found = analysis.Analysis(subjects=(analysis.Subject(0, None, rows),))
    board = plan(found, 9.5, layout="fill")
    measured = told(board)
    assert (1.0, 0.0) == (measured["subject_inside"], measured["reversals_per_s"])
    ahead = board.scenes[0].middles[0, 5 * RATE, 0] - (0.15 + 0.06 * 5 + 0.04)
    assert ahead > 0.005
    still = dataclasses.replace(board.scenes[0], middles=np.full_like(board.scenes[0].middles, 0.5))
    assert told(dataclasses.replace(board, scenes=[still]))["subject_inside"] < 0.6


def test_eyes_are_on_the_upper_third() -> None:
    """An upright picture in a square window: it stands so that the eyes are a third from its top."""
    upright = geometry.Picture(1080, 1920, Fraction(1))
    rows = tuple((at, 0.3, 0.35, 0.4, 0.2) for at in (0.0, 0.5, 1.0, 1.5, 2.0))
    found = analysis.Analysis(subjects=(analysis.Subject(0, None, rows),))
    scene = plan(found, 2.0, layout="fill", ratio="1:1", picture=upright).scenes[0]
    top = scene.middles[0, 20, 1] - scene.windows[0][1] / 2
    eyes = 0.35 + 0.2 * people.EYES
    assert abs((eyes - top) / scene.windows[0][1] - 1 / 3) < 0.06


def test_no_people_is_no_subject() -> None:
    """Where nobody is known the measure is unknown, not a number; control: with somebody it is one."""
    assert told(plan(analysis.Analysis(), 2.0))["subject_inside"] is None
    assert 1.0 == told(plan(ALONE, 2.0))["subject_inside"]


def test_person_of_another_shot_is_not_awaited() -> None:
    """A face that ends with its shot is not looked for in the next one."""
    shots = (analysis.Shot(0, 50, 0.0, 2.0), analysis.Shot(50, 100, 2.0, 4.0))
    found = analysis.Analysis(shots=shots, subjects=(person(0, 0.8, [(0, 2)]),))
    scenes = plan(found, 4.0, layout="fill").scenes
    assert [(0,), ()] == [scene.people[0] for scene in scenes]
    assert abs(scenes[1].middles[0, 10, 0] - 0.5) < 0.01


@pytest.mark.parametrize(("layout", "count"), [("split", 1), ("stack", 0)])
def test_layout_without_its_people_is_refused(layout: str, count: int) -> None:
    """Two windows need two people, a screen over a face needs one; with them the same call passes."""
    times_s = np.arange(50) / RATE
    few = analysis.Analysis(subjects=FAR.subjects[:count])
    with pytest.raises(director.errors.FailedPrecondition) as caught:
        director.refuse_unfit(layout, few, times_s)
    assert "LAYOUT_UNFIT" == caught.value.reason
    director.refuse_unfit(layout, FAR, times_s)


def test_windows_of_a_split_show_one_each() -> None:
    """The left person is in the first window and not in the second, and the other way round."""
    scene = plan(FAR, 6.0).scenes[0]
    assert ((0,), (1,)) == scene.people
    for window, middles, own, other in zip(scene.windows, scene.middles, (0.2, 0.8), (0.8, 0.2), strict=True):
        assert abs(own - middles[50, 0]) < window[0] / 2 - 0.05
        assert abs(other - middles[50, 0]) > window[0] / 2 + 0.05


def test_manifest_tells_scenes_and_the_path() -> None:
    """Scenes cover the clip, their windows lie in the picture, and the whole picture stands for a scene without one."""
    shots = (analysis.Shot(0, 75, 0.0, 3.0), analysis.Shot(75, 150, 3.0, 6.0))
    found = analysis.Analysis(shots=shots, subjects=(person(0, 0.7, [(0, 3)]), person(1, 0.5, [(3, 6)], 0.45)))
    facts = plan(found, 6.0).facts(np.arange(0, 150, 2), RATE / 2, (1920, 1080))
    assert [(0, 38, "fill"), (38, 75, "fit_blur")] == [
        (scene["start_frame"], scene["end_frame"], scene["layout"]) for scene in facts["scenes"]
    ]
    assert {"frame": 38, "x": 0.0, "y": 0.0, "width": 1920.0, "height": 1080.0} == facts["crop"][-1]
    assert 1920 * 0.7 - facts["crop"][0]["width"] < facts["crop"][0]["x"] < 1920 * 0.65


def test_reversals_are_counted_and_trembling_is_not() -> None:
    """There and back is one reversal, a pixel to and fro none."""
    there = np.concatenate([np.linspace(0, 50, 20), np.linspace(50, 0, 20)])
    assert 1 == framing.reversals(there)
    assert 0 == framing.reversals(np.tile([0.0, 1.0], 30))


def test_jerk_of_a_cubic_is_its_third_derivative() -> None:
    """Also at uneven times: x = 2 t^3 has a jerk of 12 everywhere."""
    times_s = np.cumsum(np.tile([0.04, 0.05, 0.07], 10))
    path = np.stack([2 * times_s**3, np.zeros(30)], axis=1)
    assert pytest.approx(12.0, abs=1e-6) == framing.peak_jerk(path, times_s)


def screen(ink: int, paper: int) -> np.ndarray:
    """A picture of lines of text."""
    image = Image.new("L", (1280, 720), paper)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(18)
    for row in range(24):
        pen.text((40, 20 + 28 * row), "the window follows the subject, a cut is a cut " * 2, fill=ink, font=font)
    return np.array(image)


def test_text_is_found_where_it_stands(media_dir) -> None:
    """Lines of text are, dark or light; a film, noise and stripes of a fence are not."""
    for ink, paper in ((20, 240), (210, 30)):
        found = glance.text(screen(ink, paper))
        assert found[:, 2:40].mean() > 0.3
        assert found[:, 70:].mean() < 0.02
    with av.open(str(media_dir / "real/two_people_desk_38s_vp9.webm")) as container:
        film = next(container.decode(video=0)).to_ndarray(format="gray")
    noise = np.random.default_rng(3).integers(0, 256, (720, 1280), np.uint8)
    fence = np.broadcast_to(np.where(np.arange(1280) // 40 % 2, 200, 60).astype(np.uint8), (720, 1280))
    for picture in (film, noise, fence, np.zeros((5, 5), np.uint8)):
        assert glance.text(picture).mean() < director.TEXT_MIN / 2


def test_shots_are_looked_at_in_their_key_frames(media_dir) -> None:
    """A shot that holds a key frame is looked at, one that holds none is unknown."""
    with (media_dir / "real/two_people_desk_38s_vp9.webm").open("rb") as file:
        seen, none = glance.texts(file, [(0.0, 3.0), (3.0, 3.2)], 0, geometry.Rectangle(0, 0, 640, 720), 90)
    assert none is None
    assert seen is not None
    assert seen.shape[0] < seen.shape[1]


def test_every_choice_has_a_judge_or_is_one() -> None:
    """Auto judges all layouts but the letterbox, which loses to the blur by nothing but looks."""
    assert set(layouts.CATALOGUE) - {"letterbox"} == set(director.JUDGES)
