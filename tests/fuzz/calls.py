"""Calls of every method of a suite with made messages, and what must never come back."""

import asyncio
import collections
import dataclasses
import time
from collections.abc import AsyncIterator, Mapping, Sequence

import grpc
from google.protobuf import descriptor, message_factory
from grpc import aio

from tests import census
from tests.fuzz import messages

AT_ONCE = 16  # calls under way: enough to meet each other, few enough that none waits for its turn
READ_MAX = 3  # messages of a stream: the rest is more of the same
TIMEOUT_S = 60.0  # a busy machine answers late; what takes longer hangs
WATCH_S = 0.2  # a watch never ends: it is left
MADE_UP = "Internal error from Core"  # where a call ends while it is written to (grpc/grpc#36066): nothing was said
MADE_UP_MAX = 20  # one such call in twenty ends so
BUGS = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS})
TRACES = (b"Traceback", b'File "', b'.py"', b"site-packages", b"<class '")  # of a program, in words meant for people


@dataclasses.dataclass(frozen=True, slots=True)
class Bug:
    """An answer that is a fault of ours, and how to have it again.

    Args:
        method: What was called.
        seed: Of the message.
        code: What came back.
        details: Its words.
        sent: The bytes that were sent.
    """

    method: str
    seed: str
    code: grpc.StatusCode
    details: str
    sent: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.code.name} seed {self.seed}: {self.details[:300]!r} for {self.sent[:300].hex()}"


@dataclasses.dataclass(slots=True)
class Report:
    """What became of the calls."""

    calls: int = 0
    left: int = 0  # streams that went on
    codes: dict[str, collections.Counter[str]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(collections.Counter)
    )
    bugs: list[Bug] = dataclasses.field(default_factory=list)

    @property
    def answered(self) -> set[str]:
        """Methods that did what was asked at least once: the others were only ever refused."""
        return {method for method, codes in self.codes.items() if codes["OK"]}


class Siege:
    """Calls methods at random with made messages.

    Args:
        addresses: Of each service.
        seed: What everything follows from.
        known: Texts that mean something to the suite, by the fields that they are for.
        without: Methods that are left alone, as `Service/Method`.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        seed: int,
        known: Mapping[str, Sequence[str]] | None = None,
        without: tuple[str, ...] = (),
    ) -> None:
        self.report = Report()
        self._seed, self._known = seed, {name: list(texts) for name, texts in (known or {}).items()}
        self._methods = [
            method
            for method in census.methods()
            if method.service in addresses and not method.name.endswith(tuple(without))
        ]
        self._channels = {name: aio.insecure_channel(address) for name, address in addresses.items()}
        self._number = 0

    async def __aenter__(self) -> "Siege":
        return self

    async def __aexit__(self, *failure: object) -> None:
        for channel in self._channels.values():
            await channel.close()

    async def run(self, calls: int) -> Report:
        """Makes so many calls, each method in turn."""
        end = self._number + calls
        await asyncio.gather(*(self._work(end) for _ in range(AT_ONCE)))
        return self.report

    async def _work(self, end: int) -> None:
        while self._number < end:  # bounded: it grows with every turn
            number, self._number = self._number, self._number + 1
            await self._call(self._methods[number % len(self._methods)], f"{self._seed}-{number}")

    async def _call(self, method: census.Method, seed: str) -> None:
        maker = messages.Maker(seed, self._known)
        kinds = described(method)
        sent = [maker.bytes_of(maker.make(kinds.input_type)) for _ in range(1 if method.kind[0] == "u" else 3)]
        begin_s, answer = time.monotonic(), message_factory.GetMessageClass(kinds.output_type)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                for received in await self._really(method, sent):
                    maker.learn(answer.FromString(received))
            code, details, trailing = grpc.StatusCode.OK, "", b""
        except aio.AioRpcError as failure:
            code, details = failure.code(), failure.details() or ""
            trailing = b"".join(
                value if isinstance(value, bytes) else value.encode() for _, value in failure.trailing_metadata() or ()
            )
        except TimeoutError:
            code, details, trailing = grpc.StatusCode.UNKNOWN, f"no answer in {time.monotonic() - begin_s:.0f} s", b""
        self.report.calls += 1
        self.report.codes[method.name][code.name] += 1
        if code in BUGS or any(trace in details.encode() + trailing for trace in TRACES):
            self.report.bugs.append(Bug(method.name, seed, code, details, b"|".join(sent)))

    async def _really(self, method: census.Method, sent: list[bytes]) -> list[bytes]:
        """The answers, where gRPC's own client did not make up how the call ended."""
        for _ in range(MADE_UP_MAX):
            try:
                return await self._answers(method, sent)
            except aio.AioRpcError as failure:
                if failure.details() != MADE_UP:
                    raise
        raise AssertionError(f"{method} ended {MADE_UP_MAX} times in a row while a message was on its way")

    async def _answers(self, method: census.Method, sent: list[bytes]) -> list[bytes]:
        call = getattr(self._channels[method.service], method.kind)(f"/{method.name}")
        if method.kind == "unary_unary":
            return [await call(sent[0], timeout=TIMEOUT_S)]
        if method.kind == "stream_unary":
            return [await call(_each(sent), timeout=TIMEOUT_S)]
        stream, received = call(sent[0], timeout=TIMEOUT_S), []
        try:
            async with asyncio.timeout(WATCH_S):
                async for item in stream:
                    received.append(item)
                    if len(received) >= READ_MAX:
                        break
        except TimeoutError:
            self.report.left += 1  # it goes on; what it said so far is enough
        finally:
            stream.cancel()
        return received


async def _each(sent: list[bytes]) -> AsyncIterator[bytes]:
    for item in sent:
        yield item


def described(method: census.Method) -> descriptor.MethodDescriptor:
    """What the descriptors say of a method."""
    service, _, name = method.name.partition("/")
    file = census.FILES[method.service][0].DESCRIPTOR
    return file.services_by_name[service.rpartition(".")[2]].methods_by_name[name]
