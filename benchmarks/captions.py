"""What captions and overlays add to a render: processor time of drawing and blending beside that of the render.

    python benchmarks/captions.py [SECONDS]

The same stretch of a film becomes upright clips of 1080x1920, x264 veryfast CRF 20 and AAC, with three words a second.
The least processor time of alternating runs, without sandbox and checks: other programs only ever add to it.
"""

import io
import os
import pathlib
import sys
import tempfile
import time
import types
from fractions import Fraction
from typing import Any

import av
import numpy as np
from PIL import Image

from services.exporter import (
    analysis,
    asked,
    assembly,
    captions,
    delivery,
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
RUNS, START_S, WORDS_PER_S = 3, 20.0, 3
TALK = "Nobody believed that the machine could learn to play the game but it did and then it won twice.".split()


def wishes() -> dict[str, dressing.Wish]:
    """What is measured."""
    found = {name: dressing.Wish(captions.Wish(name)) for name in styles.for_captions()}
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


CANVAS = geometry.Canvas(*presets.ASPECT_RATIOS["9:16"])


def render_s(source: Any, facts: dict[str, Any], plan: edit.Edit, preset: presets.Preset) -> float:
    """Processor time of the render without anything over it, in seconds."""
    decided = delivery.decide(preset, facts, "9:16", "").to_value() | {"encoder": "libx264"}
    job = render.Job.of(
        plan,
        facts=facts,
        canvas=CANVAS,
        layout="fill",
        threads=2,
        preset=preset.to_value() | decided,
        found=analysis.Analysis(),
        audio_track=asked.BY_RULE,
    )
    with tempfile.TemporaryFile() as target:
        files = types.SimpleNamespace(inputs={"source": source}, outputs={"clip": target})
        begin_s = time.process_time()
        render.run(job.to_value(), files, lambda value: None)
        return time.process_time() - begin_s


def dressing_s(plan: edit.Edit, wish: dressing.Wish) -> float:
    """Processor time of drawing and blending over as many frames, in seconds."""
    rate, frames = plan.schedule.rate, plan.frames
    said = dressing.said(wish, transcript(frames / float(rate)), plan.pieces)
    planned = dressing.plan(wish, said, plan.pieces, rate, dressing.zone("tiktok", CANVAS))
    frame = av.VideoFrame.from_ndarray(np.full((CANVAS.height * 3 // 2, CANVAS.width), 90, np.uint8), format="yuv420p")
    begin_s = time.process_time()
    dresser = dressing.Dresser(planned, CANVAS, frames, rate, {"logo": io.BytesIO(logo())})
    count = sum(1 for _ in dresser.over((number, frame) for number in range(frames)))
    end_s = time.process_time()
    said = dresser.facts()["captions"]
    assert count == frames
    assert said is None or said["words"] == said["words_shown"] > 0
    return end_s - begin_s


def main() -> None:
    """Prints the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    warm.everything()
    preset, bare, times = presets.builtin()["tiktok"], [], {name: [] for name in wishes()}
    with FILM.open("rb") as source:
        facts, plan = planned(source, seconds, preset)
        for _ in range(RUNS):
            bare.append(render_s(source, facts, plan, preset))
            for name, wish in wishes().items():
                times[name].append(dressing_s(plan, wish))
    print(f"{plan.frames} frames, {seconds:g} s; least of {RUNS} runs; the render alone {min(bare):.2f} s\n")
    print("| over the pictures | s | a frame, ms | of the render |\n|---|---|---|---|")
    for name, found in times.items():
        frame_ms = 1000 * min(found) / plan.frames
        print(f"| {name} | {min(found):.2f} | {frame_ms:.2f} | {100 * min(found) / min(bare):.1f} % |")


if __name__ == "__main__":
    main()
