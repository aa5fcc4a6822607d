"""The draft of a certification: it names system and digests, and leaves to a person what is a person's."""

from dataclasses import replace

import pytest

from evidence.documents.papers.rendering import render_paper
from tests.assets.papers_sample import sample_sealed
from tests.assets.pdf_text import text_of
from tests.evidence.documents.papers.test_rendering import paper


@pytest.mark.long
def test_the_certification_names_system_digests_and_both_forms_of_the_declaration() -> None:
    text = paper("us-902")
    case = sample_sealed()
    squeezed = text.replace(" ", "")
    for file in case.manifest.files:
        assert file.path in squeezed
        assert file.sha256.hex in squeezed
    assert "I declare under penalty of perjury that the foregoing is true and correct" in text
    assert "under the laws of the United States of America" in text
    assert "authenticity only; hearsay, relevance and opinions of experts (Rule 702) stay open" in text
    for rule in ("Rule 902(11)", "Rule 803(6)(A) to (C)", "Rule 902(12)", "Rule 702, as amended on 1 December 2023"):
        assert rule in text
    assert "Executed on (date)" in text
    assert "Annex: the files and their digests" in text.split("Declaration (28 U.S.C. § 1746)")[1]
    assert "2026-11-18 11:46:55 UTC" in text


@pytest.mark.long
def test_the_certification_says_of_crawls_and_captures_what_each_of_them_does() -> None:
    text = paper("us-902")
    assert (
        "A crawl visits whatever the certificate; where it checked it, the result stands beside the sighting." in text
    )
    assert "bytes of other pictures are removed after a time that the operator sets" in text
    assert "Example Time Authority" in text  # the witnesses stand in the paper itself
    silent = text_of(render_paper("us-902", replace(sample_sealed(), witnesses=()), language="en"))
    assert "Not checked: no witness had answered when this document was made" in silent
