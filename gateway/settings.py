"""What the gateway is told by its environment."""

import ipaddress
from typing import ClassVar

import pydantic

from chassis import settings
from chassis.identity import caller, patterns, tokens


class Settings(settings.Settings):
    """Values of the gateway, from `REELSMITH_GATEWAY_<FIELD>`."""

    model_config = settings.config("gateway")
    name: ClassVar[str] = "gateway"

    port: int = pydantic.Field(default=50050, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    upload_size_max_bytes: int = pydantic.Field(
        default=64 << 30, ge=1, description="Largest source that is taken by upload; ten hours of good video."
    )
    upload_idle_max_s: float = pydantic.Field(
        default=300.0, gt=0, le=86400, description="Seconds without a piece after which an upload is put aside."
    )
    upload_keep_s: float = pydantic.Field(
        default=7 * 86400.0,
        ge=60,
        le=366 * 86400,
        description="Seconds without a piece after which an upload that is not whole is deleted.",
    )
    jobs_timeout_s: float = pydantic.Field(
        default=15.0, gt=0, le=600, description="Seconds for one answer of the job manager, a restart of it included."
    )
    watch_outage_max_s: float = pydantic.Field(
        default=300.0, gt=0, le=86400, description="Seconds without the job manager after which a watch gives up."
    )
    http_port: int = pydantic.Field(
        default=0, ge=0, le=65535, description="Port of HTTP, with JSON and the page; 0 switches it off."
    )
    http_hosts: str = pydantic.Field(
        default="",
        description="Host names under which HTTP may be asked, separated by `,`, beside those of this machine. Where "
        "it listens for others, empty allows any.",
    )
    http_origins: str = pydantic.Field(
        default="",
        description="Origins of other pages that browsers may let in (CORS), separated by `,`; empty for none.",
    )
    http_body_max_bytes: int = pydantic.Field(
        default=8 << 20, ge=1, le=64 << 20, description="Largest JSON body; a batch of 1,000 jobs is 1 MB."
    )
    http_connections_max: int = pydantic.Field(
        default=1000, ge=1, le=100_000, description="Connections at once; more are answered 503."
    )
    http_idle_s: int = pydantic.Field(
        default=30, ge=1, le=3600, description="Seconds that a connection may take until its next request is there."
    )
    http_timeout_s: float = pydantic.Field(
        default=30.0, gt=0, le=600, description="Deadline in seconds of an HTTP request with one answer."
    )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that are listed."""
        return tuple(part.strip().lower() for part in self.http_hosts.split(",") if part.strip())

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins that are listed."""
        return tuple(part.strip() for part in self.http_origins.split(",") if part.strip())

    identity: bool = pydantic.Field(
        default=False,
        description="Whether callers must prove who they are, by an API key or a token. Off is for one machine of one "
        "person: then the gateway listens on loopback only.",
    )
    insecure: bool = pydantic.Field(
        default=False,
        description="Lets a gateway without `identity` listen beyond loopback: whoever reaches it may do everything. "
        "For networks that nobody else reaches, or behind a proxy that asks callers itself.",
    )
    jwt_issuer: str = pydantic.Field(
        default="", description="Issuer whose tokens (JWT) are taken, its claim `iss`; empty to take API keys only."
    )
    jwt_audience: str = pydantic.Field(
        default="reelsmith", description="Whom tokens must be meant for, their claim `aud`."
    )
    jwt_keys: str = pydantic.Field(
        default="", description="File or address (JWKS) of the keys that tokens are checked with."
    )
    jwt_algorithms: str = pydantic.Field(
        default="RS256,ES256,EdDSA", description="How tokens may be signed, separated by commas."
    )
    jwt_leeway_s: float = pydantic.Field(
        default=30.0, ge=0, le=300, description="Seconds by which the clocks of issuer and gateway may differ."
    )
    jwt_role_claim: str = pydantic.Field(
        default="reelsmith_role",
        description="Claim with the role or a list of groups, such as `realm_access.roles`; the highest role counts.",
    )
    jwt_roles: str = pydantic.Field(
        default="", description="Roles of groups that are not called like roles: `media=editor,media-leads=operator`."
    )
    jwt_tenant_claim: str = pydantic.Field(default="reelsmith_tenant", description="Claim with the tenant.")
    jwt_tenant: str = pydantic.Field(
        default="", description="Tenant of tokens without that claim; empty to refuse such tokens."
    )
    redis_url: pydantic.SecretStr = pydantic.Field(
        default=pydantic.SecretStr(""),
        description="Redis in which several gateways count calls and bytes together; each counts alone by default.",
    )

    audit_bytes_max: int = pydantic.Field(
        default=64 << 20,
        ge=0,
        description="Size of the record of who did what, in `audit` of the state folder: some 200,000 events, of which "
        "the oldest go first; 0 keeps none.",
    )

    usual_refusals: int = pydantic.Field(
        default=20, ge=1, le=100_000, description="Refusals of one caller or address in ten minutes that are no alert."
    )
    usual_addresses: int = pydantic.Field(
        default=10, ge=1, le=1000, description="Addresses that one key is used from in an hour that are no alert."
    )

    @pydantic.model_validator(mode="after")
    def _jwt_is_whole(self) -> "Settings":
        if self.jwt_issuer and not self.jwt_keys:
            raise ValueError("jwt_issuer needs jwt_keys: what are its tokens checked with?")
        if self.jwt_keys and not self.jwt_issuer:
            raise ValueError("jwt_keys needs jwt_issuer: whose tokens are taken?")
        return self

    @property
    def exposed(self) -> bool:
        """Whether whoever can reach this machine may do everything, though nobody has said that this is meant."""
        return not (self.identity or self.insecure or _loopback(self.host))

    @property
    def readable(self) -> bool:
        """Whether callers send what proves who they are over networks by HTTP, which is not encrypted."""
        return bool(self.identity and self.http_port) and not _loopback(self.host)

    @property
    def usual(self) -> patterns.Bounds:
        """What is still usual about a caller."""
        return patterns.Bounds(refusals=self.usual_refusals, addresses=self.usual_addresses)

    @property
    def terms(self) -> tokens.Terms | None:
        """Which tokens are taken; None for none.

        Raises:
            errors.InvalidArgument: An algorithm is none that can be taken.
            ValueError: The roles of groups cannot be read.
        """
        if not self.jwt_issuer:
            return None
        return tokens.Terms(
            issuer=self.jwt_issuer,
            audience=self.jwt_audience,
            algorithms=tuple(name.strip() for name in self.jwt_algorithms.split(",")),
            leeway_s=self.jwt_leeway_s,
            role_claim=self.jwt_role_claim,
            roles=_roles(self.jwt_roles),
            tenant_claim=self.jwt_tenant_claim,
            tenant=self.jwt_tenant,
        )


def _roles(text: str) -> dict[str, caller.Role]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    try:
        return {group.strip(): caller.Role[word.strip().upper()] for group, _, word in pairs}
    except KeyError as wrong:
        raise ValueError(f"jwt_roles: {wrong} is none of {', '.join(role.word for role in caller.Role)}") from wrong


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
