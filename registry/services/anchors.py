"""Adapters of timestamp services, built from their settings, without a database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn

import requests

from evidence.anchors import KINDS
from exhibit.config.config import AnchorConfig
from exhibit.errors import ConfigError
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from exhibit.network.operator_urls import list_literal_networks, list_ports
from exhibit.ports import Anchor, OwnLog


def build_anchor(
    anchor_config: AnchorConfig, allowed_networks: Sequence[str], user_agent: str, log: OwnLog | None = None
) -> Anchor:
    """Return the adapter of one timestamp service, which may be in networks that are blocked for other requests.

    Invalid settings produce an adapter that raises the error whenever it is used. Other timestamp services and sealing
    continue to work.
    """
    try:
        return KINDS[anchor_config.kind].build(
            anchor_config, build_session(anchor_config, allowed_networks, user_agent), log
        )
    except (ConfigError, OSError, ValueError) as error:
        return InvalidAnchor(anchor_config, error if isinstance(error, ConfigError) else ConfigError(f"{error}."))


class InvalidAnchor:
    """A timestamp service with an invalid configuration (port ``Anchor``)."""

    retry_interval = timedelta(hours=1)

    def __init__(self, anchor_config: AnchorConfig, error: ConfigError) -> None:
        self.kind = anchor_config.kind
        self.name = anchor_config.name
        self.development = anchor_config.development
        self.qualified = ""
        self._error = error

    def _raise_error(self, *_: object, **__: object) -> NoReturn:
        raise self._error

    describe_status = submit = upgrade = verify = _raise_error


def build_session(anchor_config: AnchorConfig, allowed_networks: Sequence[str], user_agent: str) -> requests.Session:
    """Return a guarded session that reaches this timestamp service's configured addresses and the public internet."""
    networks = (*allowed_networks, *anchor_config.networks, *list_literal_networks(anchor_config.addresses))
    guard = Guard(allowed_networks=networks, allowed_ports=frozenset((80, 443, *list_ports(anchor_config.addresses))))
    return create_guarded_session(guard, user_agent=user_agent)
