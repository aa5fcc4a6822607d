"""Networks and ports of URLs in the operator's configuration."""

from collections.abc import Iterable
from ipaddress import ip_network
from urllib.parse import urlsplit

from exhibit.network.addresses import DEFAULT_PORTS, get_url_host


def list_literal_networks(urls: Iterable[str]) -> tuple[str, ...]:
    """Return the literal IP addresses (and localhost) in these URLs, as networks to allow.

    A timestamp service may run on this machine or in the operator's own network. Host names are not included, and thus
    may not resolve to private addresses.
    """
    networks = []
    for host in map(get_url_host, urls):
        try:
            networks.append(str(ip_network("127.0.0.1" if host == "localhost" else host)))
        except ValueError:
            continue
    return tuple(networks)


def list_ports(urls: Iterable[str]) -> tuple[int, ...]:
    """Return the ports of these URLs, by default those of their schemes."""
    parts = [urlsplit(url) for url in urls]
    return tuple(part.port or DEFAULT_PORTS[part.scheme] for part in parts)
