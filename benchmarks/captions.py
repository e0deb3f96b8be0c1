"""What captions and overlays add to a render: processor time beside the same render without them.

    python benchmarks/captions.py [SECONDS]

The same stretch of a film becomes upright clips of 1080x1920, x264 veryfast CRF 20 and AAC, with three words a second.
Medians of processor time over alternating runs, without sandbox and checks.
"""

import io
import os
import pathlib
import statistics
import sys
import tempfile
import time
import types
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from services.exporter import (
    analysis,
    asked,
    assembly,
    captions,
    dressing,
    edit,
    geometry,
    overlays,
    pieces,
    presets,
    render,
    survey,
    warm,
)
from services.exporter.text import styles

MEDIA = pathlib.Path(os.environ.get("REELSMITH_TEST_MEDIA", "../shared/media"))
FILM = MEDIA / "real/tos_battle_70s_vp8.webm"
RUNS, START_S, WORDS_PER_S = 5, 20.0, 3
TALK = "Nobody believed that the machine could learn to play the game but it did and then it won twice.".split()


def wishes() -> dict[str, dressing.Wish]:
    """What is compared: nothing first."""
    found = {"nothing": dressing.Wish()}
    found |= {name: dressing.Wish(captions.Wish(name)) for name in styles.for_captions()}
    found["title, hook, bar and logo"] = dressing.Wish(
        overlays=overlays.Wish(title="How it won", hook="Wait for it", progress_bar=True, logo_uri="file:///logo.png")
    )
    return found


def transcript(seconds: float) -> dict[str, Any]:
    """Talk all the time, each word with its time."""
    count = round(seconds * WORDS_PER_S)
    said = [
        {"start_s": START_S + index / WORDS_PER_S, "end_s": START_S + (index + 0.9) / WORDS_PER_S, "text": text}
        for index, text in enumerate((TALK * (count // len(TALK) + 1))[:count])
    ]
    return {"source": "sidecar", "language": "en", "cues": [], "words": said}


def logo() -> bytes:
    """A half-transparent disc."""
    y, x = np.mgrid[-100:100, -100:100]
    pixels = np.full((200, 200, 4), 200, np.uint8)
    pixels[..., 3] = np.where(x * x + y * y < 10_000, 200, 0)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def planned(source: Any, seconds: float, preset: presets.Preset) -> tuple[dict[str, Any], edit.Edit]:
    """The frames of the stretch."""
    wanted = survey.Wanted(seconds=(Fraction(START_S), Fraction(START_S + seconds)))
    take = pieces.Take(*survey.find(source, wanted, (), decoding=False, report=lambda value: None))
    asked_for = asked.Edit((asked.Range(wanted),))
    return take.facts, assembly.plan([take], asked_for, None, preset, analysis.Analysis()).edit


def spent(source: Any, facts: dict[str, Any], plan: edit.Edit, preset: presets.Preset, wish: dressing.Wish) -> float:
    """Processor time of one render, in seconds."""
    canvas = geometry.Canvas(*presets.ASPECT_RATIOS["9:16"])
    zone, rate = dressing.zone(preset.name, "9:16", canvas), plan.schedule.rate
    said = dressing.said(wish, transcript(plan.frames / float(rate)), plan.pieces)
    job = render.Job(
        facts=facts, pts=plan.pts, shown=plan.schedule.shown, times_s=plan.times_s, rate=rate, samples=plan.samples,
        video_bps_max=plan.video_bps_max, canvas=canvas, layout="fill", preset=preset.to_value(),
        found=analysis.Analysis(), threads=2, spans=plan.spans, sounds=plan.sounds, joins_s=plan.joins_s,
        fades=plan.fades, audio_track=asked.BY_RULE, dressing=dressing.plan(wish, said, plan.pieces, rate, zone),
    )  # fmt: skip
    with tempfile.TemporaryFile() as target:
        inputs = {"source": source, "logo": io.BytesIO(logo())}
        files = types.SimpleNamespace(inputs=inputs, outputs={"clip": target})
        begin_s = time.process_time()
        value, _ = render.run(job.to_value(), files, lambda value: None)
        end_s = time.process_time()
    if wish.captions.style:
        facts = value["dressing"]["captions"]
        assert facts["words"] == facts["words_shown"] > 0
    return end_s - begin_s


def main() -> None:
    """Prints the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    warm.everything()
    preset, times = presets.builtin()["tiktok"], {name: [] for name in wishes()}
    with FILM.open("rb") as source:
        facts, plan = planned(source, seconds, preset)
        for _ in range(RUNS):
            for name, wish in wishes().items():
                times[name].append(spent(source, facts, plan, preset, wish))
    bare = statistics.median(times["nothing"])
    print(f"{plan.frames} frames, {seconds:g} s; median of {RUNS} runs\n")
    print("| over the pictures | s | ratio |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.2f} | {statistics.median(found) / bare:.3f} |")


if __name__ == "__main__":
    main()
