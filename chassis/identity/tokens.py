"""Tokens (JWT) of an identity provider: who issued them, for whom, until when, and what their bearer may do."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jwt

from chassis import errors
from chassis.identity import caller, jwks

# None with a secret that both sides share, and none without a signature.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REQUIRED = ["exp", "iss", "aud", "sub"]
SUBJECT_LENGTH_MAX = 200  # characters in logs


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """Which tokens are taken, and how they are read.

    Args:
        issuer: Who must have issued them.
        audience: Whom they must be meant for.
        algorithms: How they may be signed.
        leeway_s: How far clocks may differ.
        role_claim: Claim with the role, or a list of groups; names joined by dots lead into it.
        roles: Role by group, for groups that are not called like roles.
        tenant_claim: Claim with the tenant, likewise.
        tenant: Tenant of tokens that have no such claim; empty to refuse them.
    """

    issuer: str
    audience: str
    algorithms: Sequence[str] = ("RS256", "ES256", "EdDSA")
    leeway_s: float = 30.0
    role_claim: str = "reelsmith_role"
    roles: Mapping[str, caller.Role] = dataclasses.field(default_factory=dict)
    tenant_claim: str = "reelsmith_tenant"
    tenant: str = ""

    def __post_init__(self) -> None:
        if wrong := set(self.algorithms) - set(ALGORITHMS):
            raise errors.InvalidArgument(
                f"tokens cannot be signed with {', '.join(sorted(wrong))}: {', '.join(ALGORITHMS)}",
                reason="BAD_SETTING",
            )


class Tokens:
    """Checks tokens.

    Args:
        terms: Which are taken.
        keys: What their signatures are checked with.
    """

    def __init__(self, terms: Terms, keys: jwks.KeySet) -> None:
        self._terms, self._keys = terms, keys

    async def identify(self, token: str) -> caller.Caller:
        """Whom a token stands for.

        Raises:
            errors.Unauthenticated: It is not to be believed, or says too little.
            errors.Unavailable: It cannot be checked now.
        """
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.find(str(header.get("kid", "")))
            if header.get("alg") not in self._terms.algorithms or key is None:
                raise _refused("it is signed with a key, or in a way, that is not taken")
            claims = jwt.decode(
                token,
                key,
                algorithms=list(self._terms.algorithms),
                audience=self._terms.audience,
                issuer=self._terms.issuer,
                leeway=self._terms.leeway_s,
                options={"require": REQUIRED},
            )
        except jwt.ExpiredSignatureError as expired:
            raise errors.Unauthenticated("the token has expired", reason="TOKEN_EXPIRED") from expired
        except jwt.PyJWTError as wrong:
            raise _refused(str(wrong)) from wrong
        return self._caller(claims)

    def _caller(self, claims: Mapping[str, Any]) -> caller.Caller:
        named = [self._role(word) for word in _words(_claim(claims, self._terms.role_claim))]
        roles = [role for role in named if role is not None]
        tenants = [*_words(_claim(claims, self._terms.tenant_claim)), *filter(None, [self._terms.tenant])]
        if not roles:
            raise _refused(f"its claim {self._terms.role_claim} has no role")
        if not tenants or not caller.TENANT.fullmatch(tenants[0]):
            raise _refused(f"its claim {self._terms.tenant_claim} has no tenant")
        return caller.Caller(caller.Kind.TOKEN, str(claims["sub"])[:SUBJECT_LENGTH_MAX], tenants[0], max(roles))

    def _role(self, word: str) -> caller.Role | None:
        known = {role.word: role for role in caller.Role}
        return self._terms.roles.get(word) or known.get(word)


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """The value at a path; a claim whose own name has dots is found first."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _words(value: Any) -> Iterable[str]:
    values = [value] if isinstance(value, str) else value
    return [word for word in values if isinstance(word, str)] if isinstance(values, list) else []


def _refused(why: str) -> errors.Unauthenticated:
    return errors.Unauthenticated(f"the token is not taken: {why}"[:300], reason="TOKEN_REFUSED")
