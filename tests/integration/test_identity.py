"""Who gets through: every method of the descriptors against every way not to prove who one is."""

import asyncio
import contextlib
import dataclasses
import datetime
import json
import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from grpc import aio

from chassis import live, server
from chassis import settings as settings_module
from chassis.identity import authority, bearer, caller, jwks, keys, ledger, policy, tokens, transport
from gateway import access
from tests import census

ISSUER, AUDIENCE = "https://login.example", "reelsmith"
OK = grpc.StatusCode.OK
REFUSALS = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE}
METHODS = list(census.methods())
TENANT = "acme"


class Provider:
    """An identity provider: signs tokens, and publishes the keys that they are checked with."""

    def __init__(self) -> None:
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.rsa = rsa.generate_private_key(65537, 2048)

    def publish(self, path: pathlib.Path) -> None:
        """Writes the keys."""
        published = []
        for name, kind, key in (("one", "EdDSA", self.key), ("two", "RS256", self.rsa)):
            text = jwt.get_algorithm_by_name(kind).to_jwk(key.public_key())
            published.append({**json.loads(text), "kid": name, "alg": kind})
        path.write_text(json.dumps({"keys": published}))

    def sign(self, role: str, header: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        """A token; what is changed to None is left out."""
        now = time.time()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ann",
            "exp": now + 300,
            "reelsmith_role": role,
            "reelsmith_tenant": TENANT,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": "one", "alg": "EdDSA", **(header or {})}
        return jwt.encode(claims, self.key if key is None else key, headers["alg"], headers)

    def forged(self, role: str) -> str:
        """A token whose signature is a hash keyed with the public key, which everybody knows."""
        public = self.rsa.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        import base64
        import hashlib
        import hmac

        def part(value: bytes) -> str:
            return base64.urlsafe_b64encode(value).decode().rstrip("=")

        head = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "two"}).encode())
        body = self.sign(role).split(".")[1]
        return f"{head}.{body}.{part(hmac.digest(public, f'{head}.{body}'.encode(), hashlib.sha256))}"


@dataclasses.dataclass
class Suite:
    """Five servers that answer everything, behind the tables, certificates and callers of the real ones."""

    ports: dict[str, int]
    folder: pathlib.Path
    authority: authority.Authority
    provider: Provider
    keys: dict[str, keys.Made]

    @contextlib.asynccontextmanager
    async def channel(self, service: str, files: transport.Files | None) -> AsyncIterator[aio.Channel]:
        """A connection to a service, as a plain client opens it; without encryption where no files are given."""
        address, own = f"127.0.0.1:{self.ports[service]}", ("grpc.use_local_subchannel_pool", 1)
        if files is None:
            channel = aio.insecure_channel(address, options=[own])
        else:
            credentials = transport.Transport(files).channel()
            channel = aio.secure_channel(address, credentials, options=[own, *transport.named(service)])
        async with channel:
            yield channel

    def issued(self, name: str, **values: Any) -> transport.Files:
        """Files with a certificate of this suite's authority."""
        certificate, key = self.authority.issue(name, **values)
        path = self.folder / f"issued-{len(list(self.folder.iterdir()))}"
        path.with_suffix(".pem").write_bytes(certificate)
        path.with_suffix(".key").write_bytes(key)
        return transport.Files(self.folder / "ca.pem", path.with_suffix(".pem"), path.with_suffix(".key"))


@contextlib.asynccontextmanager
async def running(folder: pathlib.Path, opened: dict[str, policy.Rule] | None = None) -> AsyncIterator[Suite]:
    """The suite; entries of the tables may be opened to see whether that is noticed."""
    made = authority.Authority.make()
    made.write(folder)
    provider = Provider()
    provider.publish(folder / "keys.json")
    day = datetime.timedelta(days=1)
    known = {role.word: keys.make(role, TENANT, day) for role in caller.Role}
    known["expired"] = keys.make(caller.Role.ADMIN, TENANT, -day)
    document = {"access": {"keys": {one.id: one.entry for one in known.values()}}}
    known["revoked"] = keys.make(caller.Role.ADMIN, TENANT, day)
    terms = tokens.Terms(ISSUER, AUDIENCE)

    async def watch(after: int):
        yield live.Revision(1, document)
        await asyncio.Event().wait()

    async with contextlib.AsyncExitStack() as stack:
        followed = live.LiveDocument(folder / "config.json", watch, use=live.Use((access.accept,)))
        checked = tokens.Tokens(terms, jwks.KeySet(str(folder / "keys.json")))
        callers = access.Callers(await stack.enter_async_context(followed), checked, ledger.Local())
        ports = {}
        for name in census.FILES:
            rules = {**census.FILES[name][1]}
            rules.update({method: rule for method, rule in (opened or {}).items() if method in rules})
            files = transport.of(folder, name)
            settings = settings_module.Settings(
                tls_ca=files.ca, tls_certificate=files.certificate, tls_key=files.key, lame_duck_s=0, drain_s=1
            )
            who = callers if name == "gateway" else None
            one = server.Server(settings, [census.answering(name, rules)], callers=who)
            ports[name] = (await stack.enter_async_context(one)).port
        yield Suite(ports, folder, made, provider, known)


def without_proof(suite: Suite) -> dict[str, str]:
    """What a caller may send to the gateway that proves nothing, or not enough for any method: name → token."""
    admin = caller.Role.ADMIN.word
    sign = suite.provider.sign
    stranger = ed25519.Ed25519PrivateKey.generate()
    return {
        "no credentials": "",
        "expired key": suite.keys["expired"].token,
        "revoked key": suite.keys["revoked"].token,
        "key of another secret": suite.keys[admin].token[:-4] + "0000",
        "expired token": sign(admin, exp=time.time() - 60),
        "token of tomorrow": sign(admin, nbf=time.time() + 3600),
        "token without end": sign(admin, exp=None),
        "wrong audience": sign(admin, aud="another"),
        "no audience": sign(admin, aud=None),
        "wrong issuer": sign(admin, iss="https://evil.example"),
        "no subject": sign(admin, sub=None),
        "alg none": sign(admin, {"alg": "none"}, ""),
        "alg HS256 with the public key": suite.provider.forged(admin),
        "unknown key": sign(admin, {"kid": "three"}),
        "stranger's signature": sign(admin, key=stranger),
        "key from an address of the token": sign(admin, {"kid": "x", "jku": "https://evil.example/keys"}, stranger),
        "unknown rule that must be kept": sign(admin, {"crit": ["x"], "x": "y"}),
        "no role": sign("king"),
        "no tenant": sign(admin, reelsmith_tenant=None),
        "tenant that is none": sign(admin, reelsmith_tenant="../acme"),
    }


async def unexpected(suite: Suite) -> list[str]:
    """Every call that was not refused, out of all that must be."""
    outcomes = [*await _of_callers(suite), *await _of_peers(suite)]
    assert len(outcomes) > 500, "the matrix is a whole one"
    return [f"{case}: {method}: {code.name}" for case, method, code in outcomes if code not in REFUSALS]


Outcomes = list[tuple[str, census.Method, grpc.StatusCode]]


async def _of_callers(suite: Suite) -> Outcomes:
    """The gateway: by keys and tokens."""
    plain = transport.Files(suite.folder / "ca.pem")
    found: Outcomes = []
    async with suite.channel("gateway", plain) as channel, suite.channel("gateway", None) as open_channel:
        for method in (one for one in METHODS if one.service == "gateway"):
            rule = census.FILES["gateway"][1][method.name]
            for case, token in without_proof(suite).items():
                found.append((case, method, await method.call(channel, bearer.header(token))))
            for role in (role for role in caller.Role if role < rule.role):
                for token in (suite.keys[role.word].token, suite.provider.sign(role.word)):
                    found.append((f"role {role.word}", method, await method.call(channel, bearer.header(token))))
            key = bearer.header(suite.keys["admin"].token)
            found.append(("two headers", method, await method.call(channel, key + key)))
            found.append(("plaintext", method, await method.call(open_channel, key)))
    return found


async def _of_peers(suite: Suite) -> Outcomes:
    """The services behind the gateway: by certificates."""
    foreign = suite.folder / "foreign"
    authority.Authority.make().write(foreign)
    mine, admin = suite.folder / "ca.pem", bearer.header(suite.keys["admin"].token)
    cases = {
        "plaintext": None,
        "no certificate": transport.Files(mine),
        "foreign CA": transport.Files(mine, foreign / "admin.pem", foreign / "admin.key"),
        "expired certificate": suite.issued("admin", days=-1),
        "another trust domain": suite.issued("admin", uris=["spiffe://elsewhere/admin"]),
        "no URI": suite.issued("admin", uris=[]),
        "two URIs": suite.issued("admin", uris=["spiffe://reelsmith/admin", "spiffe://reelsmith/jobs"]),
        "person with a service's name": suite.issued("jobs", uris=["spiffe://reelsmith/jobs/ann"]),
        "person without a name": suite.issued("admin", uris=["spiffe://reelsmith/admin/"]),
        "wrong SAN": suite.issued("stranger"),
    }
    found: Outcomes = []
    for service in (name for name in census.FILES if name != "gateway"):
        for case, files in cases.items():
            async with suite.channel(service, files) as channel:
                for method in (one for one in METHODS if one.service == service):
                    found.append((case, method, await method.call(channel, admin)))
        for peer in ("analyzer", "config", "exporter", "gateway", "jobs"):
            async with suite.channel(service, transport.of(suite.folder, peer)) as channel:
                for method in (one for one in METHODS if one.service == service):
                    if peer not in census.FILES[service][1][method.name].peers:
                        found.append((f"peer {peer}", method, await method.call(channel)))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """For certificates and keys."""
    return tmp_path_factory.mktemp("identity")


async def test_nobody_gets_through_without_proof(folder: pathlib.Path) -> None:
    """Every method of the descriptors, every way not to prove who one is: no answer but refusals."""
    async with running(folder / "closed") as suite:
        assert [] == await unexpected(suite)


async def test_whoever_proves_it_gets_through(folder: pathlib.Path) -> None:
    """Control of the refusals: with the least role, by key and by token, and as each peer that may, all is answered."""
    refused = []
    async with running(folder / "proven") as suite:
        async with suite.channel("gateway", transport.Files(suite.folder / "ca.pem")) as channel:
            for method in (one for one in METHODS if one.service == "gateway"):
                role = census.FILES["gateway"][1][method.name].role.word
                for token in (suite.keys[role].token, suite.provider.sign(role)):
                    refused += [(method.name, await method.call(channel, bearer.header(token)))]
        for method in (one for one in METHODS if one.service != "gateway"):
            for peer in census.FILES[method.service][1][method.name].peers:
                async with suite.channel(method.service, transport.of(suite.folder, peer)) as channel:
                    refused += [(method.name, await method.call(channel))]
    assert {OK} == {code for _, code in refused}, refused


async def test_opened_entry_of_a_table_is_noticed(folder: pathlib.Path) -> None:
    """Control of the matrix: one entry of each kind is opened, and these methods, no others, are found."""
    jobs, cancel = "reelsmith.jobs.v1.JobService/DeleteJob", "reelsmith.gateway.v1.ClipService/CancelJob"
    opened = {
        jobs: policy.Rule(peers=frozenset({"gateway", "admin", "analyzer"})),
        cancel: policy.Rule(role=caller.Role.VIEWER),
    }
    async with running(folder / "opened", opened) as suite:
        found = await unexpected(suite)
    assert {f"peer analyzer: {jobs}: OK", f"role viewer: {cancel}: OK"} == set(found)
