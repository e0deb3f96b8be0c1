"""Task: writes a clip whose middle is copied from the source."""

import hashlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.container
import numpy as np

from media import errors as media_errors
from media import pool, sink, source
from services.exporter import containers, cut, reading, sound
from services.exporter.smart import edges, finding, hearing, keys, spans, template, units

UNCUT = "UNCUT"  # the reason of sources that have to be rendered; the message says why
SOUND_BPS = 192_000  # where the sound does not fit and is encoded anew
Edges = tuple[edges.Edge | None, edges.Edge | None]


def run(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> dict[str, Any]:
    """Task: cuts `files.inputs["source"]` into `files.outputs["clip"]`.

    Raises:
        media_errors.Unsupported: reason UNCUT: it has to be rendered; says why.
    """
    job = finding.Job.from_value(request)
    file, target = files.inputs["source"], files.outputs["clip"]
    try:
        plan = finding.find(job, file)
        report({"stage": "sound", "frames": 0})
        return _write(job, plan, _edges(job, file, plan), (file, target), report)
    except (spans.Uncuttable, units.Unusual, edges.Unlike) as error:
        raise media_errors.Unsupported(str(error), reason=UNCUT) from error


def _edges(job: finding.Job, file: BinaryIO, plan: finding.Plan) -> Edges:
    numbers = units.free(plan.sets, plan.codec) if plan.sets else [0, 0]

    def made(stamps: np.ndarray, number: int) -> edges.Edge | None:
        if not len(stamps):
            return None
        return edges.encoded(_look(job, plan.codec), number, lambda: _frames(file, stamps, job.threads))

    return made(job.pts[: plan.spans.first], numbers[0]), made(job.pts[plan.spans.last :], numbers[1])


def _frames(file: BinaryIO, stamps: np.ndarray, threads: int) -> Iterator[av.VideoFrame]:
    return (frame for _, frame in cut.frames(file, stamps, certain=False, threads=threads))


def _look(job: finding.Job, codec: str) -> edges.Look:
    facts = job.facts
    return edges.Look(
        codec=codec,
        width=facts["width"],
        height=facts["height"],
        pixel_format=facts["pixel_format"],
        rate=job.rate,
        pixel_aspect=Fraction(facts["pixel_aspect"]) if facts["pixel_aspect"] else None,
        colors=(facts["primaries"], facts["transfer"], facts["matrix"], facts["range"]),
        threads=job.threads,
    )


def _write(
    job: finding.Job, plan: finding.Plan, made: Edges, files: tuple[BinaryIO, BinaryIO], report: pool.Report
) -> dict[str, Any]:
    file, target = files
    digest = Digest(plan.codec)
    sets = units.merged(tuple(plan.sets.values()), *(edge.sets for edge in made if edge is not None), codec=plan.codec)
    heard = _Sound.of(job, file)
    kind = containers.CATALOGUE[job.container]
    options = containers.options(job.container, len(job.pts), len(heard.packets))
    with reading.opened(file) as opened, sink.open_sink(target, kind.muxer, options) as container:
        video = _video(container, opened, units.joined(sets.values()))
        reading.only(opened, opened.video)
        write = containers.interleaver(container, heard.stream(container, opened), heard.packets)
        clock = _Clock(job, plan, opened.video.time_base)
        for number, (data, key) in enumerate(_coded(opened, job, plan, made, digest)):
            write(clock.packet(number, data, key, video))
            report({"stage": "encode", "frames": number + 1})
        write(None)
    return _facts(job, plan, made, heard, digest.value)


def _video(container: av.container.OutputContainer, opened: source.Source, sets: bytes) -> av.stream.Stream:
    """A stream that is described as the source's."""
    stream = container.add_stream_from_template(opened.video, opaque=True)
    if sets:
        stream.codec_context.extradata = sets
    if container.format.name == "mp4" and stream.codec_context.name == "hevc":
        stream.codec_context.codec_tag = "hvc1"  # players of Apple take no other
    return stream


class Digest:
    """SHA-256 of what is copied, as every container holds it.

    Containers differ in how they part units, in repeating parameters, and in marking where a picture begins.
    """

    def __init__(self, codec: str) -> None:
        self._codec, self._hash = codec, hashlib.sha256()

    def add(self, data: bytes, length_bytes: int) -> None:
        """Takes a packet; see `units.split`."""
        self._hash.update(content(self._codec, data, length_bytes))

    @property
    def value(self) -> str:
        """The digest, 64 hexadecimal digits."""
        return self._hash.hexdigest()


def content(codec: str, data: bytes, length_bytes: int) -> bytes:
    """What a packet holds, whatever container it is in."""
    if codec not in finding.NUMBERED:
        return data.removeprefix(keys.AV1_DELIMITER) if codec == "av1" else data
    return units.joined(unit for unit in units.split(data, length_bytes) if not units.is_set(unit, codec))


def _coded(
    opened: source.Source, job: finding.Job, plan: finding.Plan, made: Edges, digest: Digest
) -> Iterator[tuple[bytes, bool]]:
    """Packets of the clip in the order of decoding, and whether decoding may begin with each."""
    before, after = made
    last = len(before.packets) - 1 if before else -1
    for number, data in enumerate(before.packets if before else ()):
        ending = plan.spans.end and number == last
        yield data + (units.joined((units.HEVC_END,)) if ending else b""), number == 0
    start_pts = int(job.pts[plan.spans.first])
    for index, packet in enumerate(finding.packets(opened, job.pts)):
        if plan.spans.copies(index, packet.pts, start_pts):
            data = bytes(packet)
            digest.add(data, plan.length_bytes)
            if plan.codec in finding.NUMBERED:
                data = units.joined(units.split(data, plan.length_bytes))
            yield data, plan.read[index].entry != keys.Entry.NONE
    for number, data in enumerate(after.packets if after else ()):
        yield data, number == 0


class _Clock:
    """Gives packets their times."""

    def __init__(self, job: finding.Job, plan: finding.Plan, base: Fraction) -> None:
        self._base, first, last = base, plan.spans.first, plan.spans.last
        origin, start = int(job.pts[0]), int(job.pts[first])
        shown = [int(stamp) - origin for stamp in job.pts]
        copied = [
            packet.pts - origin for index, packet in enumerate(plan.read) if plan.spans.copies(index, packet.pts, start)
        ]
        self._pts = shown[:first] + copied + shown[last:]
        self._dts = spans.decoding_times(self._pts)
        end = round(job.duration_s / base)
        after = [*shown[1:], max(end, shown[-1] + 1)]
        self._length = {stamp: follows - stamp for stamp, follows in zip(shown, after, strict=True)}

    def packet(self, number: int, data: bytes, key: bool, stream: av.stream.Stream) -> av.Packet:
        """A packet with its times, in the order of decoding."""
        made = av.Packet(data)
        made.stream, made.time_base, made.is_keyframe = stream, self._base, key
        made.pts, made.dts = self._pts[number], self._dts[number]
        made.duration = self._length[made.pts]
        return made


class _Sound:
    """The sound of the clip: copied, encoded anew, or none."""

    def __init__(self, codec: str, packets: list[av.Packet], copied: bool) -> None:
        self.codec, self.packets, self.copied = codec, packets, copied

    @classmethod
    def of(cls, job: finding.Job, file: BinaryIO) -> "_Sound":
        """Reads it from a source."""
        audio = job.facts["audio"]
        if audio is None:
            return cls("", [], False)
        if hearing.fits(audio["codec"], audio["header"], job.container):
            base = Fraction(1, audio["sample_rate_hz"])
            return cls("", [_heard(one, base) for one in hearing.packets(file, job.start_s, job.duration_s)], True)
        fitting = containers.CATALOGUE[job.container].audio
        codec = audio["codec"] if audio["codec"] in fitting else fitting[-1]
        coding = sound.CODINGS[codec]
        samples = round(job.duration_s * sound.RATE_HZ) + coding.lead
        chunks = sound.pcm(file, job.start_s - Fraction(coding.lead, sound.RATE_HZ), samples)
        return cls(codec, sound.encode(chunks, SOUND_BPS, coding)[0], False)

    def stream(self, container: av.container.OutputContainer, opened: source.Source) -> av.stream.Stream | None:
        """Adds its stream to a file."""
        if not self.packets:
            return None
        if self.copied and container.format.name == "mp4":
            return container.add_stream_from_template(opened.audio, opaque=True)
        if self.copied:
            context, first = opened.audio.codec_context, self.packets[0]
            described = template.matroska(
                context.name,
                context.extradata or b"",
                context.sample_rate,
                context.layout.nb_channels,
                max(-first.pts, 0),
                bytes(first),
            )
            with reading.opened(described) as other:
                return container.add_stream_from_template(other.audio, opaque=True)
        return sound.CODINGS[self.codec].add(container, SOUND_BPS)


def _heard(one: hearing.Packet, base: Fraction) -> av.Packet:
    packet = av.Packet(one.data)
    packet.pts = packet.dts = one.place
    packet.duration, packet.time_base, packet.is_keyframe = one.length, base, True
    return packet


def _facts(job: finding.Job, plan: finding.Plan, made: Edges, heard: _Sound, digest: str) -> dict[str, Any]:
    first, last = plan.spans.first, plan.spans.last
    encoded = [
        {"start_frame": start, "end_frame": start + len(edge.packets), "crf": edge.crf, "psnr_min_db": edge.psnr_db}
        for start, edge in zip((0, last), made, strict=True)
        if edge is not None
    ]
    return {
        "codec": plan.codec,
        "container": job.container,
        "frames": len(job.pts),
        "width": job.facts["width"],
        "height": job.facts["height"],
        "duration_s": float(job.duration_s),
        "copied": {"start_frame": first, "end_frame": last, "sha256": digest},
        "encoded": encoded,
        "encoder": edges.NAMES[plan.codec] if encoded else None,
        "sound": None if not heard.packets else "copied" if heard.copied else heard.codec,
        "libraries": {"av": av.__version__, "ffmpeg": av.ffmpeg_version_info},
    }
