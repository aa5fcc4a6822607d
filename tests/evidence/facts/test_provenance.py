"""Test that C2PA manifests are read offline, verified against the bytes, and reported as a third party's statement."""

import io
import json
from dataclasses import replace

import pypdf
import pytest

pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")

from evidence.bundle.sealing import list_named_files
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts import provenance
from evidence.facts.case import CaseFacts, MakingFacts, ProvenanceFacts
from evidence.facts.provenance import read_provenance
from tests.assets.c2pa_signed import SIGNER, TITLE, embed_manifest
from tests.assets.documents_sample import encoded, landscape, phrase, sample_case, sample_pictures


@pytest.fixture(scope="module")
def signed() -> bytes:
    return embed_manifest(encoded(landscape(4)))


def test_a_signed_manifest_is_read_and_fits_its_bytes(signed: bytes) -> None:
    result = read_provenance(signed, "JPEG")
    assert result is not None
    facts, manifest = result
    assert (facts.standing, facts.problems) == ("valid", ())
    assert (facts.signer, facts.title) == (SIGNER, TITLE)
    assert facts.generator.startswith("sample-camera")
    assert facts.actions == ("c2pa.created (digitalCapture)",)
    assert json.loads(manifest)["validation_state"] == "Valid"


def test_changed_pixels_are_seen(signed: bytes) -> None:
    changed = bytearray(signed)
    changed[-200] ^= 1
    result = read_provenance(bytes(changed), "JPEG")
    assert result is not None
    assert result[0].standing == "invalid"
    assert "assertion.dataHash.mismatch" in result[0].problems


def test_a_picture_without_a_manifest_has_none() -> None:
    result = read_provenance(encoded(landscape(4)), "JPEG")
    assert result == (ProvenanceFacts("none"), b"")


@pytest.mark.parametrize("data", [b"", b"xx", b"\xff\xd8\xff\xeb\x00\x10JP\x00\x01\x00\x00\x00\x01"])
def test_what_cannot_be_read_is_no_error(data: bytes) -> None:
    result = read_provenance(data, "JPEG")
    assert result is None or result[0].standing in ("none", "unreadable")


def test_a_cut_manifest_is_not_taken_for_one_that_holds(signed: bytes) -> None:
    for end in range(200, len(signed), len(signed) // 12):
        result = read_provenance(signed[:end], "JPEG")
        assert result is not None
        assert result[0].standing != "valid"


def test_a_manifest_is_read_within_limits_in_a_process_of_its_own(
    signed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "MEMORY", 1)
        assert read_provenance(signed + bytes(60 << 20), "JPEG") == (ProvenanceFacts("unreadable"), b"")
    result = read_provenance(signed, "JPEG")
    assert result is not None
    assert result[0].standing == "valid"


def test_a_format_that_holds_none_was_not_looked_at(signed: bytes) -> None:
    assert read_provenance(signed, "BMP") is None


def case_with(provenance: ProvenanceFacts | None) -> CaseFacts:
    case = sample_case()
    return replace(case, sightings=(replace(case.sightings[0], provenance=provenance),))


def sheet(case: CaseFacts) -> str:
    pages = pypdf.PdfReader(io.BytesIO(render_exhibit_sheet(case, sample_pictures(), "en"))).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


def test_the_sheet_names_the_source_of_each_statement() -> None:
    path = "data/sightings/01/c2pa.json"
    case = case_with(ProvenanceFacts("valid", SIGNER, "2026-11-01T10:00:00Z", "sample-camera 1", TITLE, (), path))
    text = sheet(case)
    assert phrase("provenance.valid") in text
    assert f"signer: {SIGNER} signed at: 2026-11-01T10:00:00Z" in text
    assert f"generator: sample-camera 1 title: {TITLE} stated" in text
    assert (path, None) in list_named_files(case)
    assert CaseFacts.from_json(case.to_json()) == case


def test_edits_are_shown_as_stated() -> None:
    actions = ("c2pa.created (digitalCapture)", "c2pa.cropped")
    case = case_with(ProvenanceFacts("valid", file="data/sightings/01/c2pa.json", actions=actions))
    assert "actions: c2pa.created (digitalCapture), c2pa.cropped" in sheet(case)
    assert CaseFacts.from_json(case.to_json()) == case


@pytest.mark.long
def test_the_sheet_shows_what_the_file_states_about_its_creation() -> None:
    case = sample_case()
    texts = {
        f"{phrase('label.making')} digital source type (IPTC): compositeSynthetic "
        f"{phrase('making.aigc', value='Label: 1')} stated": MakingFacts("compositeSynthetic", "Label: 1"),
        f"{phrase('label.making')} none recorded": MakingFacts(),
    }
    for words, making in texts.items():
        changed = replace(case, sightings=(replace(case.sightings[0], making=making),))
        assert words in sheet(changed)
        assert CaseFacts.from_json(changed.to_json()) == changed
    assert phrase("label.making") not in sheet(case)


def test_a_sheet_of_a_case_where_nobody_looked_says_so() -> None:
    assert f"{phrase('label.provenance')} not checked" in sheet(case_with(None))
