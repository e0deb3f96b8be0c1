"""People: tracks that keep their person, mouths against voices, and faces found where there are some."""

import pathlib
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import pytest

from media import pool
from services.analyzer import document, focus, gaze, measure
from services.analyzer.proposals import material
from services.analyzer.subjects import detector, finder, meter, mouth, sightings, speaker, tracker, view

STEP_S = 0.5
SIZE = 0.1


def row(t_s: float, x: float, y: float = 0.5, *, size: float = SIZE, score: float = 0.99, stir=(1.0, 1.0, 10.0)):
    """One sighting around a middle."""
    half = size / 2
    return [t_s, round(t_s * 25), x - half, y - half, x + half, y + half, score, *stir]


def linked(rows: Sequence[Sequence[float]], borders_s: Sequence[float] = (), until_s: float | None = None) -> list:
    """The tracks of sightings, among looks at regular times."""
    rows = np.array(sorted(rows, key=lambda item: item[0])).reshape(-1, len(sightings.COLUMNS))
    end_s = rows[-1, 0] if until_s is None and len(rows) else until_s or 0.0
    return tracker.tracks(rows, np.arange(0, end_s + 0.01, STEP_S), borders_s)


def middles(track: tracker.Track) -> np.ndarray:
    """The middle of each sighting along x."""
    return (track.rows[:, 2] + track.rows[:, 4]) / 2


def test_people_who_cross_keep_their_numbers() -> None:
    """Two faces walk through each other; each track goes on in its own direction."""
    times = np.arange(0, 8.5, STEP_S)
    rows = [row(t, 0.2 + 0.07 * t, 0.50) for t in times] + [row(t, 0.8 - 0.07 * t, 0.53) for t in times]
    found = linked(rows)
    assert [17, 17] == [len(track.rows) for track in found]
    assert sorted([0.2 + 0.56, 0.8 - 0.56]) == pytest.approx(sorted(middles(track)[-1] for track in found), abs=0.02)
    assert all(np.all(np.sign(np.diff(middles(track))) == np.sign(np.diff(middles(track))[0])) for track in found)


def test_crossing_needs_the_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: a tracker that expects everybody to stand still confuses the two."""
    monkeypatch.setattr(tracker, "VELOCITY_S", 0.0)
    times = np.arange(0, 8.5, STEP_S)
    rows = [row(t, 0.2 + 0.07 * t, 0.50) for t in times] + [row(t, 0.8 - 0.07 * t, 0.53) for t in times]
    straight = [np.all(np.diff(middles(track)) > 0) or np.all(np.diff(middles(track)) < 0) for track in linked(rows)]
    assert not all(straight)


def test_short_absence_is_bridged_and_a_long_one_is_not() -> None:
    """A hand before the face for two seconds changes nothing; after four the face is another one."""
    times = np.arange(0, 10.5, STEP_S)
    assert 1 == len(linked([row(t, 0.4) for t in times if not 4 < t < 6]))
    assert 2 == len(linked([row(t, 0.4) for t in times if not 3 < t < 7]))


def test_track_ends_with_its_shot() -> None:
    """A face at the same place on both sides of a cut is two subjects, numbered in order."""
    found = linked([row(t, 0.4) for t in np.arange(0, 6.5, STEP_S)], borders_s=[3.2])
    assert [(0, 0, 0.0, 3.0), (1, 1, 3.5, 6.0)] == [(one.id, one.shot, one.start_s, one.end_s) for one in found]


def test_chance_faces_are_nobody() -> None:
    """What is seen once or twice among many looks, or never surely, is dropped; a very short shot needs no more."""
    assert [] == linked([row(1.0, 0.4), row(1.5, 0.4)], until_s=6)
    assert [] == linked([row(t, 0.4, score=0.85) for t in np.arange(0, 6, STEP_S)])
    assert 1 == len(linked([row(0.0, 0.4)], until_s=0.0))
    assert [] == linked([row(0.0, 0.4, score=0.95)], until_s=0.0)
    assert 1 == len(linked([row(0.0, 0.4), row(0.5, 0.4)], borders_s=[0.9], until_s=6))


def test_sudden_other_size_is_another_face() -> None:
    """Somebody far behind is not who was near."""
    near = [row(t, 0.4, size=0.3) for t in np.arange(0, 2, STEP_S)]
    far = [row(t, 0.4, size=0.08) for t in np.arange(2, 4, STEP_S)]
    assert [4, 4] == [len(track.rows) for track in linked(near + far)]


def test_boxes_are_smoothed() -> None:
    """A detector that jitters by two hundredths gives a box that jitters less."""
    noise = np.random.default_rng(0)
    rows = [row(t, 0.5 + jitter) for t, jitter in zip(np.arange(0, 20, STEP_S), noise.normal(0, 0.02, 40), strict=True)]
    assert np.std(middles(linked(rows)[0])) < 0.75 * np.std([(item[2] + item[4]) / 2 for item in rows])


def talker(x: float, lively: float, times: np.ndarray, pairs: int = 10) -> list[list[float]]:
    """Somebody whose mouth moves so much more than the upper half of the face."""
    return [row(t, x, stir=(2 * lively * pairs, 2.0 * pairs, pairs)) for t in times]


TIMES = np.arange(0, 10, STEP_S)


def told(*people: list[list[float]], speech: list | None = ()) -> list[float | None]:
    """The shares of people next to each other."""
    found = linked([item for person in people for item in person])
    return [one.share for one in speaker.speaking(found, [(0.0, 10.0)] if speech == () else speech)]


def test_lively_mouth_speaks_where_a_voice_is_heard() -> None:
    """One of two speaks, for as long as somebody is heard."""
    talking = [*talker(0.3, 1.4, TIMES[:10]), *talker(0.3, 0.6, TIMES[10:])]
    shares = told(talking, talker(0.7, 0.7, TIMES), speech=[(0.0, 5.0)])
    assert (0.5, 0.0) == (pytest.approx(shares[0], abs=0.06), shares[1])


def test_nobody_speaks_without_a_voice() -> None:
    """A mouth that chews is silent; where nobody listened nothing is known."""
    assert [0.0] == told(talker(0.3, 1.4, TIMES), speech=[])
    assert [None] == told(talker(0.3, 1.4, TIMES), speech=None)


def test_two_lively_mouths_are_not_told_apart() -> None:
    """Of two that move alike neither is taken."""
    assert [0.0, 0.0] == told(talker(0.3, 1.4, TIMES), talker(0.7, 1.35, TIMES))


def test_mouth_that_is_not_seen_is_unknown() -> None:
    """Faces too small to have a mouth get no share."""
    assert [None] == told(talker(0.3, 1.4, TIMES, pairs=0))


def test_mouth_that_moves_as_much_in_silence_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody eats while another talks outside of the picture; without the rule he would be the speaker."""
    eater = talker(0.3, 1.4, TIMES)
    assert [None] == told(eater, speech=[(0.0, 5.0)])
    monkeypatch.setattr(speaker, "QUIET_MIN_S", np.inf)
    assert told(eater, speech=[(0.0, 5.0)])[0] > 0.4


def subject(
    id_: int, x: float, times: np.ndarray, *, size: float = SIZE, spans: Sequence = (), shot: int = 0
) -> finder.Subject:
    """A subject at one place."""
    track = tracker.Track(id_, shot, np.array([row(t, x, size=size) for t in times]))
    return finder.Subject(track, speaker.Speaking(None, np.array(spans).reshape(-1, 2)))


def resting(times: Sequence[float]) -> np.ndarray:
    """A track in the middle of the picture."""
    return np.array([focus.Sample(t, 0.5, 0.5, 0.1, 0.1, 0.2) for t in times])


def test_focus_goes_to_who_speaks_else_to_the_largest() -> None:
    """A large silent face, a small one that speaks for two seconds, and nobody at the end."""
    samples = resting(np.arange(0, 10, 0.2))
    times = np.arange(0, 6.5, STEP_S)
    people = [subject(0, 0.2, times, size=0.3), subject(1, 0.8, times, spans=[(2.0, 4.0)])]
    led = [focus.Sample(*row) for row in gaze.led(samples, people, [], 0)]
    assert {0.2} == {round(item.x, 3) for item in led if item.t_s < 1.99 or 4.01 < item.t_s < 6}
    assert {0.8} == {round(item.x, 3) for item in led if 2.01 < item.t_s < 3.99}
    assert samples[-10:].tolist() == [list(sample) for sample in led[-10:]]


def test_focus_is_not_led_by_interjections_or_other_shots() -> None:
    """Half a second of speech turns no camera, and a face of the next shot leads nothing before its cut."""
    samples = resting(np.arange(0, 4, 0.2))
    people = [
        subject(0, 0.2, np.arange(0, 2, STEP_S), size=0.3),
        subject(1, 0.8, np.arange(0, 2, STEP_S), spans=[(1.0, 1.5)]),
        subject(2, 0.6, np.arange(2, 4, STEP_S), shot=1),
    ]
    led = [focus.Sample(*row) for row in gaze.led(samples, people, [2.0], 0)]
    assert ({0.2}, {0.6}) == (
        {round(item.x, 3) for item in led if item.t_s < 1.9}, {round(item.x, 3) for item in led if item.t_s > 2.1}
    )  # fmt: skip


def test_focus_of_a_turned_film_is_in_the_coded_picture() -> None:
    """A face at the upper left of what is shown lies elsewhere in what is stored."""
    person = subject(0, 0.2, np.arange(0, 2, STEP_S))
    for rotation in (0, 90, 180, 270):
        coded = focus.Sample(*gaze.led(resting([1.0]), [person], [], rotation)[0])
        shown = focus.upright(coded, rotation)
        assert (0.2, 0.5) == (pytest.approx(shown.x), pytest.approx(shown.y))


class Painted:
    """A detector that sees the bright squares that a test painted."""

    def __init__(self) -> None:
        self.scans = self.follows = 0

    def scan(self, picture: np.ndarray) -> list[detector.Face]:
        self.scans += 1
        ys, xs = np.nonzero(picture[:, :, 0] > 200)
        if not len(xs):
            return []
        height, width = picture.shape[:2]
        box = (xs.min() / width, ys.min() / height, (xs.max() + 1) / width, (ys.max() + 1) / height)
        return [detector.Face(box, 0.99, ((box[0] + box[2]) / 2, box[1] + 0.75 * (box[3] - box[1])))]

    def follow(self, picture: np.ndarray, known: Sequence[detector.Face]) -> list[detector.Face]:
        self.follows += bool(known)
        found = self.scan(picture) if known else []
        self.scans -= bool(known)
        return found


def painted(left: int, base: int = 40) -> av.VideoFrame:
    """A plain frame with a bright square."""
    pixels = np.full((180, 160), 128, np.uint8)
    pixels[:120] = base
    pixels[40:80, left : left + 40] = 235
    return av.VideoFrame.from_ndarray(pixels, format="yuv420p")


def looked(frames: Sequence[av.VideoFrame], step: int = 1) -> tuple[np.ndarray, np.ndarray, Painted]:
    """What a meter sees at 25 frames per second, of which it gets every n-th."""
    find = Painted()
    one = meter.Meter(Fraction(1), find)
    for number in range(0, len(frames), step):
        one.add(frames[number], number / 25, number)
    return *one.finish(), find


def test_looks_are_few_and_searches_fewer() -> None:
    """Ten seconds are looked at twenty times, and searched whole five times."""
    rows, times_s, find = looked([painted(60)] * 250)
    assert (20, 20, 5) == (len(times_s), len(rows), find.scans)
    assert find.follows == 15


def test_any_subset_of_frames_sees_the_same_person() -> None:
    """Every frame, every other one or every fifth: the same looks to a fifth of a second, the same box."""
    frames = [painted(60)] * 250
    expected = looked(frames)[0]
    for step in (2, 5):
        rows = looked(frames, step)[0]
        assert len(expected) == len(rows)
        np.testing.assert_allclose(expected[:, sightings.BOX], rows[:, sightings.BOX])
        assert np.abs(expected[:, 0] - rows[:, 0]).max() <= 0.2


def test_first_frame_of_a_shot_is_searched() -> None:
    """A hard cut is looked at in its first frame, and the control without the rule comes later."""
    frames = [painted(10, 40)] * 33 + [painted(110, 180)] * 30
    assert 33 in looked(frames)[0][:, 1]


def test_cut_needs_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without it the new shot is seen at the next regular look."""
    monkeypatch.setattr(meter, "CHANGED", np.inf)
    frames = [painted(10, 40)] * 33 + [painted(110, 180)] * 30
    assert 33 not in looked(frames)[0][:, 1]


def test_flicker_is_bounded() -> None:
    """A picture that changes in every frame is looked at four times a second at most."""
    frames = [painted(60, 30 if index % 2 else 200) for index in range(250)]
    assert len(looked(frames)[1]) <= 41


def test_mouth_moves_only_in_the_mouth() -> None:
    """Noise around the lips is counted there and not at the eyes; a face too small has no mouth."""
    noise = np.random.default_rng(0)
    face = detector.Face((0.25, 0.1, 0.75, 0.9), 1.0, (0.5, 0.7))
    watch = mouth.Watch()
    watch.start([face, detector.Face((0.0, 0.0, 0.03, 0.03), 1.0, (0.02, 0.02))], lambda box: box)
    for _ in range(5):
        pixels = np.full((180, 160), 128, np.uint8)
        pixels[74:94, 60:100] = noise.integers(0, 255, (20, 40))
        watch.add(av.VideoFrame.from_ndarray(pixels, format="yuv420p"))
    large, small = watch.stirs
    assert large.mouth > 5 * max(large.upper, 0.1)
    assert (4, 0) == (large.pairs, small.pairs)


@pytest.mark.parametrize("turns", range(4))
def test_turned_box_comes_back(turns: int) -> None:
    """A box in the shown picture is where the coded picture has it, whichever way it is turned."""
    coded = np.zeros((60, 80))
    coded[10:20, 15:40] = 1
    shown = np.rot90(coded, -turns)
    ys, xs = np.nonzero(shown)
    height, width = shown.shape
    box = (xs.min() / width, ys.min() / height, (xs.max() + 1) / width, (ys.max() + 1) / height)
    assert (15 / 80, 10 / 60, 40 / 80, 20 / 60) == pytest.approx(view.turned_back(box, turns))


def test_dark_pictures_are_lifted_and_others_left() -> None:
    """A picture of a dark room is as bright as any other; one bright lamp keeps it as it is."""
    dark = np.full((50, 50, 3), 30, np.uint8)
    assert 120 == view.lifted(dark)[0, 0, 0]
    dark[:10] = 250
    assert dark is view.lifted(dark)


def faces(path: pathlib.Path, until_s: float = 6.0) -> tuple[list[finder.Subject], np.ndarray]:
    """The subjects of the first seconds of a film, as one shot, and the times that were looked at."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        one = meter.Meter(Fraction(stream.sample_aspect_ratio or 1))
        for number, frame in enumerate(container.decode(stream)):
            t_s = float((frame.pts - (stream.start_time or 0)) * stream.time_base)
            if t_s > until_s:
                break
            one.add(frame, t_s, number)
    looks = one.finish()
    return finder.people([looks], [], None), looks[1]


@pytest.mark.parametrize(
    ("film", "count"),
    [
        ("real/two_people_desk_38s_vp9.webm", 2),
        ("real/asl_woman_4s_h264.mkv", 1),
        ("derived/person_portrait_404x720_10s_h264.mp4", 1),
        ("real/face_rot90_1s_h264.mov", 1),
    ],
)
def test_people_are_found_in_every_look(film: str, count: int, media_dir: pathlib.Path) -> None:
    """One track per person from the first look to the last, turned pictures included."""
    found, times_s = faces(media_dir / film)
    assert count == len(found)
    assert all(len(item.track.rows) >= 0.9 * len(times_s) for item in found)


@pytest.mark.parametrize("film", ["bottles_noaudio_40s_h264.mp4", "bike_ride_30s_vp8.webm", "bbb_5s_vp9_opus.webm"])
def test_nobody_is_found_where_nobody_is(film: str, media_dir: pathlib.Path) -> None:
    """Bottles, a car park and a meadow have no faces."""
    assert [] == faces(media_dir / "real" / film)[0]


def test_faces_are_a_curve_of_the_proposals(media_dir: pathlib.Path) -> None:
    """All of the time has a face, which two faces do not double; where nobody looked there is no curve."""
    path = media_dir / "real" / "asl_man_3s_h264.mkv"
    with path.open("rb") as file:
        found = measure.run({"measures": ["subjects"]}, pool.Files({"source": file}, {}), lambda report: None)
    kept = document.analysis(path.name, "0" * 64, *found)
    kept["subjects"] = kept["subjects"] * 2
    faces_there = material.Material.parse(document.encode(kept)).curves["faces"]
    assert (1.0, 1.0) == (faces_there[0], faces_there.max())
    assert "faces" not in material.Material.parse(document.encode({**kept, "subjects": None})).curves


def test_same_frames_give_the_same_bytes(media_dir: pathlib.Path) -> None:
    """Two runs are equal to the last bit."""
    one, other = (faces(media_dir / "real" / "asl_man_3s_h264.mkv")[0] for _ in range(2))
    assert finder.rows(one).tobytes() == finder.rows(other).tobytes()
