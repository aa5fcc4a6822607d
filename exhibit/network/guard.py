"""Check of allowed addresses, shared by the crawler, the capture and all other outgoing requests.

Exhibit visits URLs from third parties. Without a guard, such a URL could point into the operator's own network
(server-side request forgery). Allowed are only ``http`` and ``https``, only the usual ports, no credentials in the URL,
and only addresses that the IANA special-purpose registries call globally reachable (RFC 6890, RFC 8190). In addition,
networks that the operator configures are allowed on every port.

A check of the host name is not enough, because a second DNS answer could point elsewhere (rebinding). Therefore the
name is resolved once, every address is checked, and the connection must go to a checked address
(:mod:`exhibit.network.http` does this).
"""

import errno
import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from exhibit.errors import RefusedError
from exhibit.machine import raise_machine_fault
from exhibit.network.addresses import (
    DEFAULT_PORTS,
    IPAddress,
    extract_ipv4,
    is_localhost,
    normalise_host,
    parse_literal_address,
    parse_url,
)
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

_AMBIGUOUS_CHARS = re.compile(r"[\x00-\x20\\\x7f-\xa0]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//([^/?#]*))?")
_PORT = re.compile(r":[0-9]*\Z")
_LOOPBACK = ("127.0.0.1", "::1")
_ROOT_SERVER = ((socket.AF_INET, "198.41.0.4"), (socket.AF_INET6, "2001:503:ba3e::2:30"))

_GLOBAL_V6 = IPv6Network("2000::/3")
_FORBIDDEN_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared address space of carriers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # host of Azure's virtual machines, reachable only from them
        "169.254.0.0/16",  # link-local, metadata of most clouds
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",  # private use
        "198.18.0.0/15",  # benchmarks of networks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments, among them Teredo and benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, withdrawn by RFC 7526
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True, slots=True)
class Guard:
    """Check of URLs and addresses before access. Raises ``ValueError`` for an invalid network.

    Attributes:
        allowed_networks: Non-public CIDR networks that are allowed on every port, such as ``127.0.0.0/8`` for a
            demonstration on one machine.
        allowed_ports: Ports allowed on public addresses.
    """

    allowed_networks: tuple[str, ...] = ()
    allowed_ports: frozenset[int] = frozenset({80, 443})
    _networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_networks", tuple(map(ipaddress.ip_network, self.allowed_networks)))

    def check_url(self, url: str) -> None:
        """Check a URL without resolving its host.

        A host name on an unusual port passes this check only if networks are allowed: :meth:`resolve` then checks
        address and port. Raises ``RefusedError`` with reason ``bad-url``, ``scheme``, ``credentials``, ``port`` or
        ``private-address``.
        """
        host, port = _parse_host_and_port(url)
        address = parse_literal_address(host)
        if address is not None:
            self.check_address(str(address), port)
        elif is_localhost(host):
            self._get_loopback_addresses(port)
        elif not self._networks:
            self._check_port(port)

    def check_address(self, address: str, port: int | None = None) -> None:
        """Check an address from the resolver or the socket. A zone (``fe80::1%eth0``) is ignored.

        Raises ``RefusedError`` with reason ``bad-url`` (not an address), ``private-address`` or ``port``.
        """
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError as error:
            sentence = Sentence("%(address)s is not an IP address.", address=f"{address!r}")
            raise RefusedError(sentence, reason=Reason.BAD_URL) from error
        embedded_address = extract_ipv4(parsed)
        if self._is_allowed(parsed) or (embedded_address is not None and self._is_allowed(embedded_address)):
            return
        if not _is_public(parsed if embedded_address is None else embedded_address):
            raise _build_private_address_error(address)
        if port is not None:
            self._check_port(port)

    def resolve(self, host: str, port: int) -> list[str]:
        """Return the checked addresses of a host in the resolver's order. Connect to these, not to the name.

        The host is a name, or a literal address with or without brackets. Raises ``RefusedError`` with reason
        ``unresolvable``, or as :meth:`check_address` does if any address is forbidden. Raises ``ServiceMissingError``
        as :meth:`check_network` does, or for other faults of this machine.
        """
        host = normalise_host(host)
        literal = parse_literal_address(host)
        if literal is not None:
            self.check_address(str(literal), port)
            return [str(literal)]
        if is_localhost(host):
            return self._get_loopback_addresses(port)
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise_machine_fault(error)
            if isinstance(error, OSError) and error.errno == socket.EAI_AGAIN:
                self.check_network()
            sentence = Sentence("No IP address was found for the host %(host)s.", host=host)
            raise RefusedError(sentence, reason=Reason.UNRESOLVABLE) from error
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        self.check_addresses(host, addresses, port)
        return addresses

    def check_network(self) -> None:
        """Raise ``ServiceMissingError`` if this machine's own network is down. Call this after a failed request.

        The network is down if no internet address has a route, or no name server responds. No connection is made. If
        networks of the operator are allowed, the machine may have no internet access, so nothing is raised.
        """
        if not self._networks and not (
            _is_name_server_responding() and any(_has_route(*route) for route in _ROOT_SERVER)
        ):
            raise_machine_fault(OSError(errno.ENETDOWN, "no route, or no name server"))

    def check_addresses(self, host: str, addresses: Iterable[str], port: int) -> None:
        """Check the addresses of a host name as :meth:`check_address` does.

        The error does not reveal the addresses: the request may have been made to learn them.
        """
        try:
            for address in addresses:
                self.check_address(address, port)
        except RefusedError as error:
            raise (_build_private_address_error(host) if error.reason == Reason.PRIVATE_ADDRESS else error) from None

    def _get_loopback_addresses(self, port: int) -> list[str]:
        """Return the allowed loopback addresses. ``localhost`` is never sent to a name server (RFC 6761, 6.3)."""
        addresses = [address for address in _LOOPBACK if self._is_allowed(ipaddress.ip_address(address))]
        if not addresses:
            raise _build_private_address_error("localhost")
        for address in addresses:
            self.check_address(address, port)
        return addresses

    def _is_allowed(self, address: IPAddress) -> bool:
        return any(address in network for network in self._networks)

    def _check_port(self, port: int) -> None:
        if port not in self.allowed_ports:
            raise RefusedError(Sentence("Visits to port %(port)s are not allowed.", port=port), reason=Reason.PORT)


def _is_name_server_responding() -> bool:
    try:
        socket.getaddrinfo("a.root-servers.net", None)
    except OSError as error:
        raise_machine_fault(error)
        return error.errno != socket.EAI_AGAIN
    return True


def _has_route(family: int, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 53))  # sends nothing
    except OSError as error:
        raise_machine_fault(error)
        return False
    return True


def _parse_host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of an absolute URL. Refuses URLs that parsers may interpret differently.

    The host in the URL must equal the host by the standard, because the HTTP client may use other rules.
    """
    if _AMBIGUOUS_CHARS.search(url):
        raise RefusedError(
            Sentence("The URL contains a space, a backslash or a control character."), reason=Reason.BAD_URL
        )
    parts = _SCHEME.match(url)
    if parts is None or parts[1].lower() not in DEFAULT_PORTS:
        raise RefusedError(
            Sentence("Only http and https URLs can be visited, not %(scheme)s.", scheme=f"{parts[1].lower()!r}")
            if parts
            else Sentence("The URL does not start with http:// or https://."),
            reason=Reason.SCHEME,
        )
    authority = parts[3] or ""
    if "@" in authority:
        raise RefusedError(Sentence("The URL contains a user name or a password."), reason=Reason.CREDENTIALS)
    host_text = _PORT.sub("", authority)
    if not host_text:
        raise RefusedError(Sentence("The URL contains no readable host name."), reason=Reason.BAD_URL)
    host = normalise_host(host_text)
    parse_literal_address(host)
    parsed = parse_url(url)
    if parsed is None or normalise_host(parsed.hostname) != host:
        raise RefusedError(Sentence("The URL is not valid."), reason=Reason.BAD_URL)
    port = int(parsed.port) if parsed.port else DEFAULT_PORTS[parsed.protocol[:-1]]
    if port == 0:
        raise RefusedError(Sentence("The port in the URL is not a number from 1 to 65535."), reason=Reason.BAD_URL)
    return host, port


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    is_global = isinstance(address, IPv4Address) or address in _GLOBAL_V6
    return is_global and not any(address in network for network in _FORBIDDEN_NETWORKS)


def _build_private_address_error(address: str) -> RefusedError:
    return RefusedError(
        Sentence("The IP address %(address)s is not on the public internet.", address=address),
        reason=Reason.PRIVATE_ADDRESS,
        hint=Sentence("The operator of this installation can allow private networks in EXHIBIT_ALLOWED_NETWORKS."),
    )
