"""Adapters of outside witnesses, built from their settings, without a database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn

import requests

from evidence.anchors import KINDS
from exhibit.config.config import AnchorConfig
from exhibit.errors import ConfigError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.network.operator_urls import named_addresses, named_ports
from exhibit.ports import Anchor, OwnLog


def anchor_of(
    anchor_config: AnchorConfig, allowed_networks: Sequence[str], user_agent: str, log: OwnLog | None = None
) -> Anchor:
    """Return the adapter of one witness, which may also be in networks that other requests may not reach.

    Invalid settings produce an adapter that raises the error whenever it is used, so that neither other witnesses nor
    sealing stop.
    """
    try:
        return KINDS[anchor_config.kind].build(
            anchor_config, session_for(anchor_config, allowed_networks, user_agent), log
        )
    except (ConfigError, OSError, ValueError) as error:
        return BrokenAnchor(anchor_config, error if isinstance(error, ConfigError) else ConfigError(f"{error}."))


class BrokenAnchor:
    """A witness with an invalid configuration (port ``Anchor``)."""

    patience = timedelta(hours=1)

    def __init__(self, anchor_config: AnchorConfig, error: ConfigError) -> None:
        self.kind = anchor_config.kind
        self.name = anchor_config.name
        self.development = anchor_config.development
        self.qualified = ""
        self._error = error

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise self._error

    examine = submit = upgrade = verify = _refuse


def session_for(anchor_config: AnchorConfig, allowed_networks: Sequence[str], user_agent: str) -> requests.Session:
    """Return a guarded session that reaches the operator's addresses for this witness and the public internet."""
    networks = (*allowed_networks, *anchor_config.networks, *named_addresses(anchor_config.addresses))
    guard = Guard(allowed_networks=networks, allowed_ports=frozenset((80, 443, *named_ports(anchor_config.addresses))))
    return guarded_session(guard, user_agent=user_agent)
