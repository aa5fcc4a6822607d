"""Test the wording of documents: the speaker, forbidden words, and equal statements in both languages."""

import re
import string
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import translation

import evidence.documents
from desk.texts.cases import describe_remarks
from evidence.documents.phrases import Phrases, list_languages, load_phrases
from evidence.documents.phrases.wording import Wording, format_fraction, format_percent, load_time_zone
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.fonts import load_fonts
from evidence.facts.case import LANGUAGES
from exhibit.errors import InvalidRequestError
from exhibit.types import Verification
from indexer.compare.wording import REASONS
from tests.assets.documents_sample import (
    NOON,
    sample_case,
    sample_report,
)
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_csv, render_report_pdf

FORBIDDEN = re.compile(
    r"infring|stolen|\btheft|\bsteal|\bprov(es?|en)\b|admissib|irrefutab|legally valid|certif(y|ied|ies)\b"
    r"|(?<!涉嫌)侵权|盗用|盗窃|偷|证明所有权|可采|不可辩驳|合法有效|认证|违法|登记证书",
    re.IGNORECASE,
)
SOURCES = Path(evidence.documents.__file__).parent


def shown_languages() -> list[str]:
    return list(LANGUAGES) if load_fonts().chinese_families else ["en"]


def test_each_facts_language_has_a_catalogue() -> None:
    assert set(list_languages()) == set(LANGUAGES)


def test_catalogues_have_same_keys_and_placeholders() -> None:
    def names(text: str) -> set[str]:
        return {str(part[1]) for part in string.Formatter().parse(text) if part[1]}

    def shape(phrases: Phrases) -> dict[str, set[str]]:
        return {key: names(text) for key, text in phrases.sentences.items() if not key.startswith("spoken.")}

    assert shape(load_phrases("en")) == shape(load_phrases("zh-Hans"))
    spoken = {key: text for key, text in load_phrases("zh-Hans").sentences.items() if key.startswith("spoken.")}
    assert len(spoken) > 100
    assert {key: names(text) for key, text in spoken.items()} == {key: names(key) for key in spoken}


def test_catalogue_contains_every_used_sentence() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    keys = load_phrases("en").sentences
    used_keys = set(re.findall(r"""render\(\s*["']([a-z_]+\.[a-z_]+)["']""", source))
    used_keys |= {f"label.{name}" for name in re.findall(r"""row\(\s*["']([a-z_]+)["']""", source)}
    assert len(used_keys) > 60
    assert used_keys <= set(keys)


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_contains_no_forbidden_word(language: str) -> None:
    for key, text in load_phrases(language).sentences.items():
        assert not FORBIDDEN.search(f"{key} {text}"), key


@pytest.mark.long
@pytest.mark.parametrize("language", shown_languages())
@pytest.mark.parametrize("demonstration", [False, True])
def test_rendered_files_contain_no_forbidden_word(language: str, *, demonstration: bool) -> None:
    facts, pictures = sample_report(2, demonstration=demonstration)
    case = facts.cases[0].facts
    texts = [
        text_of(render_exhibit_sheet(case, pictures["1"], language)),
        text_of(render_report_pdf(facts, pictures, language)),
        render_report_csv(facts).decode("utf-8-sig"),
        facts.to_json().decode(),
    ]
    for text in texts:
        assert len(text) > 1000
        match = FORBIDDEN.search(text)
        assert match is None, match


def test_forbidden_word_pattern_matches() -> None:
    for text in ("it infringes", "This proves ownership", "stolen", "certified", "侵权成立", "admissible"):
        assert FORBIDDEN.search(text), text
    assert not FORBIDDEN.search("涉嫌侵权, improved, provenance")


def test_unknown_language_error_lists_known_languages() -> None:
    with pytest.raises(InvalidRequestError, match="en, zh-Hans"):
        load_phrases("fr")


def test_unknown_time_zone_is_rejected() -> None:
    with pytest.raises(InvalidRequestError, match="Mars/Olympus"):
        load_time_zone("Mars/Olympus")
    with pytest.raises(InvalidRequestError):
        load_time_zone("../../etc/passwd")


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, "0%"), (0.949, "94%"), (0.94, "94%"), (0.9999, "99%"), (1.0, "100%")]
)
def test_percentages_are_never_rounded_up(share: float, words: str) -> None:
    assert format_percent(share) == words
    assert format_fraction(0.9399) == "0.939"


def build_verification(**changes: object) -> Verification:
    facts = sample_case().matches[0].verification
    return replace(facts, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Recorded: aligned over 94% of the area of the registered picture, mirrored, rotated by 90°."),
        ({"mirrored": False, "rotation": 0}, "Recorded: aligned over 94% of the area of the registered picture."),
        (
            {"rotation": -90},
            "Recorded: aligned over 94% of the area of the registered picture, mirrored, rotated by 270°.",
        ),
        ({"transform": None}, "Recorded: no geometric alignment was measured."),
    ],
)
def test_alignment_is_described_in_plain_words(changes: dict[str, object], words: str) -> None:
    assert Wording(load_phrases("en")).describe_alignment(build_verification(**changes)).endswith(words)


def test_local_time_is_omitted_without_time_zone() -> None:
    assert Wording(load_phrases("en"), load_time_zone("UTC")).format_both_times(NOON) == "2026-11-20 12:00:00 UTC"


@pytest.mark.parametrize("language", list_languages())
def test_every_remark_has_a_text_in_documents_and_pages(language: str) -> None:
    sentences = load_phrases(language).sentences
    remarks = {key: text for key, text in sentences.items() if key.startswith("remark.")}
    assert {key.removeprefix("remark.") for key in remarks} == set(REASONS)
    with translation.override(language.lower()):
        on_pages = describe_remarks(key.removeprefix("remark.") for key in remarks)
    assert [sentence[1:-1] for sentence in on_pages] == [sentence[1:] for sentence in remarks.values()]
    assert {sentence[-1] for sentence in on_pages} <= {".", "。"}
