"""Adapters of outside witnesses, made from their settings. Needs no database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn

import requests

from evidence.anchors import KINDS
from exhibit.config.config import AnchorConfig
from exhibit.errors import ConfigError
from exhibit.network.configured import named_addresses, named_ports
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
