"""Test that C2PA manifests are read offline, verified against the bytes, and reported as a third party's statement."""

import io
import json
from dataclasses import replace

import pypdf
import pytest

pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")

from evidence.bundle.sealing import list_mentioned_files
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts import provenance
from evidence.facts.case import CaseFacts, CreationFacts, ProvenanceFacts
from evidence.facts.provenance import read_provenance
from tests.assets.c2pa_signed import SIGNER, TITLE, embed_manifest
from tests.assets.documents_sample import encoded, landscape, phrase, sample_case, sample_pictures


@pytest.fixture(scope="module")
def signed_picture() -> bytes:
    return embed_manifest(encoded(landscape(4)))


def test_signed_manifest_is_valid(signed_picture: bytes) -> None:
    result = read_provenance(signed_picture, "JPEG")
    assert result is not None
    facts, manifest = result
    assert (facts.standing, facts.problems) == ("valid", ())
    assert (facts.signer, facts.title) == (SIGNER, TITLE)
    assert facts.generator.startswith("sample-camera")
    assert facts.actions == ("c2pa.created (digitalCapture)",)
    assert json.loads(manifest)["validation_state"] == "Valid"


def test_changed_pixels_invalidate_manifest(signed_picture: bytes) -> None:
    changed = bytearray(signed_picture)
    changed[-200] ^= 1
    result = read_provenance(bytes(changed), "JPEG")
    assert result is not None
    assert result[0].standing == "invalid"
    assert "assertion.dataHash.mismatch" in result[0].problems


def test_picture_without_manifest_has_no_provenance() -> None:
    result = read_provenance(encoded(landscape(4)), "JPEG")
    assert result == (ProvenanceFacts("none"), b"")


@pytest.mark.parametrize("data", [b"", b"xx", b"\xff\xd8\xff\xeb\x00\x10JP\x00\x01\x00\x00\x00\x01"])
def test_unreadable_data_raises_no_error(data: bytes) -> None:
    result = read_provenance(data, "JPEG")
    assert result is None or result[0].standing in ("none", "unreadable")


def test_truncated_manifest_is_not_valid(signed_picture: bytes) -> None:
    for end in range(200, len(signed_picture), len(signed_picture) // 12):
        result = read_provenance(signed_picture[:end], "JPEG")
        assert result is not None
        assert result[0].standing != "valid"


def test_manifest_is_read_in_limited_process(signed_picture: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "MAX_MEMORY", 1)
        assert read_provenance(signed_picture + bytes(60 << 20), "JPEG") == (ProvenanceFacts("unreadable"), b"")
    result = read_provenance(signed_picture, "JPEG")
    assert result is not None
    assert result[0].standing == "valid"


def test_unsupported_format_is_not_checked(signed_picture: bytes) -> None:
    assert read_provenance(signed_picture, "BMP") is None


def build_case(provenance: ProvenanceFacts | None) -> CaseFacts:
    case = sample_case()
    return replace(case, sightings=(replace(case.sightings[0], provenance=provenance),))


def render_sheet_text(case: CaseFacts) -> str:
    pages = pypdf.PdfReader(io.BytesIO(render_exhibit_sheet(case, sample_pictures(), "en"))).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


def test_sheet_states_sources_of_provenance() -> None:
    path = "data/sightings/01/c2pa.json"
    case = build_case(ProvenanceFacts("valid", SIGNER, "2026-11-01T10:00:00Z", "sample-camera 1", TITLE, (), path))
    text = render_sheet_text(case)
    assert phrase("provenance.valid") in text
    assert f"signer: {SIGNER} signed at: 2026-11-01T10:00:00Z" in text
    assert f"generator: sample-camera 1 title: {TITLE} stated" in text
    assert (path, None) in list_mentioned_files(case)
    assert CaseFacts.from_json(case.to_json()) == case


def test_edits_are_shown_as_stated() -> None:
    actions = ("c2pa.created (digitalCapture)", "c2pa.cropped")
    case = build_case(ProvenanceFacts("valid", file="data/sightings/01/c2pa.json", actions=actions))
    assert "actions: c2pa.created (digitalCapture), c2pa.cropped" in render_sheet_text(case)
    assert CaseFacts.from_json(case.to_json()) == case


@pytest.mark.long
def test_sheet_shows_statements_about_creation() -> None:
    case = sample_case()
    texts = {
        f"{phrase('label.making')} digital source type (IPTC): compositeSynthetic "
        f"{phrase('making.aigc', value='Label: 1')} stated": CreationFacts("compositeSynthetic", "Label: 1"),
        f"{phrase('label.making')} none recorded": CreationFacts(),
    }
    for words, making in texts.items():
        changed = replace(case, sightings=(replace(case.sightings[0], making=making),))
        assert words in render_sheet_text(changed)
        assert CaseFacts.from_json(changed.to_json()) == changed
    assert phrase("label.making") not in render_sheet_text(case)


def test_sheet_without_provenance_states_not_checked() -> None:
    assert f"{phrase('label.provenance')} not checked" in render_sheet_text(build_case(None))
