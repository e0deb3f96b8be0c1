"""Connects a command with a suite: one that runs, or a private one for the run."""

import contextlib
from collections.abc import AsyncIterator

from chassis import errors
from client import follow, gateway, place, suite


@contextlib.asynccontextmanager
async def running(address: str) -> AsyncIterator[gateway.Gateway]:
    """The suite that runs.

    Raises:
        errors.FailedPrecondition: There is none.
    """
    where = place.find(address)
    _check(where.gateway, "gateway", "--gateway")
    async with gateway.connect(where.gateway) as connection:
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
        async with gateway.connect(where.gateway) as connection:
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


def _check(address: str, what: str, option: str) -> None:
    if not place.listening(address):
        raise errors.FailedPrecondition(
            f"no {what} answers at {address}; start a suite with `reelsmith up`, or name one with {option} HOST:PORT",
            reason="NO_SUITE",
        )


def config_address(address: str) -> str:
    """Where the configuration service is.

    Raises:
        errors.FailedPrecondition: There is none.
    """
    found = place.find(config=address).config
    _check(found, "configuration service", "--service")
    return found


def jobs_address(address: str) -> str:
    """Where the job manager is.

    Raises:
        errors.FailedPrecondition: There is none.
    """
    found = place.find(jobs=address).jobs
    _check(found, "job manager", "--jobs")
    return found
