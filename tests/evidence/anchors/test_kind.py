"""Test that a single declaration defines a kind of timestamp completely."""

import subprocess
import sys
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.anchors import KINDS
from evidence.anchors.kind import AnchorKind
from evidence.documents.phrases import load_phrases
from evidence.verdict.trust import Trust
from exhibit.config import values
from exhibit.config.anchors import AnchorConfig
from exhibit.errors import ConfigError
from registry.configuration import load_config
from registry.services.anchors import InvalidAnchor, build_anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class NotaryConfig(AnchorConfig):
    seal: Path | None = values.setting(None, values.parse_path)

    @property
    def faults(self) -> dict[str, object]:
        return {"seal is missing": self.seal is None}


@pytest.fixture
def notary(monkeypatch: pytest.MonkeyPatch) -> AnchorKind:
    kind = replace(
        KINDS["rfc3161"],
        name="notary",
        config=NotaryConfig,
        build=lambda config, _session, _log: InvalidAnchor(config, ConfigError("asked")),
        usual_response_time=timedelta(days=1),
    )
    monkeypatch.setitem(KINDS, "notary", kind)
    return kind


def load_anchors(folder: Path, more: str) -> tuple[AnchorConfig, ...]:
    table = f'[[anchors]]\nkind = "notary"\nname = "ann"\nurls = "https://a.example"\n{more}'
    (folder / "exhibit.toml").write_text(table, encoding="utf-8")
    return load_config({"EXHIBIT_DATA": str(folder)}).anchors


def test_declared_kind_has_settings_and_adapter(notary: AnchorKind, tmp_path: Path) -> None:
    [anchor_config] = load_anchors(tmp_path, 'seal = "secrets/seal"')
    assert anchor_config.files == {"seal": tmp_path / "secrets" / "seal"}
    anchor = build_anchor(anchor_config, (), "tests")
    assert (anchor.kind, anchor.name) == ("notary", "ann")
    with pytest.raises(ConfigError, match="asked"):
        anchor.describe_status()


@pytest.mark.parametrize(
    ("more", "expected"), [("", "ann: seal is missing"), ('roots = "r"', "roots is not a setting of")]
)
def test_settings_of_declared_kind_are_validated(notary: AnchorKind, tmp_path: Path, more: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_anchors(tmp_path, more)


def test_kinds_have_unique_file_names_and_map_to_trust_list() -> None:
    assert len({(kind.prefix, kind.suffix) for kind in KINDS.values()}) == len(KINDS)
    assert {kind.trust_field for kind in KINDS.values()} <= {field.name for field in fields(Trust)}
    assert [name for name, kind in KINDS.items() if kind.name != name] == []


def test_configuration_imports_no_timestamp_libraries() -> None:
    program = (
        "import sys, registry.configuration\n"
        "heavy = {'cryptography', 'requests', 'asn1crypto', 'opentimestamps', 'numpy', 'trie', 'eth_keys', 'django'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
@pytest.mark.parametrize("kind", KINDS)
def test_documents_have_a_label_for_each_kind_of_timestamp_service(kind: str, language: str) -> None:
    assert load_phrases(language).get_label("timestamp", f"kind_{kind}")
