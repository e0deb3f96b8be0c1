"""The one pass: every packet is read once, and every frame that matters is decoded and measured as it comes.

Frames of H.264 that no other refers to are left out where neither borders nor curves depend on them; see `thinning`.
Pictures and sound are measured while the decoder works on the next frames; nothing is kept but what the measures need
of the last frames, and a few numbers per interval of time.
"""

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import av
import av.stream
import numpy as np

from media import errors, pool, source
from services.analyzer import (
    backend,
    clock,
    eye,
    gaze,
    highlight,
    measures,
    picture,
    probe,
    references,
    segments,
    stopwatch,
    thinning,
    timeline,
    viewer,
)
from services.analyzer.audio import loudness, meter, music, rhythm, speech
from services.analyzer.camera import path
from services.analyzer.shots import window
from services.analyzer.subjects import finder, mtcnn
from services.analyzer.subjects import meter as people
from services.analyzer.transcript import reader

INTERVAL_S = 0.5  # of the curves
REPORT_S = 0.2  # between two words of progress
LEVEL_MIN_LUFS = -70.0  # the curve says this for silence, as JSON knows no infinity
SPEED_S = 3.0  # span of the speed that is reported

Report = Callable[[Mapping[str, Any]], None]
Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure.

    Attributes:
        measures: Of measures.MEASURES.
        start_s: Where the measured part begins, in seconds since the first frame.
        end_s: Where it ends; infinity for the end of the source.
        threads: Threads of the video decoder.
        transcript: Name of the file of subtitles that came along; empty where none did.
        named: Whether the caller named that file.
        backend: What measures pictures, `cpu` or `cuda`.
        every_frame: Whether to decode frames that are of no consequence too; the result is the same.
        evidence: Whether to say why there is a border between shots, or none.
    """

    measures: frozenset[str]
    start_s: float
    end_s: float
    threads: int
    transcript: str = ""
    named: bool = False
    backend: str = "cpu"
    every_frame: bool = False
    evidence: bool = False

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "Wanted":
        """What a request of the task says; everything is optional."""
        end_s = request.get("end_s")
        return cls(
            measures=frozenset(request.get("measures") or measures.MEASURES),
            start_s=float(request.get("start_s") or 0.0),
            end_s=math.inf if end_s is None else float(end_s),
            threads=int(request.get("threads") or 1),
            transcript=str(request.get("transcript") or ""),
            named=bool(request.get("transcript_named")),
            backend=str(request.get("backend") or "cpu"),
            every_frame=bool(request.get("every_frame")),
            evidence=bool(request.get("evidence")),
        )

    @property
    def sees(self) -> bool:
        """Whether pictures are measured."""
        return measures.sees(self.measures)

    @property
    def finds(self) -> bool:
        """Whether people are looked for: only the processor does that, and a card keeps its pictures to itself."""
        return "subjects" in self.measures and self.backend == "cpu"

    @property
    def whole(self) -> bool:
        """Whether the whole source is measured."""
        return self.start_s <= 0 and math.isinf(self.end_s)

    @property
    def hears(self) -> bool:
        """Whether sound is measured."""
        return bool(self.measures & {"loudness", "speech", "music"})


def run(request: Mapping[str, Any], files: pool.Files, report: Report) -> tuple[dict[str, Any], Arrays]:
    """The task: measures a source; see `Pass.finish` for what it returns."""
    wanted = Wanted.from_request(request)
    try:
        return _measured(files, wanted, report)
    except thinning.Damaged:
        return _measured(files, dataclasses.replace(wanted, threads=1), report, thin=False)
    except thinning.Inexact:
        return _measured(files, wanted, report, thin=False)


def _measured(files: pool.Files, wanted: Wanted, report: Report, *, thin: bool = True) -> tuple[dict[str, Any], Arrays]:
    file = files.inputs["source"]
    size_bytes = os.fstat(file.fileno()).st_size
    chosen = backend.of(wanted.backend)
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(source.open_source(file, threads=wanted.threads, accelerator=chosen.accelerator()))
        tools = Tools.of(opened, wanted, chosen, thin=thin)
        stack.enter_context(tools.viewing)
        measuring = Pass(opened, wanted, size_bytes, report, tools)
        if "transcript" in wanted.measures:
            measuring.listen_for_words(files.inputs.get("transcript"))
        measuring.run()
        return measuring.finish()


@dataclasses.dataclass(frozen=True, slots=True)
class Tools:
    """What a pass works with.

    Attributes:
        viewing: Decodes and looks.
        looking: Knows how pictures are reduced to cells.
        plan: Plans which packets to leave out; None to take all.
        clock: Says when frames are shown.
        watch: Where the time goes.
    """

    viewing: segments.Segments | segments.Straight
    looking: eye.Looking
    plan: thinning.Thinning | None
    clock: clock.Clock
    watch: stopwatch.Stopwatch

    @classmethod
    def of(cls, opened: source.Source, wanted: Wanted, chosen: backend.Backend, *, thin: bool) -> "Tools":
        """What suits a source: pieces of it side by side, where it can be cut and the processor looks at it."""
        watch, video = stopwatch.Stopwatch(), opened.video
        ticking = clock.Clock(video.time_base if video is not None else None, _step_s(video))
        plan = _thinning(opened, wanted) if thin else None
        finds = _people(opened) if wanted.finds and video is not None else None
        if plan is not None and wanted.backend == "cpu":
            pieces = segments.Segments(opened, plan, wanted.threads, ticking, finds)
            return cls(pieces, pieces, plan, ticking, watch)
        looking, part = chosen.eye(opened), viewer.Part(wanted.start_s, wanted.end_s)
        straight = segments.Straight(opened, plan, looking, part, ticking, finds, watch)
        return cls(straight, looking, plan, ticking, watch)


class Pass:
    """Reads a source once.

    Args:
        opened: The open source.
        wanted: What to measure.
        size_bytes: Size of the file.
        report: Called with the progress now and then.
        tools: What it works with.
    """

    def __init__(self, opened: source.Source, wanted: Wanted, size_bytes: int, report: Report, tools: Tools) -> None:
        self._opened, self._wanted, self._report, self._size_bytes = opened, wanted, report, size_bytes
        self._viewing, self._clock, self._watch = tools.viewing, tools.clock, tools.watch
        self._survey = probe.Survey.begin(opened, size_bytes)
        self._survey.looked = wanted.sees
        self._pictures = picture.Meter(
            shots="shots" in wanted.measures,
            explain=wanted.evidence,
            interval_s=INTERVAL_S,
            looking=tools.looking,
            left_out=tools.plan,
        )
        self._sound = meter.Meter(
            loud="loudness" in wanted.measures, voice="speech" in wanted.measures, notes="music" in wanted.measures
        )
        self._words: reader.Reader | None = None
        self._cpu_s = time.process_time()
        self._fraction = 0.0
        self._last_duration: int | None = None
        self._done = {
            "video": not wanted.sees or opened.video is None,
            "audio": not wanted.hears or opened.audio is None,
        }
        self._reported: list[tuple[float, int]] = [(time.monotonic(), 0)]

    def listen_for_words(self, beside: BinaryIO | None) -> None:
        """Has the transcript read too, from a file beside the source where there is one, else from its text tracks."""
        wanted = self._wanted
        if beside is not None:
            beside.seek(0)  # a pass before this one may have read it
        found = reader.Beside(beside, wanted.transcript, wanted.named) if beside is not None else None
        self._words = reader.Reader(self._opened.container.streams, found)

    def run(self) -> None:
        """Reads to the end of the source, or of the part that is measured."""
        for stream, packet in self._opened.packets(*self._opened.container.streams):
            self._survey.add(stream, packet)
            self._watch.lap("read")
            if stream is self._opened.video and not self._done["video"]:
                self._see(packet)
            elif stream is self._opened.audio and not self._done["audio"]:
                self._hear(stream, packet)
            elif self._words is not None:
                self._words.add(stream, packet)
            if all(self._done.values()) and math.isfinite(self._wanted.end_s):
                self._survey.whole = False
                return
            self._tell(packet)

    def _see(self, packet: av.Packet | None) -> None:
        for item in self._viewing.take(packet):
            self._add(item)
        self._watch.lap("picture")
        self._done["video"] = self._viewing.done

    def _add(self, item: viewer.Item) -> None:
        if isinstance(item, viewer.Skipped):
            self._pictures.skip(item.pts, item.t_s)
            return
        self._pictures.add(item)
        self._last_duration = item.duration

    def _hear(self, stream: av.stream.Stream, packet: av.Packet | None) -> None:
        frames = self._opened.decode(stream, packet)
        self._watch.lap("decode")
        for frame in frames:
            stamp_s = clock.stamp(frame.pts, stream.time_base)
            t_s = (stamp_s or 0.0) - self._origin_s()
            if t_s >= self._wanted.end_s:
                self._done["audio"] = True
                break
            if t_s >= self._wanted.start_s or self._wanted.start_s <= 0:
                self._sound.add(frame, stamp_s)
        self._watch.lap("sound")

    def _origin_s(self) -> float:
        """Time stamp of the first picture, as far as it is known; of the sound where there are no pictures."""
        if self._viewing.frames:
            return self._clock.origin_s
        video = self._opened.video
        if video is not None and video.start_time is not None and video.time_base:
            return float(video.start_time * video.time_base)
        audio = self._opened.audio
        if audio is not None and audio.start_time is not None and audio.time_base:
            return float(audio.start_time * audio.time_base)
        return 0.0

    def _tell(self, packet: av.Packet | None) -> None:
        now = time.monotonic()
        if now - self._reported[-1][0] < REPORT_S:
            return
        frames = self._viewing.frames
        self._reported.append((now, frames))
        while now - self._reported[0][0] > SPEED_S and len(self._reported) > 2:
            del self._reported[0]
        begin, first = self._reported[0]
        self._fraction = max(self._fraction, probe.position(packet, self._size_bytes))  # streams lie side by side
        speed = (frames - first) / max(now - begin, 1e-3)
        self._report({"stage": "measure", "fraction": self._fraction, "frames": frames, "frames_per_second": speed})

    def finish(self) -> tuple[dict[str, Any], Arrays]:
        """What was measured.

        Returns:
            A value that JSON can say and arrays: the curves by name, `focus` (n, 6), `first_frame`.

        Raises:
            errors.Unreadable: Nothing could be decoded (NO_FRAMES).
            thinning.Inexact: Every frame must be decoded; `run` may say so as well.
        """
        for item in self._viewing.finish():
            self._add(item)
        pictures = self._pictures.finish(self._length_s())
        sound = self._sound.finish() if self._sound.started else None
        self._watch.lap("decide")
        if not pictures.frame_count and sound is None and (self._wanted.sees or self._wanted.hears):
            raise errors.Unreadable("nothing in the wanted part can be decoded", reason="NO_FRAMES")
        duration_s = pictures.duration_s if pictures.frame_count else sound.duration_s if sound is not None else 0.0
        self._survey.first = self._opened.sample or self._viewing.first
        media = probe.describe(self._survey)
        media["faults"] += self._timing_faults()
        value = {
            "media": media,
            "start_s": self._wanted.start_s,
            "duration_s": duration_s,
            "interval_s": INTERVAL_S,
            "video": self._video(pictures) if pictures.frame_count else None,
            "transitions": [_border(item, self._viewing.before) for item in pictures.transitions],
            "borders_s": pictures.borders_s,
            "black": pictures.black,
            "frozen": pictures.frozen,
            "content": pictures.content and dataclasses.asdict(pictures.content),
            "contents": [item and dataclasses.asdict(item) for item in pictures.contents],
        }
        if self._wanted.evidence:
            value |= _reasons(pictures, self._viewing.before)
        heard, curves = self._heard(sound, pictures.frame_count > 0, duration_s)
        arrays = {**self._seen(pictures), **curves}
        value["cameras"] = self._filmed(pictures, duration_s, arrays)
        value |= heard | self._met(pictures, heard["speech"] if "speech" in curves else None, arrays)
        value["transcript"] = self._read_words(sound, heard["speech"])
        media["faults"] += self._words.faults if self._words is not None else []
        arrays["highlight"] = self._highlight(arrays, pictures, duration_s)
        value["timings"] = self._timings()
        return value, arrays

    def _length_s(self) -> float:
        return self._clock.end(self._last_duration) - self._wanted.start_s if self._pictures.frame_count else 0.0

    def _timing_faults(self) -> list[dict[str, str]]:
        if not self._clock.repaired:
            return []
        detail = f"{self._clock.repaired} frames have no usable time stamp and got one that fits between"
        return [{"code": "BAD_TIMESTAMPS", "detail": detail}]

    def _video(self, pictures: picture.Pictures) -> dict[str, Any]:
        return {
            "frame_count": pictures.frame_count,
            "first_frame": self._viewing.before,
            "start_pts": self._clock.start_pts,
            "duration_s": pictures.duration_s,
        }

    def _seen(self, pictures: picture.Pictures) -> Arrays:
        if not pictures.frame_count:
            return {}
        found: Arrays = {"first_frame": pictures.first_frame + self._viewing.before}
        if "picture" in self._wanted.measures:
            found |= {"motion": pictures.motion, "sharpness": pictures.sharpness, "exposure": pictures.exposure}
            found["focus"] = pictures.focus
        return found

    def _filmed(self, pictures: picture.Pictures, duration_s: float, arrays: Arrays) -> list[dict[str, Any]] | None:
        """How the camera moves in each shot, None where nobody looked; its curves go to the arrays."""
        video = self._opened.video
        if video is None or not pictures.frame_count or "picture" not in self._wanted.measures:
            return None
        view = path.View.of((video.width, video.height), probe.aspect_of(video), probe.rotation_of(self._survey.first))
        moves, steps = path.finished(view.shown(pictures.camera), pictures.borders_s)
        arrays |= path.curves(steps, INTERVAL_S, timeline.count_of(duration_s, INTERVAL_S))
        return [dataclasses.asdict(move) for move in moves]

    def _met(self, pictures: picture.Pictures, speech: list | None, arrays: Arrays) -> dict[str, Any]:
        """The people, None where nobody looked; their samples, and a focus that follows them, go to the arrays."""
        looks = self._viewing.looks()
        if looks is None or not pictures.frame_count:
            return {"subjects": None}
        found = finder.people(looks, pictures.borders_s, speech)
        arrays["subjects"] = finder.rows(found)
        if "focus" in arrays:
            rotation = probe.rotation_of(self._survey.first)
            arrays["focus"] = gaze.led(arrays["focus"], found, pictures.borders_s, rotation)
        return {"subjects": [item.value() for item in found]}

    def _heard(self, sound: meter.Sound | None, seen: bool, duration_s: float) -> tuple[dict[str, Any], Arrays]:
        if sound is None:
            found = {"speech": [], "silence": [], "pauses": [], "loudness": None, "tempo_bpm": None, "begin_s": None}
            return found, {}
        shift_s = sound.start_s - self._origin_s() - self._wanted.start_s if seen else 0.0
        voice = speech.speech(sound.voice, sound.energies) if sound.voice is not None else []
        measured = sound.loudness
        found = {
            "begin_s": sound.start_s - shift_s,  # time stamp that these times count from
            "speech": _placed(voice, shift_s, duration_s),
            "silence": _placed(speech.silence(sound.energies), shift_s, duration_s),
            "pauses": [t + shift_s for t in speech.pauses(voice, sound.energies) if 0 <= t + shift_s <= duration_s],
            "tempo_bpm": rhythm.tempo(sound.flux) if sound.flux is not None else None,
            "loudness": measured and {name: getattr(measured, name) for name in loudness.FIGURES},
        }
        count = timeline.count_of(duration_s, INTERVAL_S)
        curves: Arrays = {}
        if measured is not None:
            curves["loudness_lufs"] = levels(measured, shift_s, count)
        if sound.voice is not None:
            curves["speech"] = timeline.shares(found["speech"], INTERVAL_S, count)
        if sound.music is not None and sound.flux is not None:
            curves["music"] = held(music.judged(sound.music), music.STEP_S, shift_s, count)
            begun = [t_s for t_s in (rhythm.onsets(sound.flux) + shift_s).tolist() if t_s >= 0]
            curves["onset"] = timeline.counts(begun, INTERVAL_S, count) / INTERVAL_S
        return found, curves

    def _read_words(self, sound: meter.Sound | None, spoken: list[list[float]]) -> dict[str, Any] | None:
        if self._words is None:
            return None
        wanted, begin, audio = self._wanted, self._opened.container.start_time, self._opened.audio
        origin_s = self._origin_s()
        begin_s = begin / av.time_base if begin is not None else origin_s
        heard = None
        if sound is not None and sound.voice is not None:
            shift_s = sound.start_s - origin_s - wanted.start_s
            spans = tuple((start_s, end_s) for start_s, end_s in spoken)
            heard = reader.Heard(spans, sound.energies, speech.STEP_S, shift_s)
        axis = reader.Axis(origin_s, begin_s, wanted.start_s, wanted.end_s)
        return self._words.finish(axis, heard, probe.language_of(audio) if audio is not None else "")

    def _highlight(self, arrays: Arrays, pictures: picture.Pictures, duration_s: float) -> np.ndarray:
        count = timeline.count_of(duration_s, INTERVAL_S)
        heard = {name: arrays[name] for name in ("loudness_lufs", "motion", "speech") if name in arrays}
        if "loudness_lufs" in heard:
            heard["onset"] = highlight.onsets(heard["loudness_lufs"])
        if "shots" in self._wanted.measures and pictures.frame_count:
            heard["cuts"] = timeline.counts(pictures.borders_s, INTERVAL_S, count)
        return highlight.curve(heard, INTERVAL_S, count)

    def _timings(self) -> list[dict[str, Any]]:
        self._watch.add(self._viewing.stages())
        total_s = time.process_time() - self._cpu_s
        ours_s = sum(cpu_s for stage, (_, cpu_s) in self._watch.stages.items() if stage != "decode")
        return [
            {"stage": stage, "wall_s": wall_s, "cpu_s": total_s - ours_s if stage == "decode" else cpu_s}
            for stage, (wall_s, cpu_s) in self._watch.stages.items()
        ]


def levels(measured: loudness.Loudness, shift_s: float, count: int) -> np.ndarray:
    """Momentary loudness per interval in LUFS, never below LEVEL_MIN_LUFS."""
    energy = timeline.Means(("energy",), INTERVAL_S)
    steps = np.where(np.isfinite(measured.momentary_lufs), 10 ** (measured.momentary_lufs / 10), 0.0)
    for index, value in enumerate(steps.tolist()):
        t_s = shift_s + (index + 0.5) * loudness.STEP_S
        if 0 <= t_s < count * INTERVAL_S:
            energy.add(t_s, (value,))
    means = energy.finish(count * INTERVAL_S, hold=False)["energy"]
    return np.maximum(10 * np.log10(np.maximum(means, 1e-12)), LEVEL_MIN_LUFS)


def held(values: np.ndarray, step_s: float, shift_s: float, count: int) -> np.ndarray:
    """Values of steps as values of intervals: that of the step in the middle of each; no number where there is none.

    Args:
        values: One per step.
        step_s: Length of a step in seconds.
        shift_s: Where the first step lies on the axis of the intervals, in seconds.
        count: Number of intervals.
    """
    place = np.floor(((np.arange(count) + 0.5) * INTERVAL_S - shift_s) / step_s + 1e-9).astype(np.int64)
    known = (place >= 0) & (place <= values.size)  # what is left at the end is less than a step
    found = np.full(count, np.nan)
    if values.size:
        found[known] = values[np.minimum(place[known], values.size - 1)]
    return found


def _placed(spans: list[speech.Span], shift_s: float, duration_s: float) -> list[list[float]]:
    moved = [[max(start + shift_s, 0.0), min(end + shift_s, duration_s)] for start, end in spans]
    return [span for span in moved if span[0] < span[1]]


def _border(item: window.Transition, first: int) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "frame": item.frame + first,
        "start_frame": item.start_frame + first,
        "end_frame": item.end_frame + first,
    }


def _reasons(pictures: picture.Pictures, first: int) -> dict[str, Any]:
    """Why there is a border, for each transition, and why there is none elsewhere."""
    return {
        "evidence": [item.value(first) for item in pictures.evidence],
        "rejected": [item.value(first) for item in pictures.rejected],
    }


def _thinning(opened: source.Source, wanted: Wanted) -> thinning.Thinning | None:
    """What leaves frames out; None for a part of a source, or where it cannot be known what is of no consequence."""
    units = references.of(opened.video) if opened.video is not None and wanted.sees and wanted.whole else None
    if units is None:
        return None
    every_frame = wanted.every_frame or wanted.backend != "cpu"  # what a card leaves out it could not give later
    return thinning.Thinning(opened, units, wanted.threads, every_frame=every_frame)


def _people(opened: source.Source) -> segments.MakeMeter:
    """Makes what looks for people, for one stretch of a film after the other."""
    aspect, find = probe.aspect_of(opened.video), mtcnn.Detector()

    def make(turns: int | None, begins: bool) -> people.Meter:
        return people.Meter(aspect, find, turns, people.TRIES if begins else 1)

    return make


def _step_s(video: av.stream.Stream | None) -> float | None:
    rate = video.average_rate or video.guessed_rate if video is not None else None
    return float(1 / rate) if rate and rate > 0 else None
