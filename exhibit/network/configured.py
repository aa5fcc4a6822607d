"""Networks and ports of URLs that the operator wrote into the configuration."""

from collections.abc import Iterable
from ipaddress import ip_network
from urllib.parse import urlsplit

from exhibit.network.addresses import DEFAULT_PORTS, host_of


def named_addresses(urls: Iterable[str]) -> tuple[str, ...]:
    """The networks of exactly the addresses that the operator wrote into these URLs as numbers, or as localhost.

    A witness may run on this machine or in the operator's own network; a name on the web may still not lead there.
    """
    networks = []
    for host in map(host_of, urls):
        try:
            networks.append(str(ip_network("127.0.0.1" if host == "localhost" else host)))
        except ValueError:
            continue
    return tuple(networks)


def named_ports(urls: Iterable[str]) -> tuple[int, ...]:
    """The ports that the operator wrote into these URLs."""
    parts = [urlsplit(url) for url in urls]
    return tuple(part.port or DEFAULT_PORTS[part.scheme] for part in parts)
