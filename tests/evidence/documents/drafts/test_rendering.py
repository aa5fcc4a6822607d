"""Test that draft documents state only recorded facts, and leave the signer's statements blank."""

import io
from dataclasses import replace
from functools import cache

import pypdf
import pytest

from evidence.documents.drafts.rendering import DRAFT_DOCUMENTS, render_draft_pdf
from evidence.documents.phrases import load_phrases
from evidence.documents.typeset.fonts import load_fonts
from evidence.facts.case import LANGUAGES
from exhibit.errors import InvalidRequestError, ServiceMissingError
from tests.assets.documents_sample import part, phrase
from tests.assets.fonts import only_embedded_fonts
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.phrases.test_wording import FORBIDDEN

LANGUAGES_SHOWN = list(LANGUAGES) if load_fonts().chinese_families else ["en"]


@cache
def document_bytes(kind: str, language: str = "en") -> bytes:
    return render_draft_pdf(kind, sealed_sample(), language=language)


def document_text(kind: str, language: str = "en") -> str:
    return text_of(document_bytes(kind, language))


@pytest.mark.parametrize("language", LANGUAGES_SHOWN)
@pytest.mark.parametrize("kind", DRAFT_DOCUMENTS)
def test_document_is_a_draft_without_forbidden_words(kind: str, language: str) -> None:
    pdf = document_bytes(kind, language)
    text = text_of(pdf)
    assert load_phrases(language).render("paper.draft")[:20].replace(" ", "") in text.replace(" ", "")
    assert not FORBIDDEN.search(text)
    metadata = pypdf.PdfReader(io.BytesIO(pdf)).xmp_metadata
    assert metadata is not None
    assert "<pdfaid:part>3</pdfaid:part>" in metadata.stream.get_data().decode()


@pytest.mark.parametrize("kind", DRAFT_DOCUMENTS)
def test_rendering_is_deterministic(kind: str) -> None:
    assert render_draft_pdf(kind, sealed_sample(), language="en") == document_bytes(kind)


def test_missing_font_is_reported() -> None:
    with only_embedded_fonts(), pytest.raises(ServiceMissingError, match="fonts-noto-cjk"):
        render_draft_pdf("cn-evidence-list", sealed_sample())


def test_unknown_document_error_lists_known_documents() -> None:
    with pytest.raises(InvalidRequestError, match="us-902"):
        render_draft_pdf("affidavit", sealed_sample())


@pytest.mark.parametrize("kind", DRAFT_DOCUMENTS)
def test_development_services_and_demonstration_are_flagged(kind: str) -> None:
    assert part("timestamp.development_note") in document_text(kind)
    assert phrase("decision.demonstration") not in document_text(kind)
    case = sealed_sample()
    changed = replace(case, facts=replace(case.facts, decision=replace(case.facts.decision, demonstration=True)))
    assert phrase("decision.demonstration") in text_of(render_draft_pdf(kind, changed, language="en"))
