"""Test that Chinese documents are entirely in Chinese, including what the software recorded in English."""

import ast
import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pypdf
import pytest

from evidence.capture.browser.capturer import METHOD_DESCRIPTION as BROWSER_METHOD
from evidence.capture.browser.observation import USE_SENTENCES, USES_URL_SENTENCE
from evidence.capture.http_capturer import METHOD_DESCRIPTION
from evidence.capture.visitor import OBSTACLE_SENTENCES
from evidence.documents.drafts.rendering import DRAFT_DOCUMENTS, render_draft_pdf
from evidence.documents.phrases import load_phrases
from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.fonts import load_fonts
from evidence.facts.case import CaseFacts, PartyFacts
from evidence.facts.field_origins import BACKINGS
from exhibit.browser.loading import BOTH_WALL_SIGNS
from exhibit.sentences import CONTEXT
from registry.cases.licence_check import Obstacle, ObstacleReason
from tests import CHECKOUT
from tests.assets.chinese import find_english, find_half_width
from tests.assets.documents_sample import part, sample_case, sample_pictures, sample_report
from tests.assets.reports import render_report_pdf
from tests.assets.sealed_sample import NETWORK, sealed_sample
from tests.evidence.documents.case.test_comparison import with_probability
from tools import messages

CHINESE = load_phrases("zh-Hans")
WORDS = {
    "obstacle": OBSTACLE_SENTENCES[403],
    "signs": BOTH_WALL_SIGNS,
    "does": "does not show",
}
pytestmark = pytest.mark.skipif(not load_fonts().chinese_families, reason="no Chinese font here")
REASONS = tuple(
    f"Licence 3 (某公司): {words}."
    for words in (
        *(Obstacle(gap, "1").text for gap in ObstacleReason),
        "it covers the use",
        "it covers 2 of 3 sightings",
    )
)
SEEN_SENTENCE = (
    "The page is available. The image URL returned exactly the bytes that were seen before. "
    "The rendered page shows the image in 2 places."
)
VISIT_SENTENCE_PATTERN = re.compile("The (?!URL)")  # selects the guard's sentences about a visit
CHECKS = {backing.check for backing in BACKINGS.values()} | {"exhibit", "verify"}
ALLOWED_ENGLISH = ("Asia", "Executed", "Lund", "Shanghai", "at", "on", "proofs", *CHECKS)
"""Names in the sample, checks of the verifier, and a statute's own words beside the Chinese ones."""


def extract_text(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def to_chinese(case: CaseFacts) -> CaseFacts:
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
    capture = replace(case.sightings[0].captures[0], sentence=SEEN_SENTENCE)
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
def test_chinese_sheet_contains_no_untranslated_text_of_exhibit() -> None:
    case = to_chinese(with_probability(sample_case()))
    text = extract_text(render_exhibit_sheet(case, sample_pictures(), "zh-Hans"))
    assert "许可 3（某公司）：针对账号 1。" in "".join(text.split("\n"))
    assert "呈现的页面在 2 处展示了该图片。" in "".join(text.split("\n"))
    assert set(find_english(text, ALLOWED_ENGLISH)) == set()
    assert find_half_width(text) == []


@pytest.mark.long
def test_chinese_report_contains_no_untranslated_text_of_exhibit() -> None:
    report, pictures = sample_report(1)
    facts = to_chinese(with_probability(report.cases[0].facts))
    changed_case = replace(report.cases[0], facts=facts, timestamps=())
    crawls = tuple(
        replace(coverage, kind=kind) for coverage, kind in zip(report.coverage, ("sitemap", "past"), strict=True)
    )
    report = replace(
        report, title="报告", owner=facts.owner, preparer="王某", cases=(changed_case,), coverage=crawls, not_checked=()
    )
    text = extract_text(render_report_pdf(report, pictures, "zh-Hans"))
    assert set(find_english(text, ALLOWED_ENGLISH)) == set()
    assert find_half_width(text) == []


@pytest.mark.parametrize("kind", DRAFT_DOCUMENTS)
def test_chinese_document_contains_no_untranslated_text_of_exhibit(kind: str) -> None:
    sealed_case = sealed_sample(
        {**NETWORK, "method": METHOD_DESCRIPTION, "software": {}, "certificate_authorities": {}, "exchanges": []}
    )
    case = to_chinese(sealed_case.facts)
    pdf = render_draft_pdf(kind, replace(sealed_case, facts=case, timestamps=()), language="zh-Hans")
    text = " ".join(extract_text(pdf).split())
    for form in ("within", "without"):  # the statute prescribes this English wording
        text = text.replace(re.findall(r"I declare.*", CHINESE.render(f"us902.{form}"))[0], "")
    assert set(find_english(text, ALLOWED_ENGLISH)) <= {"http", "proxy", "etc", "hosts", "txt"}
    assert find_half_width(text) == []


def test_chinese_deposit_record_contains_no_untranslated_text_of_exhibit() -> None:
    facts = replace(to_chinese(sample_case()), sightings=(), matches=(), party=PartyFacts(DEPOSIT_PARTY, ""))
    text = extract_text(render_deposit_record(facts, sample_pictures(), "zh-Hans"))
    assert set(find_english(text, ALLOWED_ENGLISH)) == set()
    assert find_half_width(text) == []


def list_visit_sentences() -> Iterator[str]:
    """Yield what visits report in English, with placeholders filled in."""
    for (context, words, _), files in messages.find_marked_messages().items():
        has_visit = any(
            ("captures" not in name and "/capture" in name)
            or ("/network" in name and VISIT_SENTENCE_PATTERN.match(words))
            for name in files
        )
        sentence = context == CONTEXT and words[-1] in ".:" and has_visit
        if sentence and not words.startswith("The rendered page %"):
            yield re.sub(r"%\((\w+)\)s", lambda name: WORDS.get(name[1], "7"), words)


def test_sealed_english_sentences_have_chinese_translations() -> None:
    sentences = [*list_visit_sentences(), METHOD_DESCRIPTION, BROWSER_METHOD, *OBSTACLE_SENTENCES.values(), *REASONS]
    assert len(sentences) > 20
    assert [CHINESE.translate(sentence) for sentence in sentences if find_english(CHINESE.translate(sentence))] == []


@pytest.mark.parametrize("use", [*USE_SENTENCES.values(), USES_URL_SENTENCE])
def test_picture_use_is_translated(use: str) -> None:
    for where in ("one place", "3 places"):
        assert not find_english(CHINESE.translate(f"The page is available. The rendered page {use} in {where}."))


def test_non_image_response_types_are_translated() -> None:
    source = (CHECKOUT / "exhibit/pictures/sniff.py").read_text(encoding="utf-8")
    strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    kinds = {text for text in strings if isinstance(text, str) and re.fullmatch(r"an? [\w ]+", text)}
    assert len(kinds) > 10
    for kind in kinds:
        words = CHINESE.translate(f"The image URL now returns {kind} instead of an image.")
        assert kind not in words, words


def test_user_text_is_not_translated() -> None:
    for words in ("No order, no licence.", "Licence to print, says Bob", "他说：no licence"):
        assert CHINESE.translate(words) == words
    assert CHINESE.translate("The page is available. Bob says otherwise.") == "页面存在。 Bob says otherwise."


@pytest.mark.long
def test_sheet_states_that_licences_were_not_checked_if_none_were_entered() -> None:
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
        text = " ".join(extract_text(render_exhibit_sheet(case, sample_pictures(), language)).split())
        assert never not in text
        assert says in text
