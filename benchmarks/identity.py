"""What it costs to know who calls: keys, tokens and limits, by themselves and beside a call that asks nobody.

The peer is the same server without a guard, in the same run.
"""

import asyncio
import datetime
import json
import pathlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from grpc import aio

from chassis import live, server
from chassis import settings as settings_module
from chassis.identity import bearer, caller, jwks, keys, ledger, policy, rate, tokens
from chassis.testing import echo
from gateway import access

CALLS, ROUNDS = 300, 9
RULES = policy.by_role(echo.FULL_NAME, dict.fromkeys(echo.METHODS, caller.Role.VIEWER))
GRANTED = {"reelsmith_role": "viewer", "reelsmith_tenant": "acme"}
ISSUER, AUDIENCE = "https://login.example", "reelsmith"


def signed(folder: pathlib.Path) -> dict[str, str]:
    """Tokens by algorithm; the keys that they are checked with are written into the folder."""
    pairs = {"EdDSA": ed25519.Ed25519PrivateKey.generate(), "RS256": rsa.generate_private_key(65537, 2048)}
    published, made = [], {}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 3600}
    for name, key in pairs.items():
        public = json.loads(jwt.get_algorithm_by_name(name).to_jwk(key.public_key()))
        published.append({**public, "kid": name, "alg": name})
        made[name] = jwt.encode(
            {**claims, "reelsmith_role": "viewer", "reelsmith_tenant": "acme"}, key, name, {"kid": name}
        )
    (folder / "keys.json").write_text(json.dumps({"keys": published}))
    return made


async def alone(work: Callable[[], Awaitable[object]], count: int = 2000) -> float:
    """Microseconds of one piece of work, the least of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        start_s = time.process_time()
        for _ in range(count):
            await work()
        rounds.append(1e6 * (time.process_time() - start_s) / count)
    return min(rounds)


async def calls(callers: access.Callers | None, token: str) -> float:
    """Microseconds of processor time of a call, client and server together, the least of several rounds."""
    settings = settings_module.Settings(lame_duck_s=0, drain_s=1)
    service = server.Service(echo.EchoServicer(), echo.add_to_server, echo.FULL_NAME, RULES)
    async with server.Server(settings, [service], callers=callers) as one, aio.insecure_channel(one.address) as channel:
        stub, metadata = echo.EchoStub(channel), bearer.header(token)

        async def call() -> None:
            await stub.Read(echo.Echo(), metadata=metadata, timeout=10)

        return await alone(call, CALLS)


async def main() -> None:
    """Prints the figures."""
    folder = pathlib.Path(tempfile.mkdtemp())
    made = {str(number): keys.make(caller.Role.VIEWER, "acme", datetime.timedelta(days=1)) for number in range(500)}
    generous = {"calls_per_s": 1e6, "calls_burst": 1e6}
    document = {
        "access": {
            "keys": {one.id: one.entry for one in made.values()},
            "limits": {"key": generous, "tenant": generous},
        }
    }

    async def watch(after: int):
        yield live.Revision(1, document)
        await asyncio.Event().wait()

    by_algorithm = signed(folder)
    checked = tokens.Tokens(tokens.Terms(ISSUER, AUDIENCE), jwks.KeySet(str(folder / "keys.json")))
    buckets, limit = ledger.Local(), rate.Rate(1e6, 1e6)
    async with live.LiveDocument(folder / "config.json", watch, use=live.Use((access.accept,))) as followed:
        callers = access.Callers(followed, checked, ledger.Local())
        proofs = {"one of 500 keys": made["250"].token, **{f"token, {name}": one for name, one in by_algorithm.items()}}
        figures = {
            what: await alone(lambda sent=token: callers.identify((f"Bearer {sent}",)), 500)
            for what, token in proofs.items()
        }
        figures["one bucket"] = await alone(lambda: buckets.take("one", 1, limit))
        figures["call, nobody asked"] = await calls(None, "")
        figures["call with a key"] = await calls(callers, made["250"].token)
    for what, us in figures.items():
        print(f"{what:20} {us:8.1f} us")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
