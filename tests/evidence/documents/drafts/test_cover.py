"""Test that a cover page identifies the bundle, and that each page of a sheet identifies its facts."""

import io
from dataclasses import replace
from functools import cache

import pypdf
import pytest

from evidence.documents.drafts.rendering import DRAFT_DOCUMENTS, render_draft_pdf
from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import PartyFacts
from exhibit.digests import Digest
from tests.assets.documents_sample import part, phrase, sample_case, sample_pictures, sample_timestamps
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.phrases.test_wording import shown_languages
from tests.evidence.documents.sheets.test_deposit import read_codes


@cache
def extract_pages_text(pdf: bytes) -> list[str]:
    return ["".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize("language", shown_languages())
@pytest.mark.parametrize("kind", DRAFT_DOCUMENTS)
def test_every_page_shows_bundle_file_and_seal(kind: str, language: str) -> None:
    case = sealed_sample()
    for page in extract_pages_text(render_draft_pdf(kind, case, language=language)):
        assert case.file_name in page
        assert case.seal_digest.hex in page


@pytest.mark.parametrize("language", shown_languages())
def test_cover_lists_seal_and_timestamps_with_qr_code(language: str) -> None:
    case = sealed_sample()
    pdf = render_draft_pdf("cover", case, language=language)
    text = text_of(pdf)
    assert read_codes(pdf) == [case.seal_digest.hex]
    first = case.seal_digest.hex
    assert " ".join((first[:4], first[4:8], first[8:12], first[12:16])) in text
    squeezed = "".join(text.split())
    for file in case.manifest.files:
        assert (file.sha256.hex in squeezed) == (file.path in {"data/exhibit.pdf", "data/facts.json"})
    for witness in case.timestamps:
        assert witness.name in " ".join(text.split())


@pytest.mark.parametrize("language", shown_languages())
def test_every_sheet_page_shows_facts_digest(language: str) -> None:
    case = sample_case()
    work = replace(case, sightings=(), matches=(), party=PartyFacts(DEPOSIT_PARTY, ""))
    for facts, render in ((case, render_exhibit_sheet), (work, render_deposit_record)):
        texts = extract_pages_text(render(facts, sample_pictures(), language))
        assert len(texts) > 1
        assert [page for page in texts if Digest.from_bytes(facts.to_json()).hex not in page] == []


@pytest.mark.long
def test_sheet_lists_timestamped_entries() -> None:
    case = sample_case()
    sheet_text = " ".join(
        text_of(render_exhibit_sheet(replace(case, timestamps=sample_timestamps()), {}, "en")).split()
    )
    assert phrase("timestamp.covers", entries="12, 1291") in sheet_text
    assert part("timestamp.covers") in sheet_text
    alone = " ".join(text_of(render_exhibit_sheet(case, {}, "en")).split())
    assert part("timestamp.covers") not in alone
    for text in (sheet_text, alone):
        assert phrase("timestamp.later") in text
