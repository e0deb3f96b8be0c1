"""`analysis.json`: what the other parts read, stable and documented; the same source gives the same bytes.

Schema `reelsmith.analysis/1`. Times are seconds since the first frame of the video (of the sound, where there is no
video); frames count from 0 in the order they are shown; ends are exclusive but for those of transitions. `null` is
unknown, an empty list is nothing found. `source.start_s` is where the measured part begins. Where it was asked for,
each transition has its `evidence` and there is a list of `rejected_transitions`, as `client/analysis.schema.json`
describes them. Numbers are rounded to six decimals, keys are sorted.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.analyzer import camera, focus

SCHEMA = "reelsmith.analysis/1"
VERSION = "0.1.0"
DECIMALS = 6
CURVES = ("highlight", "motion", "sharpness", "exposure", "loudness_lufs", "speech", "music", "onset",
          *camera.CURVES)  # fmt: skip
PICTURE_DECIMALS = 4  # a ten-thousandth of the picture is less than a pixel


def analysis(name: str, sha256: str, measured: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The document.

    Args:
        name: Name of the source for people.
        sha256: Hash of the source.
        measured: The value of `measure.run`.
        arrays: The arrays of `measure.run`.
    """
    media, start_s = measured["media"], measured["start_s"]
    rejected = {"rejected_transitions": measured["rejected"]} if "rejected" in measured else {}
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "source": {
            "name": name,
            "size_bytes": media["size_bytes"],
            "sha256": sha256,
            "format": media["format"],
            "duration_s": measured["duration_s"],
            "start_s": start_s,
        },
        "video": video(measured),
        "audio": audio(measured),
        "transitions": transitions(measured),
        **rejected,
        "shots": shots(measured),
        "speech": stretches(measured["speech"], start_s),
        "silence": stretches(measured["silence"], start_s),
        "pauses_s": [t_s + start_s for t_s in measured["pauses"]],
        "black": stretches(measured["black"], start_s),
        "frozen": stretches(measured["frozen"], start_s),
        "loudness": measured["loudness"],
        "curve": curve(measured["interval_s"], arrays),
        "focus": {"interval_s": focus.INTERVAL_S, "samples": samples(measured, arrays)},
        "faults": media["faults"],
        "transcript": measured["transcript"],
        "subjects": None
        if measured["subjects"] is None
        else subjects(measured["subjects"], arrays["subjects"], measured["start_s"]),
    }


def encode(document: Mapping[str, Any]) -> bytes:
    """A document as bytes that depend on nothing but its content; part by part, for the rounded copies are large."""
    parts = (f"{json.dumps(name)}:{_text(rounded(document[name]))}" for name in sorted(document))
    return f"{{{','.join(parts)}}}\n".encode()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def rounded(value: Any) -> Any:
    """A value with every number that is not whole rounded."""
    if isinstance(value, float):
        return round(value, DECIMALS) + 0.0  # turns minus zero into zero
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def chosen(media: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The stream that is analyzed, `video` or `audio`, as `probe` describes it."""
    index = media.get(f"selected_{kind}_stream")
    return next((stream for stream in media[f"{kind}_streams"] if stream["index"] == index), None)


def video(measured: Mapping[str, Any]) -> dict[str, Any] | None:
    """The video of the document, or None where no picture was measured."""
    stream = chosen(measured["media"], "video")
    if measured["video"] is None or stream is None:
        return None
    rate, base = stream.get("frame_rate"), stream["time_base"]
    width, height = shown(stream)
    found = measured["video"]
    return {
        "frame_count": found["frame_count"],
        "frame_rate": rate["numerator"] / rate["denominator"] if rate else None,
        "frame_rate_exact": f"{rate['numerator']}/{rate['denominator']}" if rate else None,
        "time_base": f"{base['numerator']}/{base['denominator']}",
        "width": stream["width"],
        "height": stream["height"],
        "display_width": width,
        "display_height": height,
        "rotation": stream["rotation"],
        "codec": stream["codec"],
        "pixel_format": stream["pixel_format"],
        "variable_frame_rate": stream["variable_frame_rate"],
        "interlaced": stream["interlaced"],
        "start_pts": found["start_pts"],
        "duration_s": found["duration_s"],
        "content": measured["content"],
    }


def shown(stream: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height of the picture as people see it: pixels made square, then turned upright."""
    aspect = stream["sample_aspect_ratio"]
    width = round(stream["width"] * aspect["numerator"] / aspect["denominator"])
    return (stream["height"], width) if stream["rotation"] % 180 else (width, stream["height"])


def audio(measured: Mapping[str, Any]) -> dict[str, Any] | None:
    """The audio of the document."""
    stream = chosen(measured["media"], "audio")
    if stream is None:
        return None
    said = {name: stream[name] for name in ("codec", "sample_rate_hz", "channels", "channel_layout")}
    return {**said, "tempo_bpm": measured["tempo_bpm"]}


def stretches(spans: Sequence[Sequence[float]], start_s: float) -> list[dict[str, float]]:
    """Spans that count from the beginning of the measured part, in the times of the whole."""
    return [{"start_s": one_s + start_s, "end_s": other_s + start_s} for one_s, other_s in spans]


def transitions(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The borders, with the evidence of each where that was asked for."""
    if "evidence" not in measured:
        return measured["transitions"]
    return [
        {**item, "evidence": seen} for item, seen in zip(measured["transitions"], measured["evidence"], strict=True)
    ]


def shots(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stretches between the borders."""
    if measured["video"] is None:
        return []
    first = measured["video"]["first_frame"]
    frames = [first, *(item["frame"] for item in measured["transitions"]), first + measured["video"]["frame_count"]]
    start_s = measured["start_s"]
    times = [0.0, *measured["borders_s"], measured["duration_s"]]
    cameras = measured["cameras"] or [None] * (len(frames) - 1)
    return [
        {
            "index": index,
            "start_frame": frames[index],
            "end_frame": frames[index + 1],
            "start_s": start_s + times[index],
            "end_s": start_s + times[index + 1],
            "camera": cameras[index],
            "content": measured["contents"][index],
        }
        for index in range(len(frames) - 1)
    ]


def curve(interval_s: float, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The curves; `first_frame` is the number of the first frame at or after the beginning of each interval."""
    known: dict[str, Any] = {name: numbers(arrays[name]) if name in arrays else None for name in CURVES}
    frames = arrays.get("first_frame")
    return {"interval_s": interval_s, "first_frame": None if frames is None else frames.tolist(), **known}


def numbers(values: np.ndarray) -> list[float | None]:
    """Numbers as JSON has them: what is none is null."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def samples(measured: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[dict[str, float]]:
    """The focus track in the picture as shown."""
    stream, track = chosen(measured["media"], "video"), arrays.get("focus")
    if stream is None or track is None:
        return []
    start_s = measured["start_s"]
    found = []
    for row in track.tolist():
        sample = focus.upright(focus.Sample(*row), stream["rotation"])
        found.append(
            {
                "t_s": sample.t_s + start_s,
                "x": round(sample.x, PICTURE_DECIMALS),
                "y": round(sample.y, PICTURE_DECIMALS),
                "spread_x": round(sample.spread_x, PICTURE_DECIMALS),
                "spread_y": round(sample.spread_y, PICTURE_DECIMALS),
                "weight": round(sample.weight, PICTURE_DECIMALS),
            }
        )
    return found


def subjects(people: Sequence[Mapping[str, Any]], samples: np.ndarray, start_s: float) -> list[dict[str, Any]]:
    """The subjects as they are kept.

    Args:
        people: The values of the subjects.
        samples: Their rows; see `subjects.finder.rows`.
        start_s: Where the measured part begins, in seconds.
    """
    parts = np.split(samples, np.flatnonzero(np.diff(samples[:, 0])) + 1)
    return [
        {
            **subject,
            "start_s": subject["start_s"] + start_s,
            "end_s": subject["end_s"] + start_s,
            "samples": [_face(row, start_s) for row in part.tolist()],
        }
        for subject, part in zip(people, parts if len(samples) else [], strict=True)
    ]


def _face(row: Sequence[float], start_s: float) -> dict[str, float]:
    _, t_s, frame, left, top, right, bottom = row
    shares = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {
        "t_s": t_s + start_s,
        "frame": int(frame),
        **{name: round(value, PICTURE_DECIMALS) for name, value in shares.items()},
    }
