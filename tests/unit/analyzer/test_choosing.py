"""Which clips are chosen together, and why others are not: genres, difference, several lengths, reasons."""

import dataclasses
import itertools

import numpy as np
import pytest

from chassis import errors
from services.analyzer import weights
from services.analyzer.proposals import (
    candidates,
    genre,
    likeness,
    material,
    proposing,
    runners,
    selection,
    spoken,
    wording,
)
from services.analyzer.proposals import terms as terms_module
from tests.unit.analyzer.test_proposals import source, spans


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """Clips of which some are alike."""

    clips: tuple[np.ndarray, np.ndarray, np.ndarray]
    likeness: np.ndarray
    count: int
    diversity: float
    gap_s: float

    @property
    def exact(self) -> list[int]:
        """The best set by score alone."""
        return selection.best(*self.clips, self.count, self.gap_s)

    def worth(self, chosen: list[int]) -> float:
        """The objective, said plainly."""
        pairs = [self.likeness[one, other] for one, other in itertools.combinations(chosen, 2)]
        return float(self.clips[2][chosen].mean() - self.diversity * np.mean(pairs))

    def apart(self, chosen: list[int]) -> bool:
        """Whether clips keep their distance."""
        edges = sorted((self.clips[0][index], self.clips[1][index]) for index in chosen)
        return all(one[1] + self.gap_s <= other[0] + 1e-9 for one, other in itertools.pairwise(edges))


def case(seed: int) -> Case:
    """A dozen clips in a few scenes; clips of one scene are alike."""
    noise = np.random.default_rng(seed)
    starts = np.round(noise.uniform(0, 60, 12), 1)
    scene = noise.integers(0, 4, 12)
    alike = np.clip((scene[:, None] == scene) * noise.uniform(0.5, 1) + noise.uniform(0, 0.3, (12, 12)), 0, 1)
    return Case(
        (starts, starts + np.round(noise.uniform(3, 15, 12), 1), np.round(noise.uniform(0.1, 1, 12), 3)),
        (alike + alike.T) / 2, int(noise.integers(2, 5)), float(noise.choice([0.3, 0.6, 1.0])),
        float(noise.choice([0.0, 1.5])),
    )  # fmt: skip


def test_varied_set_is_nearly_the_best() -> None:
    """Of 120 random cases at least 117 are the best of all sets of that size; none is off by more than 0.1, none is
    worse than the set by score alone, none breaks a distance."""
    behind = []
    for seed in range(120):
        one = case(seed)
        score = one.clips[2]
        found = selection.spread(one.clips, one.exact, one.likeness, (one.diversity, one.gap_s))
        assert (len(one.exact), True) == (len(found), one.apart(found))
        assert sorted(score[found], reverse=True) == list(score[found])
        if len(found) > 1:
            every = map(list, itertools.combinations(range(score.size), len(found)))
            top = max(one.worth(chosen) for chosen in every if one.apart(chosen))
            assert one.worth(found) >= one.worth(one.exact) - 1e-7
            behind.append(top - one.worth(found))
    assert sum(gap > 1e-7 for gap in behind) <= 3
    assert max(behind) < 0.1


def test_no_diversity_is_the_best_by_score() -> None:
    """Zero changes nothing, however alike the clips are."""
    one = case(5)
    assert one.exact == selection.spread(one.clips, one.exact, np.ones((12, 12)), (0.0, one.gap_s))


def mean_likeness(one: material.Material, proposals: list[proposing.Proposal]) -> float:
    """How alike the clips of a set are on average."""
    edges = np.array(spans(proposals)).T
    found = candidates.Candidates(edges[0], edges[1], np.ones(len(proposals)))
    values = [
        terms_module.Values(name, np.array([next(t.value for t in p.terms if t.name == name) for p in proposals]),
                            np.zeros(len(proposals)), "")
        for name in ("energy", "speech_density", "motion", "pace")
    ]  # fmt: skip
    matrix = likeness.matrix(one, found, values)
    return float(matrix[~np.eye(len(proposals), dtype=bool)].mean())


def test_clips_are_spread_where_they_are_to_differ() -> None:
    """As many clips as by score alone, less alike the more it counts, at the price of score; the same each time."""
    one, found = source(600.0), {}
    for diversity in (0.0, 0.5, 1.0):
        found[diversity] = proposing.propose(one, proposing.Order(diversity=diversity))
        assert spans(found[diversity]) == spans(proposing.propose(one, proposing.Order(diversity=diversity)))
        ordered = sorted(spans(found[diversity]))
        assert all(a[1] <= b[0] + 1e-6 for a, b in itertools.pairwise(ordered))
    assert {5} == {len(proposals) for proposals in found.values()}
    alike = [mean_likeness(one, proposals) for proposals in found.values()]
    assert alike[0] > alike[1] >= alike[2] - 1e-9
    assert alike[0] > alike[2] + 0.1
    scores = [sum(item.score for item in proposals) for proposals in found.values()]
    assert scores[0] > scores[1]


def worded(text: str) -> material.Material:
    """A source in which each of these stretches of ten seconds is said."""
    texts = text.split("|")
    times = np.arange(len(texts)) * 10.0
    told = np.stack([times, times + 9.0], axis=1)
    script = spoken.Script.of(texts, told)
    said = wording.Wording.of(script, texts, told, "en")
    return source(script=script, sentences=told, said=said)


def test_same_words_make_clips_alike() -> None:
    """Rare words that both say count; words that are said everywhere do not, and neither do other words."""
    one = worded("the rocket engine starts|the bread is baked|the rocket engine stops|the river and the sea")
    found = candidates.Candidates(np.arange(0, 40, 10.0), np.arange(10, 50, 10.0), np.ones(4))
    matrix = likeness._words(one.said, found)
    assert matrix[0, 2] > 0.4
    assert max(matrix[0, 1], matrix[0, 3], matrix[1, 3]) < 0.2
    np.testing.assert_allclose(np.diag(matrix), 1.0)


def test_near_and_same_looking_clips_are_alike() -> None:
    """Half for each minute between them; 1 for the same terms, 0 where these differ by a third."""
    found = candidates.Candidates(np.array([0.0, 30.0, 120.0]), np.array([30.0, 60.0, 150.0]), np.ones(3))
    np.testing.assert_allclose([1.0, 0.5**1.5, 0.5], likeness._near(found)[[0, 0, 1], [1, 2, 2]])
    values = [terms_module.Values("motion", np.array([0.1, 0.1, 0.5]), np.zeros(3), "")]
    np.testing.assert_allclose([1.0, 0.0], likeness._look(values)[[0, 0], [1, 2]])
    assert likeness._look([terms_module.Values("hook", np.zeros(3), np.zeros(3), "")]) is None
    both = likeness.matrix(source(), found, values)
    np.testing.assert_allclose([1.0, 0.25, 0.5**1.5 / 2], both[[0, 1, 0], [1, 2, 2]])


THREE = (proposing.Target(15.0, 4), proposing.Target(30.0, 3), proposing.Target(60.0, 2))


@pytest.mark.parametrize("apart", [False, True])
def test_several_lengths_give_a_set_each(apart: bool) -> None:
    """Each set has its lengths and its count and does not overlap itself; across sets only where that is asked."""
    order = proposing.Order(targets=THREE, targets_apart=apart, gap_s=0.5)
    found = proposing.propose(source(600.0), order)
    assert [15.0] * 4 + [30.0] * 3 + [60.0] * 2 == [item.target_s for item in found]
    assert list(range(1, 10)) == [item.rank for item in found]
    for _, group in itertools.groupby(found, lambda item: item.target_s):
        members = list(group)
        assert sorted((item.score for item in members), reverse=True) == [item.score for item in members]
        ordered = sorted(spans(members))
        assert all(a[1] + 0.5 <= b[0] + 1e-6 for a, b in itertools.pairwise(ordered))
    for item in found:
        assert item.target_s * 2 / 3 - 1e-6 <= item.end_s - item.start_s <= item.target_s + 1e-6
    ordered = sorted(spans(found))
    assert apart == all(a[1] + 0.5 <= b[0] + 1e-6 for a, b in itertools.pairwise(ordered))


def test_one_length_is_chosen_as_its_range_is() -> None:
    """A length alone is the range from two thirds of it, but for the best length."""
    weighed = {**terms_module.WEIGHTS, "duration_fit": 0.0}
    one = proposing.propose(source(), proposing.Order(targets=(proposing.Target(30.0, 3),), weights=weighed))
    other = proposing.propose(source(), proposing.Order(count=3, shortest_s=20, longest_s=30, weights=weighed))
    assert spans(other) == spans(one)


def test_lengths_that_do_not_fit_are_left_out() -> None:
    """A short source gives what fits; one that is too short for all is proposed whole, once; or nothing fits."""
    assert {15.0, 30.0} == {item.target_s for item in proposing.propose(source(25.0), proposing.Order(targets=THREE))}
    whole = proposing.propose(source(9.0), proposing.Order(targets=THREE))
    assert [(0.0, 9.0, 15.0)] == [(item.start_s, item.end_s, item.target_s) for item in whole]
    with pytest.raises(proposing.NothingFits, match="about 15 s, about 30 s, about 60 s"):
        proposing.propose(source(), proposing.Order(targets=THREE, exclusions=((0.0, 200.0),)))


def reasons(order: proposing.Order, duration_s: float = 300.0) -> dict[str, list[proposing.LeftOut]]:
    """The clips that were left out, by reason; each with a check of what it says."""
    decision = proposing.decide(source(duration_s), order)
    chosen = {item.rank: item for item in decision.proposals}
    found: dict[str, list[proposing.LeftOut]] = {}
    for item in decision.left_out:
        found.setdefault(item.reason, []).append(item)
        clip = item.clip
        assert (0, True) == (clip.rank, clip.score == pytest.approx(sum(term.contribution for term in clip.terms)))
        gaps = {rank: max(clip.start_s - c.end_s, c.start_s - clip.end_s) for rank, c in chosen.items()}
        near = sorted(rank for rank, gap_s in gaps.items() if gap_s < -1e-6)
        if item.reason == runners.OVERLAPS:
            assert near == list(item.ranks)
        elif item.reason in (runners.TOO_NEAR, runners.TOO_ALIKE, runners.LOWER):
            assert not near
        if item.reason == runners.TOO_NEAR:
            assert all(gaps[rank] < order.gap_s for rank in item.ranks)
        if item.reason == runners.LOWER:
            assert clip.score <= min(one.score for one in chosen.values()) + 1e-9
    return found


def test_every_reason_for_leaving_out_is_told() -> None:
    """Clips that overlap, come too near, are excluded, are too alike, or score less; not asked for, none is told."""
    assert () == proposing.decide(source(), proposing.Order()).left_out
    plain = reasons(proposing.Order(count=2, explain=30))
    assert {runners.OVERLAPS, runners.LOWER} == set(plain)
    assert runners.TOO_NEAR in reasons(proposing.Order(count=3, gap_s=40.0, explain=60))
    best = proposing.propose(source(300.0), proposing.Order(count=1))[0]
    barred = reasons(proposing.Order(count=1, exclusions=((best.start_s, best.end_s),), explain=3))
    (first,) = [item for item in barred[runners.EXCLUDED] if spans([item.clip]) == spans([best])]
    assert first.clip.score == pytest.approx(best.score)  # what is excluded changes no score
    varied = reasons(proposing.Order(count=3, diversity=1.0, explain=60))
    assert all(len(item.ranks) == 1 and "is like clip" in item.detail for item in varied[runners.TOO_ALIKE])


def test_left_out_clips_differ_from_each_other() -> None:
    """The best first, and none shares more than half of the shorter one with another or with one that was chosen."""
    decision = proposing.decide(source(300.0), proposing.Order(explain=8))
    left = decision.left_out
    assert 8 == len(left)
    scores = [item.clip.score for item in left]
    assert scores == sorted(scores, reverse=True)
    for (a, b), (c, d) in itertools.combinations(spans([*decision.proposals, *(item.clip for item in left)]), 2):
        assert min(b, d) - max(a, c) <= min(b - a, d - c) / 2 + 1e-6


def shown(duration_s: float = 600.0, **levels: float) -> material.Material:
    """A source whose curves are even, with a border of shots every so many seconds."""
    count = round(duration_s / 0.5)
    every_s = levels.pop("shot_s", 60.0)
    music = levels.pop("music", None)
    shots = np.arange(every_s, duration_s, every_s)
    return source(
        duration_s, shots_s=shots, shot_frames=shots * 25,
        curves={name: np.full(count, level) for name, level in levels.items()},
        music=None if music is None else np.full(count, music),
    )  # fmt: skip


@pytest.mark.parametrize(("found", "name"), [
    (shown(speech=0.9, music=0.0, motion=0.02, faces=0.8), "talk"),
    (shown(speech=0.3, music=0.1, motion=0.4, faces=0.9, shot_s=300.0), "gaming"),
    (shown(speech=0.2, music=0.1, motion=0.4, faces=0.05, shot_s=8.0), "sport"),
    (shown(speech=0.3, music=0.4, motion=0.1, faces=0.5, shot_s=4.0), "film"),
    (shown(speech=0.05, music=0.95, motion=0.1, faces=0.3, shot_s=5.0), "music"),
    (shown(speech=0.05, music=0.3, motion=0.02, faces=0.1), ""),
    (shown(motion=0.4), ""),
    (shown(speech=0.3, music=0.1, motion=0.4, faces=0.25, shot_s=6.0), ""),
    (shown(30.0, speech=0.9, music=0.0, motion=0.02, faces=0.8), ""),
])  # fmt: skip
def test_genre_is_told_where_the_analysis_shows_it(found: material.Material, name: str) -> None:
    """With the measures that told it; not where none or several fit, something was not measured, or little is there."""
    verdict = genre.told(found)
    assert name == verdict.name
    assert ("speech 90% of the time" in verdict.reason) == (name == "talk")
    assert verdict.reason


def test_genres_have_their_weights() -> None:
    """Built in, changed by the configuration in part, or added by it; general where none is named; others refused."""
    assert genre.SETS["talk"] == weights.configured({}, "talk")
    given = {"analyzer": {"weights": {"motion": 3}, "genres": {"talk": {"hook": 9}, "podcast": {"faces": 0}}}}
    assert {**genre.SETS["talk"], "hook": 9.0} == weights.configured(given, "talk")
    assert {**terms_module.WEIGHTS, "motion": 3.0, "faces": 0.0} == weights.configured(given, "podcast")
    assert {**terms_module.WEIGHTS, "motion": 3.0} == weights.configured(given)
    weights.accept(given)
    with pytest.raises(errors.InvalidArgument, match=r"'Talk', but auto, .*podcast.* are"):
        weights.configured(given, "Talk")
    for wrong in ({"talk": {"hook": -1}}, {"talk": 3}, []):
        with pytest.raises(errors.InvalidArgument):
            weights.accept({"analyzer": {"genres": wrong}})


def test_genres_choose_different_clips() -> None:
    """Of a source that talks first and moves then, a talk's best clip is spoken and a match's best clip moves."""
    one = source(600.0)
    moves = np.arange(1200) >= 600
    curves = {**one.curves, "speech": 0.9 * ~moves, "motion": 0.01 + 0.4 * moves, "loudness_lufs": -20.0 + 5 * moves}
    one = dataclasses.replace(one, curves=curves)
    talk, sport = (
        proposing.propose(one, proposing.Order(count=1, weights=genre.SETS[name]))[0] for name in ("talk", "sport")
    )
    assert talk.end_s < 310
    assert sport.start_s > 290
