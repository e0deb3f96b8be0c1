"""Says times, sizes, states and failures in words."""

import datetime

from google.protobuf import duration_pb2, timestamp_pb2
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from chassis import errors

HINTS = {
    "NO_CREDENTIALS": " (set REELSMITH_API_KEY, or keep a key of this suite: `reelsmith keys create --save`)",
    "KEY_EXPIRED": " (`reelsmith keys create --save` makes a new one)",
    "TOKEN_EXPIRED": " (`reelsmith login` fetches a new one)",
}
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
KINDS = {
    jobs.Step.KIND_FETCH: "fetch",
    jobs.Step.KIND_PROBE: "probe",
    jobs.Step.KIND_ANALYZE: "analyze",
    jobs.Step.KIND_PROPOSE: "propose",
    jobs.Step.KIND_EXPORT: "export",
    jobs.Step.KIND_IMAGES: "images",
    jobs.Step.KIND_REPORT: "report",
    jobs.Step.KIND_TIMELINES: "timelines",
}


def state(value: jobs.Job.State) -> str:
    """Where a job stands, such as `SUCCEEDED`."""
    return jobs.Job.State.Name(value).removeprefix("STATE_")


def step_state(value: jobs.Step.State) -> str:
    """Where a step stands, such as `RUNNING`."""
    return jobs.Step.State.Name(value).removeprefix("STATE_")


def instance_state(value: pb.InstanceStatus.State) -> str:
    """How an instance answers, such as `serving`."""
    return pb.InstanceStatus.State.Name(value).removeprefix("STATE_").replace("_", " ").lower()


def clock(seconds: float) -> str:
    """A time such as `0:07` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def position(seconds: float) -> str:
    """A place in a source such as `1:02.3`."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes}:{rest // 10:02}.{rest % 10}"


def size(count_bytes: float) -> str:
    """A size such as `3.4 MiB`."""
    unit = 0
    while count_bytes >= 1024 and unit < len(UNITS) - 1:
        count_bytes, unit = count_bytes / 1024, unit + 1
    return f"{count_bytes:.0f} {UNITS[unit]}" if unit == 0 else f"{count_bytes:.1f} {UNITS[unit]}"


def seconds(duration: duration_pb2.Duration) -> float:
    """A duration in seconds."""
    return duration.seconds + duration.nanos / 1e9


def moment(stamp: timestamp_pb2.Timestamp) -> str:
    """A day and time in this machine's zone; empty where there is none."""
    if not stamp.seconds:
        return ""
    return stamp.ToDatetime(tzinfo=datetime.UTC).astimezone().strftime("%m-%d %H:%M")


def elapsed_s(start: timestamp_pb2.Timestamp, end: timestamp_pb2.Timestamp) -> float | None:
    """Seconds from one moment to another; None where one of them is missing."""
    if not start.seconds or not end.seconds:
        return None
    return (end.ToNanoseconds() - start.ToNanoseconds()) / 1e9


def step(name: str, kind: jobs.Step.Kind) -> str:
    """What a step does, for people: `export-2` is `clip 2`."""
    number = name.rpartition("-")[2]
    if kind == jobs.Step.KIND_EXPORT:
        return f"clip {number}" if number.isdecimal() else name
    return KINDS.get(kind, name)


def failure(error: media.Failure) -> str:
    """Why something failed, on one line."""
    tag = "/".join(filter(None, (error.code, error.reason)))
    return f"{error.message or 'no reason was given'}{f' ({tag})' if tag else ''}"


def explain(error: errors.Error) -> str:
    """What went wrong and what to do, on one line where that is possible."""
    # What the message says already is not said again; rules stand in brackets behind a description.
    news = [field for field in error.fields if field.description.partition(" [")[0] not in error.message]
    fields = "".join(f"; {field.name}: {field.description}" for field in news)
    hint = f" (try again in {error.retry_after_s:.0f} s)" if error.retry_after_s else HINTS.get(error.reason, "")
    return f"{error.message}{fields}{hint}"
