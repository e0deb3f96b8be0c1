"""What is laid over a clip, or comes with it as text: asked for, planned, drawn, and checked."""

import contextlib
import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, BinaryIO

import av
import freetype
import numpy as np
import uharfbuzz

from chassis import errors
from media import artifacts, sessions, sink
from services.exporter import captions as captions_module
from services.exporter import gate, geometry, pieces
from services.exporter import overlays as overlays_module
from services.exporter.captions import drawing, files, timing, words
from services.exporter.captions import track as text_track
from services.exporter.overlays import bar, logo, panel
from services.exporter.text import block, plate, styles, zones

TEXT_MAX = 300  # letters of a title or a hook: more than anyone reads in passing
SECONDS_MAX = 3600.0
READING = "plain"  # the style by which text that is not burned in is parted into pages
HOOK_SHARE = 0.5  # of the zone's height that the card of a hook keeps to: captions stand below
Malformed = words.Malformed
NO_TRANSCRIPT = "the analysis has no transcript"
MEASURED, SHARED = "measured", "shared out by letters"
NOTHING_SAID = "nothing is said in the clip"


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """All that is asked for beside the picture itself."""

    captions: captions_module.Wish = dataclasses.field(default_factory=captions_module.Wish)
    overlays: overlays_module.Wish = dataclasses.field(default_factory=overlays_module.Wish)

    @property
    def empty(self) -> bool:
        """Whether the pictures stay as they are and no text comes with them."""
        return self.captions.empty and self.overlays.empty


def violations(wish: Wish) -> list[errors.Field]:
    """What is wrong with a wish, field by field."""
    return [errors.Field(field, rule) for field, rule in (*_caption_faults(wish.captions), *_faults(wish.overlays))]


def refuse_unfit(wish: Wish, container: str) -> None:
    """Refuses what a container does not take.

    Raises:
        errors.FailedPrecondition: It has no text tracks of ours (TEXT_TRACK_UNFIT).
    """
    if wish.captions.track and container != "mp4":
        message = f"a text track inside is written to MP4 alone, the clip is {container}: ask for files beside it"
        raise errors.FailedPrecondition(message, reason="TEXT_TRACK_UNFIT", metadata={"container": container})


def _caption_faults(wish: captions_module.Wish) -> Iterator[tuple[str, str]]:
    if wish.style and wish.style not in styles.for_captions():
        yield "captions.style", f"must be one of {', '.join(styles.for_captions())}"
    if set(wish.formats) - set(files.FORMATS) or len(set(wish.formats)) < len(wish.formats):
        yield "captions.formats", f"must be some of {', '.join(files.FORMATS)}, each once"


def _faults(wish: overlays_module.Wish) -> Iterator[tuple[str, str]]:
    for name in ("title", "hook"):
        text = getattr(wish, name)
        if len(text) > TEXT_MAX or not text.isprintable() or (text and not text.strip()):
            yield f"overlays.{name}", f"must have 1 to {TEXT_MAX} printable characters"
    for name in ("title_s", "hook_s"):
        if not 0 <= getattr(wish, name) <= SECONDS_MAX:
            yield f"overlays.{name}", f"must be 0 to {SECONDS_MAX:g} seconds"
    if wish.logo_corner not in overlays_module.CORNERS:
        yield "overlays.logo_corner", f"must be one of {', '.join(overlays_module.CORNERS)}"
    if not 0 < wish.logo_opacity <= 1:
        yield "overlays.logo_opacity", "must be above 0 and at most 1"


def said(wish: Wish, transcript: Mapping[str, Any] | None, planned: Sequence[pieces.Piece]) -> dict[str, Any] | None:
    """What of a transcript is needed for a clip; None where no captions are asked for, or there is no transcript.

    Raises:
        Malformed: The transcript has an entry that cannot be.
    """
    if wish.captions.empty:
        return None
    return words.near(transcript, [(piece.source_start_s, piece.source_end_s) for piece in planned])


def plan(
    wish: Wish,
    near: Mapping[str, Any] | None,
    planned: Sequence[pieces.Piece],
    rate: Fraction,
    zone: tuple[int, int, int, int],
) -> dict[str, Any] | None:
    """What a worker is told; None where nothing is to be done.

    Args:
        wish: What is asked for.
        near: From `said`.
        planned: The edit list of the clip.
        rate: Frames per second of the clip.
        zone: Where text may be; see `zones.zone`.
    """
    if wish.empty:
        return None
    return {
        "captions": wish.captions.to_value(),
        "overlays": wish.overlays.to_value(),
        "transcript": near,
        "moments_s": timing.moments(planned, rate).tolist(),
        "borders": [piece.first for piece in planned],
        "zone": list(zone),
    }


NOTHING: Mapping[str, Any] = {
    "captions": captions_module.Wish().to_value(),
    "overlays": overlays_module.Wish().to_value(),
    "transcript": None,
    "moments_s": [],
    "borders": [],
    "zone": [0, 0, 0, 0],
}


def inputs(wish: Wish, sources: sessions.Sources, stack: contextlib.ExitStack) -> dict[str, BinaryIO]:
    """The files that a worker needs for it, open until the stack closes."""
    return {"logo": stack.enter_context(sources.open(wish.overlays.logo_uri))} if wish.overlays.logo_uri else {}


class Dresser:
    """Lays everything over the frames of a clip, inside a worker.

    Args:
        planned: From `plan`.
        canvas: The picture.
        frames: Frames of the clip.
        rate: Frames per second of the clip.
        inputs: The files of `inputs`.
    """

    def __init__(
        self,
        planned: Mapping[str, Any],
        canvas: geometry.Canvas,
        frames: int,
        rate: Fraction,
        inputs: Mapping[str, BinaryIO],
    ) -> None:
        self._zone = block.Zone(*planned["zone"])
        self._canvas = drawing.Canvas(canvas.width, canvas.height, rate, frames, self._zone)
        self._wish = captions_module.Wish.from_value(planned["captions"])
        self._script = words.script(planned["transcript"])
        self._absent = NO_TRANSCRIPT if planned["transcript"] is None else NOTHING_SAID
        at_s, found = np.array(planned["moments_s"]), self._script.words if self._script else ()
        self.spoken = timing.spoken(found, at_s, rate, planned["borders"]) if found else []
        wish = overlays_module.Wish.from_value(planned["overlays"])
        self._layers: list[overlays_module.Overlay] = list(self._overlays(wish, inputs))
        self._burned = self._captions() if self._wish.style and self.spoken else None
        self._bounds: dict[str, tuple[int, int, int, int]] = {}
        self.entries = self._entries()
        self.inside = self.entries if self._wish.track else []

    @property
    def language(self) -> str:
        """Of what is said; empty where unknown."""
        return self._script.language if self._script else ""

    def _overlays(
        self, wish: overlays_module.Wish, inputs: Mapping[str, BinaryIO]
    ) -> Iterator[overlays_module.Overlay]:
        canvas = self._canvas
        if wish.progress_bar:
            yield bar.Bar(canvas)
        if wish.logo_uri:
            mark = logo.Logo(inputs["logo"], wish.logo_corner, wish.logo_opacity, canvas)
            canvas = dataclasses.replace(canvas, zone=mark.beside(canvas.zone))
            yield mark
        self._canvas = canvas
        if wish.title:
            title = panel.Panel("title", wish.title, canvas, wish.title_s)
            lower = dataclasses.replace(canvas.zone, top=min(title.lower_edge, canvas.zone.bottom - 1))
            canvas = dataclasses.replace(canvas, zone=lower)
            yield title
        if wish.hook:
            bottom = max(canvas.zone.top + 1, self._zone.top + round(self._zone.height * HOOK_SHARE))
            upper = dataclasses.replace(canvas.zone, bottom=min(bottom, canvas.zone.bottom))
            yield panel.Panel("card", wish.hook, dataclasses.replace(canvas, zone=upper), wish.hook_s)

    def _captions(self) -> drawing.Burned:
        return drawing.Burned(self.spoken, styles.catalogue()[self._wish.style], self._canvas, self.language)

    def over(self, frames: Iterator[tuple[int, av.VideoFrame]]) -> Iterator[tuple[int, av.VideoFrame]]:
        """The frames of a clip with everything laid over them, each with its number."""
        for number, frame in frames:
            plates = [found for layer in self._layers if (found := self._seen(layer, number)) is not None]
            if self._burned is not None and (text := self._burned.at(number)) is not None:
                self._note("captions", text)
                plates.append(text)
            yield number, plate.blend(frame, plates) if plates else frame

    def _seen(self, layer: overlays_module.Overlay, number: int) -> plate.Plate | None:
        found = layer.at(number)
        if found is not None and layer.TEXT:
            self._note(layer.NAME, found)
        return found

    def _note(self, name: str, found: plate.Plate) -> None:
        """Remembers how far what was drawn reaches."""
        if found.bounds is None:
            return
        left, top, right, bottom = self._bounds.get(name, found.bounds)
        self._bounds[name] = (min(left, found.bounds[0]), min(top, found.bounds[1]),
                              max(right, found.bounds[2]), max(bottom, found.bounds[3]))  # fmt: skip

    def _entries(self) -> list[files.Entry]:
        """The text of the clip in pages that can be read, whatever style is burned in."""
        if not self.spoken or not self._wish.written:
            return []
        rate = float(self._canvas.rate)
        pages = drawing.paged(self.spoken, styles.catalogue()[READING], self._canvas, self.language)
        return [
            files.Entry(
                round(page.start_frame / rate, 3),
                round(page.end_frame / rate, 3),
                tuple(
                    tuple(files.Word(one.text, one.glue, round(one.start_frame / rate, 3)) for one in line)
                    for line in ([self.spoken[k] for k in numbers] for numbers in page.lines)
                ),
            )
            for page in pages
        ]

    def facts(self) -> dict[str, Any]:
        """What was drawn, for the manifest and the checks."""
        return {
            "zone": [self._zone.left, self._zone.top, self._zone.right, self._zone.bottom],
            "bounds": {name: list(edges) for name, edges in sorted(self._bounds.items())},
            "captions": None if self._wish.empty else self._caption_facts(),
            "libraries": {"harfbuzz": uharfbuzz.version_string(), "freetype": ".".join(map(str, freetype.version()))},
        }

    def _caption_facts(self) -> dict[str, Any]:
        wish, burned, script = self._wish, self._burned, self._script
        if not self.spoken or script is None:
            return wish.to_value() | {"absent": self._absent}
        pages = burned.pages if burned else []
        return wish.to_value() | {
            "absent": None,
            "transcript": script.source,
            "language": script.language or None,
            "word_times": MEASURED if script.timed else SHARED,
            "words": len(self.spoken),
            "words_shown": len(burned.shown) if burned else None,
            "words_written": sum(len(line) for entry in self.entries for line in entry.lines) if wish.written else None,
            "letters_per_s_max": drawing.letters_per_s_max(pages, self.spoken, self._canvas.rate),
            "missing_signs": sorted(burned.missing) if burned else [],
            "pages": drawing.facts(pages, self.spoken),
        }


def warm() -> None:
    """Loads what text needs: typefaces, tables and models that a worker could not open any more."""
    said = {
        "start_s": 0.0,
        "end_s": 2.0,
        "text": "\u0645\u0631\u062d\u0628\u0627 ok \u65e5\u672c\u8a9e\u3067\u3059 \U0001f600",
    }
    near = {"source": "sidecar", "language": "", "timed": False, "cues": [said], "words": []}
    wish = Wish(captions_module.Wish("pop", ("srt",), track=True), overlays_module.Wish(title="ok", hook="ok"))
    planned = {"captions": wish.captions.to_value(), "overlays": wish.overlays.to_value(), "transcript": near}
    planned |= {"moments_s": np.linspace(0.0, 1.75, 8).tolist(), "borders": [0], "zone": [0, 0, 320, 180]}
    dresser = Dresser(planned, geometry.Canvas(320, 180), 8, Fraction(4), {})
    frame = av.VideoFrame(320, 180, "yuv420p")
    for _ in dresser.over((number, frame) for number in range(8)):
        dresser.facts()
    with sink.open_sink(io.BytesIO(), "mp4") as container:
        text_track.beside(container, dresser.inside, "", lambda packet: None)


def checks(facts: Mapping[str, Any] | None) -> tuple[gate.Check, ...]:
    """Checks of what was laid over a clip; none where nothing was asked for."""
    if facts is None:
        return ()
    found = []
    if (said := facts["captions"]) is not None:
        wanted = "every word of the clip shown"
        if said["absent"]:
            found.append(gate.Check("captions", gate.SKIPPED, said["absent"], wanted))
        else:
            found.append(_words_check(said, wanted))
    if facts["bounds"]:
        found.append(_zone_check(facts["zone"], facts["bounds"]))
    return tuple(found)


def _words_check(said: Mapping[str, Any], wanted: str) -> gate.Check:
    counts = {name: said[f"words_{name}"] for name in ("shown", "written") if said[f"words_{name}"] is not None}
    text = ", ".join(f"{count} of {said['words']} words {name}" for name, count in counts.items())
    return gate.check("captions", all(count == said["words"] for count in counts.values()), text, wanted)


def _zone_check(zone: Sequence[int], bounds: Mapping[str, Sequence[int]]) -> gate.Check:
    outside = [
        name
        for name, (left, top, right, bottom) in bounds.items()
        if left < zone[0] or top < zone[1] or right > zone[2] or bottom > zone[3]
    ]
    edges = "; ".join(f"{name} {list(found)}" for name, found in bounds.items())
    return gate.check("safe_zone", not outside, edges, f"inside {list(zone)}")


def texts(rendered: Mapping[str, Any], wish: captions_module.Wish, canvas: geometry.Canvas) -> dict[str, bytes]:
    """The files that stand beside a clip, by format; none where nothing is said in it.

    Args:
        rendered: What `render.run` returned.
        wish: Which formats.
        canvas: The picture.
    """
    if not rendered["texts"]:
        return {}
    facts, style = rendered["dressing"], styles.catalogue()[wish.style or READING]
    timed = facts["captions"]["word_times"] == MEASURED
    look = files.Look(canvas.width, canvas.height, tuple(facts["zone"]), style, timed)
    found = [files.Entry.from_value(value) for value in rendered["texts"]]
    return {kind: files.write(kind, found, look) for kind in wish.formats}


def entries(rendered: Mapping[str, Any], wish: Wish, beside: Sequence[artifacts.Artifact]) -> dict[str, Any]:
    """What the manifest says about it; nothing where nothing was asked for."""
    facts = rendered["dressing"]
    if facts is None:
        return {}
    said = facts["captions"]
    if said is not None:
        names = [{"file": one.path.rsplit("/", 1)[-1], "sha256": one.sha256} for one in beside]
        said = said | {"files": names, "track_texts": len(rendered["texts"]) if wish.captions.track else 0}
    drawn = {key: facts[key] for key in ("zone", "bounds", "libraries")}
    laid = wish.overlays.to_value()
    laid["logo"] = sessions.display_name(laid.pop("logo_uri"))  # where a file lies on the server is nobody's business
    return {"captions": said, "overlays": laid | {"drawn": drawn}}


def zone(preset: str, aspect_ratio: str, canvas: geometry.Canvas) -> tuple[int, int, int, int]:
    """Where text may be; see `zones.zone`."""
    return zones.zone(preset, aspect_ratio, canvas.width, canvas.height)
