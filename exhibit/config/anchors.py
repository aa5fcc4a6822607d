"""How the tables ``[[anchors]]`` of the configuration are read; a ``ValueError`` says why one can't be."""

import re
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from exhibit.config import values

_COMMON = frozenset({"kind", "name", "urls", "networks", "development"})
_ACCOUNT = {"key_file", "password_file", "key_variable"}
SETTINGS = {
    "rfc3161": _COMMON | {"roots", "qualified"},
    "opentimestamps": _COMMON | {"bitcoin_source", "bitcoin_credentials", "bitcoin_explorer"},
    "evm": _COMMON | _ACCOUNT | {"chain_id", "contract", "confirmations", "gas_price", "max_gas_price"},
}
"""Which settings each kind of anchor has."""


def _path(value: object) -> Path | None:
    given = values.text(value)
    return Path(given) if given else None


def _day(value: object) -> str:
    """A date, as TOML's own kind or as text; of a moment, its day."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    given = values.text(value)
    return date.fromisoformat(given).isoformat() if given else ""


def _address(value: object) -> bytes:
    """An address of an EVM chain, such as ``0x`` and 40 hexadecimal digits; an empty text stays empty."""
    given = values.text(value)
    if given and not re.fullmatch(r"0x[0-9a-fA-F]{40}", given):
        raise ValueError(f"{given!r} isn't an address of 0x and 40 hexadecimal digits")
    return bytes.fromhex(given[2:])


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorConfig:
    """One outside witness.

    Args:
        kind: ``rfc3161``, ``opentimestamps`` or ``evm``.
        name: a short name of its own, shown beside each receipt.
        urls: the authority, the calendars of which each is asked, or the JSON-RPC address of a chain's node.
        networks: networks that aren't public and that this anchor may reach, in CIDR form.
        roots: PEM file with the roots that this installation trusts for an RFC 3161 authority.
        qualified: ISO 8601 date on which the operator found the authority on a trusted list as qualified, or empty.
        bitcoin_source: JSON-RPC address of a Bitcoin node that gives the block headers for OpenTimestamps.
        bitcoin_credentials: file with ``user:password`` for the node, such as Bitcoin Core's ``.cookie``.
        bitcoin_explorer: address of an explorer with Esplora's interface, in place of a node.
        chain_id: which EVM chain (EIP-155); 0 where there is none.
        contract: where its contract lies, 20 bytes; empty before it has been made.
        key_file: the key of the account that pays: Web3 Secret Storage, or hexadecimal digits.
        password_file: what opens an encrypted key.
        key_variable: name of the environment variable that holds the key, in place of a file.
        confirmations: blocks, the transaction's own among them, after which the chain's word counts.
        gas_price: wei for a unit of gas; what the node suggests, if ``None``.
        max_gas_price: wei for a unit of gas above which nothing is signed; no limit, if ``None``.
        development: without legal weight; said so wherever a receipt is shown.
    """

    kind: str
    name: str
    urls: tuple[str, ...]
    networks: tuple[str, ...] = values.setting((), values.networks)
    roots: Path | None = values.setting(None, _path)
    qualified: str = values.setting("", _day)
    bitcoin_source: str = values.setting("", values.web_url)
    bitcoin_credentials: Path | None = values.setting(None, _path)
    bitcoin_explorer: str = values.setting("", values.web_url)
    chain_id: int = values.setting(0, values.whole_number(0))
    contract: bytes = values.setting(b"", _address)
    key_file: Path | None = values.setting(None, _path)
    password_file: Path | None = values.setting(None, _path)
    key_variable: str = values.setting("", values.text)
    confirmations: int = values.setting(64, values.whole_number(1, 100_000))
    gas_price: int | None = values.setting(None, values.whole_number(0))
    max_gas_price: int | None = values.setting(None, values.whole_number(1))
    development: bool = values.setting(default=False, check=values.truth)

    @property
    def files(self) -> dict[str, Path]:
        """The files that it names, by setting."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, Path)}

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every URL that the operator wrote."""
        return tuple(filter(None, (*self.urls, self.bitcoin_source, self.bitcoin_explorer)))

    def resting_on(self, folder: Path) -> "AnchorConfig":
        """The same with absolute paths of its files."""
        return replace(self, **{name: folder / path for name, path in self.files.items()})  # type: ignore[arg-type]


def anchors(value: object) -> tuple[AnchorConfig, ...]:
    """The tables ``[[anchors]]`` of the file."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ValueError("it must be a list of tables, each begun by [[anchors]]")
    made = tuple(_anchor(cast("dict[str, object]", table)) for table in value)
    names = [one.name for one in made]
    if len(set(names)) < len(names):
        raise ValueError("two anchors have the same name")
    return made


def _anchor(table: dict[str, object]) -> AnchorConfig:
    name = values.text(table.get("name", ""))
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}", name):
        raise ValueError(f"the name {name!r} must consist of small letters, digits, dots and hyphens")
    try:
        return _of_kind(name, table)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _of_kind(name: str, table: dict[str, object]) -> AnchorConfig:
    kind = values.text(table.get("kind", ""))
    if kind not in SETTINGS:
        raise ValueError(f"the kind {kind!r} isn't one of {', '.join(SETTINGS)}")
    for key in table:
        if key not in SETTINGS[kind]:
            raise ValueError(f"{key} isn't a setting of an anchor of the kind {kind}")
    urls = tuple(map(values.web_url, values.texts(table.get("urls", []))))
    if not urls:
        raise ValueError("urls is missing")
    checks = {one.name: one.metadata["check"] for one in fields(AnchorConfig) if one.metadata}
    checked: dict[str, Any] = {key: check(table[key]) for key, check in checks.items() if key in table}
    made = AnchorConfig(kind=kind, name=name, urls=urls, **checked)
    _check(made)
    return made


def _check(made: AnchorConfig) -> None:
    """Settings that need or exclude one another."""
    if made.kind == "rfc3161" and made.roots is None:
        raise ValueError("roots, a PEM file with the roots you trust, is missing")
    if made.kind != "opentimestamps" and len(made.urls) > 1:
        raise ValueError("urls names more than one; give each a table of its own")
    if made.qualified and made.development:
        raise ValueError("a witness for trials isn't qualified")
    if made.bitcoin_source and made.bitcoin_explorer:
        raise ValueError("bitcoin_source and bitcoin_explorer exclude each other")
    if made.bitcoin_credentials is not None and not made.bitcoin_source:
        raise ValueError("bitcoin_credentials is for a bitcoin_source")

    if made.kind == "evm":
        _check_chain(made)


def _check_chain(made: AnchorConfig) -> None:
    if made.chain_id == 0:
        raise ValueError("chain_id is missing")
    if (made.key_file is None) == (not made.key_variable):
        raise ValueError("one of key_file and key_variable has to name the account's key")
    if made.password_file is not None and made.key_file is None:
        raise ValueError("password_file is for a key_file")
    if made.gas_price is not None and made.max_gas_price is not None:
        raise ValueError("gas_price and max_gas_price exclude each other")
