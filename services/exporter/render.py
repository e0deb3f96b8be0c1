"""Renders one clip inside a worker: sound first, then picture, into one file that starts fast."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.container
import numpy as np

from media import errors as media_errors
from media import pool, sink
from services.exporter import (
    analysis,
    asked,
    bars,
    containers,
    cut,
    director,
    dressing,
    edit,
    encoders,
    fades,
    geometry,
    glance,
    layouts,
    loudness,
    picture,
    pieces,
    placement,
    presets,
    prints,
    reading,
    sizing,
    sound,
    splice,
    staging,
    storyboard,
    tracks,
)
from services.exporter.captions import track as text_track
from services.exporter.encoders import quality

BEAT_SAMPLES = 50  # chunks between two signs of life while sound is made


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """What a worker is asked to render; times in seconds, rates as fractions."""

    facts: Mapping[str, Any]
    pts: np.ndarray
    shown: np.ndarray
    times_s: np.ndarray
    rate: Fraction
    samples: int
    video_bps_max: int
    canvas: geometry.Canvas
    layout: str
    preset: Mapping[str, Any]
    found: analysis.Analysis
    """On the time line of the clip, as `times_s`."""
    threads: int
    spans: Sequence[pieces.Span]
    sounds: Sequence[splice.Part]
    joins_s: Sequence[float]
    fades: asked.Fades
    audio_track: asked.Track
    dressing: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, planned: edit.Edit, **rest: Any) -> "Job":
        """The job of a planned clip; `rest` is what the plan does not decide."""
        return cls(
            pts=planned.pts,
            shown=planned.schedule.shown,
            times_s=planned.times_s,
            rate=planned.schedule.rate,
            samples=planned.samples,
            video_bps_max=planned.video_bps_max,
            spans=planned.spans,
            sounds=planned.sounds,
            joins_s=planned.joins_s,
            fades=planned.fades,
            **rest,
        )

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            **{name: getattr(self, name) for name in ("facts", "samples", "video_bps_max", "layout", "threads")},
            "dressing": self.dressing,
            **{name: getattr(self, name).tolist() for name in ("pts", "shown", "times_s")},
            "rate": str(self.rate),
            **{name: [one.to_value() for one in getattr(self, name)] for name in ("spans", "sounds")},
            "joins_s": list(self.joins_s),
            "fades": self.fades.to_value(),
            "audio_track": self.audio_track.to_value(),
            "canvas": [self.canvas.width, self.canvas.height],
            "preset": dict(self.preset),
            "found": self.found.to_value(),
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> "Job":
        """Reads what `to_value` wrote."""
        return cls(
            **{name: value[name] for name in ("facts", "samples", "video_bps_max", "layout", "threads", "preset")},
            dressing=value["dressing"],
            pts=np.array(value["pts"], np.int64),
            shown=np.array(value["shown"], np.int64),
            times_s=np.array(value["times_s"], np.float64),
            rate=Fraction(value["rate"]),
            spans=[pieces.Span.from_value(one) for one in value["spans"]],
            sounds=[splice.Part.from_value(one) for one in value["sounds"]],
            joins_s=value["joins_s"],
            fades=asked.Fades(**value["fades"]),
            audio_track=asked.Track(**value["audio_track"]),
            canvas=geometry.Canvas(*value["canvas"]),
            found=analysis.Analysis.from_value(value["found"]),
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the stored picture in pixels."""
        return self.facts["width"], self.facts["height"]

    @property
    def content(self) -> geometry.Rectangle | None:
        """What of the stored picture lies between black bars; None for all of it."""
        if not len(self.times_s) or self.preset["aspect_ratio"] == presets.SOURCE:
            return None
        span_s = float(self.times_s[0]), float(self.times_s[-1])
        return bars.content(self.found.shots, span_s, self.size, crops=layouts.crops(self.layout))

    @property
    def silent(self) -> bool:
        """Whether the clip gets no sound at all."""
        return self.facts["audio"] is None and not self.preset["silent_track"]


def run(
    request: Mapping[str, Any], files: pool.Files, report: pool.Report
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Task: renders `files.inputs["source"]` into `files.outputs["clip"]`.

    Returns:
        What was measured and decided, and the array `prints`, uint8 (frames, 16, 9), of the pictures as rendered.
    """
    job = Job.from_value(request)
    source, target = files.inputs["source"], files.outputs["clip"]
    heard, board = _heard(job, source), staged(job, source)
    told = board.facts(job.shown, float(job.rate), _upright(job).shown, _shares(job))
    _refuse_lost(job, told["framing"]["subject_inside"])
    track = None if job.silent else _track(job, source, report)
    seen = np.zeros((len(job.shown), prints.ROWS, prints.COLUMNS), np.uint8)
    muxer = containers.CATALOGUE[job.preset["container"]].muxer
    for round_ in sizing.rounds(job, target):
        dresser = dressing.Dresser(job.dressing or dressing.NOTHING, job.canvas, len(job.shown), job.rate, files.inputs)
        with sink.open_sink(target, muxer, _muxer(job, track, dresser)) as container:
            _write(round_, source, container, track, board.scenes, seen, dresser, report)
    value = {
        "crf": round_.preset["crf"],
        "frames": len(job.shown),
        "sound": _sound_facts(track),
        "audio_track": heard,
        **told,
        "followed": bool(job.found.focus or job.found.subjects),
        "dressing": dresser.facts() if job.dressing else None,
        "texts": [entry.to_value() for entry in dresser.entries],
        "libraries": {"av": av.__version__, "ffmpeg": av.ffmpeg_version_info},
    }
    return value, {"prints": seen}


def _refuse_lost(job: Job, inside: float | None) -> None:
    """Refuses a clip whose windows do not hold its subject, before anything is made."""
    least = job.preset["subject_inside_min"]
    if inside is not None and inside < least:
        raise media_errors.Unsupported(
            f"layout {job.layout} would show the subject fully in {100 * inside:.1f} % of the frames that have one; "
            f"preset {job.preset['name']} wants {100 * least:g} %. Layout auto shows it",
            reason="SUBJECT_LOST",
            metadata={"subject_inside": f"{inside:.4f}", "subject_inside_min": f"{least:g}"},
        )


def staged(job: Job, source: BinaryIO) -> storyboard.Storyboard:
    """How the clip is shown, planned as a whole."""
    facts = job.facts

    origin_pts, base, pts = facts["origin_pts"], Fraction(facts["time_base"]), job.spans[0].pts
    first_s, last_s = (float((int(stamp) - origin_pts) * base) for stamp in (pts[0], pts[-1] + 1))

    def texts(spans_s: Sequence[tuple[float, float] | None]) -> Sequence[np.ndarray | None]:
        known_s = [span_s or (first_s, last_s) for span_s in spans_s]  # without shots, a clip is one
        return glance.texts(source, known_s, origin_pts, job.content, facts["rotation"])

    stage = director.Stage(_upright(job, job.content), job.canvas)
    window = geometry.window(stage.picture, job.canvas)
    known = placement.parted(bars.within(job.found, _shares(job)), job.joins_s, window)
    return storyboard.plan(job.layout, known, job.times_s, stage, None if facts["counted"] else texts)


def _heard(job: Job, source: BinaryIO) -> dict[str, Any] | None:
    """The track of the source that is heard; refuses one that is not there before anything is made."""
    with reading.opened(source) as opened:
        tracks.choose(opened, job.audio_track)
        return tracks.facts(opened)


def _shares(job: Job) -> tuple[float, float, float, float]:
    """Where the used part lies in the shown picture."""
    return job.content.shares(job.size, job.facts["rotation"]) if job.content else (0.0, 0.0, 1.0, 1.0)


def _upright(job: Job, part: geometry.Rectangle | None = None) -> geometry.Picture:
    """The shown picture, or a part of it."""
    facts = job.facts
    aspect = Fraction(facts["pixel_aspect"]) if facts["pixel_aspect"] else None
    width, height = (part.width, part.height) if part else job.size
    return geometry.upright(width, height, aspect, facts["rotation"])


def _track(job: Job, source: BinaryIO, report: pool.Report) -> sound.Track:
    count = 0

    def beat() -> None:
        nonlocal count
        count += 1
        if count % BEAT_SAMPLES == 0:
            report({"stage": "sound", "frames": 0})

    def open_at(start_s: Fraction) -> Iterator[np.ndarray]:
        return sound.pcm(source, start_s, splice.ENDLESS, job.audio_track)

    def chunks() -> Iterator[np.ndarray]:
        if job.facts["audio"] is None:
            return sound.silence(job.samples + coding.lead)
        heard = splice.joined(open_at, job.sounds, coding.lead)
        return splice.faded(heard, job.fades, job.samples, coding.lead)

    preset = job.preset
    coding = sound.CODINGS[preset["audio_codec"]]
    target = None
    if preset["normalize_loudness"]:
        target = loudness.Target(preset["loudness_lufs"], preset["true_peak_max_dbtp"], preset["gain_max_db"])
    return sound.track(chunks, job.samples, target, preset["audio_bit_rate_bps"], beat, coding)


def _sound_facts(track: sound.Track | None) -> dict[str, Any] | None:
    if track is None:
        return None
    return {
        "source": track.before.to_value(),
        "delivered": track.delivered.to_value(),
        "treatment": dataclasses.asdict(track.treatment) if track.treatment else None,
        "rounds": track.rounds,
    }


def _muxer(job: Job, track: sound.Track | None, dresser: dressing.Dresser) -> dict[str, str]:
    packets = 0 if track is None else len(track.packets)
    spare = text_track.reserve(dresser.inside)
    return containers.options(job.preset["container"], len(job.shown), packets, spare)


def _write(
    job: Job,
    source: BinaryIO,
    container: av.container.OutputContainer,
    track: sound.Track | None,
    scenes: Sequence[staging.Scene],
    seen: np.ndarray,
    dresser: dressing.Dresser,
    report: pool.Report,
) -> None:
    preset = job.preset
    wanted = quality.Quality(preset["crf"], preset["encoder_preset"], job.video_bps_max)
    size = (job.canvas.width, job.canvas.height)
    video = encoders.add(container, preset["encoder"], job.rate, size, wanted, job.threads)
    audio = sound.CODINGS[preset["audio_codec"]].add(container, preset["audio_bit_rate_bps"]) if track else None
    interleave = containers.interleaver(container, audio, track.packets if track else [])
    interleave = text_track.beside(container, preset["container"], dresser, interleave)
    fading = fades.of_picture(job.fades, len(job.shown), job.rate)
    for number, whole in dresser.over(_delivered(job, source, scenes)):
        delivered = fading.apply(whole, number)
        seen[number] = prints.of(delivered)
        delivered.pts, delivered.time_base = number, 1 / job.rate
        for packet in encoders.drained(video, delivered):
            interleave(packet)
        report({"stage": "encode", "frames": number + 1})
    for packet in encoders.drained(video, None):
        interleave(packet)
    interleave(None)


def _delivered(job: Job, source: BinaryIO, scenes: Sequence[staging.Scene]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Every frame of the clip with its number; a source frame that is shown longer comes several times."""
    facts = job.facts
    aspect = Fraction(facts["pixel_aspect"]) if facts["pixel_aspect"] else None
    framer = picture.Framer(
        picture.Style(job.canvas, facts["rotation"], aspect, facts["interlaced"], job.content, job.size),
    )
    uses = np.bincount(job.shown, minlength=len(job.pts))
    number, coming = 0, iter(scenes)
    scene = next(coming)
    for index, frame in _decoded(job, source):
        if not uses[index]:
            continue
        while index >= scene.last:
            scene = next(coming)
        delivered = framer(frame, scene, index)
        for _ in range(uses[index]):
            yield number, delivered
            number += 1


def _decoded(job: Job, source: BinaryIO) -> Iterator[tuple[int, av.VideoFrame]]:
    """Every frame of `job.pts` with its place there; what lies between near pieces is decoded and left out."""
    for span in job.spans:
        if span.counted:
            frames = cut.counted(source, span.pts, threads=job.threads)
        else:
            frames = cut.frames(source, span.pts, certain=span.certain, threads=job.threads)
        for index, frame in picture.progressive(frames) if job.facts["interlaced"] else frames:
            if span.places[index] >= 0:
                yield int(span.places[index]), frame
