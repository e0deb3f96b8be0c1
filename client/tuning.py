"""Fits the weights of a score to clips that people liked and disliked.

Scores compare clips of one video, so only pairs of one video count: one clip that was liked and one that was not. The
loss of a pair is the logistic loss of the difference of its scores; what moves weights away from those in force costs
something too, so that a handful of clips does not turn everything over. Held-out pairs are of videos that the fit has
not seen: weights that do not order those better are no improvement.
"""

import csv
import dataclasses
import hashlib
import json
import math
import pathlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chassis import errors

FOLDS_MAX = 5  # parts that videos are held out by, in turn
WEIGHT_MAX = 4.0  # what is searched: the built-in weights lie between 0.25 and 2
SHARPNESS = 10.0  # scores lie in [0, 1] and clips of one video within some tenths
PULL = 0.01  # loss for each weight that is moved by one, on the average over the weights
LIKED = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
ROWS_MAX = 100_000  # nobody judges more clips

Weights = Mapping[str, float]
Values = Mapping[str, float]  # of the terms that were measured
Pair = tuple[Values, Values]  # a clip that was liked, and one that was not


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a fit found.

    Args:
        weights: The fitted weights of the terms that were measured.
        pairs: How many pairs of clips there are.
        videos: How many videos they are of.
        before: Share of all pairs that the weights in force order rightly.
        after: Share of all pairs that the fitted weights order rightly.
        held_out_before: Share of held-out pairs that the weights in force order rightly; as `before`.
        held_out_after: Share of held-out pairs that weights fitted to other videos order rightly.
    """

    weights: dict[str, float]
    pairs: int
    videos: int
    before: float
    after: float
    held_out_before: float
    held_out_after: float

    @property
    def better(self) -> bool:
        """Whether the fit helps with videos that it has not seen."""
        return self.held_out_after > self.held_out_before


def read(table: pathlib.Path) -> list[list[Pair]]:
    """The pairs of each video.

    Args:
        table: CSV with the columns `document`, `rank` and `liked`: what `reelsmith analyze --json` wrote, beside the
            table, the rank of a clip in it, and yes or no.

    Raises:
        errors.InvalidArgument: It is no such table, or has fewer than two videos with both kinds of clips.
    """
    judged: dict[str, tuple[list[Values], list[Values]]] = {}
    documents: dict[str, dict[int, Values]] = {}
    for line, row in _rows(table):
        name = row["document"]
        if name not in documents:
            documents[name] = _clips(table.parent / name)
        liked = LIKED.get(row["liked"].strip().lower())
        rank = int(row["rank"]) if row["rank"].strip().isdecimal() else 0
        if liked is None or rank not in documents[name]:
            raise _refusal(f"{table.name}, line {line}: liked is yes or no, and rank is that of a clip in {name}")
        judged.setdefault(name, ([], []))[not liked].append(documents[name][rank])
    pairs = [[(good, bad) for good in liked for bad in others] for liked, others in judged.values()]
    videos = [found for found in pairs if found]
    if len(videos) < 2:
        raise _refusal(f"{table.name} has {len(videos)} videos with liked and disliked clips, two are the least")
    return videos


def score(values: Values, weights: Weights) -> float:
    """The score of a clip, as the analyzer has it: the mean of what was measured, by weight."""
    total = sum(weights[name] for name in values)
    return sum(weights[name] * value for name, value in values.items()) / total if total > 0 else 0.0


def share(pairs: Iterable[Pair], weights: Weights) -> float:
    """Share of pairs whose liked clip scores higher; a tie counts half."""
    points = [_point(score(good, weights) - score(bad, weights)) for good, bad in pairs]
    return sum(points) / len(points)


def loss(pairs: Sequence[Pair], weights: Weights, current: Weights) -> float:
    """What a fit makes small."""
    gaps = (score(good, weights) - score(bad, weights) for good, bad in pairs)
    wrong = sum(math.log1p(math.exp(-SHARPNESS * gap)) for gap in gaps) / len(pairs)
    moved = sum((weights[name] - current[name]) ** 2 for name in current) / len(current)
    return wrong + PULL * moved


def fit(videos: Sequence[Sequence[Pair]], current: Weights, *, trials: int, seed: int, study: pathlib.Path) -> Outcome:
    """Fits weights, and says by held-out videos whether they help.

    Args:
        videos: The pairs of each video.
        current: The weights in force.
        trials: Tries of each search; the weights in force are the first.
        seed: Of all that is drawn.
        study: File that tries are kept in: a search that was cut short goes on.
    """
    known = {name for pairs in videos for pair in pairs for values in pair for name in values}
    if unknown := known - set(current):
        raise _refusal(f"the configuration has no weight for {', '.join(sorted(unknown))}")
    begun = {name: current[name] for name in sorted(known)}
    order = list(range(len(videos)))
    random.Random(seed).shuffle(order)  # noqa: S311  a split of data, not a secret
    folds = [order[index :: min(FOLDS_MAX, len(order))] for index in range(min(FOLDS_MAX, len(order)))]
    everything = [pair for pairs in videos for pair in pairs]
    digest = hashlib.sha256(json.dumps([videos, begun, seed], sort_keys=True).encode()).hexdigest()[:16]

    held_out, right = 0, 0.0
    for number, fold in enumerate(folds):
        rest = [pair for index, pairs in enumerate(videos) if index not in fold for pair in pairs]
        weights = _searched(rest, begun, trials, seed, (study, f"{digest} without {number}"))
        unseen = [pair for index in fold for pair in videos[index]]
        held_out, right = held_out + len(unseen), right + share(unseen, weights) * len(unseen)
    weights = _searched(everything, begun, trials, seed, (study, f"{digest} all"))
    before = share(everything, begun)
    return Outcome(weights, len(everything), len(videos), before, share(everything, weights), before, right / held_out)


def _searched(
    pairs: Sequence[Pair], begun: Weights, trials: int, seed: int, kept: tuple[pathlib.Path, str]
) -> dict[str, float]:
    try:
        import optuna  # an extra of its own: two seconds and forty megabytes for one command
        from optuna.storages import journal
    except ImportError as error:
        message = "tuning needs optuna: install reelsmith[tune]"
        raise errors.FailedPrecondition(message, reason="NO_OPTUNA") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file, name = kept
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(journal.JournalFileBackend(str(file))),
        study_name=name,
        load_if_exists=True,
    )
    done = len(study.trials)
    study.sampler = optuna.samplers.TPESampler(seed=seed + done, multivariate=True)
    if not done:
        study.enqueue_trial(dict(begun))

    def objective(trial: Any) -> float:
        weights = {term: trial.suggest_float(term, 0.0, max(WEIGHT_MAX, begun[term])) for term in begun}
        return loss(pairs, weights, begun)

    study.optimize(objective, n_trials=max(0, trials - done))
    return {term: round(study.best_params[term], 3) for term in begun}


def _point(gap: float) -> float:
    return 0.5 if gap == 0 else float(gap > 0)


def _rows(table: pathlib.Path) -> Iterator[tuple[int, dict[str, str]]]:
    with table.open(newline="", encoding="utf-8") as opened:
        reader = csv.DictReader(opened)
        if not {"document", "rank", "liked"} <= set(reader.fieldnames or ()):
            raise _refusal(f"{table.name} lacks columns: document, rank, liked")
        for number, row in enumerate(reader, start=2):
            if number > ROWS_MAX:
                raise _refusal(f"{table.name} has more than {ROWS_MAX} rows")
            yield number, {name: row[name] or "" for name in ("document", "rank", "liked")}


def _clips(file: pathlib.Path) -> dict[int, Values]:
    """The measured terms of each clip of a document, by rank."""
    try:
        clips = {}
        for clip in json.loads(file.read_bytes())["proposals"]:
            measured = (term for term in clip["terms"] if term["value"] is not None)
            clips[int(clip["rank"])] = {term["name"]: float(term["value"]) for term in measured}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refusal(f"{file.name} is not what `reelsmith analyze --json` writes: {error}") from error
    return clips


def _refusal(message: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(message, reason="BAD_TABLE")
