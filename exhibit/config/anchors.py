"""Parser of the ``[[anchors]]`` tables of the configuration. Invalid tables raise ``ValueError`` with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from exhibit.config import values

parse_short_name = values.build_pattern_parser(
    r"[a-z0-9][a-z0-9.-]{0,62}", "the name {} must consist of lower-case letters, digits, dots and hyphens"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorConfig:
    """Settings shared by all outside timestamp services. Each kind adds its own settings.

    Attributes:
        kind: Kind of timestamp service, one of those below.
        name: Short name: lower-case letters, digits, dots, hyphens.
        urls: Required: the URL of the timestamp authority; the URLs of the calendars, all of which are used; or the
            JSON-RPC URL of one node.
        networks: Private networks in which this service may be reached, such as `["10.1.0.0/16"]`. Required if a host
            name in the other settings resolves to one; IP addresses written as numbers, and `localhost`, are always
            allowed.
        development: `true` marks a test service; it has no legal weight, and every document states that.
    """

    needs_urls: ClassVar[bool] = True  # false for kinds that need no network requests

    kind: str
    name: str
    urls: tuple[str, ...] = values.setting(
        (), lambda value: tuple(map(values.parse_web_url, values.parse_texts(value)))
    )
    networks: tuple[str, ...] = values.setting((), values.parse_networks)
    development: bool = values.setting(default=False, check=values.parse_bool)

    @property
    def files(self) -> dict[str, Path]:
        """Paths of the files in the settings, by name of the setting."""
        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in settings.items() if isinstance(value, Path)}

    @property
    def addresses(self) -> tuple[str, ...]:
        """All URLs configured by the operator."""
        return self.urls

    @property
    def faults(self) -> dict[str, object]:
        """Error messages for missing or conflicting settings, each with a value that is true if the error applies."""
        return {}


AnchorKinds = Mapping[str, type[AnchorConfig]]


def read_anchors(value: object, kinds: AnchorKinds, folder: Path) -> tuple[AnchorConfig, ...]:
    """Read the ``[[anchors]]`` tables, each with the settings of its kind. Paths are relative to ``folder``."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ValueError("the value must be a list of tables that start with [[anchors]]")
    anchors = tuple(map(partial(_read_anchor, kinds=kinds, folder=folder), value))
    if len({anchor.name for anchor in anchors}) < len(anchors):
        raise ValueError("two anchors have the same name")
    return anchors


def _read_anchor(table: dict[str, object], kinds: AnchorKinds, folder: Path) -> AnchorConfig:
    name = parse_short_name(table.get("name", ""))
    try:
        return _build_anchor(values.parse_text(table.get("kind", "")), {**table, "name": name}, kinds, folder)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _build_anchor(kind: str, table: dict[str, Any], kinds: AnchorKinds, folder: Path) -> AnchorConfig:
    if kind not in kinds:
        raise ValueError(f"the kind {kind!r} is not one of {', '.join(kinds)}")
    checks = {field.name: field.metadata.get("check", values.parse_text) for field in fields(kinds[kind])}
    for key in table:
        if key not in checks:
            raise ValueError(f"{key} is not a setting of anchors of the kind {kind}")
    anchor = kinds[kind](**{key: checks[key](value) for key, value in table.items()})
    anchor = replace(anchor, **{key: folder / path for key, path in anchor.files.items()})  # type: ignore[arg-type]
    for fault, applies in {
        "the setting urls is missing": anchor.needs_urls and not anchor.urls,
        **anchor.faults,
    }.items():
        if applies:
            raise ValueError(fault)
    return anchor
