"""Adapters of outside witnesses, and the sessions with which they are asked."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import NoReturn
from urllib.parse import urlsplit

import requests

from evidence.anchors import KINDS
from exhibit.config.config import AnchorConfig
from exhibit.errors import ConfigError
from exhibit.network.addresses import DEFAULT_PORTS, host_of
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.ports import Anchor, OwnLog


def anchor_of(
    given: AnchorConfig, allowed_networks: Sequence[str], user_agent: str, log: OwnLog | None = None
) -> Anchor:
    """The adapter of one witness, which may be reached beside the networks that every request may reach.

    What is configured and can't be used gives one that says so whenever it is asked, and stops neither others nor
    sealing.
    """
    try:
        return KINDS[given.kind].build(given, session_for(given, allowed_networks, user_agent), log)
    except (ConfigError, OSError, ValueError) as error:
        return BrokenAnchor(given, error if isinstance(error, ConfigError) else ConfigError(f"{error}."))


class BrokenAnchor:
    """A witness whose configuration can't be used (port ``Anchor``)."""

    patience = timedelta(hours=1)

    def __init__(self, given: AnchorConfig, error: ConfigError) -> None:
        self.kind = given.kind
        self.name = given.name
        self.development = given.development
        self.qualified = ""
        self._error = error

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise self._error

    examine = submit = upgrade = verify = _refuse


def session_for(given: AnchorConfig, allowed_networks: Sequence[str], user_agent: str) -> requests.Session:
    """A guarded session that reaches what the operator wrote, and the public internet."""
    networks = (*allowed_networks, *given.networks, *named_addresses(given.addresses))
    guard = Guard(allowed_networks=networks, allowed_ports=frozenset((80, 443, *named_ports(given.addresses))))
    return guarded_session(guard, user_agent=user_agent)


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
