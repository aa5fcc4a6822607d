"""Test that the draft of a certification names system and digests, and leaves a person's statements blank."""

from dataclasses import replace

import pytest

from evidence.documents.papers.rendering import render_paper
from tests.assets.documents_sample import phrase
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.papers.test_rendering import document_text

DECLARATION = (
    "I declare under penalty of perjury that the foregoing is true and correct",
    "under the laws of the United States of America",
)
"""The words that 28 U.S.C. § 1746 requires."""


@pytest.mark.long
def test_the_certification_names_system_digests_and_both_forms_of_the_declaration() -> None:
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
def test_the_certification_says_of_crawls_and_captures_what_each_of_them_does() -> None:
    text = document_text("us-902")
    assert phrase("us902.accurate_tls") in text
    assert phrase("us902.process_crawl").rpartition("; ")[2] in text
    assert "Example Time Authority" in text  # the document names the timestamp services
    silent = text_of(render_paper("us-902", replace(sealed_sample(), witnesses=()), language="en"))
    assert phrase("witness.none") in silent
