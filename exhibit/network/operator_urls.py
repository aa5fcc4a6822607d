"""Networks and ports of URLs in the operator's configuration."""

from collections.abc import Iterable
from ipaddress import ip_network
from urllib.parse import urlsplit

from exhibit.network.addresses import DEFAULT_PORTS, host_of


def named_addresses(urls: Iterable[str]) -> tuple[str, ...]:
    """Return networks for the IP addresses (and localhost) that the operator wrote literally in these URLs.

    A timestamp service may run on this machine or in the operator's own network. Names on the web still may not resolve
    to these addresses.
    """
    networks = []
    for host in map(host_of, urls):
        try:
            networks.append(str(ip_network("127.0.0.1" if host == "localhost" else host)))
        except ValueError:
            continue
    return tuple(networks)


def named_ports(urls: Iterable[str]) -> tuple[int, ...]:
    """Return the ports of these URLs."""
    parts = [urlsplit(url) for url in urls]
    return tuple(part.port or DEFAULT_PORTS[part.scheme] for part in parts)
