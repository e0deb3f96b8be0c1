"""Messages that the descriptors allow and nobody expects, and bytes that no descriptor allows."""

import dataclasses
import random
from collections.abc import Callable

from google.protobuf import descriptor, message, message_factory

DEPTH_MAX = 4  # of messages in messages: deeper ones say nothing new, but for values of JSON, which may nest further
KNOWN_MAX = 50  # texts of one field that were seen in answers; the newest stay
LONG = 30_000  # characters: beyond every limit of a name, an identifier or a header

Kind = descriptor.FieldDescriptor

WHOLE = (0, 1, -1, 2, 3, 10, 100, 1000, 4096, 65_536, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**53, 2**63 - 1, -(2**63))
TAME = ("", "a", "default", "x1")
PLAUSIBLE = {
    "aspect_ratio": ["9:16", "1:1", "16:9"],
    "environment": ["default"],
    "document": ["{}", "a: 1", '{"limits": {}}'],
    "source_uri": ["file:///nothing.mp4", "http://127.0.0.1:9/a.mp4"],
    "id": ["0" * 32],
    "genre": ["", "auto", "talk"],
    "language": ["en", "de"],
    "tenant": ["default"],
    "service": ["", "analyzer", "jobs"],
    "name": ["a", "clip-1", "video_clips/a.mp4"],
}  # by field: what a program would send
NUMBERS = {"start_s": (0.0, 0.1), "end_s": (0.4, 0.5), "duration_min_s": (1.0, 3.0), "duration_max_s": (10.0, 60.0)}
EXPECTED = {
    "spec",
    "output",
    "config",
    "document",
    "value",
    "range",
    "time",
    "source_uri",
    "session_id",
    "requests",
    "clips",
    "format",
    "manifest_paths",
}
RARELY = {"page_token", "instance", "transcript_uri", "manifest_uri", "logo_uri", "preset"}  # known, and seldom right
REAL = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"), 9.99e17, 1e-9)
TEXTS = (
    "", " ", "a", "default", "production", "analyzer", "9:16", "1:1", "file:", "file:///", "file:///etc/passwd",
    "file:///proc/self/environ", "file://host/share", "upload:", "upload:../../etc/passwd", "session:", "session:x/y",
    "session:../..", "http://127.0.0.1/", "http://[::1]/", "https://0x7f.1/x.mp4", "http://a@b:c@d/", "http://[",
    "file:///%00", "file:///%zz", "..", "../..", "../../../etc/passwd", "/etc/passwd", "C:\\x", "video_clips/a.mp4",
    "metadata/report.html", "a/../b", "a//b", "./a", "a\0b", "\0", "\n", "a\r\nb: c", "\u202e", "\ufeff", "\U0001f600",
    "e\u0301", "\u0130", "ﬁ", "%s%n", "${HOME}", "{{7*7}}", "';--", "\" OR 1=1", "<script>", "*", "[", "(?:a+)+$",
    "1e999", "NaN", "-1", "00:00:01.5", "2026-01-01T00:00:00Z", "0" * 32, "f" * 32, "0" * 64, "-", "_", ".",
)  # fmt: skip


@dataclasses.dataclass(slots=True)
class Maker:
    """Makes messages from a seed; the same seed and the same known identifiers make the same ones.

    Args:
        seed: What everything follows from.
        known: Texts that mean something to the suite, such as identifiers of jobs.
    """

    seed: int | str
    known: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    chance: random.Random = dataclasses.field(init=False)
    boldness: float = dataclasses.field(
        init=False
    )  # how much of a message is meant badly: one bold word ends most calls

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        for name, texts in PLAUSIBLE.items():
            self.known.setdefault(name, list(texts))
        self.boldness = self.chance.choice((0.0, 0.05, 0.3, 1.0))

    def _bold(self) -> bool:
        return self.chance.random() < self.boldness

    def learn(self, answer: message.Message) -> None:
        """Keeps the identifiers of an answer, so that later requests are about things that are there."""
        for field, value in answer.ListFields():
            if field.type == Kind.TYPE_STRING and not field.is_repeated and value and len(value) < 200:
                seen = self.known.setdefault(field.name.removeprefix("next_"), [])
                if value not in seen:
                    seen.append(value)
                    del seen[:-KNOWN_MAX]
            elif field.type == Kind.TYPE_MESSAGE and not _is_map(field):
                for item in (value if field.is_repeated else (value,))[:3]:
                    self.learn(item)

    def make(self, kind: descriptor.Descriptor, depth: int = 0) -> message.Message:
        """A message of a kind."""
        made = message_factory.GetMessageClass(kind)()
        share = self.chance.choice((0.0, 0.1, 0.3, 0.8))
        for field in kind.fields:
            if field.containing_oneof and self.chance.random() < 0.3:
                continue  # the last of a group that is set wins: leave some out, so that each may be it
            expected = field.name in EXPECTED or (field.name in self.known and field.name not in RARELY)
            if self.chance.random() < share or expected:
                self._fill(made, field, depth)
        return made

    def bytes_of(self, made: message.Message) -> bytes:
        """A message as it is sent; one time in ten cut, changed or followed by something else."""
        data = made.SerializeToString()
        if self.chance.random() < 0.9 or not self.boldness:
            return data
        return self.mutated(data)

    def mutated(self, data: bytes) -> bytes:
        """Bytes that differ a little."""
        chance, place = self.chance, self.chance.randrange(len(data) + 1)
        flipped = bytes(byte ^ (1 << chance.randrange(8)) if chance.random() < 0.05 else byte for byte in data)
        return chance.choice(
            (
                data[:place],
                data[:place] + chance.randbytes(chance.randrange(1, 20)) + data[place:],
                flipped,
                data + data[place:],
                chance.randbytes(chance.randrange(40)),
                b"\x0b" * chance.randrange(1, 300),  # groups in groups, never closed
                b"\xff" * chance.randrange(1, 30),
            )
        )

    def _fill(self, made: message.Message, field: descriptor.FieldDescriptor, depth: int) -> None:
        if _is_map(field):
            self._fill_map(made, field, depth)
        elif field.is_repeated:
            count = self.chance.choice((0, 1, 1, 2, 3, self.chance.randrange(70) if self._bold() else 1))
            for _ in range(count if depth < 2 else min(count, 2)):
                if field.type == Kind.TYPE_MESSAGE:
                    if depth < DEPTH_MAX:
                        getattr(made, field.name).append(self.make(field.message_type, depth + 1))
                else:
                    getattr(made, field.name).append(self._scalar(field))
        elif field.type == Kind.TYPE_MESSAGE:
            if depth < DEPTH_MAX:
                getattr(made, field.name).CopyFrom(self.make(field.message_type, depth + 1))
        else:
            setattr(made, field.name, self._scalar(field))

    def _fill_map(self, made: message.Message, field: descriptor.FieldDescriptor, depth: int) -> None:
        keys, values = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        table = getattr(made, field.name)
        for _ in range(self.chance.choice((0, 1, 2, 3, 70 if self._bold() else 1)) if depth < 2 else 1):
            key = self._scalar(keys)
            if values.type != Kind.TYPE_MESSAGE:
                table[key] = self._scalar(values)
            elif depth < DEPTH_MAX:
                table[key].CopyFrom(self.make(values.message_type, depth + 1))

    def _scalar(self, field: descriptor.FieldDescriptor) -> object:
        return _MAKERS[field.cpp_type](self, field)

    def text(self, name: str) -> str:
        """A text for a field: one that was seen there, one that is meant badly, or one that means nothing."""
        chance = self.chance
        if not self._bold():
            short = name.rpartition("_")[2]
            return chance.choice([*self.known.get(name, ()), *self.known.get(short, ())] or TAME)
        choice = chance.random()
        if choice < 0.1 and self.known:
            return chance.choice(chance.choice(sorted(self.known.values())) or TAME)
        if choice < 0.85:
            return chance.choice(TEXTS)
        if choice < 0.9:
            return chance.choice(TEXTS) + chance.choice(TEXTS)
        if choice < 0.91:
            return (chance.choice(TEXTS) or "x") * chance.randrange(1, LONG // 30)
        return "".join(_character(chance) for _ in range(chance.randrange(1, 40)))

    def whole(self, least: int, most: int) -> int:
        """A whole number within bounds, mostly at an edge."""
        chance = self.chance
        number = chance.choice(WHOLE) if self._bold() else chance.choice((0, 1, 2, 3, 5, 10, chance.randrange(1000)))
        return min(most, max(least, number))

    def real(self, name: str) -> float:
        """A number for a field, or what only looks like one."""
        plain = NUMBERS.get(name, (0.0, 0.5, 1.0, self.chance.random()))
        return self.chance.choice(REAL if self._bold() else plain)


def _character(chance: random.Random) -> str:
    code = chance.choice((chance.randrange(32, 127), chance.randrange(0x250), chance.randrange(0x11_0000)))
    return chr(code) if not 0xD800 <= code < 0xE000 else "?"  # half of a pair is no text, and protobuf takes none


def _is_map(field: descriptor.FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _enum(maker: Maker, field: descriptor.FieldDescriptor) -> int:
    numbers = [value.number for value in field.enum_type.values]
    return (
        maker.whole(-(2**31), 2**31 - 1) if maker.chance.random() < maker.boldness / 4 else maker.chance.choice(numbers)
    )


def _text_or_bytes(maker: Maker, field: descriptor.FieldDescriptor) -> str | bytes:
    if field.type == Kind.TYPE_STRING:
        return maker.text(field.name)
    if not maker.boldness:
        return b"a" * 16
    return maker.chance.randbytes(maker.chance.choice((0, 1, 16, 32, 1000)))


_MAKERS: dict[int, Callable[[Maker, descriptor.FieldDescriptor], object]] = {
    Kind.CPPTYPE_INT32: lambda maker, field: maker.whole(-(2**31), 2**31 - 1),
    Kind.CPPTYPE_INT64: lambda maker, field: maker.whole(-(2**63), 2**63 - 1),
    Kind.CPPTYPE_UINT32: lambda maker, field: maker.whole(0, 2**32 - 1),
    Kind.CPPTYPE_UINT64: lambda maker, field: maker.whole(0, 2**64 - 1),
    Kind.CPPTYPE_DOUBLE: lambda maker, field: maker.real(field.name),
    Kind.CPPTYPE_FLOAT: lambda maker, field: maker.real(field.name),
    Kind.CPPTYPE_BOOL: lambda maker, field: maker.chance.random() < 0.5,
    Kind.CPPTYPE_ENUM: _enum,
    Kind.CPPTYPE_STRING: _text_or_bytes,
}
