"""Which network addresses may be reached on behalf of a URL that somebody else wrote."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_NEVER = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),  # this host; link-local; multicast, reserved
            *("::/128", "fe80::/10", "ff00::/8"),
            # where clouds hand out credentials, if not in 169.254.0.0/16:
            # Alibaba Cloud, Volcengine, Azure, Oracle, AWS, Google
            *("100.100.100.200/32", "100.96.0.96/32", "168.63.129.16/32", "192.0.0.192/32"),
            *("fd00:ec2::254/128", "fd20:ce::254/128"),
        ),
    )
)
_UNICAST = ip_network("2000::/3")  # RFC 4291, 2.4; `is_global` of Python 3.11 lets more through
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052, 2.1


def refusal(text: str, *, private: bool) -> str:
    """What forbids to reach an address (IPv4 or IPv6, as the system writes it); "" where nothing does.

    With `private` it need not be public; link-local and multicast addresses and those of the clouds'
    metadata services stay forbidden. An IPv6 address that wraps an IPv4 one counts as the latter.
    """
    address = _meant(ip_address(text))
    if any(address in network for network in _NEVER):
        return "from which pictures are never fetched"
    if not private and not _public(address):
        return "which is not a public address"
    return ""


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one only wraps (mapped, 6to4, NAT64), else itself."""
    if isinstance(address, IPv4Address):
        return address
    translated = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return address.ipv4_mapped or address.sixtofour or translated or address


def _public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and (address.version == 4 or address in _UNICAST)
