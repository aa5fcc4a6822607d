"""The outside witnesses that the configuration names, each as its adapter."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from urllib.parse import urlsplit

import requests

from evidence.anchors.blocks import BlockSource, EsploraBlocks, JsonRpcBlocks
from evidence.anchors.headers import Network
from exhibit.config import AnchorConfig
from exhibit.guard import DEFAULT_PORTS, Guard
from exhibit.http import guarded_session
from exhibit.ports import Anchor
from exhibit.urls import host_of


def anchor_of(given: AnchorConfig, allowed_networks: Sequence[str], user_agent: str) -> Anchor:
    """The adapter of one witness.

    Args:
        given: how it is configured.
        allowed_networks: networks that every outgoing request of the installation may reach.
        user_agent: who asks.

    Raises:
        ConfigError: what is configured can't be used.
    """
    networks = (*allowed_networks, *given.networks, *named_addresses(given.addresses))
    guard = Guard(allowed_networks=networks, allowed_ports=frozenset((80, 443, *named_ports(given.addresses))))
    return ADAPTERS[given.kind](given, guarded_session(guard, user_agent=user_agent))


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


def _rfc3161(given: AnchorConfig, session: requests.Session) -> Anchor:
    from evidence.anchors.rfc3161 import Rfc3161Anchor  # noqa: PLC0415 - a witness that isn't used isn't loaded

    roots = [] if given.roots is None else [given.roots.read_bytes()]
    return Rfc3161Anchor(given.name, given.urls[0], roots, development=given.development, session=session)


def _opentimestamps(given: AnchorConfig, session: requests.Session) -> Anchor:
    from evidence.anchors.opentimestamps import OpenTimestampsAnchor  # noqa: PLC0415

    blocks = _blocks(given, session)
    return OpenTimestampsAnchor(given.name, given.urls, blocks, development=given.development, session=session)


def _blocks(given: AnchorConfig, session: requests.Session) -> BlockSource | None:
    if given.bitcoin_explorer:
        return EsploraBlocks(given.bitcoin_explorer, session)
    if given.bitcoin_source:
        network: Network = "regtest" if given.development else "main"
        return JsonRpcBlocks(given.bitcoin_source, session, network, given.bitcoin_credentials)
    return None


ADAPTERS: dict[str, Callable[[AnchorConfig, requests.Session], Anchor]] = {
    "rfc3161": _rfc3161,
    "opentimestamps": _opentimestamps,
}
