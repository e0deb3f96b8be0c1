"""Which URLs may be fetched: an allow-list, and what a URL may look like at all. Pure.

An entry is `[http://]WHERE[:PORT]`; without `http://` it stands for HTTPS, without a port for the scheme's own, and
`:*` for any. WHERE is one of

- `media.example.com`: that name; `*.example.com`: every name below it; `*`: every name and every literal address.
  The address behind it must be a public one.
- `10.1.2.0/24` or `[fd00:1::/64]`: every address of that network, private ones too, under whatever name.

An entry `s3://BUCKET` or `s3://BUCKET/FOLDER` allows objects of the one store that the settings name.
"""

import dataclasses
import ipaddress
import re
import urllib.parse

from media import errors
from media.ingest import addresses

SCHEMES = {"http": 80, "https": 443}
URL_LENGTH_MAX = 4096  # as the API says of sources
NAME_LENGTH_MAX = 253  # of DNS
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label like this makes an address of the whole, for C libraries
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]*)?",
    re.ASCII,
)  # no user, no fragment, no backslash, nothing beyond ASCII: what two programs may read in two ways is refused
ENTRY = re.compile(r"((?P<scheme>https?)://)?(?P<where>\[[^\]]+\]|[^:\[\]]+)(:(?P<port>[0-9]{1,5}|\*))?")
OBJECT = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^\x00-\x1f\x7f\\]{1,1024})")
BUCKET = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<folder>[^\x00-\x1f\x7f\\]*?))?/?")
KEY_LENGTH_MAX = 1024  # bytes, of S3
NAME_MAX = 100  # characters of a file name: room for ours around it
UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads.

    Attributes:
        host: A name in lower case, or a literal address without brackets.
        target: Path and query, as they are sent.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def literal(self) -> addresses.Address | None:
        """The address where the host is one."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """Host and port as a request names them: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL again, in its plainest form."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def file_name(self) -> str:
        """The last part of the path as a plain name, for people."""
        part = urllib.parse.unquote(self.target.partition("?")[0].rpartition("/")[2])
        stem, dot, ending = UNFIT.sub("_", part).lstrip("._-").rpartition(".")
        return f"{stem[:NAME_MAX]}{dot}{ending[:16]}" if stem else ending[:NAME_MAX] or "source"


@dataclasses.dataclass(frozen=True, slots=True)
class Object:
    """An object of a store; `key` is as it is kept there, with nothing quoted."""

    bucket: str
    key: str


def is_object(uri: str) -> bool:
    """Whether a source is an object of a store."""
    return uri.startswith("s3://")


def object_of(uri: str) -> Object:
    """Which object a source is.

    Raises:
        errors.Refused: It is none that every program reads in one way (BAD_SOURCE_URI).
    """
    found = OBJECT.fullmatch(uri)
    if found is None or len(found["key"].encode(errors="replace")) > KEY_LENGTH_MAX:
        raise _bad(uri, "is no s3://BUCKET/KEY")
    if {"", ".", ".."} & set(found["key"].split("/")):
        raise _bad(uri, "has a key with empty parts, or with dots alone")
    return Object(found["bucket"], found["key"])


@dataclasses.dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the allow-list, or a folder in it; empty for all of it."""

    name: str
    folder: str

    def holds(self, wanted: Object) -> bool:
        """Whether an object lies in it."""
        return wanted.bucket == self.name and (not self.folder or wanted.key.startswith(f"{self.folder}/"))


def parsed(url: str) -> Target:
    """Where a URL leads.

    Raises:
        errors.Refused: It is no URL that two programs read in one way (BAD_SOURCE_URI).
    """
    found = URL.fullmatch(url) if len(url) <= URL_LENGTH_MAX else None
    if found is None:
        raise _bad(url, "is no plain http:// or https:// URL: no user, no fragment, nothing beyond ASCII")
    host = _host(url, found["host"].lower())
    port = int(found["port"] or SCHEMES[found["scheme"]])
    if not 0 < port < 65536:
        raise _bad(url, "has no port of 1 to 65535")
    target = found["target"] or "/"
    return Target(found["scheme"], host, port, target if target.startswith("/") else f"/{target}")


def _host(url: str, host: str) -> str:
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError as error:
            raise _bad(url, "has a malformed address") from error
    labels = host.removesuffix(".").split(".")
    if NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:  # 2130706433, 0x7f.1, 0177.0.0.1, 127.1
            raise _bad(url, "has an address that is not four decimal numbers") from error
    if len(host) > NAME_LENGTH_MAX or not all(map(LABEL.fullmatch, labels)):
        raise _bad(url, "has a malformed host name")
    return ".".join(labels)


def _bad(url: str, why: str) -> errors.Refused:
    return errors.Refused(f"{url[:200]!r} {why}", reason="BAD_SOURCE_URI")


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A line of the allow-list: names, or a network; `port` is None for any."""

    scheme: str
    name: str
    network: addresses.Network | None
    port: int | None

    def fits(self, target: Target) -> bool:
        """Whether scheme and port are those of the entry."""
        return target.scheme == self.scheme and self.port in (None, target.port)

    def names(self, host: str) -> bool:
        """Whether the entry names a host."""
        if self.network is not None:
            return False
        return self.name in ("*", host) or (self.name.startswith("*.") and host.endswith(self.name[1:]))

    def holds(self, address: addresses.Address) -> bool:
        """Whether the entry is a network that an address lies in."""
        return self.network is not None and addresses.plain(address) in self.network


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """The allow-list; empty allows nothing."""

    entries: tuple[Entry, ...] = ()
    buckets: tuple[Bucket, ...] = ()

    @classmethod
    def of(cls, text: str) -> "Rules":
        """The rules that a setting names, separated by commas or spaces.

        Raises:
            ValueError: An entry is malformed.
        """
        parts = [part for part in re.split(r"[,\s]+", text) if part]
        buckets = tuple(_bucket(part) for part in parts if is_object(part))
        return cls(tuple(_entry(part) for part in parts if not is_object(part)), buckets)

    def check(self, uri: str) -> None:
        """Whether a source may be asked for at all.

        Raises:
            errors.Refused: It is malformed, or no entry fits (SOURCE_NOT_ALLOWED).
        """
        if is_object(uri):
            self.object(uri)
        else:
            self.checked(uri)

    def object(self, uri: str) -> Object:
        """Which object of a store a source is, if it may be asked for.

        Raises:
            errors.Refused: It is malformed, or lies in no bucket of the list (SOURCE_NOT_ALLOWED).
        """
        wanted = object_of(uri)
        if not any(bucket.holds(wanted) for bucket in self.buckets):
            raise errors.Refused(
                f"s3://{wanted.bucket} may not be fetched from, or not there: no entry of REELSMITH_FETCH_ALLOW fits",
                reason="SOURCE_NOT_ALLOWED",
                metadata={"bucket": wanted.bucket},
            )
        return wanted

    def checked(self, url: str) -> Target:
        """Where a URL leads, if it may be asked at all; the addresses behind its name are checked on connecting.

        Raises:
            errors.Refused: It is malformed, or no entry fits (SOURCE_NOT_ALLOWED).
        """
        target = parsed(url)
        if not self.entries:
            raise errors.Refused(
                "sources over HTTP are switched off here: REELSMITH_FETCH_ALLOW names no host",
                reason="SOURCE_NOT_ALLOWED",
            )
        literal = target.literal
        for entry in self.entries:
            if entry.fits(target) and (
                entry.names(target.host) or (entry.network is not None and (literal is None or entry.holds(literal)))
            ):
                return target
        raise _refused(target)

    def check_address(self, target: Target, address: addresses.Address) -> None:
        """Whether a connection may be made to an address on behalf of a URL.

        Raises:
            errors.Refused: It is not public and in no network of the list (SOURCE_NOT_ALLOWED).
        """
        for entry in self.entries:
            if entry.fits(target) and (
                entry.holds(address) or (entry.names(target.host) and addresses.public(address))
            ):
                return
        raise _refused(target)


def _refused(target: Target) -> errors.Refused:
    # Which address a name has is nobody's business: it may be one of an inner network.
    return errors.Refused(
        f"{target.scheme}://{target.host}:{target.port} may not be fetched from: no entry of REELSMITH_FETCH_ALLOW "
        "fits, or its address is not a public one",
        reason="SOURCE_NOT_ALLOWED",
        metadata={"host": target.host},
    )


def _bucket(text: str) -> Bucket:
    found = BUCKET.fullmatch(text)
    folder = (found["folder"] or "") if found else ""
    if found is None or (folder and {"", ".", ".."} & set(folder.split("/"))):
        raise ValueError(f"{text!r} is no entry of the kind s3://BUCKET or s3://BUCKET/FOLDER")
    return Bucket(found["bucket"], folder)


def _entry(text: str) -> Entry:
    found = ENTRY.fullmatch(text.lower())
    if found is None:
        raise ValueError(f"{text!r} is no entry of the kind [http://]HOST-OR-NETWORK[:PORT]")
    scheme = found["scheme"] or "https"
    port = None if found["port"] == "*" else int(found["port"] or SCHEMES[scheme])
    where = found["where"].strip("[]")
    if "/" in where or ":" in where or NUMBER.fullmatch(where.rpartition(".")[2]):
        return Entry(scheme, "", ipaddress.ip_network(where), port)
    name = where.removeprefix("*.") if where != "*" else "any"
    if not all(map(LABEL.fullmatch, name.split("."))):
        raise ValueError(f"{text!r} has a malformed host name")
    return Entry(scheme, where, None, port)
