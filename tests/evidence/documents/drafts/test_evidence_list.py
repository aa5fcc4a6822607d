"""Test that the list of evidence gives each item's source, and leaves its purpose blank."""

import re
from dataclasses import replace

from evidence.documents.drafts.rendering import render_draft_pdf
from tests.assets.documents_sample import part, phrase
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.drafts.test_rendering import document_text


def test_evidence_list_numbers_items_with_source_and_blank_purpose() -> None:
    text = document_text("cn-evidence-list")
    assert phrase("cnlist.sighting_source", peer="203.0.113.9") in text
    begins = "Registered|Chain-of-title|Log entry of|Picture found|Crawl record|Visit|Comparison"
    numbers = re.findall(rf"(\d+) (?:{begins})", text)
    assert numbers[:4] == ["1", "2", "3", "4"]
    assert text.count(part("paper.open")) >= 8


def test_evidence_list_counts_each_timestamp_service_once() -> None:
    case = sealed_sample()
    outside, trial, pending = case.timestamps
    twice = replace(case, timestamps=(outside, replace(outside, subject="checkpoint"), trial, pending))
    text = text_of(render_draft_pdf("cn-evidence-list", twice, language="en"))
    assert phrase("cnlist.proofs", n="1") + phrase("cnlist.development", n="1") in text


def test_evidence_list_shows_full_urls_without_attachment_note() -> None:
    case = sealed_sample()
    [sighting] = case.facts.sightings
    address = "https://shop.example/" + "a-long-way/" * 30 + "end"
    work = replace(case.facts.work, title="Long " * 100)
    facts = replace(case.facts, work=work, sightings=(replace(sighting, page_url=address),))
    text = text_of(render_draft_pdf("cn-evidence-list", replace(case, facts=facts), language="en"))
    assert address in text.replace(" ", "")
    assert "more characters in the bundle)" in text
    assert part("document.listed_of") not in text
