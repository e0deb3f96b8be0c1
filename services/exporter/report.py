"""The report page: one file that shows a session, with everything in it that it needs."""

import base64
import dataclasses
import functools
import math
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jinja2

TEMPLATE = pathlib.Path(__file__).with_name("report.html")
WIDTH = 1000.0  # units of the time axis in the drawing
CURVE_HEIGHT = 100.0
POINTS_MAX = 1200  # points of the curve: more than a screen has columns
MARKS_MAX = 4000  # rectangles of one lane; a ten-hour film has fewer shots
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
TICKS_MAX = 8
LAST_TICK = 0.86  # share of the axis behind which only its end is labeled: on a phone the words would touch
TIMES, DASH = "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"
MARKS = {"passed": "\N{CHECK MARK}", "failed": "\N{BALLOT X}", "skipped": DASH}


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """A small copy of a clip."""

    video: bytes
    poster: bytes
    width: int
    height: int
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A clip in the report; without a file, `error` says why."""

    rank: int
    file: str = ""
    manifest_file: str = ""
    manifest: Mapping[str, Any] | None = None
    preview: Preview | None = None
    error: str = ""


def render(
    title: str, analysis: Mapping[str, Any] | None, proposals: Mapping[str, Any] | None, entries: Sequence[Entry]
) -> bytes:
    """Renders the page.

    Args:
        title: heading; empty for the name of the source.
        analysis: the document of the analysis, if there is one.
        proposals: the document of the proposals, if there is one.
        entries: the clips in order of rank.

    Returns:
        The page in UTF-8. Every text is escaped; nothing is fetched from anywhere.
    """
    proposed = {int(item["rank"]): item for item in (proposals or {}).get("proposals") or ()}
    page = _template().render(
        title=title or ((analysis or {}).get("source") or {}).get("name") or "Session",
        facts=list(_facts(analysis, entries)),
        timeline=_timeline(analysis, proposed, entries),
        clips=[_clip(entry, proposed) for entry in entries],
        footer=list(_footer(analysis, proposals, entries)),
    )
    return page.encode()


@functools.cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATE.parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template(TEMPLATE.name)


def clock(seconds: float, places: int = 1) -> str:
    """A time as people write it: `0:07.5`, `1:02:03`."""
    units = round(max(seconds, 0.0) * 10**places)
    whole, part = divmod(units, 10**places)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"
    return f"{text}.{part:0{places}d}" if places else text


def size(count: int) -> str:
    """A number of bytes as people write it."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def number(value: Any, digits: int = 2) -> str:
    """A number with the digits that matter."""
    return f"{float(value):.{digits}f}".rstrip("0").rstrip(".") if value is not None else "unknown"


def _facts(analysis: Mapping[str, Any] | None, entries: Sequence[Entry]) -> Iterator[dict[str, str]]:
    found = analysis or {}
    source, video, audio = found.get("source") or {}, found.get("video"), found.get("audio")
    if source:
        yield {"name": "Length", "value": clock(source.get("duration_s") or 0), "detail": size(source["size_bytes"])}
    if video:
        rate = f"{number(video['frame_rate'], 3)} fps{', variable' if video.get('variable_frame_rate') else ''}"
        yield {
            "name": "Picture",
            "value": f"{video['display_width']} {TIMES} {video['display_height']}",
            "detail": f"{video['codec']}, {rate}",
        }
    if audio:
        rate = f"{number(audio['sample_rate_hz'] / 1000, 1)} kHz"
        yield {"name": "Sound", "value": audio["channel_layout"] or f"{audio['channels']} channels",
               "detail": f"{audio['codec']}, {rate}"}  # fmt: skip
    elif analysis:
        yield {"name": "Sound", "value": "none", "detail": ""}
    if analysis:
        yield from _measured(found)
    made = sum(1 for entry in entries if not entry.error)
    failed = len(entries) - made
    yield {"name": "Clips", "value": f"{made} of {len(entries)}", "detail": f"{failed} not made" if failed else ""}


def _measured(found: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    shots = found.get("shots") or ()
    yield {"name": "Shots", "value": str(len(shots)), "detail": ""}
    loudness = found.get("loudness") or {}
    if loudness.get("integrated_lufs") is not None:
        peak = loudness.get("true_peak_dbtp")
        detail = f"peak {number(peak, 1)} dBTP" if peak is not None else ""
        yield {"name": "Loudness", "value": f"{number(loudness['integrated_lufs'], 1)} LUFS", "detail": detail}
    duration_s = (found.get("source") or {}).get("duration_s") or 0
    if found.get("audio") and duration_s:
        spoken = sum(part["end_s"] - part["start_s"] for part in found.get("speech") or ())
        yield {"name": "Speech", "value": f"{100 * spoken / duration_s:.0f} %", "detail": f"{clock(spoken, 0)} in all"}


def _timeline(
    analysis: Mapping[str, Any] | None, proposed: Mapping[int, Mapping[str, Any]], entries: Sequence[Entry]
) -> dict[str, Any] | None:
    found = analysis or {}
    length_s = float((found.get("source") or {}).get("duration_s") or (found.get("video") or {}).get("duration_s") or 0)
    if length_s <= 0:
        return None
    curve = found.get("curve") or {}
    values = curve.get("highlight") or []
    speech, silence = found.get("speech") or (), found.get("silence") or ()
    return {
        "spans": list(_spans(proposed, entries, length_s)),
        "curve": list(_runs(values, float(curve.get("interval_s") or 1.0), length_s)),
        "curve_label": _curve_label(values, float(curve.get("interval_s") or 1.0)),
        "shots": list(_marks(found.get("shots") or (), length_s, "shot")),
        "speech": list(_marks(speech, length_s, "speech")),
        "silence": list(_marks(silence, length_s, "silence")),
        "speech_label": f"{len(speech)} stretches of speech, {len(silence)} of silence",
        "ticks": list(_ticks(length_s)),
    }


def _span(entry: Entry, proposed: Mapping[int, Mapping[str, Any]]) -> tuple[float, float] | None:
    where = (entry.manifest or {}).get("range") or proposed.get(entry.rank)
    return (float(where["start_s"]), float(where["end_s"])) if where else None


def _spans(
    proposed: Mapping[int, Mapping[str, Any]], entries: Sequence[Entry], length_s: float
) -> Iterator[dict[str, Any]]:
    for entry in entries:
        span = _span(entry, proposed)
        if span is None:
            continue
        word = "not made" if entry.error else clock(span[1] - span[0])
        yield {
            "rank": entry.rank,
            "left": round(100 * min(span[0] / length_s, 1.0), 3),
            "width": round(100 * min(max(span[1] - span[0], 0.0) / length_s, 1.0), 3),
            "label": f"Clip {entry.rank}: {clock(span[0])} to {clock(span[1])}, {word}",
            "failed": bool(entry.error),
        }


def _runs(values: Sequence[float | None], interval_s: float, length_s: float) -> Iterator[dict[str, str]]:
    """The curve as drawn lines, one per stretch of known values; unknown ones leave a gap."""
    step = max(1, -(-len(values) // POINTS_MAX))
    run: list[tuple[float, float]] = []
    for index in range(0, len(values), step):
        group = [value for value in values[index : index + step] if value is not None and math.isfinite(value)]
        if group:
            x = min((index + min(step, len(values) - index) / 2) * interval_s / length_s, 1.0) * WIDTH
            run.append((x, CURVE_HEIGHT * (1 - min(max(max(group), 0.0), 1.0) * 0.98)))
        elif run:
            yield _drawn(run)
            run = []
    if run:
        yield _drawn(run)


def _drawn(run: Sequence[tuple[float, float]]) -> dict[str, str]:
    line = " ".join(f"{'L' if index else 'M'}{x:.1f} {y:.1f}" for index, (x, y) in enumerate(run))
    return {"line": line, "area": f"{line} L{run[-1][0]:.1f} {CURVE_HEIGHT:g} L{run[0][0]:.1f} {CURVE_HEIGHT:g} Z"}


def _curve_label(values: Sequence[float | None], interval_s: float) -> str:
    known = [(value, index) for index, value in enumerate(values) if value is not None]
    if not known:
        return "Highlight curve: unknown"
    return f"Highlight curve from 0 to 1, highest at {clock(max(known)[1] * interval_s)}"


def _marks(parts: Iterable[Mapping[str, Any]], length_s: float, word: str) -> Iterator[dict[str, Any]]:
    for index, part in enumerate(parts):
        if index == MARKS_MAX:
            return
        start_s, end_s = float(part["start_s"]), float(part["end_s"])
        yield {
            "x": round(WIDTH * start_s / length_s, 2),
            "width": round(max(WIDTH * (end_s - start_s) / length_s, 0.4), 2),
            "label": f"{word} {clock(start_s)} to {clock(end_s)}",
        }


def _ticks(length_s: float) -> Iterator[dict[str, Any]]:
    step = next((step for step in TICKS if length_s / step <= TICKS_MAX), TICKS[-1])
    for index in range(int(length_s // step) + 1):
        at_s = index * step
        if at_s <= length_s * LAST_TICK or at_s == 0:
            yield {"left": round(100 * at_s / length_s, 3), "label": clock(at_s, 0), "last": False}
    yield {"left": 100, "label": clock(length_s), "last": True}


def _clip(entry: Entry, proposed: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    span = _span(entry, proposed)
    proposal = (entry.manifest or {}).get("proposal") or proposed.get(entry.rank) or {}
    score = proposal.get("score")
    return {
        "rank": entry.rank,
        "error": entry.error,
        "span": f"{clock(span[0])} {DASH} {clock(span[1])}" if span else "",
        "score": None if score is None else f"{float(score):.2f}",
        "terms": [_term(term) for term in proposal.get("terms") or ()],
        **_delivered(entry),
        **_shown(entry.preview),
    }


def _term(term: Mapping[str, Any]) -> dict[str, Any]:
    unknown = term.get("state") == "unknown" or term.get("value") is None
    return {
        "name": str(term["name"]).replace("_", " "),
        "unknown": unknown,
        "value": "unknown" if unknown else f"{float(term['value']):.2f}",
        "percent": 0 if unknown else round(100 * min(max(float(term["value"]), 0.0), 1.0), 1),
        "weight": number(term.get("weight")),
        "contribution": DASH if unknown else f"{float(term.get('contribution') or 0):.3f}",
        "reason": term.get("reason") or "",
    }


def _delivered(entry: Entry) -> dict[str, Any]:
    clip = (entry.manifest or {}).get("clip") or {}
    checks = (entry.manifest or {}).get("checks") or ()
    failed = sum(check["state"] == "failed" for check in checks)
    passed = sum(check["state"] == "passed" for check in checks)
    facts = ""
    if clip:
        facts = (
            f"{clip['width']} {TIMES} {clip['height']}, {number(clip['frame_rate'], 3)} fps, {size(clip['size_bytes'])}"
        )
    summary = f"{passed} checks passed" + (f", {failed} failed" if failed else "")
    return {
        "length": clock(clip["duration_s"]) if clip else "",
        "file": f"../{entry.file}",
        "file_facts": facts,
        "manifest": f"../{entry.manifest_file}" if entry.manifest_file else "",
        "checks": [
            check | {"mark": MARKS.get(check["state"], "?"), "name": check["name"].replace("_", " ")}
            for check in map(dict, checks)
        ],
        "checks_failed": failed,
        "checks_summary": summary,
    }


def _shown(preview: Preview | None) -> dict[str, Any]:
    if preview is None:
        return {"preview": "", "poster": "", "preview_note": "", "preview_width": 0, "preview_height": 0}
    return {
        "preview": data_uri(preview.video, "video/mp4") if preview.video else "",
        "poster": data_uri(preview.poster, "image/jpeg") if preview.poster else "",
        "preview_note": preview.note,
        "preview_width": preview.width,
        "preview_height": preview.height,
    }


def data_uri(content: bytes, media_type: str) -> str:
    """A file as an address that holds it."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _footer(
    analysis: Mapping[str, Any] | None, proposals: Mapping[str, Any] | None, entries: Sequence[Entry]
) -> Iterator[dict[str, str]]:
    source = (analysis or {}).get("source") or {}
    if source.get("sha256"):
        yield {"name": "Source, SHA-256", "value": source["sha256"]}
    if analysis:
        yield {"name": "Analyzer", "value": str(analysis.get("version", "unknown"))}
    if proposals:
        yield {"name": "Configuration of the scores, version", "value": str(proposals.get("config_version", 0))}
    versions = sorted({str(entry.manifest["version"]) for entry in entries if entry.manifest})
    if versions:
        yield {"name": "Exporter", "value": ", ".join(versions)}
