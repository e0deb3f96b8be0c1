"""What proves who calls, for runs that last longer than it: looked for again while they run."""

import asyncio
import logging

from chassis import errors
from client import credentials, login

LOOK_S = 10.0  # a token is replaced 30 s before its end: this many seconds later there is a fresh one

logger = logging.getLogger(__name__)


class Proof:
    """The key or token of this person; use as `async with`.

    A key in a file may be replaced while a run lasts, and a log-in is renewed before it ends. What was found last holds
    while nothing better can be had.

    Raises:
        errors.Error: There is one that cannot be used.
    """

    def __init__(self) -> None:
        self.token = ""

    async def __aenter__(self) -> "Proof":
        self.token = await _found()
        self._task = asyncio.create_task(self._renew(), name="renewal")
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _renew(self) -> None:
        said = ""
        while True:  # as long as the connection
            await asyncio.sleep(LOOK_S)
            try:
                self.token, failure = await _found(), ""
            except (errors.Error, OSError) as wrong:  # such as a file that is just being replaced
                failure = str(wrong)
            if failure and failure != said:
                logger.warning("what proves who calls stays as it was: %s", failure)
            said = failure


async def _found() -> str:
    return credentials.token() or await login.token()
