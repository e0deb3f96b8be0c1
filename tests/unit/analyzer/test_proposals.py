"""Proposals: within bounds, between words, the exact best set, explained, and the same every time."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from chassis import errors
from services.analyzer import document, highlight, weights
from services.analyzer.proposals import candidates, material, memo, proposing, selection, spoken, terms


def source(duration_s: float = 120.0, **changes) -> material.Material:
    """A source with everything measured: shots of nine seconds, talk with pauses, noise as curves."""
    noise = np.random.default_rng(3)
    count = int(np.ceil(duration_s / 0.5))
    shots = np.arange(9.0, duration_s, 9.0)
    starts = np.arange(1.0, duration_s - 6, 6.0)
    found = material.Material(
        start_s=0.0,
        duration_s=duration_s,
        interval_s=0.5,
        curves={name: noise.uniform(0, 1, count) for name in material.CURVES},
        first_frame=np.round(np.arange(count) * 12.5),
        frame_rate=25.0,
        frame_end=round(duration_s * 25),
        shots_s=shots,
        shot_frames=shots * 25,
        speech=np.stack([starts, starts + 5.2], axis=1),
        silence=np.empty((0, 2)),
        pauses_s=np.empty(0),
    )
    return dataclasses.replace(found, **changes)


def spans(proposals: list[proposing.Proposal]) -> list[tuple[float, float]]:
    """Start and end of each."""
    return [(proposal.start_s, proposal.end_s) for proposal in proposals]


def brute_force(start_s: np.ndarray, end_s: np.ndarray, score: np.ndarray, count: int, gap_s: float) -> float:
    """The largest sum of scores of clips that keep apart."""
    best = 0.0
    for size in range(1, count + 1):
        for chosen in itertools.combinations(range(len(score)), size):
            ordered = sorted(chosen, key=lambda index: start_s[index])
            if all(end_s[one] + gap_s <= start_s[other] + 1e-9 for one, other in itertools.pairwise(ordered)):
                best = max(best, sum(score[index] for index in chosen))
    return best


@pytest.mark.parametrize("seed", range(30))
def test_selection_is_the_exact_best(seed: int) -> None:
    """As good as trying all sets, with any count and gap; no two clips come too near."""
    noise = np.random.default_rng(seed)
    starts = np.round(noise.uniform(0, 40, 11), 1)
    ends = starts + np.round(noise.uniform(2, 15, 11), 1)
    score = np.round(noise.uniform(0, 1, 11), 2)
    count, gap_s = int(noise.integers(1, 5)), float(noise.choice([0.0, 1.5]))
    chosen = selection.best(starts, ends, score, count, gap_s)
    assert brute_force(starts, ends, score, count, gap_s) == pytest.approx(score[chosen].sum(), abs=1e-4)
    ordered = sorted(chosen, key=lambda index: starts[index])
    assert all(ends[one] + gap_s <= starts[other] + 1e-9 for one, other in itertools.pairwise(ordered))
    assert sorted(score[chosen], reverse=True) == list(score[chosen])


def test_selection_prefers_the_earlier_of_equals() -> None:
    """Three clips alike in time and score: the first is taken."""
    starts = np.array([20.0, 0.0, 10.0])
    assert [1] == selection.best(starts, starts + 30, np.array([0.5, 0.5, 0.5]), 1, 0.0)


@pytest.mark.parametrize(
    ("shortest_s", "longest_s", "count"), [(15, 60, 5), (5, 8, 9), (20, 21, 3), (1, 2, 12), (59, 60, 2)]
)
def test_clips_keep_their_bounds(shortest_s: float, longest_s: float, count: int) -> None:
    """Length, number, order and distance are as asked, and no edge lies inside speech."""
    order = proposing.Order(count=count, shortest_s=shortest_s, longest_s=longest_s, gap_s=0.5)
    one = source()
    found = proposing.propose(one, order)
    assert 1 <= len(found) <= count
    for start_s, end_s in spans(found):
        assert shortest_s - 1e-6 <= end_s - start_s <= longest_s + 1e-6
        assert 0 <= start_s < end_s <= one.end_s
        if shortest_s > 5:
            assert not any(a + 1e-6 < edge < b - 1e-6 for a, b in one.speech for edge in (start_s, end_s))
    ordered = sorted(spans(found))
    assert all(a[1] + 0.5 <= b[0] + 1e-6 for a, b in itertools.pairwise(ordered))
    assert list(range(1, len(found) + 1)) == [proposal.rank for proposal in found]


def test_frames_are_those_of_the_times() -> None:
    """At an even rate the edges are frames, and their numbers say the same as the times."""
    for proposal in proposing.propose(source(), proposing.Order()):
        assert proposal.start_frame == pytest.approx(proposal.start_s * 25, abs=1e-6)
        assert proposal.end_frame == pytest.approx(proposal.end_s * 25, abs=1e-6)


def test_score_is_the_sum_of_its_terms() -> None:
    """Contributions add up to the score; unknown terms add nothing and take no weight from the others."""
    for proposal in proposing.propose(source(), proposing.Order()):
        known = [term for term in proposal.terms if term.state == "measured"]
        assert {"faces", "reaction", "keyword", "opening", "closing"} == {term.name for term in proposal.terms} - {
            term.name for term in known
        }
        assert proposal.score == pytest.approx(sum(term.contribution for term in proposal.terms))
        total = sum(term.weight for term in known)
        assert all(term.contribution == pytest.approx(term.value * term.weight / total) for term in known)
        assert all(0 <= term.value <= 1 and term.reason for term in known)
        assert list(terms.NAMES) == [term.name for term in proposal.terms]


def test_weights_decide() -> None:
    """With all weight on one term, the best clip is the one with most of it."""
    only = {name: float(name == "motion") for name in terms.NAMES}
    best = proposing.propose(source(), proposing.Order(count=1, weights=only))[0]
    other = proposing.propose(source(), proposing.Order(count=1))[0]
    value = {term.name: term.value for term in best.terms}["motion"]
    assert value == best.score >= {term.name: term.value for term in other.terms}["motion"]
    assert value > 0.99


def test_same_input_gives_same_bytes() -> None:
    """Nothing depends on time or order."""
    order = proposing.Order(keywords=("a",), exclusions=((3.0, 4.0),))
    one, other = (document.encode(proposing.document(proposing.decide(source(), order), order, 7)) for _ in range(2))
    assert one == other
    assert ("reelsmith.proposals/1", 7) == (json.loads(one)["schema"], json.loads(one)["config_version"])


def test_short_source_is_proposed_whole() -> None:
    """Less than the shortest length gives one clip of all of it; less than a second gives none, and says why."""
    assert [(0.0, 9.0)] == spans(proposing.propose(source(9.0), proposing.Order()))
    with pytest.raises(proposing.NothingFits, match=r"0\.800 s"):
        proposing.propose(source(0.8), proposing.Order())


def test_exclusions_are_not_touched() -> None:
    """No clip reaches into an excluded stretch; where nothing is left, it is said."""
    order = proposing.Order(shortest_s=10, exclusions=((20.0, 40.0), (70.0, 80.0)))
    for start_s, end_s in spans(proposing.propose(source(), order)):
        assert all(end_s <= a or start_s >= b for a, b in order.exclusions)
    for duration_s in (9.0, 120.0):
        with pytest.raises(proposing.NothingFits, match="excluded"):
            proposing.propose(source(duration_s), proposing.Order(exclusions=((0.0, 500.0),)))


def test_sound_alone_is_enough() -> None:
    """Without video there are clips without frames, and what only pictures tell is unknown."""
    nothing = np.empty(0)
    curves = {name: source().curves[name] for name in ("highlight", "loudness_lufs", "speech")}
    heard = source(first_frame=None, frame_rate=None, frame_end=0, shots_s=nothing, shot_frames=nothing, curves=curves)
    for proposal in proposing.propose(heard, proposing.Order()):
        assert proposal.start_frame is None
        unknown = {term.name for term in proposal.terms if term.state == "unknown"}
        assert {"motion", "pace", "faces", "reaction", "keyword", "opening", "closing"} == unknown


def test_pictures_alone_are_enough() -> None:
    """Without sound, loudness and speech are unknown, and clips begin and end at borders of shots where they can."""
    seen = source(
        speech=None,
        curves={name: curve for name, curve in source().curves.items() if name not in ("loudness_lufs", "speech")},
    )
    found = proposing.propose(seen, proposing.Order(shortest_s=8.5, longest_s=28))
    for proposal in found:
        unknown = {term.name for term in proposal.terms if term.state == "unknown"}
        assert {"energy", "speech_density", "faces", "reaction", "keyword", "opening", "closing"} == unknown
    edges = [edge for span in spans(found) for edge in span]
    assert sum(edge % 9.0 < 1e-6 for edge in edges) >= len(edges) / 2


def test_one_long_speech_is_cut_at_its_pauses() -> None:
    """Where nobody stops to breathe, the quietest moments are the edges; where pauses are, they are not used."""
    pauses = np.arange(3.3, 117.0, 2.0)
    monologue = source(speech=np.array([[0.5, 119.5]]), pauses_s=pauses)
    found = proposing.propose(monologue, proposing.Order(count=3, shortest_s=15, longest_s=30))
    allowed = np.concatenate([[0.0, 120.0], pauses])
    for edge in (edge for span in spans(found) for edge in span):
        quiet = edge <= 0.5 or edge >= 119.5 or np.abs(allowed - edge).min() <= 0.04
        assert quiet
    talk = candidates.places(source(pauses_s=pauses), candidates.Leeway(30.0, 0.0), ends=True)
    assert candidates.QUIETEST not in talk.quality


def test_no_place_leaves_a_sliver_of_another_shot() -> None:
    """Where a border lies beside a pause, the cut is the place and not the frames behind it; the last resort may."""
    spoken_s = np.array([[1.0, 8.99], [9.7, 20.0], [28.0, 35.0], [36.0, 44.0]])
    strict, last = (candidates.Leeway(60.0, 5.0, poor=poor) for poor in (False, True))
    for ends, border_s, beside_s in ((True, 9.0, 9.24), (False, 36.0, 35.76)):
        found, control = (candidates.places(source(speech=spoken_s), one, ends=ends).t_s for one in (strict, last))
        assert (border_s in found, border_s in control) == (True, True)
        assert np.abs(found - beside_s).min() > 0.1
        assert np.abs(control - beside_s).min() < 0.05


def test_clips_begin_and_end_beside_gradual_changes() -> None:
    """After a dissolve is over, and before the next one begins; in between is no place."""
    shots = np.arange(9.0, 120.0, 9.0)
    mixed = source(speech=None, changes_s=np.stack([shots - 0.4, shots + 0.6], axis=1))
    for start_s, end_s in spans(proposing.propose(mixed, proposing.Order(shortest_s=8, longest_s=30))):
        for first_s, last_s in mixed.changes_s:
            assert not first_s - 0.5 < start_s < last_s - 0.04
            assert not first_s + 0.04 < end_s < last_s + 0.5
    plain = material.Material.parse(document.encode(analysis_with_a_dissolve()))
    np.testing.assert_allclose([[4.0, 4.84], [8.0, 8.0]], plain.changes_s)


def analysis_with_a_dissolve() -> dict:
    """An analysis of twelve seconds: a dissolve from frame 100 to 120, and a cut at frame 200."""
    edges = [0, 110, 200, 300]
    shots = [
        {"index": k, "start_frame": a, "end_frame": b, "start_s": a / 25, "end_s": b / 25}
        for k, (a, b) in enumerate(itertools.pairwise(edges))
    ]
    return {
        "schema": document.SCHEMA, "source": {"duration_s": 12.0, "start_s": 0.0}, "shots": shots, "speech": [],
        "video": {"variable_frame_rate": False, "frame_rate": 25.0}, "silence": [], "transcript": None,
        "transitions": [
            {"kind": "dissolve", "frame": 110, "start_frame": 100, "end_frame": 120},
            {"kind": "cut", "frame": 200, "start_frame": 200, "end_frame": 200},
        ],
        "curve": {"interval_s": 0.5, "first_frame": None, "speech": None, "music": [None] * 12 + [1.0] * 12},
    }  # fmt: skip


def test_no_clip_begins_or_ends_with_nothing() -> None:
    """Black after the last shot, or before the first, stays outside where there is another place; else it may be in."""
    noise, black = source(60.0).curves, np.arange(120) >= 100
    curves = {**noise, "exposure": 0.4 * ~black, "motion": noise["motion"] * ~black}
    shots = {"shots_s": np.array([20.0, 50.0]), "shot_frames": np.array([500.0, 1250.0])}
    dark = source(60.0, curves=curves, speech=np.array([[1.0, 30.0]]), **shots)
    leeways = (candidates.Leeway(60.0, 5.0, poor=poor) for poor in (False, True))
    strict, last = (candidates.places(dark, leeway, ends=True) for leeway in leeways)
    assert (False, True) == tuple((found.t_s > 50.5).any() for found in (strict, last))
    assert 50.0 in strict.t_s
    assert all(end_s <= 50.0 for _, end_s in spans(proposing.propose(dark, proposing.Order(count=1))))
    nothing = {**noise, "exposure": np.zeros(120), "motion": np.zeros(120)}
    assert proposing.propose(source(60.0, curves=nothing), proposing.Order(count=1))


def test_no_clip_reaches_over_a_long_black() -> None:
    """What lies behind five seconds of black is another piece; one second is a fade, and stays within a clip."""
    noise = source(60.0).curves
    for black_s, reaches in ((5, False), (1, True)):
        lit = 0.4 * ((np.arange(120) < 50) | (np.arange(120) >= 50 + 2 * black_s))
        one = source(60.0, curves={**noise, "exposure": lit})
        first, *_, last = (candidates.find(one, (15.0, 40.0), leeway) for leeway in candidates.leeways(40.0))
        over = [((found.start_s < 24) & (found.end_s > 31)).any() for found in (first, last)]
        assert [reaches, True] == over


@pytest.mark.parametrize(("exposure", "motion", "loudness", "share"), [
    (0.5, 0.1, -20.0, 1.0), (0.0, 0.1, -20.0, 0.5), (0.5, 0.1, -70.0, 0.5), (0.0, 0.0, -70.0, 0.0),
    (0.5, 0.0, -20.0, 1.0), (0.5, 0.0, -70.0, 0.0), (0.5, 0.1, None, 1.0), (0.5, 0.0, None, 0.0),
    (None, None, -20.0, 1.0), (None, None, -70.0, 0.0), (None, None, None, None),
])  # fmt: skip
def test_presence_is_something_to_see_and_to_hear(exposure, motion, loudness, share) -> None:
    """A still picture with sound is a talk with slides; still and silent, black, or silent is nothing."""
    levels = {"exposure": exposure, "motion": motion, "loudness_lufs": loudness}
    one = source(curves={name: np.full(240, level) for name, level in levels.items() if level is not None})
    found = candidates.Candidates(np.array([10.0]), np.array([40.0]), np.ones(1))
    (term,) = [term for term in terms.measure(one, found, terms.Wish((15, 60))) if term.name == "presence"]
    assert share == (None if term.value is None else pytest.approx(float(term.value[0])))


def test_dead_stretches_are_left_to_the_last() -> None:
    """With black, silent minutes in the source, no clip is taken from them while there is something else."""
    dead = (np.arange(480) // 60) % 2 == 1  # every other half minute
    noise = source(240.0).curves
    curves = {**noise, "exposure": 0.4 * ~dead, "loudness_lufs": -20 - 50.0 * dead, "motion": noise["motion"] * ~dead}
    one = source(240.0, curves=curves)
    for start_s, end_s in spans(proposing.propose(one, proposing.Order(count=3, longest_s=30))):
        assert dead[round(2 * start_s) : round(2 * end_s)].mean() < 0.1


def plain_spread(quality: np.ndarray, first: int, last: int) -> list[int]:
    """The best end of each class of length, said plainly."""
    if last - first <= candidates.ENDS_MAX:
        return list(range(first, last))
    classes = np.array_split(np.arange(first, last), candidates.ENDS_MAX)
    return [int(part[quality[part].argmax()]) for part in classes]


@pytest.mark.parametrize("seed", range(20))
def test_ends_are_those_of_the_plain_search(seed: int) -> None:
    """All starts at once give what each gives alone: few ends, many, none, and alike ones."""
    noise = np.random.default_rng(seed)
    quality = noise.integers(0, 4, int(noise.integers(1, 200))) / 4
    first = np.sort(noise.integers(0, quality.size + 1, 30))
    last = np.minimum(first + noise.integers(0, 90, 30), quality.size)
    rows, columns = candidates._spread(quality, first, last)
    expected = [plain_spread(quality, *edges) for edges in zip(first.tolist(), last.tolist(), strict=True)]
    assert [one for found in expected for one in found] == columns.tolist()
    assert [index for index, found in enumerate(expected) for _ in found] == rows.tolist()


@pytest.mark.parametrize("seed", range(10))
def test_ranks_are_shared_by_equals(seed: int) -> None:
    """Each value's rank is the mean place of all values like it, from 0 to 1."""
    values = np.random.default_rng(seed).integers(0, 9, 40).astype(float)
    places = np.sort(values)
    expected = [np.flatnonzero(places == value).mean() / 39 for value in values]
    np.testing.assert_allclose(expected, highlight.ranks(values), rtol=1e-12)


def test_analysis_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes give the material that was read; other bytes, or too many, are read; the oldest is dropped."""
    parsed = []
    monkeypatch.setattr(material.Material, "parse", lambda content: parsed.append(content) or source())
    shelf = material.Shelf(2)
    assert shelf.material(b"one") is shelf.material(b"one")
    for content in (b"two", b"one", b"three", b"one", b"two"):
        shelf.material(content)
    assert [b"one", b"two", b"three", b"two"] == parsed
    monkeypatch.setattr(material, "KEPT_BYTES_MAX", 2)
    for _ in range(2):
        shelf.material(b"four")
    assert [b"four", b"four"] == parsed[4:]


@pytest.mark.parametrize("changes", [
    {"weights": {**terms.WEIGHTS, "motion": 9.0}}, {"diversity": 0.7}, {"explain": 9}, {"count": 3, "gap_s": 5.0},
    {"exclusions": ((20.0, 60.0),)}, {"keywords": ("talk",)}, {"longest_s": 30.0},
    {"targets": (proposing.Target(15.0, 2), proposing.Target(30.0, 2)), "targets_apart": True},
])  # fmt: skip
def test_what_was_worked_out_before_changes_nothing(changes) -> None:
    """Asked again in another way, an analysis gives what a fresh one gives, in every byte."""
    first, then = proposing.Order(count=4), proposing.Order(**{"count": 4, **changes})
    used, fresh = source(600.0), source(600.0)
    for order in (first, then, first):
        proposing.decide(used, order)
    documents = [proposing.document(proposing.decide(one, then), then, 1) for one in (used, fresh)]
    assert json.dumps(documents[0]) == json.dumps(documents[1])


def test_terms_are_measured_once_for_all_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other weights, exclusions and diversity measure nothing; other lengths and keywords, and a changed copy, do."""
    measured = []
    measure = terms.measure
    monkeypatch.setattr(terms, "measure", lambda *given: measured.append(given) or measure(*given))
    one = source(600.0)
    proposing.propose(one, proposing.Order())
    before = len(measured)
    for changes in ({"weights": {"motion": 1.0}}, {"exclusions": ((1.0, 2.0),)}, {"diversity": 0.5}):
        proposing.propose(one, proposing.Order(**changes))
    assert before == len(measured)
    for changes in ({"longest_s": 40.0}, {"keywords": ("talk",)}):
        proposing.propose(one, proposing.Order(**changes))
    proposing.propose(dataclasses.replace(one), proposing.Order())
    assert before + 3 <= len(measured)


def test_only_the_last_analysis_keeps_what_was_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading another one lets go of it."""
    monkeypatch.setattr(material.Material, "parse", lambda content: source())
    shelf = material.Shelf(2)
    proposing.propose(shelf.material(b"one"), proposing.Order())
    assert shelf.material(b"one").kept.size_bytes > 0
    shelf.material(b"two")
    assert 0 == shelf.material(b"one").kept.size_bytes


def test_what_was_worked_out_is_kept_up_to_a_size() -> None:
    """The oldest goes first; what is larger than all is made each time."""

    def sized(size: int) -> terms.Measured:
        some = np.zeros(size // 8)
        return terms.Measured(candidates.Candidates(some, some[:0], some[:0]), [])

    made, kept = [], memo.Memo(100)
    for key, size in (("one", 40), ("two", 40), ("one", 40), ("three", 40), ("two", 40), ("all", 104), ("all", 104)):
        assert size == kept.get(key, lambda key=key, size=size: made.append(key) or sized(size)).size_bytes
    assert ["one", "two", "three", "two", "all", "all"] == made
    assert 80 == kept.size_bytes


def test_means_are_those_of_a_plain_search() -> None:
    """Of any stretch, beyond the ends too, as interpolating the running sum gives them."""
    one, noise = source(60.3, start_s=7.0), np.random.default_rng(4)
    start_s = noise.uniform(0.0, 70.0, 200)
    end_s = start_s + noise.uniform(0.01, 30.0, 200)
    total = np.concatenate([[0.0], np.cumsum(one.curves["motion"])])
    edges = np.arange(total.size) * one.interval_s + one.start_s
    expected = (np.interp(end_s, edges, total) - np.interp(start_s, edges, total)) * one.interval_s / (end_s - start_s)
    np.testing.assert_allclose(expected, terms.Sums(one).mean("motion", start_s, end_s), rtol=1e-9, atol=1e-12)


def test_long_source_gives_many_clips_fast() -> None:
    """Two hours: as many clips as asked, no decoding."""
    assert 20 == len(proposing.propose(source(7200.0), proposing.Order(count=20)))


def spoken_source(text: str, span: tuple[float, float], **changes) -> material.Material:
    """A source with this said in a stretch of time."""
    return source(script=spoken.Script.of(text.split("|"), np.array([span] * len(text.split("|")))), **changes)


def keyword_of(proposal: proposing.Proposal) -> proposing.Term:
    """The term of the keywords."""
    return next(term for term in proposal.terms if term.name == "keyword")


def test_clip_with_the_keyword_is_preferred() -> None:
    """The best clip is where the word is said; how often is what counts and is told."""
    order = proposing.Order(count=1, keywords=("Rocket",), weights={**terms.WEIGHTS, "keyword": 100.0})
    for start_s in (20.0, 70.0):
        best = proposing.propose(spoken_source("the rocket|a ROCKET, flies", (start_s, start_s + 2)), order)[0]
        assert best.start_s < start_s + 2 < best.end_s
        assert (0.75, "keywords are spoken 2 times") == (keyword_of(best).value, keyword_of(best).reason)


def test_keyword_is_unknown_without_a_transcript_or_keywords() -> None:
    """And says why; a keyword that nobody says is measured, and is nothing."""
    silent = proposing.propose(source(), proposing.Order(count=1, keywords=("x",)))[0]
    unasked = proposing.propose(spoken_source("hello", (1, 2)), proposing.Order(count=1))[0]
    for best, why in ((silent, "no transcript"), (unasked, "no keywords")):
        assert ("unknown", None, 0.0) == (keyword_of(best).state, keyword_of(best).value, keyword_of(best).contribution)
        assert why in keyword_of(best).reason
    unheard = proposing.propose(spoken_source("hello", (1, 2)), proposing.Order(count=1, keywords=("x",)))[0]
    assert ("measured", 0.0) == (keyword_of(unheard).state, keyword_of(unheard).value)


@pytest.mark.parametrize(("text", "keyword", "count"), [
    ("Art is what artists call art.", "art", 2), ("d\u2019accord", "D'ACCORD", 1), ("Stra\u00dfe", "STRASSE", 1),
    ("ma|chine learning|machine|learning", "machine  learning", 1), ("a.b axb", "a.b", 1), ("C++ and C", "c++", 1),
    ("\u4eca\u65e5\u306f\u5929\u6c17", "\u5929\u6c17", 1), ("caf\u0065\u0301", "caf\u00e9", 1),
    ("", "a", 0), ("a", " ", 0),
    ("\u6771|\u4eac|\u306b|\u884c\u304f", "\u6771\u4eac", 1),  # Japanese and Chinese, a piece per letter
    ("\u4eba\u5de5 \u667a\u80fd|\u4eba\u5de5\u667a\u80fd", "\u4eba\u5de5\u667a\u80fd", 2),
    ("\u0e2a\u0e27|\u0e31\u0e2a\u0e14\u0e35\u0e04", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", 1),  # Thai
    ("\uc778\uacf5|\uc9c0\ub2a5\uc774", "\uc778\uacf5 \uc9c0\ub2a5", 1),  # Korean has spaces
    ("\uc778\uacf5|\uc9c0\ub2a5", "\uc778\uacf5\uc9c0\ub2a5", 0), ("AI|\u306e|\u672a\u6765", "ai", 1),
])  # fmt: skip
def test_words_are_found_whole(text: str, keyword: str, count: int) -> None:
    """Whatever their case, form and script; phrases across pieces of text; signs mean themselves."""
    script = spoken.Script.of(text.split("|"), np.array([(0.0, 1.0)] * len(text.split("|"))))
    assert count == script.times([keyword, keyword]).size


@pytest.mark.parametrize(("text", "count"), [
    ("[Laughter]", 1), ("so (audience laughs) and [APPLAUSE]", 2), ("(Gel\u00e4chter)|[Applaudissements]", 2),
    ("he laughs and we applaud", 0), ("[music]", 0), ("[door opens] laugh [phone]", 0), ("[" * 9000 + "laugh", 0),
])  # fmt: skip
def test_reactions_are_what_the_transcript_notes(text: str, count: int) -> None:
    """Notes in brackets, not words that are spoken."""
    script = spoken.Script.of(text.split("|"), np.array([(0.0, 1.0)] * len(text.split("|"))))
    assert count == script.reactions().size


def test_clip_with_the_noted_laughter_is_preferred() -> None:
    """Measured where the transcript notes reactions at all, and unknown where it notes none."""
    order = proposing.Order(count=1, weights={**terms.WEIGHTS, "reaction": 100.0})
    for start_s, noted in ((30.0, "[laughter]"), (80.0, "(cheering)"), (30.0, "funny")):
        best = proposing.propose(spoken_source(noted, (start_s, start_s + 2)), order)[0]
        term = next(term for term in best.terms if term.name == "reaction")
        if noted == "funny":
            assert ("unknown", None) == (term.state, term.value)
        else:
            assert ("measured", 0.5) == (term.state, term.value)
            assert best.start_s < start_s < best.end_s


def test_word_is_found_at_its_time() -> None:
    """In its piece, by the share of the letters before it."""
    script = spoken.Script.of(["one two", "three four"], np.array([(0.0, 7.0), (10.0, 20.0)]))
    assert [4.0, 16.0] == script.times(["two", "four"]).tolist()
    letters = spoken.Script.of(list("\u4eca\u65e5\u306f\u6771\u4eac"), np.array([(k, k + 0.5) for k in range(5)]))
    assert [3.0] == letters.times(["\u6771\u4eac"]).tolist()


def test_clips_begin_and_end_with_sentences() -> None:
    """Where they are known, the edges are theirs and not the pauses within; without them they are pauses."""
    starts = np.arange(1.0, 114.0, 12.0)
    sentences = np.stack([starts, starts + 11.2], axis=1)  # two stretches of speech with a pause between
    only = {name: float(name == "completeness") for name in terms.NAMES}
    order = proposing.Order(count=3, shortest_s=14, longest_s=40, weights=only)
    nothing = {"shots_s": np.empty(0), "shot_frames": np.empty(0)}
    for edge in (
        edge for span in spans(proposing.propose(source(sentences=sentences, **nothing), order)) for edge in span
    ):
        near = np.abs(np.concatenate([[0.0, 120.0], sentences.ravel()]) - edge).min()
        assert near <= candidates.LEAD_S + 0.04
    pause = candidates.places(source(**nothing), candidates.Leeway(60.0, 5.0), ends=True)
    torn = candidates.places(source(sentences=sentences, **nothing), candidates.Leeway(60.0, 5.0), ends=True)
    assert {candidates.PAUSE, candidates.SOURCE_END} == set(pause.quality) - {candidates.GRID}
    assert {candidates.SENTENCE, candidates.TORN * candidates.PAUSE} <= set(torn.quality)


def test_sentences_without_pauses_are_places_all_the_same() -> None:
    """Somebody who does not stop to breathe is cut between two sentences, not in mid-sentence."""
    edges = np.arange(0.5, 120.0, 7.0)
    monologue = source(speech=np.array([[0.5, 119.5]]), sentences=np.stack([edges[:-1], edges[1:]], axis=1))
    for edge in (edge for span in spans(proposing.propose(monologue, proposing.Order(count=3))) for edge in span):
        assert np.abs(np.concatenate([[0.0, 120.0], edges]) - edge).min() <= candidates.LEAD_S + 0.04


@pytest.mark.parametrize("content", [
    b"", b"[]", b"{}", b'{"schema": "other"}', b'{"schema": "reelsmith.analysis/1"}', b"[" * 100_000, b'"text"',
])  # fmt: skip
def test_other_documents_are_refused(content: bytes) -> None:
    """What is no analysis is told apart, however it is broken."""
    with pytest.raises(material.Malformed):
        material.Material.parse(content)


def test_configured_weights_are_checked() -> None:
    """Names and numbers are checked; what is not named keeps its built-in weight; other sections do not matter."""
    assert terms.WEIGHTS == weights.configured({})
    changed = weights.configured({"analyzer": {"weights": {"motion": 3}}, "exporter": {"presets": {}}})
    assert {**terms.WEIGHTS, "motion": 3.0} == changed
    for wrong in ({"motion": -1}, {"motion": "x"}, {"motion": float("nan")}, {"motion": True}, {"motion": 1e9}):
        with pytest.raises(errors.InvalidArgument):
            weights.accept({"analyzer": {"weights": wrong}})
    with pytest.raises(errors.InvalidArgument, match="moton"):
        weights.checked({"moton": 1})
