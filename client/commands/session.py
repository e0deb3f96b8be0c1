"""Connects a command with a suite: one that runs, or a private one for the run."""

import contextlib
from collections.abc import AsyncIterator

from chassis import channels, errors
from client import config, credentials, follow, gateway, place, queue, renewal, suite


@contextlib.asynccontextmanager
async def running(address: str) -> AsyncIterator[gateway.Gateway]:
    """The suite that runs.

    Raises:
        errors.FailedPrecondition: There is none.
    """
    where = place.find(address)
    _check(where.gateway, "gateway", "--gateway")
    async with _connected(where) as connection:
        yield connection


@contextlib.asynccontextmanager
async def any_suite(address: str, display: follow.Display) -> AsyncIterator[tuple[gateway.Gateway, place.Place]]:
    """The suite that runs, or one of this run's own.

    Raises:
        errors.FailedPrecondition: One was named, and it does not answer.
    """
    where = place.find(address)
    if where.named or place.listening(where.gateway):
        _check(where.gateway, "gateway", "--gateway")
        async with _connected(where) as connection:
            yield connection, where
        return
    async with private(display) as (connection, where):
        yield connection, where


@contextlib.asynccontextmanager
async def private(
    display: follow.Display, discovery: str = "static"
) -> AsyncIterator[tuple[gateway.Gateway, place.Place]]:
    """A suite of this run's own."""
    display.note("starting a private suite")
    async with suite.private(discovery) as where:
        display.note(f"suite serves, gateway {where.gateway}")
        try:
            async with gateway.connect(where.gateway) as connection:
                yield connection, where
        finally:
            display.note("stopping the suite")


@contextlib.asynccontextmanager
async def _connected(where: place.Place) -> AsyncIterator[gateway.Gateway]:
    secure = credentials.secure(where)
    async with renewal.Proof() as proof:
        credentials.metadata(where, proof.token, encrypted=secure is not None)  # refused before a connection is made

        def sent() -> channels.Metadata:
            return credentials.metadata(where, proof.token, encrypted=secure is not None)

        async with gateway.connect(where.gateway, secure, sent) as connection:
            yield connection


def _check(address: str, what: str, option: str) -> None:
    if not place.listening(address):
        raise errors.FailedPrecondition(
            f"no {what} answers at {address}; start a suite with `reelsmith up`, or name one with {option} HOST:PORT",
            reason="NO_SUITE",
        )


def configuration(
    address: str, environment: str = "", layer: str = ""
) -> contextlib.AbstractAsyncContextManager[config.Config]:
    """A connection to the configuration service.

    Args:
        address: Where it is; that of this user's suite by default.
        environment: Which document; the service's own by default.
        layer: A layer over it, `SERVICE` or `SERVICE/INSTANCE`; none by default.

    Raises:
        errors.FailedPrecondition: There is none.
    """
    where = place.find(config=address)
    _check(where.config, "configuration service", "--service")
    return config.connect(where.config, environment, layer, credentials.secure(where))


def jobs_queue(address: str) -> contextlib.AbstractAsyncContextManager[queue.Queue]:
    """A connection to the job manager.

    Raises:
        errors.FailedPrecondition: There is none.
    """
    where = place.find(jobs=address)
    _check(where.jobs, "job manager", "--jobs")
    return queue.connect(where.jobs, credentials.secure(where))
