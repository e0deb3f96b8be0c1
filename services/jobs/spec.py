"""What a caller asks of a job, and what is wrong with it."""

import dataclasses
import math
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from services.jobs import dressing, edits

COUNT_DEFAULT, COUNT_MAX = 5, 100  # more clips than a person looks through
DURATION_MIN_DEFAULT_S, DURATION_MAX_DEFAULT_S = 15.0, 60.0
DURATION_LIMIT_S = 3600.0  # an hour is no short clip
DURATIONS_MAX, EXCLUSIONS_MAX, EXPLAIN_MAX = 10, 100, 100  # as the API says
PRIORITY_LIMIT = 100
TITLE_LENGTH_MAX = 200  # fits one line of a list
URI_LENGTH_MAX = 4096  # the longest path that Linux takes
KEYWORDS_MAX, KEYWORD_LENGTH_MAX = 100, 100  # a search list, not a dictionary
WEIGHTS_MAX = 64  # several times the number of terms there are
LABELS_MAX, LABEL_KEY_MAX, LABEL_VALUE_MAX = 64, 63, 255  # the sizes that Kubernetes and AIP use
REQUEST_ID_LENGTH_MAX = 128
TIME_MAX_US = 253_402_300_799_000_000  # the last second that a Timestamp may have
TENANT_DEFAULT = "default"

LANGUAGE = re.compile(r"[a-z]{2,3}")
TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # a DNS label, as namespaces of Kubernetes are
NAME = re.compile(r"[a-z0-9_-]{1,64}")
UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
ASPECT_RATIOS = ("", "9_16", "1_1", "4_5", "16_9")
MODES = ("", "RENDER", "SMART_CUT")
VIDEO_CODECS = ("", "H264", "HEVC", "AV1", "VP9")
TIMELINES = ("OTIO", "FCPXML", "EDL")
LAYOUTS = ("", "FILL", "FIT_BLUR", "LETTERBOX", "SPLIT", "STACK", "AUTO")

Violation = tuple[str, str]  # path of the field, and what is wrong with it


@dataclasses.dataclass(frozen=True, slots=True)
class TimeRange:
    """A stretch of time in seconds; the end is exclusive."""

    start_s: float
    end_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Duration:
    """A length that clips are wanted of, in seconds, and how many at most; 0 is the default."""

    target_s: float
    count: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told when the state of the job changes: a URL, and the name of the secret that signs the news."""

    url: str
    secret: str = "default"  # noqa: S105 - the name of one


@dataclasses.dataclass(frozen=True, slots=True)
class Spec:
    """What a job is to do. Zeros and empty texts mean the default until `resolved`.

    Args:
        aspect_ratio: One of `ASPECT_RATIOS`; empty leaves it to the preset.
        layout: One of `LAYOUTS`; empty leaves it to the exporter.
        mode: One of `MODES`; empty leaves it to the exporter.
        video_codec: One of `VIDEO_CODECS`; empty leaves it to the preset.
        edit: As the API writes it in JSON; empty for none.
        timelines: Of `TIMELINES`.
        start_us: Wall time before which nothing starts, in microseconds since 1970; 0 for at once.
        deadline_us: Wall time at which the job fails if it is not done; 0 for none.
    """

    source_uri: str
    title: str = ""
    count: int = 0
    duration_min_s: float = 0.0
    duration_max_s: float = 0.0
    aspect_ratio: str = ""
    layout: str = ""
    preset: str = ""
    range: TimeRange | None = None
    keywords: tuple[str, ...] = ()
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    analyze_only: bool = False
    priority: int = 0
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    clips: tuple[TimeRange, ...] = ()
    transcript_uri: str = ""
    genre: str = ""
    diversity: float = 0.0
    durations: tuple[Duration, ...] = ()
    durations_apart: bool = False
    gap_min_s: float = 0.0
    exclusions: tuple[TimeRange, ...] = ()
    explain: int = 0
    evidence: bool = False
    captions: dressing.Captions | None = None
    overlays: dressing.Overlays | None = None
    mode: str = ""
    video_codec: str = ""
    edit: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    manifest_uri: str = ""
    language: str = ""
    timelines: tuple[str, ...] = ()
    start_us: int = 0
    deadline_us: int = 0
    webhook: Webhook | None = None


def resolved(spec: Spec) -> Spec:
    """The specification with every default filled in, so that later defaults change no accepted job."""
    return dataclasses.replace(
        spec,
        title=spec.title or _file_name(spec.source_uri),
        count=spec.count or COUNT_DEFAULT,
        duration_min_s=spec.duration_min_s or DURATION_MIN_DEFAULT_S,
        duration_max_s=spec.duration_max_s or DURATION_MAX_DEFAULT_S,
        preset=spec.preset or "default",
        durations=tuple(Duration(one.target_s, one.count or COUNT_DEFAULT) for one in spec.durations),
    )


def violations(spec: Spec) -> list[Violation]:
    """Everything that is wrong with a resolved specification, field by field."""
    return [
        *_source_violations(spec),
        *_number_violations(spec),
        *_duration_violations(spec),
        *_choice_violations(spec),
        *_text_violations(spec),
        *_map_violations(spec),
        *_clip_violations(spec),
        *dressing.caption_violations(spec.captions),
        *dressing.overlay_violations(spec.overlays),
        *_edit_violations(spec),
        *_time_violations(spec),
        *_webhook_violations(spec),
    ]


def fetched(uri: str) -> bool:
    """Whether a source has to be fetched first."""
    return uri.startswith(("https://", "http://", "s3://"))


def request_id_violations(request_id: str) -> list[Violation]:
    """What is wrong with an idempotency key; an empty one is none."""
    if len(request_id) > REQUEST_ID_LENGTH_MAX or not request_id.isprintable():
        return [("request_id", f"must have 1 to {REQUEST_ID_LENGTH_MAX} printable characters")]
    return []


def tenant_violations(tenant: str) -> list[Violation]:
    """What is wrong with the name of a tenant."""
    if not TENANT.fullmatch(tenant):
        return [("tenant", "must have 1 to 63 of `a-z 0-9 -`, and neither begin nor end with `-`")]
    return []


def _file_name(uri: str) -> str:
    if not uri.startswith("file:") and not fetched(uri):
        return ""
    name = urllib.parse.unquote(uri.partition("?")[0] if fetched(uri) else uri).rsplit("/", 1)[-1][:TITLE_LENGTH_MAX]
    return "".join(letter if letter.isprintable() else "_" for letter in name)  # a file name may hold anything


def _source_violations(spec: Spec) -> Iterator[Violation]:
    if spec.language and not LANGUAGE.fullmatch(spec.language):
        yield "language", "must be a code of two or three letters, such as de"
    if not spec.source_uri:
        yield "source_uri", "is required"
    logo = ("overlays.logo_uri", spec.overlays.logo_uri if spec.overlays else "")
    for field, uri in (
        ("source_uri", spec.source_uri),
        ("transcript_uri", spec.transcript_uri),
        ("manifest_uri", spec.manifest_uri),
        logo,
    ):
        if uri and not (field == "source_uri" and fetched(uri)):  # what may be fetched, the allow-list knows
            yield from ((field, wrong) for wrong in _uri_faults(uri))


def _uri_faults(uri: str) -> Iterator[str]:
    if len(uri) > URI_LENGTH_MAX:
        yield f"must have at most {URI_LENGTH_MAX} characters"
    elif uri.startswith("upload:"):
        if not UPLOAD_ID.fullmatch(uri.removeprefix("upload:")):
            yield "`upload:` must be followed by the 32 lowercase hexadecimal digits of an upload"
    elif not uri.startswith("file:///") or "\0" in urllib.parse.unquote(uri):
        yield "must be `file:///absolute/path` or `upload:ID`"


def _number_violations(spec: Spec) -> Iterator[Violation]:
    if not 1 <= spec.count <= COUNT_MAX:
        yield "count", f"must be 1 to {COUNT_MAX}, is {spec.count}"
    if abs(spec.priority) > PRIORITY_LIMIT:
        yield "priority", f"must be {-PRIORITY_LIMIT} to {PRIORITY_LIMIT}, is {spec.priority}"
    if spec.range is not None:
        yield from _range_violations("range", spec.range)


def _duration_violations(spec: Spec) -> Iterator[Violation]:
    shortest, longest = spec.duration_min_s, spec.duration_max_s
    for name, value in (("duration_min_s", shortest), ("duration_max_s", longest)):
        if not 0 < value <= DURATION_LIMIT_S:
            yield name, f"must be above 0 and at most {DURATION_LIMIT_S:g} seconds, is {value:g}"
    if longest < shortest:
        yield "duration_max_s", f"must be at least duration_min_s, which is {shortest:g}; is {longest:g}"


def _choice_violations(spec: Spec) -> Iterator[Violation]:
    """How clips are chosen: genre, difference, lengths, distance, exclusions."""
    if spec.genre and not NAME.fullmatch(spec.genre):
        yield "genre", "must have 1 to 64 of `a-z 0-9 _ -`"
    if not 0 <= spec.diversity <= 1:
        yield "diversity", f"must be 0 to 1, is {spec.diversity:g}"
    if not 0 <= spec.explain <= EXPLAIN_MAX:
        yield "explain", f"must be 0 to {EXPLAIN_MAX}, is {spec.explain}"
    if not 0 <= spec.gap_min_s <= DURATION_LIMIT_S:
        yield "gap_min_s", f"must be 0 to {DURATION_LIMIT_S:g} seconds, is {spec.gap_min_s:g}"
    if len(spec.durations) > DURATIONS_MAX or sum(one.count for one in spec.durations) > COUNT_MAX:
        yield "durations", f"must be at most {DURATIONS_MAX}, and {COUNT_MAX} clips in all"
    for index, one in enumerate(spec.durations[:DURATIONS_MAX]):
        if not 0 < one.target_s <= DURATION_LIMIT_S:
            yield f"durations[{index}].target_s", f"must be above 0 and at most {DURATION_LIMIT_S:g} seconds"
        if one.count < 0:
            yield f"durations[{index}].count", f"must be 1 to {COUNT_MAX}, is {one.count}"
    if len(spec.exclusions) > EXCLUSIONS_MAX:
        yield "exclusions", f"must be at most {EXCLUSIONS_MAX}, are {len(spec.exclusions)}"
    for index, stretch in enumerate(spec.exclusions[:EXCLUSIONS_MAX]):
        yield from _range_violations(f"exclusions[{index}]", stretch)


def _text_violations(spec: Spec) -> Iterator[Violation]:
    if len(spec.title) > TITLE_LENGTH_MAX or not spec.title.isprintable():
        yield "title", f"must have at most {TITLE_LENGTH_MAX} printable characters"
    if spec.aspect_ratio not in ASPECT_RATIOS:
        yield "aspect_ratio", f"{spec.aspect_ratio} is not known"
    if spec.layout not in LAYOUTS:
        yield "layout", f"{spec.layout} is not known"
    if spec.mode not in MODES:
        yield "mode", f"{spec.mode} is not known"
    if spec.video_codec not in VIDEO_CODECS:
        yield "video_codec", f"{spec.video_codec} is not known"
    if not NAME.fullmatch(spec.preset):
        yield "preset", "must have 1 to 64 of `a-z 0-9 _ -`"
    if len(spec.keywords) > KEYWORDS_MAX:
        yield "keywords", f"must be at most {KEYWORDS_MAX}, are {len(spec.keywords)}"
    for index, keyword in enumerate(spec.keywords[:KEYWORDS_MAX]):
        if not 1 <= len(keyword) <= KEYWORD_LENGTH_MAX or not keyword.isprintable():
            yield f"keywords[{index}]", f"must have 1 to {KEYWORD_LENGTH_MAX} printable characters"


def _map_violations(spec: Spec) -> Iterator[Violation]:
    if len(spec.weights) > WEIGHTS_MAX:
        yield "weights", f"must be at most {WEIGHTS_MAX}, are {len(spec.weights)}"
    for name, weight in list(spec.weights.items())[:WEIGHTS_MAX]:
        if not NAME.fullmatch(name):
            yield f"weights[{name[:64]!r}]", "is not the name of a term"
        elif not (math.isfinite(weight) and weight >= 0):
            yield f"weights[{name!r}]", f"must be a number of at least 0, is {weight}"
    if len(spec.labels) > LABELS_MAX:
        yield "labels", f"must be at most {LABELS_MAX}, are {len(spec.labels)}"
    for key, value in list(spec.labels.items())[:LABELS_MAX]:
        if not 1 <= len(key) <= LABEL_KEY_MAX or not key.isprintable():
            yield f"labels[{key[:64]!r}]", f"the key must have 1 to {LABEL_KEY_MAX} printable characters"
        elif len(value) > LABEL_VALUE_MAX or not value.isprintable():
            yield f"labels[{key!r}]", f"must have at most {LABEL_VALUE_MAX} printable characters"


def _clip_violations(spec: Spec) -> Iterator[Violation]:
    if len(spec.clips) > COUNT_MAX:
        yield "clips", f"must be at most {COUNT_MAX}, are {len(spec.clips)}"
    if spec.clips and spec.analyze_only:
        yield "analyze_only", "cannot go with `clips`, which ask for exports"
    for index, clip in enumerate(spec.clips[:COUNT_MAX]):
        yield from _range_violations(f"clips[{index}]", clip)


def _edit_violations(spec: Spec) -> Iterator[Violation]:
    yield from ((f"edit.{name}", text) for name, text in edits.violations(spec.edit))
    if spec.edit.get("ranges") and (spec.clips or spec.analyze_only or spec.manifest_uri):
        yield "edit.ranges", "are the clip: they cannot go with `clips`, `analyze_only` or `manifest_uri`"
    if spec.manifest_uri and (len(spec.clips) > 1 or spec.analyze_only):
        yield "manifest_uri", "makes one clip: `clips` may say where it is, and `analyze_only` cannot go with it"
    if len(set(spec.timelines)) < len(spec.timelines) or not set(spec.timelines) <= set(TIMELINES):
        yield "timelines", f"must be of {', '.join(TIMELINES)}, each once"


def _time_violations(spec: Spec) -> Iterator[Violation]:
    for name, time_us in (("start_time", spec.start_us), ("deadline", spec.deadline_us)):
        if not 0 <= time_us <= TIME_MAX_US:
            yield name, "must be a time after 1970 and before the year 10000"
    if 0 < spec.deadline_us <= spec.start_us:
        yield "deadline", "must be after start_time"


def _webhook_violations(spec: Spec) -> Iterator[Violation]:
    if spec.webhook is None:
        return
    url = spec.webhook.url
    if len(url) > URI_LENGTH_MAX or not url.isprintable() or not url.startswith(("http://", "https://")):
        yield "webhook.url", f"must be an http or https URL of at most {URI_LENGTH_MAX} printable characters"
    if not NAME.fullmatch(spec.webhook.secret):
        yield "webhook.secret", "must have 1 to 64 of `a-z 0-9 _ -`"


def _range_violations(name: str, stretch: TimeRange) -> Iterator[Violation]:
    if not (math.isfinite(stretch.start_s) and stretch.start_s >= 0):
        yield f"{name}.start_s", f"must be at least 0, is {stretch.start_s}"
    if not (math.isfinite(stretch.end_s) and stretch.end_s > stretch.start_s):
        yield f"{name}.end_s", f"must be after start_s, is {stretch.end_s}"
