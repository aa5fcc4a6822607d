"""The outside witnesses that the configuration names, each as its adapter."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from evidence.anchors.opentimestamps.blocks import BlockSource, EsploraBlocks, JsonRpcBlocks
from evidence.anchors.opentimestamps.headers import Network
from exhibit.config.config import AnchorConfig
from exhibit.digests import Digest
from exhibit.errors import ConfigError
from exhibit.network.guard import DEFAULT_PORTS, Guard
from exhibit.network.http import guarded_session
from exhibit.network.urls import host_of
from exhibit.ports import Anchor, Receipt

if TYPE_CHECKING:
    from evidence.anchors.evm.account import EvmAccount
    from evidence.anchors.evm.anchor import EvmAnchor


def anchor_of(given: AnchorConfig, allowed_networks: Sequence[str], user_agent: str) -> Anchor:
    """The adapter of one witness.

    Args:
        given: how it is configured.
        allowed_networks: networks that every outgoing request of the installation may reach.
        user_agent: who asks.

    What is configured and can't be used gives one that says so whenever it is asked: it must not stop the others, nor
    sealing.
    """
    try:
        return ADAPTERS[given.kind](given, session_for(given, allowed_networks, user_agent))
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

    def examine(self) -> str:
        """Raise what is wrong."""
        raise self._error

    def submit(self, digest: Digest) -> Receipt:  # noqa: ARG002 - the port's
        """Raise what is wrong."""
        raise self._error

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:  # noqa: ARG002 - the port's
        """Raise what is wrong."""
        raise self._error

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:  # noqa: ARG002 - the port's
        """Raise what is wrong."""
        raise self._error


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


def _rfc3161(given: AnchorConfig, session: requests.Session) -> Anchor:
    from evidence.anchors.rfc3161.anchor import Rfc3161Anchor  # a witness that isn't used isn't loaded

    roots = [] if given.roots is None else [given.roots.read_bytes()]
    return Rfc3161Anchor(
        given.name, given.urls[0], roots, development=given.development, session=session, qualified=given.qualified
    )


def _opentimestamps(given: AnchorConfig, session: requests.Session) -> Anchor:
    from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor

    blocks = _blocks(given, session)
    return OpenTimestampsAnchor(given.name, given.urls, blocks, development=given.development, session=session)


def _blocks(given: AnchorConfig, session: requests.Session) -> BlockSource | None:
    if given.bitcoin_explorer:
        return EsploraBlocks(given.bitcoin_explorer, session)
    if given.bitcoin_source:
        network: Network = "regtest" if given.development else "main"
        return JsonRpcBlocks(given.bitcoin_source, session, network, given.bitcoin_credentials)
    return None


def _evm(given: AnchorConfig, session: requests.Session) -> Anchor:
    return evm_anchor(given, session)


def evm_anchor(given: AnchorConfig, session: requests.Session) -> "EvmAnchor":
    """The adapter of an EVM chain; without a contract it can only make one."""
    from evidence.anchors.evm.anchor import EvmAnchor

    return EvmAnchor(
        given.name,
        given.urls[0],
        chain=given.chain_id,
        contract=given.contract,
        unlock=lambda: _account(given),
        confirmations=given.confirmations,
        gas_price=given.gas_price,
        max_gas_price=given.max_gas_price,
        development=given.development,
        session=session,
    )


def _account(given: AnchorConfig) -> "EvmAccount":
    from evidence.anchors.evm.account import account_from_environment, account_from_file

    if given.key_file is not None:
        return account_from_file(given.key_file, given.password_file)
    return account_from_environment(given.key_variable)


ADAPTERS: dict[str, Callable[[AnchorConfig, requests.Session], Anchor]] = {
    "rfc3161": _rfc3161,
    "opentimestamps": _opentimestamps,
    "evm": _evm,
}
