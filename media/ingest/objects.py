"""Objects of a store that speaks S3: URLs and signed headers for them. Connections are made as for any other source.

Buckets stand in the path, which every store knows. Redirects are not followed: what is signed is for one host.
"""

import dataclasses
import datetime
import ipaddress
import re
import urllib.parse

from media.ingest import rules, signature

KEPT = "-._~/"  # signs of a key that stand for themselves in a path, as the signature has it


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Where the store is, and what proves to it who asks.

    Attributes:
        endpoint: `https://HOST[:PORT]`; empty for no store.
        region: Its region, which is a part of the signature.
        key_id: Identifier of the access key; empty for buckets that everybody may read.
        secret: The secret access key.
        token: Token of a session; empty for none.
        networks: Networks that the store may lie in beside the public ones, separated by commas.
    """

    endpoint: str
    region: str = "us-east-1"
    key_id: str = ""
    secret: str = dataclasses.field(default="", repr=False)
    token: str = dataclasses.field(default="", repr=False)
    networks: str = ""


class Store:
    """One store.

    Args:
        settings: Where it is.

    Raises:
        media.errors.Refused: The endpoint is no plain URL.
        ValueError: It has a path, or a network is none.
    """

    def __init__(self, settings: Settings) -> None:
        self._endpoint = rules.parsed(settings.endpoint)
        if self._endpoint.target != "/":
            raise ValueError(f"the store {settings.endpoint} has a path: https://HOST[:PORT] is needed")
        self.reachable = _reachable(self._endpoint, settings.networks)
        key = signature.Key(settings.key_id, settings.secret, settings.token, settings.region)
        self._key = key if settings.key_id else None

    def target(self, wanted: rules.Object) -> rules.Target:
        """Where an object is."""
        path = urllib.parse.quote(f"/{wanted.bucket}/{wanted.key}", safe=KEPT)
        return dataclasses.replace(self._endpoint, target=path)

    def signed(self, target: rules.Target) -> list[tuple[str, str]]:
        """The headers that prove who asks, good for some minutes; none for buckets that everybody may read."""
        if self._key is None:
            return []
        return signature.headers(self._key, target.authority, target.target, datetime.datetime.now(datetime.UTC))


def _reachable(endpoint: rules.Target, networks: str) -> rules.Rules:
    """The store at a public address, at the one that the settings name, or in a network that they name."""
    entries = [rules.Entry(endpoint.scheme, endpoint.host, None, endpoint.port)]
    places = [part for part in re.split(r"[,\s]+", networks) if part]
    for place in [endpoint.host] * (endpoint.literal is not None) + places:
        entries.append(rules.Entry(endpoint.scheme, "", ipaddress.ip_network(place), endpoint.port))
    return rules.Rules(tuple(entries))
