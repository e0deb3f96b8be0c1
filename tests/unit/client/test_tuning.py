"""Weights are fitted to what people liked, and only kept where they help with what they have not seen."""

import importlib.util
import json
import pathlib
import random

import pytest

from chassis import errors
from client import tuning

CURRENT = {"hook": 1.0, "motion": 1.0, "faces": 1.0, "never": 2.0}
TRIALS = 25


@pytest.fixture
def study(tmp_path: pathlib.Path, tool_missing) -> pathlib.Path:
    """The file of a study; skips where the engine is missing."""
    if importlib.util.find_spec("optuna") is None:
        tool_missing("reelsmith[tune] is not installed")
    return tmp_path / "study.journal"


def written(folder: pathlib.Path, taste: dict[str, float] | None, videos: int = 4, seed: int = 1) -> pathlib.Path:
    """A table of clips liked by a taste, which is a set of weights; by chance where there is none."""
    noise, rows = random.Random(seed), ["document,rank,liked"]
    for video in range(videos):
        clips = [{name: noise.random() for name in ("hook", "motion", "faces")} for _ in range(8)]
        liking = [tuning.score(values, taste) if taste else noise.random() for values in clips]
        border = sorted(liking)[4]
        terms = [[{"name": name, "value": value} for name, value in values.items()] for values in clips]
        for found in terms:
            found.append({"name": "reaction", "value": None})
        proposals = [{"rank": rank, "terms": found} for rank, found in enumerate(terms, start=1)]
        (folder / f"{video}.json").write_text(json.dumps({"proposals": proposals}))
        rows += [f"{video}.json,{rank},{'yes' if liking[rank - 1] >= border else 'no'}" for rank in range(1, 9)]
    table = folder / "table.csv"
    table.write_text("\n".join(rows))
    return table


def test_taste_is_found_and_helps_with_unseen_videos(tmp_path: pathlib.Path, study: pathlib.Path) -> None:
    """Someone who likes faces and not motion: the fit finds that, and orders videos that it has not seen."""
    videos = tuning.read(written(tmp_path, {"hook": 0.2, "motion": 0.0, "faces": 4.0}))
    found = tuning.fit(videos, CURRENT, trials=TRIALS, seed=3, study=study)
    assert (64, 4, {"hook", "motion", "faces"}) == (found.pairs, found.videos, set(found.weights))
    assert found.weights["faces"] > 2 * max(found.weights["motion"], found.weights["hook"])
    assert found.better
    assert found.held_out_after > 0.8 > found.before
    again = tuning.fit(videos, CURRENT, trials=TRIALS, seed=3, study=study.with_name("other"))
    assert found == again, "the seed decides"


def test_chance_is_not_taken_for_taste(tmp_path: pathlib.Path, study: pathlib.Path) -> None:
    """The control: weights that fit noise do better on what they saw, and are no improvement."""
    videos = tuning.read(written(tmp_path, None, seed=4))
    found = tuning.fit(videos, CURRENT, trials=TRIALS, seed=3, study=study)
    assert found.after >= found.before
    assert found.held_out_after < found.after


def test_search_goes_on_where_it_was_cut_short(tmp_path: pathlib.Path, study: pathlib.Path) -> None:
    """Tries that are on disk are not made again, and the best of them stays."""
    videos = tuning.read(written(tmp_path, {"hook": 0.0, "motion": 0.0, "faces": 1.0}, videos=2))
    tuning.fit(videos, CURRENT, trials=6, seed=3, study=study)
    lines = len(study.read_text().splitlines())
    first = tuning.fit(videos, CURRENT, trials=6, seed=3, study=study)
    assert lines + 10 > len(study.read_text().splitlines()), "names of studies are told again, tries are not"
    more = tuning.fit(videos, CURRENT, trials=12, seed=3, study=study)
    pairs = [pair for video in videos for pair in video]
    begun = {name: CURRENT[name] for name in more.weights}
    assert tuning.loss(pairs, more.weights, begun) <= tuning.loss(pairs, first.weights, begun) + 1e-3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0.json,99,yes", "line 34: liked is yes or no, and rank"),
        ("0.json,1,maybe", "line 34: liked is yes or no, and rank"),
        ("none.json,1,yes", "none.json is not what `reelsmith analyze --json` writes"),
    ],
)
def test_row_that_cannot_be_is_told(tmp_path: pathlib.Path, row: str, said: str) -> None:
    """With its line."""
    table = written(tmp_path, {"hook": 1.0, "motion": 1.0, "faces": 1.0})
    table.write_text(f"{table.read_text()}\n{row}\n")
    with pytest.raises(errors.InvalidArgument, match=said):
        tuning.read(table)


def test_one_video_is_too_few(tmp_path: pathlib.Path) -> None:
    """Nothing can be held out of one video."""
    with pytest.raises(errors.InvalidArgument, match="has 1 videos"):
        tuning.read(written(tmp_path, {"hook": 1.0, "motion": 1.0, "faces": 1.0}, videos=1))
