"""Which addresses belong to the public Internet. Pure.

Source: the IANA registries of special-purpose addresses, IPv4 (RFC 6890 and later) and IPv6. `ipaddress.is_global`
differs between versions of Python and lets tunnels through, so the ranges stand here.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SPECIAL_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers; one cloud's metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # public by its number, yet the metadata of one cloud
            "169.254.0.0/16",  # link-local; the metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; the metadata of one cloud
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
UNICAST_6 = ipaddress.IPv6Network("2000::/3")  # all that is given out; loopback, local and multicast lie elsewhere
SPECIAL_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo's tunnels among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: any IPv4 address, private ones too
            "3fff::/20",  # documentation
        ),
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # an IPv4 address behind a translator; the last 32 bits say which


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where the system or a translator would connect to that one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def public(address: Address) -> bool:
    """Whether an address belongs to the public Internet: every other one may be a neighbour's, or our own."""
    real = plain(address)
    if isinstance(real, ipaddress.IPv4Address):
        return not any(real in network for network in SPECIAL_4)
    return real in UNICAST_6 and not any(real in network for network in SPECIAL_6)
