"""`reelsmith login` and `logout`: who this person is, by the word of an identity provider."""

from typing import Annotated

import typer

from client import login as flow
from client import terminal


def login(
    issuer: Annotated[
        str, typer.Option(envvar="REELSMITH_LOGIN_ISSUER", metavar="URL", help="Address of the identity provider.")
    ],
    client_id: Annotated[
        str, typer.Option(envvar="REELSMITH_LOGIN_CLIENT_ID", help="What the provider calls this command.")
    ] = "reelsmith",
    scope: Annotated[str, typer.Option(help="What is asked for.")] = flow.SCOPE,
    audience: Annotated[
        str, typer.Option(envvar="REELSMITH_LOGIN_AUDIENCE", help="Whom the token is for, where that has to be said.")
    ] = "",
) -> None:
    """Log in with an identity provider: confirm a code in any browser; a second factor is the provider's matter."""
    terminal.run(_login(flow.Provider(issuer, client_id, scope, audience)))


async def _login(provider: flow.Provider) -> terminal.Code:
    await flow.login(provider, _tell)
    terminal.say(f"logged in with {provider.issuer}")
    return terminal.Code.DONE


def _tell(prompt: flow.Prompt) -> None:
    whole = f", or just {prompt.whole}" if prompt.whole else ""
    terminal.say(f"open {prompt.address} and type {prompt.code}{whole}")


def logout() -> None:
    """Forget the log-in."""
    terminal.say("logged out" if flow.logout() else "nobody was logged in")
