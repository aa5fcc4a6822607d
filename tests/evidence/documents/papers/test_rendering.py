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
from tests.assets.documents_sample import part, say
from tests.assets.fonts import only_embedded_fonts
from tests.assets.papers_sample import sample_sealed
from tests.assets.pdf_text import text_of
from tests.evidence.documents.phrases.test_wording import FORBIDDEN

SHOWN = list(LANGUAGES) if installed_fonts().chinese else ["en"]


@cache
def paper_bytes(kind: str, language: str = "en") -> bytes:
    return render_paper(kind, sample_sealed(), language=language)


def paper(kind: str, language: str = "en") -> str:
    return text_of(paper_bytes(kind, language))


@pytest.mark.parametrize("language", SHOWN)
@pytest.mark.parametrize("kind", PAPERS)
def test_every_paper_is_a_draft_and_holds_no_forbidden_word(kind: str, language: str) -> None:
    pdf = paper_bytes(kind, language)
    text = text_of(pdf)
    assert load_phrases(language).say("paper.draft")[:20].replace(" ", "") in text.replace(" ", "")
    assert not FORBIDDEN.search(text)
    metadata = pypdf.PdfReader(io.BytesIO(pdf)).xmp_metadata
    assert metadata is not None
    assert "<pdfaid:part>3</pdfaid:part>" in metadata.stream.get_data().decode()


@pytest.mark.parametrize("kind", PAPERS)
def test_the_same_case_gives_the_same_bytes(kind: str) -> None:
    assert render_paper(kind, sample_sealed(), language="en") == paper_bytes(kind)


def test_a_paper_in_a_language_without_a_font_says_what_is_missing() -> None:
    with only_embedded_fonts(), pytest.raises(ServiceMissingError, match="fonts-noto-cjk"):
        render_paper("cn-evidence-list", sample_sealed())


def test_an_unknown_paper_is_refused_with_those_that_exist() -> None:
    with pytest.raises(WrongUseError, match="us-902"):
        render_paper("affidavit", sample_sealed())


@pytest.mark.parametrize("kind", PAPERS)
def test_every_paper_warns_of_witnesses_for_development_and_of_the_demonstration_switch(kind: str) -> None:
    assert part("witness.development_note") in paper(kind)
    assert say("decision.demonstration") not in paper(kind)
    case = sample_sealed()
    shown = replace(case, facts=replace(case.facts, decision=replace(case.facts.decision, demonstration=True)))
    assert say("decision.demonstration") in text_of(render_paper(kind, shown, language="en"))
