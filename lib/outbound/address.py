"""The addresses that the hub may call for a user: public ones, and those that an operator allows. Pure; called by
`http`.

The rules are tables, after IANA's registries of special-purpose addresses (RFC 6890), so that they do not depend on the
version of Python. They include a metadata address of one cloud that looks public.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = frozenset((80, 443, 8080, 8443))
"""The ports that may be called at a public address. Others are excluded, for example those of mail servers."""

_REFUSED = (
    ("0.0.0.0/8", "of this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "of a carrier's own network"),
    ("127.0.0.0/8", "of the machine itself"),
    ("168.63.129.16/32", "of a cloud's own services"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved for protocols"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "of 6to4 relays"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "of this network"),
    ("::1/128", "of the machine itself"),
    ("::ffff:0:0/96", "an IPv4 address in disguise"),
    ("::/96", "an IPv4 address in disguise"),
    ("64:ff9b::/96", "an IPv4 address in disguise"),
    ("64:ff9b:1::/48", "an IPv4 address in disguise"),
    ("2001::/23", "reserved for protocols"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "an IPv4 address in disguise"),
    ("3fff::/20", "for documentation"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
)
REFUSED: tuple[tuple[Network, str], ...] = tuple((ipaddress.ip_network(text), why) for text, why in _REFUSED)
GLOBAL6 = ipaddress.ip_network("2000::/3")
"""All public IPv6 addresses that are allocated."""

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}\Z", re.ASCII)


class Allowed(NamedTuple):
    """Targets that an operator allows beside public addresses, at any port: networks, and host names with any
    address."""

    networks: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()


def read_allowed(entries: Sequence[str]) -> Allowed:
    """The networks (CIDR) and host names of a list. Raises ValueError for an entry that is neither."""
    networks, names = [], set()
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError:
            if "/" in entry or not _NAME.match(entry.lower()):
                raise ValueError(f"{entry} is neither a network nor the name of a host") from None
            names.add(entry.lower())
    return Allowed(tuple(networks), frozenset(names))


def fault_of(host: str, address: Address, port: int, allowed: Allowed) -> str | None:
    """The reason why an address of a host must not be called; None when it may. The text does not hold the address, so
    that a caller learns nothing about internal names."""
    if host.lower() in allowed.names or any(address in network for network in allowed.networks):
        return None
    for network, why in REFUSED:
        if address in network:
            return f"its address is {why}"
    if address.version == 6 and address not in GLOBAL6:
        return "its address is not public"
    if port not in PORTS:
        return f"the port must be one of {', '.join(map(str, sorted(PORTS)))}"
    return None
