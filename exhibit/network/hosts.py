"""Reading the host of a URL in the one way that leaves no room for a second reading.

Libraries disagree about ``127.1``, ``0x7f000001``, ``0177.0.0.1`` or ``１２７.０.０.１`` (WHATWG URL, 3.5; RFC 3986,
7.4). Whatever isn't written in its usual form is refused here, so that it doesn't matter who reads it afterwards.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import idna

from exhibit.errors import RefusedError
from exhibit.sentences import Sentence

Address = IPv4Address | IPv6Address

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_ZERO = re.compile(r"0x(?=\.|\Z)")
"""To browsers it is 0 without a digit behind it, too."""
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_MAX_NAME = 253


def plain_host(host: str) -> str:
    """A host in lower-case ASCII without brackets and without the root's dot.

    Raises ``RefusedError`` with reason ``bad-url``, or ``private-address`` for an address with a zone.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        return _plain_ipv6(bare)
    bare = (bare if bare.isascii() else _ascii(bare)).lower().removesuffix(".")
    if len(bare) > _MAX_NAME or not _NAME.fullmatch(bare):
        raise _bad(host)
    return bare


def literal_address(host: str) -> Address | None:
    """The address that a plain host is, or ``None`` for a name.

    Raises ``RefusedError`` for a number that isn't a dotted quad of decimal numbers: reason ``private-address`` when
    its usual reading lies outside the public internet, else ``bad-url``.
    """
    if ":" in host:
        return IPv6Address(host)
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError as error:
        address = _loose_ipv4(host)
        raise RefusedError(
            Sentence("%(host)s is an unusual way to write an address.", host=f"{host!r}"),
            reason="bad-url" if address is None or address.is_global else "private-address",
            hint=Sentence("Write an address as four decimal numbers without leading zeros."),
        ) from error


def is_localhost(host: str) -> bool:
    """Whether a plain host names the machine itself (RFC 6761, 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def names_of(host: str) -> list[str]:
    """The name of a host, and the names above it: of ``a.b.c`` also ``b.c`` and ``c``."""
    labels = host.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]


def embedded_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, compatible (RFC 4291) or by NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _plain_ipv6(text: str) -> str:
    bare, percent, _zone = text.partition("%")
    try:
        address = IPv6Address(bare)
    except ValueError as error:
        raise _bad(text) from error
    if percent:
        raise RefusedError("An address with a zone lies on the machine's own links.", reason="private-address")
    return str(address)


def _ascii(name: str) -> str:
    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise _bad(name) from error


def _loose_ipv4(host: str) -> IPv4Address | None:
    """What the C library and browsers make of a number: one to four parts, octal by ``0``, hexadecimal by ``0x``."""
    try:
        return IPv4Address(socket.inet_aton(_ZERO.sub("0", host)))
    except OSError:
        return None


def _bad(host: str) -> RefusedError:
    return RefusedError(Sentence("%(host)s isn't a host.", host=f"{host!r}"), reason="bad-url")
