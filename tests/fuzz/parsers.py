"""Every parser of what strangers write, with where to begin and with what it may say no."""

import asyncio
import contextlib
import dataclasses
import hashlib
import io
import json
import random
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from reelsmith.gateway.v1 import gateway_pb2

from chassis import errors, references
from chassis.identity import bearer, keys, limiter, tokens
from gateway.http import bindings, transcode, tus
from media import cache, folders, sessions
from media import errors as media_errors
from media.ingest import rules
from services.analyzer.transcript import markup, payload, sidecar, timecode
from services.config import document
from services.config.sources import files
from services.exporter import again, analysis, manifest, presets, timelines
from services.jobs import notice, spec

SRT = "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i> there\n\n2\n00:00:03.0 --> 00:00:04.0 X1:1\n- Yes.\n- No.\n"
VTT = (
    "WEBVTT - en\nKind: captions\nLanguage: en\n\nNOTE x\n\na\n"
    + "00:01.000 --> 00:02.000 align:start\n<v Bob>Hi<00:01.500><c> you</c>\n"
)
DOCUMENT = {
    "limits": {"a": 1, "b": [1.5, None, True, "x"]},
    "exporter": {"presets": {"p": {"width": 1080}}},
    "name": "${A:-1}",
    "secret": "secret://a/b",
}
PIECE = {
    **{"take": 0, "start_frame": 5, "end_frame": 9, "speed": "5/4", "reason": "silence", "text": ""},
    **{"start_s": 0.2, "clip_start_frame": 0, "clip_frame_count": 4},
}
PRINTS = dict.fromkeys(("frames", "black_frames", "frozen_frames", "longest_black", "longest_frozen"), 1)
MANIFEST = {
    "schema": manifest.SCHEMA,
    "edit": {
        "takes": [{"start_frame": 0, "end_frame": 20}],
        "pieces": [PIECE],
        "tightening": None,
        "source_rate": "25",
        "fades": {"picture_in_s": 0.5},
    },
    "source": {"sha256": "ab", "size_bytes": 10, "name": "a.mp4", "width": 64, "height": 48, "timecode": "01:00:00:00"},
    "settings": {"preset": presets.builtin()["default"].to_value(), "threads": 2},
    "clip": {
        **{"file": "clip-07.mp4", "frame_count": 4, "frame_rate_exact": "25", "width": 64, "height": 48},
        **{"sha256": "ab", "source_constant_rate": True},
    },
    "analysis": {
        "shots": [[0, 20, 0.0, 1.0, None, [0.0, 1.0]]],
        "focus": [[0.0, 0.5, 0.5, 1.0, 0.1]],
        "subjects": [[0, None, [[0.0, 0.4, 0.2, 0.1, 0.2]]]],
    },
    "request": {"layout": "LAYOUT_FILL"},
    "proposal": None,
    "loudness": {"treatment": {"limited": True}},
    "pictures": PRINTS,
    "captions": {"track_texts": 1},
    "delivery": {"video_codec": "h264", "audio_codec": "aac", "container": "mp4"},
    "framing": {"subject_inside": 1.0, "reversals_per_s": 0, "travel_px_per_s": 1, "jerk_max": None},
    "smart_cut": {"used": False, "sound": True},
    "credentials": {"signed": True},
    "crop_path": [{"frame": 0, "x": 1.0, "y": 0.0, "width": 27.0, "height": 48.0}],
}
ANALYSIS = {
    "schema": analysis.SCHEMA,
    "source": {"size_bytes": 1, "sha256": "ab"},
    "shots": [
        {
            **{"start_frame": 0, "end_frame": 9, "start_s": 0.0, "end_s": 1.0},
            "content": {"left": 0, "top": 0, "right": 64, "bottom": 48},
        }
    ],
    "focus": {"samples": [{"t_s": 0.0, "x": 0.5, "y": 0.5, "weight": 1.0, "spread_x": 0.1}]},
    "subjects": [
        {"id": 1, "speaking": 0.5, "samples": [{"t_s": 0.0, "left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}]}
    ],
    "audio": {},
    "transcript": {
        "cues": [{"start_s": 0.0, "end_s": 1.0, "text": "a"}],
        "words": [{"start_s": 0.0, "end_s": 1.0, "text": "a"}],
        "language": "en",
    },
    "silence": [{"start_s": 0.0, "end_s": 1.0}],
}
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 1.5, 1e308, -(2**63), 2**64, 10**30, "", "1", "1/0", "0/1", "x" * 300, "\ud800", "\0"),
    *(float("inf"), "[" * 3000, "${A:" + "[" * 9000 + "}", "${A:1", "$${A}"),
    *([], {}, [[]], [None], {"a": None}, {"": 1}, "9/7", "1e9", "01:00:00:00", ["a", "b"]),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Parser:
    """One of them.

    Args:
        name: For people and for the folder of its corpus.
        run: Reads bytes.
        seeds: What it takes.
        refusals: What it may raise; anything else is a bug.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Sequence[bytes]
    refusals: tuple[type[Exception], ...] = ()

    def feed(self, data: bytes) -> bool:
        """Reads bytes; whether they were taken.

        Raises:
            Exception: They are none of what it says no with: a bug.
        """
        try:
            self.run(data)
        except self.refusals:
            return False
        return True


def varied(value: Any, chance: random.Random) -> Any:
    """A document in which a few values are others, are missing, or stand twice."""
    if chance.random() < 0.03:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {name: varied(item, chance) for name, item in value.items() if chance.random() > 0.01}
    if isinstance(value, list):
        return [varied(item, chance) for item in value for _ in range(1 if chance.random() > 0.02 else 2)]
    return value


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _subtitles(data: bytes) -> None:
    name = ("a.srt", "a.en.vtt", "talk.pt-BR.srt")[len(data) % 3]
    sidecar.read(io.BytesIO(data), name)


def _packet(data: bytes) -> None:
    names = sorted(payload.CODECS)
    for line in payload.lines(names[data[0] % len(names)] if data else "srt", data[1:]):
        markup.plain(line)


def _times(data: bytes) -> None:
    text = _text(data)
    timecode.interval(text)
    timecode.seconds(text)


def _file_of_configuration(data: bytes) -> None:
    made = document.normalized(files._parsed(data))
    document.sha256(made)
    references.filled_in(made, {"A": "1"})
    for _, text in references.secrets(made):
        references.secret_name(text)


def _document(data: bytes) -> None:
    made = document.normalized(varied(DOCUMENT, random.Random(data)))
    references.filled_in(made, {"A": "1"})


def _access(data: bytes) -> None:
    section = {
        "keys": {"ab": {"sha256": "ab" * 32, "role": "viewer", "tenant": "a", "create_time": "2026-01-01T00:00:00Z"}},
        "limits": {"key": {"calls_per_s": 5}, "tenant": {"calls_burst": 3.5}},
        "tenants": {"a": {"concurrent_calls_max": 3}},
    }
    chance = random.Random(data)
    keys.Keys(varied(section["keys"], chance))
    limiter.Rules(varied(section, chance))


def _identifiers(data: bytes) -> None:
    text = _text(data)
    for check in (
        lambda: sessions.checked_id(text, "session"),
        lambda: folders.parts(text),
        lambda: sessions.display_name(text),
        lambda: spec.request_id_violations(text),
        lambda: spec.tenant_violations(text),
    ):
        with contextlib.suppress(media_errors.MediaError):
            check()


def _manifest(document: dict[str, Any]) -> None:
    for read in (
        *(manifest.expected, manifest.was_cut, manifest.signed, manifest.container, manifest.sounds, manifest.digest),
        again.read,
        lambda found: [form.text([timelines.read(found)]) for form in timelines.CATALOGUE.values()],
    ):
        with contextlib.suppress(manifest.Malformed, errors.FailedPrecondition):
            read(document)


def _manifest_bytes(data: bytes) -> None:
    _manifest(manifest.load(data))


def _manifest_tree(data: bytes) -> None:
    _manifest(manifest.load(json.dumps(varied(MANIFEST, random.Random(data))).encode()))


def _analysis_tree(data: bytes) -> None:
    analysis.Analysis.parse(json.dumps(varied(ANALYSIS, random.Random(data))).encode())


def _urls(data: bytes) -> None:
    text = _text(data)
    notice.origin(text)
    list(spec._uri_faults(text))
    spec._file_name(text)
    try:
        found = rules.Rules.of("*, http://*.example.org:*, 10.0.0.0/8").checked(text)
    except media_errors.MediaError:
        return
    assert found.file_name
    assert rules.parsed(str(found.url)).host == found.host, "a URL that is read in two ways"


def _allowed(data: bytes) -> None:
    rules.Rules.of(_text(data))


def _tus(data: bytes) -> None:
    text = data.decode("latin-1")
    for read in (tus._file_name, lambda value: tus._number(value, "Upload-Offset")):
        with contextlib.suppress(errors.InvalidArgument):
            read(text)


def _body(data: bytes) -> None:
    found = bindings.of(gateway_pb2.DESCRIPTOR.services_by_name["ClipService"])
    binding = found[data[0] % len(found)] if data else found[0]
    variables = dict.fromkeys(binding.variables, "1")
    if binding.body:
        transcode.text(transcode.request(binding, variables, (), data[1:]))
    else:
        pairs = [pair.partition("=")[::2] for pair in _text(data[1:]).split("&")]
        transcode.text(transcode.request(binding, variables, pairs, b""))


class _NoKeys:
    async def find(self, name: str) -> None:
        return None


_LOOP = asyncio.new_event_loop()
_TOKENS = tokens.Tokens(tokens.Terms("i", "a", ("RS256", "ES256"), 0, "roles", {}, "tenant", ""), _NoKeys())


def _credentials(data: bytes) -> None:
    text = data.decode("latin-1")
    sent = bearer.read((text,))
    with contextlib.suppress(errors.Unauthenticated):
        keys.Keys({}).identify(sent)
    _LOOP.run_until_complete(_TOKENS.identify(sent))


ENTRY = cache.MAGIC + hashlib.sha256(b"abc").digest() + zlib.compress(b"abc")
OURS = (errors.InvalidArgument, errors.FailedPrecondition)
NO_CREDENTIALS = (errors.Unauthenticated,)
ASS = b"\0" + b"0,0,,,0,0,0,,{\\an8}Hi\\N"
QUERY, BODY = b"\2pageSize=3&labels[a]=b", b'\0{"spec": {"sourceUri": "file:///a", "count": 3}}'
URLS = (b"https://a.example.org/x.mp4?y=1", b"http://[::1]:80/", b"http://10.0.0.1/a", b"file:///a")
TOKENS = (b"Bearer a.b.c", b"bearer eyJhbGciOiJSUzI1NiJ9.e30.AA")
YAML = b"a: 1\nb:\n  - x: ${A:2}\n"
ANY = (b"a", b"b")  # what is varied is in the code, how is in the bytes
PARSERS = (
    Parser("subtitles", _subtitles, (SRT.encode(), VTT.encode(), SRT.encode("utf-16")), (media_errors.MediaError,)),
    Parser("packets", _packet, (ASS, b"\1\0\3abc", b"\2a,b"), (payload.Damaged,)),
    Parser("times", _times, (b"00:00:01,000 --> 00:00:02,000", b"1:2.3 --> 4:5.6 align:left")),
    Parser("configuration", _file_of_configuration, (json.dumps(DOCUMENT).encode(), YAML), OURS),
    Parser("documents", _document, ANY, OURS),
    Parser("access", _access, ANY, (ValueError,)),
    Parser("identifiers", _identifiers, (b"0" * 32, b"video_clips/a.mp4", b"file:///a%20b.mp4", b"session:x/y")),
    Parser("manifests", _manifest_bytes, (json.dumps(MANIFEST).encode(),), (manifest.Malformed,)),
    Parser("manifests-varied", _manifest_tree, ANY, (manifest.Malformed,)),
    Parser("analyses-varied", _analysis_tree, ANY, (analysis.Malformed,)),
    Parser("urls", _urls, URLS),
    Parser("allow-list", _allowed, (b"*, http://*.example.org:8080, 10.0.0.0/8",), (ValueError,)),
    Parser("tus", _tus, (b"filename YS5tcDQ=,type dmlkZW8=", b"18446744073709551615")),
    Parser("requests", _body, (BODY, QUERY), OURS),
    Parser("credentials", _credentials, TOKENS, NO_CREDENTIALS),
    Parser("cache-entries", cache._unpacked, (ENTRY,), (ValueError, zlib.error)),
)
BY_NAME = {parser.name: parser for parser in PARSERS}
