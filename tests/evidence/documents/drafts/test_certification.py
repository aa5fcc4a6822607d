"""Test that the draft certification lists the system and the digests, and leaves the declarant's statements blank."""

from dataclasses import replace

import pytest

from evidence.documents.drafts.rendering import render_draft_pdf
from tests.assets.documents_sample import phrase
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.drafts.test_rendering import document_text

DECLARATION = (
    "I declare under penalty of perjury that the foregoing is true and correct",
    "under the laws of the United States of America",
)
"""The words that 28 U.S.C. § 1746 requires."""


@pytest.mark.long
def test_certification_lists_system_digests_and_declarations() -> None:
    text = document_text("us-902")
    case = sealed_sample()
    squeezed = text.replace(" ", "")
    for file in case.manifest.files:
        assert file.path in squeezed
        assert file.sha256.hex in squeezed
    for demanded in DECLARATION:
        assert demanded in text
    assert phrase("us902.notice") in text
    for rule in ("Rule 902(11)", "Rule 803(6)(A) to (C)", "Rule 902(12)", "Rule 702, as amended on 1 December 2023"):
        assert rule in text
    assert "Executed on (date)" in text
    assert phrase("us902.annex") in text.split("Declaration (28 U.S.C. § 1746)")[1]
    assert "2026-11-18 11:46:55 UTC" in text


@pytest.mark.long
def test_certification_describes_crawls_and_captures() -> None:
    text = document_text("us-902")
    assert phrase("us902.accurate_tls") in text
    assert phrase("us902.process_crawl").rpartition("; ")[2] in text
    assert "Example Time Authority" in text  # the document names the timestamp services
    silent = text_of(render_draft_pdf("us-902", replace(sealed_sample(), timestamps=()), language="en"))
    assert phrase("timestamp.none") in silent
