"""Test that a cover page names the bundle, which the sheet cannot, and that each page of a sheet names its facts."""

import io
from dataclasses import replace
from functools import cache

import pypdf
import pytest

from evidence.documents.papers.rendering import PAPERS, render_paper
from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import PartyFacts
from exhibit.digests import Digest
from tests.assets.documents_sample import part, phrase, sample_case, sample_pictures, sample_witnesses
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.phrases.test_wording import shown_languages
from tests.evidence.documents.sheets.test_deposit import read_codes


@cache
def pages(pdf: bytes) -> list[str]:
    return ["".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize("language", shown_languages())
@pytest.mark.parametrize("kind", PAPERS)
def test_every_page_of_a_document_names_the_bundle_file_and_its_seal(kind: str, language: str) -> None:
    case = sealed_sample()
    for page in pages(render_paper(kind, case, language=language)):
        assert case.file in page
        assert case.seal.hex in page


@pytest.mark.parametrize("language", shown_languages())
def test_the_cover_names_seal_sheets_and_timestamp_services_and_shows_the_seal_as_a_qr_code(language: str) -> None:
    case = sealed_sample()
    pdf = render_paper("cover", case, language=language)
    text = text_of(pdf)
    assert read_codes(pdf) == [case.seal.hex]
    first = case.seal.hex
    assert " ".join((first[:4], first[4:8], first[8:12], first[12:16])) in text
    squeezed = "".join(text.split())
    for file in case.manifest.files:
        assert (file.sha256.hex in squeezed) == (file.path in {"data/exhibit.pdf", "data/facts.json"})
    for witness in case.witnesses:
        assert witness.name in " ".join(text.split())


@pytest.mark.parametrize("language", shown_languages())
def test_each_page_of_a_sheet_and_of_a_deposit_record_names_the_facts_that_it_is_made_from(language: str) -> None:
    case = sample_case()
    work = replace(case, sightings=(), matches=(), party=PartyFacts(DEPOSIT_PARTY, ""))
    for facts, render in ((case, render_exhibit_sheet), (work, render_deposit_record)):
        texts = pages(render(facts, sample_pictures(), language))
        assert len(texts) > 1
        assert [page for page in texts if Digest.of(facts.to_json()).hex not in page] == []


@pytest.mark.long
def test_a_sheet_names_the_timestamped_entries_and_says_that_receipts_of_the_seal_come_later() -> None:
    case = sample_case()
    sheet_text = " ".join(text_of(render_exhibit_sheet(replace(case, witnesses=sample_witnesses()), {}, "en")).split())
    assert phrase("witness.covers", entries="12, 1291") in sheet_text
    assert part("witness.covers") in sheet_text
    alone = " ".join(text_of(render_exhibit_sheet(case, {}, "en")).split())
    assert part("witness.covers") not in alone
    for text in (sheet_text, alone):
        assert phrase("witness.later") in text
