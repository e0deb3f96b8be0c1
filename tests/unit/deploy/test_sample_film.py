"""The sample film is what it says it is."""

import itertools

import av
import numpy as np
import pytest

from deploy.local import sample_film

FRAMES = 36


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A film of four short shots: cut, dissolve, fade."""
    shots = sample_film.script()
    scenes = [shots[0], shots[1], shots[4], shots[10]]
    short = [sample_film.Scene(FRAMES, scene.picture, scene.sound, scene.entry) for scene in scenes]
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    sample_film.make(path, short)
    return path, short


def luma(path):
    """Mean brightness and frame differences of a film."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="gray")[::8, ::8].astype(int) for frame in container.decode(video=0)]
    return [p.mean() for p in pictures], [np.abs(b - a).mean() for a, b in itertools.pairwise(pictures)]


def test_film_is_a_minute_of_shots():
    """The whole film is 60 s, with cuts, a dissolve and a fade."""
    scenes = sample_film.script()
    assert 60.0 == sum(scene.frames for scene in scenes) / sample_film.FRAME_RATE
    assert {"cut", "dissolve", "fade"} == {scene.entry for scene in scenes}


def test_film_is_h264_and_aac_in_sync(film):
    """Picture and sound have the asked format and the same length."""
    with av.open(str(film[0])) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert ("h264", 1280, 720, 24) == (video.codec_context.name, video.width, video.height, video.average_rate)
        assert ("aac", 4 * FRAMES) == (audio.codec_context.name, video.frames)
        assert abs(float(audio.duration * audio.time_base) - 4 * FRAMES / 24) < 0.1


def test_film_is_the_same_each_time(film, tmp_path):
    """The same shots give the same bytes."""
    path, scenes = film
    sample_film.make(tmp_path / "again.mp4", scenes)
    assert path.read_bytes() == (tmp_path / "again.mp4").read_bytes()


def test_only_the_cut_is_abrupt(film):
    """The cut is one large step, the dissolve and the fade are many small ones."""
    means, steps = luma(film[0])
    assert FRAMES - 1 == int(np.argmax(steps))
    assert max(steps[FRAMES : 3 * FRAMES]) < 0.6 * steps[FRAMES - 1]
    assert means[3 * FRAMES] < 20


def test_failed_film_leaves_no_file(tmp_path):
    """A film that cannot be painted does not appear, and leaves no part."""

    def broken(index, frames):
        raise ZeroDivisionError

    scene = sample_film.Scene(4, broken, sample_film.silence)
    with pytest.raises(ZeroDivisionError):
        sample_film.make(tmp_path / "film.mp4", [scene])
    assert [] == list(tmp_path.iterdir())
