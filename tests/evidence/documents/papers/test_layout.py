"""Test that every document refers to the sealed manifest, and has fields that only a person completes."""

import io
import re

import pypdf
import pytest

from evidence.documents.papers.rendering import PAPERS
from evidence.documents.phrases import load_phrases
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.papers.test_rendering import document_bytes, document_text

FOLLOWS = {"Place", "Date", "Name", "Signature", "Not", "Case", "Executed", "Annex:"}
"""Words that may follow a blank field: the next label, or the footer."""


@pytest.mark.parametrize("kind", PAPERS)
def test_the_sealed_manifest_is_attached(kind: str) -> None:
    case = sealed_sample()
    attached = pypdf.PdfReader(io.BytesIO(document_bytes(kind))).attachments
    assert attached["manifest.json"] == [case.manifest.to_json()]


@pytest.mark.parametrize("kind", PAPERS)
def test_no_name_date_or_place_of_a_signer_is_filled_in(kind: str) -> None:
    text = document_text(kind)
    phrases = load_phrases("en")
    for field in ("signature", "date") if kind != "us-902" else ("signature", "executed_at"):
        label = phrases.say(f"field.{field}")
        after = re.findall(rf"{re.escape(label)} (\S+)", text)
        assert [word for word in after if word not in FOLLOWS and not word.isdecimal()] == []
    assert "Jonas Ek" not in text


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        ("us-902", "us902.declaration"),
        ("cn-evidence-list", "cnlist.sign"),
        ("cn-environment", "paper.sign"),
        ("personal-data", "paper.sign"),
    ],
)
def test_what_is_signed_stands_on_the_page_of_the_signature(kind: str, heading: str) -> None:
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(document_bytes(kind))).pages]
    signed = next(page for page in pages if "Signature" in page)
    assert load_phrases("en").say(heading) in signed
