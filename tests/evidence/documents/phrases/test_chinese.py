"""Test that Chinese documents are entirely in Chinese, including what the software recorded in English."""

import ast
import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pypdf
import pytest

from evidence.capture.browser.capturer import METHOD as BROWSER_METHOD
from evidence.capture.browser.observation import USE_SENTENCES, USES_URL
from evidence.capture.http_capturer import METHOD
from evidence.capture.visitor import OBSTACLES
from evidence.documents.papers.rendering import PAPERS, render_paper
from evidence.documents.phrases import load_phrases
from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.fonts import installed_fonts
from evidence.facts.case import CaseFacts, PartyFacts
from evidence.facts.field_origins import BACKINGS
from exhibit.browser.loading import BOTH_SIGNS
from exhibit.sentences import CONTEXT
from registry.cases.licence_check import Gap, Obstacle
from tests import CHECKOUT
from tests.assets.chinese import find_english, find_half_width
from tests.assets.documents_sample import part, sample_case, sample_pictures, sample_report
from tests.assets.reports import render_report_pdf
from tests.assets.sealed_sample import NETWORK, sealed_sample
from tests.evidence.documents.case.test_comparison import with_probability
from tools import messages

CHINESE = load_phrases("zh-Hans")
WORDS = {
    "obstacle": OBSTACLES[403],
    "signs": BOTH_SIGNS,
    "does": "does not show",
}
pytestmark = pytest.mark.skipif(not installed_fonts().chinese, reason="no Chinese font here")
REASONS = tuple(
    f"Licence 3 (某公司): {words}."
    for words in (
        *(Obstacle(gap, "1").text for gap in Gap),
        "it covers the use",
        "it covers 2 of 3 sightings",
    )
)
SEEN_WORDS = (
    "The page is available. The image URL returned exactly the bytes that were seen before. "
    "The rendered page shows the image in 2 places."
)
SAID_OF = re.compile("The (?!URL)")  # the guard's sentences about a visit
CHECKS = {backing.check for backing in BACKINGS.values()} | {"exhibit", "verify"}
NAMES_KEPT = ("Asia", "Executed", "Lund", "Shanghai", "at", "on", "proofs", *CHECKS)
"""Names in the sample, checks of the verifier, and a statute's own words beside the Chinese ones."""


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def in_chinese(case: CaseFacts) -> CaseFacts:
    """Return the sample with all words of people in Chinese, so that only the software's remain."""
    work = replace(
        case.work,
        title="秋山",
        author="林氏",
        rights_statement="保留所有权利",
        first_publication="2024-10-02",
        registrations=(),
        attachments=(),
    )
    capture = replace(case.sightings[0].captures[0], sentence=SEEN_WORDS)
    sighting = replace(case.sightings[0], context="帆布画", captures=(capture,))
    return replace(
        case,
        work=work,
        owner=replace(case.owner, name="林氏图片社", identity="某市"),
        sightings=(sighting,),
        licence_check=replace(case.licence_check, reasons=REASONS),
        decision=replace(case.decision, by="王某", reason="Licence 3."),
        calibrations=tuple(
            replace(calibration, name="1", data="照片: 4,653 photographs searched for, 200 of them edited, 2026-11-20.")
            for calibration in case.calibrations
        ),
        not_checked=(),
    )


@pytest.mark.long
def test_no_english_of_the_softwares_stands_in_a_chinese_sheet() -> None:
    case = in_chinese(with_probability(sample_case()))
    text = text_of(render_exhibit_sheet(case, sample_pictures(), "zh-Hans"))
    assert "许可 3（某公司）：针对账号 1。" in "".join(text.split("\n"))
    assert "呈现的页面在 2 处展示了该图片。" in "".join(text.split("\n"))
    assert set(find_english(text, NAMES_KEPT)) == set()
    assert find_half_width(text) == []


@pytest.mark.long
def test_no_english_of_the_softwares_stands_in_a_chinese_report() -> None:
    report, pictures = sample_report(1)
    facts = in_chinese(with_probability(report.cases[0].facts))
    changed_case = replace(report.cases[0], facts=facts, witnesses=())
    crawls = tuple(
        replace(coverage, kind=kind) for coverage, kind in zip(report.coverage, ("sitemap", "past"), strict=True)
    )
    report = replace(
        report, title="报告", owner=facts.owner, preparer="王某", cases=(changed_case,), coverage=crawls, not_checked=()
    )
    text = text_of(render_report_pdf(report, pictures, "zh-Hans"))
    assert set(find_english(text, NAMES_KEPT)) == set()
    assert find_half_width(text) == []


@pytest.mark.parametrize("kind", PAPERS)
def test_a_chinese_document_contains_no_english_of_the_software(kind: str) -> None:
    sealed_case = sealed_sample(
        {**NETWORK, "method": METHOD, "software": {}, "certificate_authorities": {}, "exchanges": []}
    )
    case = in_chinese(sealed_case.facts)
    pdf = render_paper(kind, replace(sealed_case, facts=case, witnesses=()), language="zh-Hans")
    text = " ".join(text_of(pdf).split())
    for form in ("within", "without"):  # a statute prescribes its own words, too
        text = text.replace(re.findall(r"I declare.*", CHINESE.say(f"us902.{form}"))[0], "")
    assert set(find_english(text, NAMES_KEPT)) <= {"http", "proxy", "etc", "hosts", "txt"}
    assert find_half_width(text) == []


def test_no_english_of_the_softwares_stands_in_a_chinese_deposit_record() -> None:
    facts = replace(in_chinese(sample_case()), sightings=(), matches=(), party=PartyFacts(DEPOSIT_PARTY, ""))
    text = text_of(render_deposit_record(facts, sample_pictures(), "zh-Hans"))
    assert set(find_english(text, NAMES_KEPT)) == set()
    assert find_half_width(text) == []


def visit_sentences() -> Iterator[str]:
    """Yield what visits report in English, with placeholders filled in."""
    for (context, words, _), files in messages.marked_messages().items():
        has_visit = any(
            ("captures" not in name and "/capture" in name) or ("/network" in name and SAID_OF.match(words))
            for name in files
        )
        sentence = context == CONTEXT and words[-1] in ".:" and has_visit
        if sentence and not words.startswith("The rendered page %"):
            yield re.sub(r"%\((\w+)\)s", lambda name: WORDS.get(name[1], "7"), words)


def test_every_sentence_that_is_sealed_in_english_has_a_chinese_one() -> None:
    sentences = [*visit_sentences(), METHOD, BROWSER_METHOD, *OBSTACLES.values(), *REASONS]
    assert len(sentences) > 20
    assert [CHINESE.translate(sentence) for sentence in sentences if find_english(CHINESE.translate(sentence))] == []


@pytest.mark.parametrize("use", [*USE_SENTENCES.values(), USES_URL])
def test_what_a_rendered_page_does_with_a_picture_is_said_in_chinese(use: str) -> None:
    for where in ("one place", "3 places"):
        assert not find_english(CHINESE.translate(f"The page is available. The rendered page {use} in {where}."))


def test_what_an_address_serves_instead_of_an_image_is_said_in_chinese() -> None:
    source = (CHECKOUT / "exhibit/pictures/sniff.py").read_text(encoding="utf-8")
    strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    kinds = {text for text in strings if isinstance(text, str) and re.fullmatch(r"an? [\w ]+", text)}
    assert len(kinds) > 10
    for kind in kinds:
        words = CHINESE.translate(f"The image URL now returns {kind} instead of an image.")
        assert kind not in words, words


def test_a_persons_own_words_stay_as_they_are() -> None:
    for words in ("No order, no licence.", "Licence to print, says Bob", "他说：no licence"):
        assert CHINESE.translate(words) == words
    assert CHINESE.translate("The page is available. Bob says otherwise.") == "页面存在。 Bob says otherwise."


@pytest.mark.long
def test_a_sheet_with_no_licences_never_says_that_they_cover_no_such_use() -> None:
    case = sample_case()
    case = replace(case, licence_check=replace(case.licence_check, searched=0))
    for language, never, says in (
        (
            "en",
            part("licence.none_covers"),
            "Not checked: no licence for this work had been entered by 2026-11-20 11:00:00 UTC",
        ),
        ("zh-Hans", "没有涵盖此项使用", "该作品未录入任何许可"),
    ):
        text = " ".join(text_of(render_exhibit_sheet(case, sample_pictures(), language)).split())
        assert never not in text
        assert says in text
