"""Test that draft documents state what was recorded, claim nothing more, and leave a person's statements blank."""

import io
from dataclasses import replace
from functools import cache

import pypdf
import pytest

from evidence.documents.papers.rendering import PAPERS, render_paper
from evidence.documents.phrases import load_phrases
from evidence.documents.typeset.fonts import installed_fonts
from evidence.facts.case import LANGUAGES
from exhibit.errors import ServiceMissingError, WrongUseError
from tests.assets.documents_sample import part, phrase
from tests.assets.fonts import only_embedded_fonts
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.phrases.test_wording import FORBIDDEN

LANGUAGES_SHOWN = list(LANGUAGES) if installed_fonts().chinese else ["en"]


@cache
def document_bytes(kind: str, language: str = "en") -> bytes:
    return render_paper(kind, sealed_sample(), language=language)


def document_text(kind: str, language: str = "en") -> str:
    return text_of(document_bytes(kind, language))


@pytest.mark.parametrize("language", LANGUAGES_SHOWN)
@pytest.mark.parametrize("kind", PAPERS)
def test_every_document_is_a_draft_and_contains_no_forbidden_word(kind: str, language: str) -> None:
    pdf = document_bytes(kind, language)
    text = text_of(pdf)
    assert load_phrases(language).say("paper.draft")[:20].replace(" ", "") in text.replace(" ", "")
    assert not FORBIDDEN.search(text)
    metadata = pypdf.PdfReader(io.BytesIO(pdf)).xmp_metadata
    assert metadata is not None
    assert "<pdfaid:part>3</pdfaid:part>" in metadata.stream.get_data().decode()


@pytest.mark.parametrize("kind", PAPERS)
def test_the_same_case_gives_the_same_bytes(kind: str) -> None:
    assert render_paper(kind, sealed_sample(), language="en") == document_bytes(kind)


def test_a_document_in_a_language_without_a_font_names_what_is_missing() -> None:
    with only_embedded_fonts(), pytest.raises(ServiceMissingError, match="fonts-noto-cjk"):
        render_paper("cn-evidence-list", sealed_sample())


def test_an_unknown_document_is_refused_with_a_list_of_known_ones() -> None:
    with pytest.raises(WrongUseError, match="us-902"):
        render_paper("affidavit", sealed_sample())


@pytest.mark.parametrize("kind", PAPERS)
def test_every_document_warns_of_development_timestamp_services_and_of_the_demonstration_switch(kind: str) -> None:
    assert part("witness.development_note") in document_text(kind)
    assert phrase("decision.demonstration") not in document_text(kind)
    case = sealed_sample()
    changed = replace(case, facts=replace(case.facts, decision=replace(case.facts.decision, demonstration=True)))
    assert phrase("decision.demonstration") in text_of(render_paper(kind, changed, language="en"))
