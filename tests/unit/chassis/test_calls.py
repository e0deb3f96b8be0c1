"""A stub over a chassis channel behaves like one over a gRPC channel, and raises our errors."""

import asyncio

import grpc
import pytest
from grpc import aio

from chassis import client, deadlines, discovery, errors, interceptors, testing
from chassis.testing import echo


async def numbers(start: int, stop: int):
    """Requests, streamed."""
    for number in range(start, stop):
        yield echo.Echo(number=number)


async def test_unary_call_answers(stub: echo.EchoStub) -> None:
    """The plain case."""
    assert 7 == (await stub.Read(echo.Echo(number=7))).number


async def test_requests_are_streamed_from_an_iterator(stub: echo.EchoStub) -> None:
    """Client streaming, and both directions at once."""
    assert 10 == (await stub.Sum(numbers(0, 5))).number
    assert [0, 1, 2] == [message.number async for message in stub.Mirror(numbers(0, 3))]


async def test_stream_is_read_message_by_message(stub: echo.EchoStub) -> None:
    """`read` until the end, as with gRPC."""
    call = stub.Mirror(numbers(0, 2))
    assert [0, 1] == [(await call.read()).number, (await call.read()).number]
    assert aio.EOF is await call.read()
    assert grpc.StatusCode.OK is await call.code()


@pytest.mark.parametrize("kind", [errors.NotFound, errors.InvalidArgument, errors.Internal, errors.DataLoss])
async def test_error_of_a_handler_arrives_as_the_same_class(stub: echo.EchoStub, kind: type[errors.Error]) -> None:
    """With its reason and metadata, for unary calls and streams."""
    with pytest.raises(kind) as unary:
        await stub.Add(echo.Echo(text=kind.__name__, number=3))
    with pytest.raises(kind) as stream:
        await stub.Count(echo.Echo(text=kind.__name__, number=3)).read()
    assert [("PLANTED", {"number": "3"})] * 2 == [(e.value.reason, e.value.metadata) for e in (unary, stream)]


async def test_bug_in_a_handler_says_nothing_about_the_inside(stub: echo.EchoStub, caplog) -> None:
    """The caller learns INTERNAL, the log has the traceback."""
    with pytest.raises(errors.Internal) as raised:
        await stub.Add(echo.Echo(text="bug"))
    assert "INTERNAL" == raised.value.reason
    assert "planted" not in raised.value.message
    assert any(record.exc_info and "planted" in str(record.exc_info[1]) for record in caplog.records)


@pytest.mark.parametrize("how", ["call", "task", "timeout"])
async def test_cancelled_unary_call_cancels_the_handler(
    stub: echo.EchoStub, servicer: echo.EchoServicer, how: str
) -> None:
    """Whether the call, the task that awaits it or a timeout around it is what ends it."""
    call = stub.Read(echo.Echo(delay_s=30))
    waiting = asyncio.ensure_future(asyncio.wait_for(call, 0.2 if how == "timeout" else None))
    await testing.wait_until(lambda: servicer.calls)
    if how == "call":
        call.cancel()
    if how == "task":
        waiting.cancel()
    with pytest.raises(TimeoutError if how == "timeout" else asyncio.CancelledError):
        await waiting
    await testing.wait_until(lambda: 1 == servicer.cancelled, 20)
    assert call.done()
    assert call.cancelled()


@pytest.mark.parametrize("how", ["call", "task", "break"])
async def test_abandoned_stream_cancels_the_handler(stub: echo.EchoStub, servicer: echo.EchoServicer, how: str) -> None:
    """Whether the call or its reader is cancelled, or the reader just stops reading."""
    call = stub.Count(echo.Echo(delay_s=0.01))

    async def read(calls) -> None:
        async for message in calls.pop():
            if how == "break" and message.number == 3:
                return

    calls = [call]
    reader = asyncio.create_task(read(calls))
    await testing.wait_until(lambda: servicer.calls)
    if how == "call":
        call.cancel()
    del call
    if how == "task":
        reader.cancel()
    outcome = (await asyncio.gather(reader, return_exceptions=True))[0]
    assert (how != "break") == isinstance(outcome, asyncio.CancelledError)
    await testing.wait_until(lambda: 1 == servicer.cancelled, 20)


async def test_deadline_ends_the_handler(stub: echo.EchoStub, servicer: echo.EchoServicer) -> None:
    """The caller gets DEADLINE_EXCEEDED, the handler is cancelled."""
    with pytest.raises(errors.DeadlineExceeded):
        await stub.Add(echo.Echo(delay_s=30), timeout=0.2)
    await testing.wait_until(lambda: 1 == servicer.cancelled, 20)


async def test_call_without_timeout_has_one_all_the_same(stub: echo.EchoStub) -> None:
    """No call leaves without a deadline."""
    assert 0 < stub.Add(echo.Echo()).time_remaining() <= client.Policy().call_timeout_s
    assert 0 < stub.Count(echo.Echo()).time_remaining() <= client.Policy().stream_timeout_s


async def test_deadline_shrinks_from_hop_to_hop(stub: echo.EchoStub) -> None:
    """An outgoing call ends before the incoming one that it serves."""
    with deadlines.within(1.0):
        call = stub.Add(echo.Echo(), timeout=30)
        assert 0.8 < call.time_remaining() < 1.0
        await call


async def test_call_is_not_made_when_no_time_is_left(stub: echo.EchoStub, servicer: echo.EchoServicer) -> None:
    """Work that nobody waits for is not started."""
    with deadlines.within(0.0), pytest.raises(errors.DeadlineExceeded):
        await stub.Add(echo.Echo())
    assert [] == servicer.calls


async def test_call_tells_code_and_metadata(stub: echo.EchoStub) -> None:
    """What generic code asks of a gRPC call."""
    call = stub.Read(echo.Echo())
    assert grpc.StatusCode.OK is await call.code()
    assert "" == await call.details()
    assert isinstance(await call.initial_metadata(), aio.Metadata)
    failing = stub.Add(echo.Echo(text="NotFound"))
    assert (grpc.StatusCode.NOT_FOUND, "planted") == (await failing.code(), await failing.details())


async def test_nobody_known_is_unavailable_with_a_reason() -> None:
    """The message names the service."""
    async with client.Clients(discovery.StaticRegistry({})) as clients:
        with pytest.raises(errors.Unavailable, match="echo") as raised:
            await echo.EchoStub(clients.channel("echo")).Read(echo.Echo(), timeout=0.1)
    assert "NO_INSTANCE" == raised.value.reason


async def test_waiting_for_ready_outlasts_a_restart(connect) -> None:
    """A call can wait for a server that is not up yet."""
    port = testing.free_port()
    async with connect([f"127.0.0.1:{port}"]) as clients:
        call = echo.EchoStub(clients.channel("echo")).Add(echo.Echo(number=4), timeout=20, wait_for_ready=True)
        await asyncio.sleep(1)
        async with testing.serving([echo.service()], port=port):
            assert 4 == (await call).number


async def test_each_instance_can_be_asked_alone(connect) -> None:
    """A fan-out reaches every one of them."""
    one, two = echo.EchoServicer(), echo.EchoServicer()
    async with (
        testing.serving([echo.service(one)]) as first,
        testing.serving([echo.service(two)]) as second,
        connect([first.address, second.address]) as clients,
    ):
        for instance, channel in clients.each("echo"):
            await echo.EchoStub(channel).Read(echo.Echo())
            assert instance.address in {first.address, second.address}
    assert (["Read"], ["Read"]) == (one.calls, two.calls)


async def test_span_of_a_call_holds_client_and_server(stub: echo.EchoStub, spans) -> None:
    """One trace, named after the method, with the right kinds."""
    await stub.Read(echo.Echo())
    await testing.wait_until(lambda: 2 == len(spans()))
    server, caller = sorted(spans(), key=lambda span: span.kind.name, reverse=True)
    assert ("reelsmith.testing.v1.EchoService/Read",) * 2 == (server.name, caller.name)
    assert ("SERVER", "CLIENT") == (server.kind.name, caller.kind.name)
    assert caller.context.span_id == server.parent.span_id
    assert ("grpc", "OK") == (
        server.attributes["rpc.system.name"],
        server.attributes["rpc.response.status_code"],
    )


@pytest.mark.parametrize(
    ("request_", "timeout_s", "code", "server_status"),
    [
        (echo.Echo(text="NotFound"), 5, "NOT_FOUND", "UNSET"),
        (echo.Echo(text="bug"), 5, "INTERNAL", "ERROR"),
        (echo.Echo(delay_s=30), 0.2, "DEADLINE_EXCEEDED", "ERROR"),
    ],
)
async def test_span_status_follows_the_outcome(
    stub: echo.EchoStub, spans, request_: echo.Echo, timeout_s: float, code: str, server_status: str
) -> None:
    """The client span fails with every failure, the server span only with the server's own."""
    with pytest.raises(errors.Error):
        await stub.Add(request_, timeout=timeout_s)
    await testing.wait_until(lambda: 2 == len(spans()))
    found = {span.kind.name: span for span in spans()}
    assert ("ERROR", server_status) == (
        found["CLIENT"].status.status_code.name,
        found["SERVER"].status.status_code.name,
    )
    assert {code} == {span.attributes["rpc.response.status_code"] for span in found.values()}


async def test_spans_of_a_cancelled_call_end(stub: echo.EchoStub, servicer: echo.EchoServicer, spans) -> None:
    """On both sides, as CANCELLED."""
    call = stub.Add(echo.Echo(delay_s=30))
    await testing.wait_until(lambda: servicer.calls)
    call.cancel()
    await testing.wait_until(lambda: 2 == len(spans()))
    assert ["CANCELLED"] * 2 == [span.attributes["rpc.response.status_code"] for span in spans()]


async def test_error_is_unknown_when_the_interceptors_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without the chain an error of a handler is UNKNOWN and says everything."""
    nothing = interceptors.around.Interceptor(())
    monkeypatch.setattr(interceptors, "chain", lambda limit, draining, guard: nothing)
    async with testing.serving([echo.service()]) as server, aio.insecure_channel(server.address) as channel:
        with pytest.raises(aio.AioRpcError) as raised:
            await echo.EchoStub(channel).Add(echo.Echo(text="bug"))
    assert grpc.StatusCode.UNKNOWN is raised.value.code()
    assert "planted" in raised.value.details()


async def test_resume_gives_up_after_failures_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that never brings anything is not reopened for ever."""
    monkeypatch.setattr(client, "RESUME_PAUSE_S", 0.001)
    opened = []

    async def broken(token: int | None):
        opened.append(token)
        raise errors.Unavailable("down")
        yield

    with pytest.raises(errors.Unavailable):
        async for _ in client.resume(broken, lambda message: message, start=5, failures_max=3):
            pass
    assert [5] * 4 == opened


async def test_resume_does_not_repeat_what_another_instance_cannot_help(
    stub: echo.EchoStub, servicer: echo.EchoServicer
) -> None:
    """NOT_FOUND stays NOT_FOUND."""
    with pytest.raises(errors.NotFound):
        async for _ in client.resume(lambda token: stub.Count(echo.Echo(text="NotFound")), lambda message: 0):
            pass
    assert ["Count"] == servicer.calls
