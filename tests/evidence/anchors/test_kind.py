"""Test that one declaration provides everything that the product knows about a kind of timestamp."""

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
from registry.services.anchors import BrokenAnchor, anchor_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NotaryConfig(AnchorConfig):
    seal: Path | None = values.setting(None, values.path)

    @property
    def faults(self) -> dict[str, object]:
        return {"seal is missing": self.seal is None}


@pytest.fixture
def notary(monkeypatch: pytest.MonkeyPatch) -> AnchorKind:
    kind = replace(
        KINDS["rfc3161"],
        name="notary",
        config=NotaryConfig,
        build=lambda config, _session, _log: BrokenAnchor(config, ConfigError("asked")),
        usual=timedelta(days=1),
    )
    monkeypatch.setitem(KINDS, "notary", kind)
    return kind


def load_anchors(folder: Path, more: str) -> tuple[AnchorConfig, ...]:
    table = f'[[anchors]]\nkind = "notary"\nname = "ann"\nurls = "https://a.example"\n{more}'
    (folder / "exhibit.toml").write_text(table, encoding="utf-8")
    return load_config({"EXHIBIT_DATA": str(folder)}).anchors


def test_a_kind_that_is_declared_has_its_settings_and_its_adapter(notary: AnchorKind, tmp_path: Path) -> None:
    [anchor_config] = load_anchors(tmp_path, 'seal = "secrets/seal"')
    assert anchor_config.files == {"seal": tmp_path / "secrets" / "seal"}
    anchor = anchor_of(anchor_config, (), "tests")
    assert (anchor.kind, anchor.name) == ("notary", "ann")
    with pytest.raises(ConfigError, match="asked"):
        anchor.examine()


@pytest.mark.parametrize(
    ("more", "expected"), [("", "ann: seal is missing"), ('roots = "r"', "roots isn't a setting of")]
)
def test_the_settings_of_a_declared_kind_are_checked(
    notary: AnchorKind, tmp_path: Path, more: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_anchors(tmp_path, more)


def test_kinds_are_distinguished_by_their_files_and_lead_to_the_trust_list() -> None:
    assert len({(kind.prefix, kind.suffix) for kind in KINDS.values()}) == len(KINDS)
    assert {kind.pins for kind in KINDS.values()} <= {field.name for field in fields(Trust)}
    assert [name for name, kind in KINDS.items() if kind.name != name] == []


def test_the_configuration_loads_no_library_of_a_timestamp_service() -> None:
    program = (
        "import sys, registry.configuration\n"
        "heavy = {'cryptography', 'requests', 'asn1crypto', 'opentimestamps', 'numpy', 'trie', 'eth_keys', 'django'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
@pytest.mark.parametrize("kind", KINDS)
def test_documents_have_a_word_for_each_kind(kind: str, language: str) -> None:
    assert load_phrases(language).word("witness", f"kind_{kind}")
