"""The camera: kernels against their specification, moves of known speed, and what must not be taken for a move."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from services.analyzer import camera
from services.analyzer.camera import kernel, path, spec
from services.analyzer.kernels import pairs
from tests.unit.analyzer import conftest as made
from tests.unit.analyzer.test_measure import documented

SEEDS = range(30)
RATE = 25


def still(seed: int, size: tuple[int, int] = (288, 384)) -> Image.Image:
    """A picture with structure of every size."""
    noise = np.random.default_rng(seed)
    layers = [
        np.asarray(Image.fromarray(noise.uniform(0, 255, (size[0] // side, size[1] // side)).astype(np.float32)).resize(
            size[::-1], Image.Resampling.BICUBIC
        ))
        for side in (8, 16, 48)
    ]  # fmt: skip
    return Image.fromarray(np.mean(layers, axis=0))


def window(
    picture: Image.Image, right: float, down: float, growth: float = 0.0, turn: float = 0.0,
    size: tuple[int, int] = (144, 256),
) -> np.ndarray:  # fmt: skip
    """What a camera sees that looks at a picture: moved by parts of the width, grown e-fold, turned by radians."""
    cosine, sine = np.exp(-growth) * np.cos(turn), np.exp(-growth) * np.sin(turn)
    x, y = (size[1] - 1) / 2, (size[0] - 1) / 2
    centre = picture.width / 2 + right * size[1], picture.height / 2 + down * size[1]
    matrix = (cosine, -sine, centre[0] - cosine * x + sine * y, sine, cosine, centre[1] - sine * x - cosine * y)
    return np.asarray(picture.transform(size[::-1], Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC))


def pair(seed: int) -> tuple[np.ndarray, np.ndarray, pairs.Blocks, tuple[int, int]]:
    """Fields of two pictures that some camera saw, their blocks, and the motion that these share."""
    noise = np.random.default_rng(seed)
    size = (int(noise.integers(8, 80)), int(noise.integers(8, 130)))
    poses = np.zeros(4), np.array([*noise.normal(0, 0.02, 2), *noise.normal(0, 0.02, 2)])
    before, after = (made.reduced(window(still(seed), *pose, size=size)) for pose in poses)
    blocks = pairs.match(before, after)
    return spec.fields(before.luma), spec.fields(after.luma), blocks, pairs.compare(blocks).camera


def fitted(seed: int) -> np.ndarray:
    """What the kernel says about such a pair."""
    before, after, blocks, start = pair(seed)
    found = np.empty(7)
    kernel.camera(before, after, blocks.moves, blocks.structure, blocks.texture, *start, 1.25, found)
    return found


def expected(seed: int) -> np.ndarray:
    """The same as specified."""
    before, after, blocks, start = pair(seed)
    return spec.camera(before, after, blocks.moves, blocks.structure, blocks.texture, start, 1.25)


@pytest.mark.parametrize("seed", SEEDS)
def test_kernels_equal_their_specification(seed: int) -> None:
    """Fields and slopes bit for bit, the fit but for rounding."""
    before, after, blocks, _ = pair(seed)
    luma = made.reduced(window(still(seed), 0, 0)).luma
    out = np.empty((3, *luma.shape), np.int16)
    kernel.fields(luma, out)
    np.testing.assert_array_equal(spec.fields(luma), out)
    found = np.empty((*blocks.residual.shape, 5), np.int64)
    kernel.slopes(before, after, blocks.moves, found)
    np.testing.assert_array_equal(spec.slopes(before, after, blocks.moves), found)
    np.testing.assert_allclose(expected(seed), fitted(seed), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("fault", "value"),
    [("LINE_STEP", 1), ("PARTIAL", 0.7), ("PARTIAL_MAX", 0.2), ("DAMPING", 0.1), ("TEXTURED", 40), ("FAINT", 9e6),
     ("COARSE", (4.0,)), ("FINE", (0.5,)), ("ANCHOR", 0.1), ("STIFF", 5.0), ("STANDING", 1e3), ("OWN", 0.1)],
)  # fmt: skip
def test_planted_fault_is_noticed(fault: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A specification that differs in one number is no longer equal for some of the pairs."""
    monkeypatch.setattr(spec, fault, value)
    assert any(not np.allclose(expected(seed), fitted(seed), rtol=1e-9, atol=1e-12) for seed in SEEDS[:12])


MOVES = {  # kind: speeds to the right, down, of growth, and of turn in degrees
    "pan_right": (0.08, 0.0, 0.0, 0.0),
    "pan_left": (-0.3, 0.05, 0.0, 0.0),
    "tilt_down": (0.0, 0.06, 0.0, 2.0),
    "tilt_up": (0.02, -0.15, 0.0, 0.0),
    "zoom_in": (0.0, 0.0, 0.25, 0.0),
    "zoom_out": (0.0, 0.01, -0.3, 3.0),
}


@pytest.mark.parametrize("kind", MOVES)
def test_move_of_known_speed_is_measured(kind: str, write_film: Callable[..., pathlib.Path]) -> None:
    """Within a twentieth of it, or what cannot be seen; and the shot has its name."""
    right, down, growth, turn = MOVES[kind]
    times = (np.arange(50) - 25) / RATE
    picture = still(1)
    poses = [(right * t, down * t, growth * t, np.radians(turn) * t) for t in times]
    found = documented(write_film([window(picture, *pose) for pose in poses]), measures=["picture"])
    camera = found["shots"][0]["camera"]
    assert kind == camera["kind"]
    for name, speed, least in (
        ("pan", right, 0.003),
        ("tilt", down, 0.003),
        ("zoom", growth, 0.008),
        ("roll", turn, 0.3),
    ):
        assert abs(camera[name] - speed) < max(0.05 * abs(speed), least), name
        assert all(abs(value - speed) < max(0.1 * abs(speed), 2 * least) for value in found["curve"][name]), name
    assert camera["shake"] < 0.0005
    assert camera["object_motion"] < 0.01


def test_trembling_is_no_pan_and_a_pan_does_not_tremble(write_film: Callable[..., pathlib.Path]) -> None:
    """A hand that trembles by a hundredth of the width is found as such, alone and while it pans."""
    times = np.arange(75) / RATE
    tremble = 0.01 * np.sin(2 * np.pi * 5 * times)
    picture = still(2)
    films = {name: write_film([window(picture, x, y) for x, y in zip(path_x, path_y, strict=True)])
             for name, path_x, path_y in (("held", tremble, tremble), ("panned", tremble + 0.08 * times, tremble),
                                          ("steady", 0.08 * times, 0 * times))}  # fmt: skip
    found = {name: documented(film, measures=["picture"])["shots"][0]["camera"] for name, film in films.items()}
    assert ["handheld", "pan_right", "pan_right"] == [found[name]["kind"] for name in ("held", "panned", "steady")]
    assert all(0.005 < found[name]["shake"] < 0.015 for name in ("held", "panned"))
    assert found["steady"]["shake"] < 0.0005
    assert abs(found["held"]["pan"]) < 0.01 < 0.07 < found["panned"]["pan"]


@pytest.mark.parametrize("pan", [0.0, 0.1])
def test_thing_that_passes_in_front_is_not_the_camera(pan: float, write_film: Callable[..., pathlib.Path]) -> None:
    """A third of the picture goes its own way: the camera keeps its motion, the rest is that of the thing."""
    background, thing = still(3), window(still(4), 0, 0, size=(110, 110))
    pictures = []
    for index in range(50):
        picture = window(background, pan * (index - 25) / RATE, 0).copy()
        picture[34:, 10 + 2 * index : 120 + 2 * index] = thing
        pictures.append(picture)
    camera = documented(write_film(pictures), measures=["picture"])["shots"][0]["camera"]
    assert ("pan_right" if pan else "static") == camera["kind"]
    assert abs(camera["pan"] - pan) < 0.006
    assert camera["object_motion"] > 0.03


def test_light_that_changes_is_no_motion(write_film: Callable[..., pathlib.Path]) -> None:
    """A still picture that gets brighter: the camera stands."""
    picture = window(still(5), 0, 0)
    found = documented(write_film([0.5 * picture + 2 * index for index in range(50)]), measures=["picture"])
    camera = found["shots"][0]["camera"]
    assert "static" == camera["kind"]
    assert max(abs(camera[name]) for name in ("pan", "tilt", "zoom")) < 0.005


def test_plain_picture_tells_nothing(write_film: Callable[..., pathlib.Path]) -> None:
    """Where there is nothing to see, the motion is unknown and not nought."""
    found = documented(write_film([np.full((144, 256), 90.0)] * 30), measures=["picture"])
    assert found["shots"][0]["camera"]["kind"] is None
    assert all(value is None for name in camera.CURVES for value in found["curve"][name])


def test_each_shot_has_its_own_move(write_film: Callable[..., pathlib.Path]) -> None:
    """A pan and a still shot, joined by a cut in the middle of an interval: neither bears on the other."""
    first = [window(still(6), 0.1 * (index - 20) / RATE, 0) for index in range(45)]
    film = write_film([*first, *[window(still(7), 0, 0)] * 45])
    shots = documented(film, measures=["picture", "shots"])["shots"]
    assert [(0, 45, "pan_right"), (45, 90, "static")] == [
        (shot["start_frame"], shot["end_frame"], shot["camera"]["kind"]) for shot in shots
    ]
    assert abs(shots[0]["camera"]["pan"] - 0.1) < 0.005 > abs(shots[1]["camera"]["pan"])


def test_rotated_film_has_the_camera_of_the_upright_one(media_dir: pathlib.Path) -> None:
    """The same film stored sideways: pan and tilt in the picture as shown, in its widths."""
    upright, turned = (
        documented(media_dir / "derived" / name, measures=["picture", "shots"])
        for name in ("tos10_h264_2audio.mkv", "tos10_h264_rot90_matrix.mp4")
    )
    kinds = [[shot["camera"]["kind"] for shot in found["shots"]] for found in (upright, turned)]
    assert kinds[0] == kinds[1]
    for name in ("pan", "tilt", "zoom"):
        ours, theirs = (np.array(found["curve"][name], float) for found in (upright, turned))
        assert np.nanmedian(np.abs(ours - theirs)) < 0.006, name
    assert np.nanmax(np.abs(np.array(upright["curve"]["tilt"], float))) > 0.05


@pytest.mark.parametrize(("rotation", "shown"), [(0, (1, 2)), (90, (-2, 1)), (180, (-1, -2)), (270, (2, -1))])
def test_motion_is_turned_with_the_picture(rotation: int, shown: tuple[int, int]) -> None:
    """One to the right and two down, as coded."""
    found = path.View(1.0, 1.0, rotation).shown(np.array([[1.0, 2.0, 0.0, 0.0, 0.0]]))
    assert shown == tuple(found[0, :2])


def test_path_does_not_depend_on_when_it_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames at uneven times, some of unknown motion: the same path in one piece and in many."""
    noise = np.random.default_rng(1)
    times = np.cumsum(noise.uniform(0.01, 0.2, 400))
    steps = [tuple(noise.normal(0, 1, 5)) if noise.uniform() < 0.9 else None for _ in times]
    found = []
    for pending in (1000, 7):
        monkeypatch.setattr(path, "PENDING_MAX", pending)
        one = path.Path()
        for t_s, step in zip(times.tolist(), steps, strict=True):
            one.add(t_s, step)
        assert len(one._rows) <= pending + 1
        found.append(one.finish(float(times[-1])))
    np.testing.assert_allclose(found[0], found[1], rtol=2e-3)
    length = np.nansum(found[0], axis=0) * path.STEP_S
    assert np.isfinite(length).all()


def test_path_has_a_bound() -> None:
    """A time stamp far beyond all others takes no memory."""
    one = path.Path()
    for t_s in (0.0, 1e9):
        one.add(t_s, (1.0,) * 5)
    assert len(one.finish(1e9)) == path.STEPS_MAX
