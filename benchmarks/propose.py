"""How long proposing from a stored analysis takes: first and again with other weights, beside parsing its JSON.

    python benchmarks/propose.py [HOURS]

The analysis is made up, as long and as full as a talk of that length: every curve, five samples of focus per second, a
shot and a sentence per six, two subtitles per sentence. Medians of processor time over alternating runs.
"""

import dataclasses
import functools
import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from services.analyzer import document, focus
from services.analyzer.proposals import material, proposing, terms

RUNS = 15
LENGTHS = tuple(proposing.Target(target_s, 5) for target_s in (15.0, 30.0, 60.0))
INTERVAL_S, SHOT_S, CUE_S, RATE = 0.5, 6.0, 3.0, 25


def spans(period_s: float, share: float, seconds: float) -> list[dict[str, float]]:
    """A stretch in every period, as an analysis has them."""
    return [{"start_s": start, "end_s": start + share * period_s} for start in np.arange(0, seconds, period_s).tolist()]


def analysis(seconds: float) -> bytes:
    """`analysis.json` of a talk."""
    noise = np.random.default_rng(0)
    count = round(seconds / INTERVAL_S)
    names = ("x", "y", "spread_x", "spread_y", "weight")
    track = noise.uniform(0, 1, (round(seconds / focus.INTERVAL_S), len(names))).round(4).tolist()
    shots = [
        {**item, "start_frame": round(item["start_s"] * RATE), "end_frame": round(item["end_s"] * RATE)}
        for item in spans(SHOT_S, 1.0, seconds)
    ]
    cues = [{**item, "text": "some words that are spoken in a talk"} for item in spans(CUE_S, 0.95, seconds)]
    found = {
        "schema": document.SCHEMA,
        "source": {"duration_s": seconds, "start_s": 0.0},
        "video": {"variable_frame_rate": False, "frame_rate": float(RATE)},
        "shots": shots,
        "speech": spans(CUE_S, 0.9, seconds),
        "silence": [],
        "pauses_s": [],
        "curve": {
            "interval_s": INTERVAL_S,
            "first_frame": np.arange(count).tolist(),
            **{name: noise.uniform(0, 1, count).round(6).tolist() for name in document.CURVES},
        },
        "focus": {
            "samples": [
                {"t_s": index * focus.INTERVAL_S, **dict(zip(names, row, strict=True))}
                for index, row in enumerate(track)
            ]
        },
        "transcript": {"cues": cues, "words": None, "sentences": spans(2 * CUE_S, 0.95, seconds)},
    }
    return document.encode(found)


def spent(work: Callable[[], object]) -> float:
    """Processor time in milliseconds."""
    begin = time.process_time()
    work()
    return 1000 * (time.process_time() - begin)


def main(hours: float) -> None:
    """Times all and prints the table."""
    content = analysis(3600 * hours)
    shelf = material.Shelf()
    shelf.material(content)
    orders = [
        proposing.Order(count=20, keywords=("talk",), weights={**terms.WEIGHTS, "motion": float(run)})
        for run in range(RUNS)
    ]
    programs: dict[str, Callable[[proposing.Order], object]] = {
        "parsing the JSON alone": lambda order: json.loads(content),
        "the first proposals": lambda order: proposing.propose(material.Material.parse(content), order),
        "again, with other weights": lambda order: proposing.propose(shelf.material(content), order),
        "again, with other keywords": lambda order: proposing.propose(
            shelf.material(content), dataclasses.replace(order, keywords=(f"talk {order.weights['motion']:g}",))
        ),
        "with other weights, diversity 0.5": lambda order: proposing.propose(
            shelf.material(content), dataclasses.replace(order, diversity=0.5)
        ),
        "with other weights, 20 left-out clips told": lambda order: proposing.decide(
            shelf.material(content), dataclasses.replace(order, explain=20)
        ),
        "with other weights, 5 clips each of 15, 30 and 60 s": lambda order: proposing.propose(
            shelf.material(content), dataclasses.replace(order, targets=LENGTHS)
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for order in orders:
        for name, work in programs.items():
            times[name].append(spent(functools.partial(work, order)))
    print(f"| {hours:g} h, {len(content) / 1e6:.1f} MB | median, ms |\n|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.0f} |")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
