"""Test that every document attaches the sealed manifest, and leaves the signer's fields blank."""

import io
import re

import pypdf
import pytest

from evidence.documents.drafts.rendering import DRAFT_DOCUMENTS
from evidence.documents.phrases import load_phrases
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.drafts.test_rendering import document_bytes, document_text

FOLLOWING_WORDS = {"Place", "Date", "Name", "Signature", "Not", "Case", "Executed", "Annex:"}
"""Words that may follow a blank field: the next label, or the footer."""


@pytest.mark.parametrize("kind", DRAFT_DOCUMENTS)
def test_sealed_manifest_is_attached(kind: str) -> None:
    case = sealed_sample()
    attached = pypdf.PdfReader(io.BytesIO(document_bytes(kind))).attachments
    assert attached["manifest.json"] == [case.manifest.to_json()]


@pytest.mark.parametrize("kind", DRAFT_DOCUMENTS)
def test_signer_fields_are_blank(kind: str) -> None:
    text = document_text(kind)
    phrases = load_phrases("en")
    for field in ("signature", "date") if kind != "us-902" else ("signature", "executed_at"):
        label = phrases.render(f"field.{field}")
        after = re.findall(rf"{re.escape(label)} (\S+)", text)
        assert [word for word in after if word not in FOLLOWING_WORDS and not word.isdecimal()] == []
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
def test_signed_text_is_on_signature_page(kind: str, heading: str) -> None:
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(document_bytes(kind))).pages]
    signed = next(page for page in pages if "Signature" in page)
    assert load_phrases("en").render(heading) in signed
