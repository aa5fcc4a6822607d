"""Test that the note on personal data lists the affected items, and decides nothing."""

from dataclasses import replace

from evidence.documents.drafts.rendering import render_draft_pdf
from tests.assets.documents_sample import part, phrase
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import sealed_sample


def test_privacy_note_counts_quoted_texts_and_leaves_decision_fields_blank() -> None:
    case = sealed_sample()
    [sighting] = case.facts.sightings
    silent = replace(sighting, context="")
    facts = replace(case.facts, sightings=(sighting, silent, sighting))
    text = text_of(render_draft_pdf("personal-data", replace(case, facts=facts), language="en"))
    assert phrase("privacy.words", n="2") in text
    assert phrase("privacy.gdpr_basis") in text
    _, _, decided = text.partition(part("privacy.decide"))
    labels = (part("field.purpose"), part("field.outcome"), "Signature Date")
    assert [label for label in labels if label not in decided] == []
    assert facts.decision.by not in decided
