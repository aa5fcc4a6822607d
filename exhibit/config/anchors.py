"""The tables ``[[anchors]]`` of the configuration; a ``ValueError`` says why one can't be read."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from exhibit.config import values

_COMMON = {"kind", "name", "urls", "networks", "development"}
_ACCOUNT = {"key_file", "password_file", "key_variable"}
SETTINGS = {
    "rfc3161": _COMMON | {"roots", "qualified"},
    "opentimestamps": _COMMON | {"bitcoin_source", "bitcoin_credentials", "bitcoin_explorer"},
    "evm": _COMMON | _ACCOUNT | {"chain_id", "contract", "confirmations", "gas_price", "max_gas_price"},
}


_name = values.matching(
    r"[a-z0-9][a-z0-9.-]{0,62}", "the name {} must consist of small letters, digits, dots and hyphens"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorConfig:
    """One outside witness; ``docs/configuration.md`` explains each setting.

    A ``chain_id`` of 0 is none. ``contract`` has 20 bytes, or none before it has been made. Prices of gas are in wei.
    """

    kind: str
    name: str
    urls: tuple[str, ...]
    networks: tuple[str, ...] = values.setting((), values.networks)
    roots: Path | None = values.setting(None, values.path)
    qualified: str = values.setting("", values.day)
    bitcoin_source: str = values.setting("", values.web_url)
    bitcoin_credentials: Path | None = values.setting(None, values.path)
    bitcoin_explorer: str = values.setting("", values.web_url)
    chain_id: int = values.setting(0, values.whole_number(0))
    contract: bytes = values.setting(b"", values.address)
    key_file: Path | None = values.setting(None, values.path)
    password_file: Path | None = values.setting(None, values.path)
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
    made = tuple(map(_anchor, value))
    if len({one.name for one in made}) < len(made):
        raise ValueError("two anchors have the same name")
    return made


def _anchor(table: dict[str, object]) -> AnchorConfig:
    name = _name(table.get("name", ""))
    try:
        return _of_kind(values.text(table.get("kind", "")), name, table)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _of_kind(kind: str, name: str, table: dict[str, object]) -> AnchorConfig:
    if kind not in SETTINGS:
        raise ValueError(f"the kind {kind!r} isn't one of {', '.join(SETTINGS)}")
    for key in table:
        if key not in SETTINGS[kind]:
            raise ValueError(f"{key} isn't a setting of an anchor of the kind {kind}")
    urls = tuple(map(values.web_url, values.texts(table.get("urls", []))))
    checks = {one.name: one.metadata["check"] for one in fields(AnchorConfig) if one.metadata and one.name in table}
    checked: dict[str, Any] = {key: check(table[key]) for key, check in checks.items()}
    made = AnchorConfig(kind=kind, name=name, urls=urls, **checked)
    for fault, is_so in _faults(made).items():
        if is_so:
            raise ValueError(fault)
    return made


def _faults(made: AnchorConfig) -> dict[str, object]:
    """What may lack, and which settings need or exclude one another, each with whether it is so."""
    is_chain = made.kind == "evm"
    return {
        "urls is missing": not made.urls,
        "urls names more than one; give each a table of its own": made.kind != "opentimestamps" and made.urls[1:],
        "roots, a PEM file with the roots you trust, is missing": made.kind == "rfc3161" and made.roots is None,
        "a witness for trials isn't qualified": made.qualified and made.development,
        "bitcoin_source and bitcoin_explorer exclude each other": made.bitcoin_source and made.bitcoin_explorer,
        "bitcoin_credentials is for a bitcoin_source": made.bitcoin_credentials and not made.bitcoin_source,
        "chain_id is missing": is_chain and not made.chain_id,
        "one of key_file and key_variable has to name the account's key": is_chain
        and bool(made.key_file) == bool(made.key_variable),
        "password_file is for a key_file": made.password_file and not made.key_file,
        "gas_price and max_gas_price exclude each other": None not in {made.gas_price, made.max_gas_price},
    }
