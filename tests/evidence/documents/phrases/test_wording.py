"""What documents say: who speaks, which words never appear, and that both languages say the same."""

import csv
import io
import re
import string
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest
from django.utils import translation

import crawler
import evidence.documents
from desk.texts.remarks import remarks_of
from evidence.documents import (
    render_exhibit_sheet,
    render_report_json,
    standing_unchecked,
)
from evidence.documents.phrases import Phrases, languages, load_phrases
from evidence.documents.phrases.wording import Wording, figure, percent, zone_named
from evidence.documents.report.facts import FAILED
from evidence.documents.typeset.fonts import installed_fonts
from evidence.facts.case import LANGUAGES
from exhibit.errors import WrongUseError
from exhibit.types import Verification
from tests.assets.documents_sample import (
    NOON,
    sample_case,
    sample_match,
    sample_pictures,
    sample_report,
    sample_sighting,
    sample_witnesses,
)
from tests.assets.reports import render_report_csv, render_report_pdf

FORBIDDEN = re.compile(
    r"infring|stolen|\btheft|\bsteal|\bprov(es?|en)\b|admissib|irrefutab|legally valid|certif(y|ied|ies)\b"
    r"|(?<!涉嫌)侵权|盗用|盗窃|偷|证明所有权|可采|不可辩驳|合法有效|认证|违法|登记证书",
    re.IGNORECASE,
)
SOURCES = Path(evidence.documents.__file__).parent


def text_of(pdf: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))


def shown_languages() -> list[str]:
    return list(LANGUAGES) if installed_fonts().chinese else ["en"]


@pytest.fixture(scope="module")
def sheet() -> str:
    return text_of(render_exhibit_sheet(sample_case(), sample_pictures(), "en", time_zone="Asia/Shanghai"))


@pytest.fixture(scope="module")
def report() -> str:
    facts, pictures = sample_report(2)
    return text_of(render_report_pdf(facts, pictures, "en"))


def test_there_is_a_catalogue_for_each_language_of_the_facts() -> None:
    assert set(languages()) == set(LANGUAGES)


def test_all_catalogues_have_the_same_keys_and_placeholders() -> None:
    def shape(phrases: Phrases) -> dict[str, set[str]]:
        names = string.Formatter().parse
        return {key: {str(part[1]) for part in names(text) if part[1]} for key, text in phrases.sentences.items()}

    assert shape(load_phrases("en")) == shape(load_phrases("zh-Hans"))


def test_every_sentence_that_the_code_asks_for_is_in_the_catalogue() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    keys = load_phrases("en").sentences
    asked = set(re.findall(r"""say\(\s*["']([a-z_]+\.[a-z_]+)["']""", source))
    asked |= {f"label.{name}" for name in re.findall(r"""row\(\s*["']([a-z_]+)["']""", source)}
    assert len(asked) > 60
    assert asked <= set(keys)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_catalogue_holds_a_forbidden_word(language: str) -> None:
    for key, text in load_phrases(language).sentences.items():
        assert not FORBIDDEN.search(text), key


@pytest.mark.parametrize("language", shown_languages())
@pytest.mark.parametrize("demonstration", [False, True])
def test_no_rendered_file_holds_a_forbidden_word(language: str, *, demonstration: bool) -> None:
    facts, pictures = sample_report(2, demonstration=demonstration)
    case = facts.cases[0].facts
    texts = [
        text_of(render_exhibit_sheet(case, pictures["1"], language)),
        text_of(render_report_pdf(facts, pictures, language)),
        render_report_csv(facts).decode("utf-8-sig"),
        render_report_json(facts).decode(),
    ]
    for text in texts:
        assert len(text) > 1000
        found = FORBIDDEN.search(text)
        assert found is None, found


def test_the_check_for_forbidden_words_sees_them() -> None:
    for text in ("it infringes", "This proves ownership", "stolen", "certified", "侵权成立", "admissible"):
        assert FORBIDDEN.search(text), text
    assert not FORBIDDEN.search("涉嫌侵权, improved, provenance")


def test_an_unknown_language_is_refused_with_those_that_exist() -> None:
    with pytest.raises(WrongUseError, match="en, zh-Hans"):
        load_phrases("fr")


def test_an_unknown_time_zone_is_refused_by_its_name() -> None:
    with pytest.raises(WrongUseError, match="Mars/Olympus"):
        zone_named("Mars/Olympus")
    with pytest.raises(WrongUseError):
        zone_named("../../etc/passwd")


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, "0%"), (0.949, "94%"), (0.94, "94%"), (0.9999, "99%"), (1.0, "100%")]
)
def test_percentages_are_never_rounded_up(share: float, words: str) -> None:
    assert percent(share) == words
    assert figure(0.9399) == "0.939"


def verification(**changes: object) -> Verification:
    facts = sample_case().matches[0].verification
    return replace(facts, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Recorded: aligned over 94% of the registered picture, mirrored, turned by 90°."),
        ({"mirrored": False, "rotation": 0}, "Recorded: aligned over 94% of the registered picture."),
        ({"rotation": -90}, "Recorded: aligned over 94% of the registered picture, mirrored, turned by 270°."),
        ({"transform": None}, "Recorded: no geometric alignment was measured."),
    ],
)
def test_an_alignment_is_one_plain_sentence(changes: dict[str, object], words: str) -> None:
    assert Wording(load_phrases("en")).aligned(verification(**changes)) == words


def test_the_sheet_says_where_when_and_how_sure(sheet: str) -> None:
    for words in (
        "Case 12 · bundle 1 · prints-and-more.example",
        "Autumn Hills — canvas print",
        "HTTP 200 · 203.0.113.9",
        "2026-11-18 11:46:55 UTC · 2026-11-18 19:46:55 +0800 Asia/Shanghai",
        "38 of 256 bits differ",
        "412 distinct points agree with one transform",
        "93% (0.937)",
        "Likelihood ratio not calibrated",
        "searched at 2026-11-20 11:00:00 UTC, cover no such use",
        "Not licensed: believed to be used without permission",
        "Jonas Ek",
        "The site's own upload date was not checked.",
        "Exceptions and limitations of the law (quotation, fair use, parody and others): not checked.",
        "Not legal advice. Made by no court, notary or authority.",
    ):
        assert words in sheet, words


def test_digests_and_addresses_can_be_copied_out_whole() -> None:
    pdf = render_exhibit_sheet(sample_case(), sample_pictures(), "en")
    joined = "".join(text_of(pdf).split())
    case = sample_case()
    assert case.sightings[0].page_url in joined
    assert case.sightings[0].picture.digest.hex in joined


def test_each_fact_has_its_speaker(sheet: str) -> None:
    assert "Author Mara Lindqvist declared" in sheet
    assert "Ships worldwide. stated" in sheet
    assert "Log entry 12 recorded" in sheet


def test_the_report_names_each_witness_with_its_state_and_weight(report: str) -> None:
    assert "Example Time Authority" in report
    assert "development, without legal weight" in report
    assert "pending" in report
    assert "existed no later than" in report


def test_a_development_witness_is_named_on_the_first_page() -> None:
    facts, pictures = sample_report(1)
    first = pypdf.PdfReader(io.BytesIO(render_report_pdf(facts, pictures, "en"))).pages[0].extract_text()
    assert "without legal weight" in first


def test_witnesses_without_development_bring_no_warning() -> None:
    case = replace(sample_case(), witnesses=sample_witnesses()[:1])
    assert "without legal weight" not in text_of(render_exhibit_sheet(case, sample_pictures(), "en"))


@pytest.mark.parametrize("language", shown_languages())
def test_a_qualified_witness_is_named_so_by_the_operators_list_and_its_day_alone(language: str) -> None:
    words = {
        "en": "qualified (eIDAS) according to the operator's list as of 2026-11-01",
        "zh-Hans": "截至 2026-11-01 的名录",
    }
    [first, *_] = sample_witnesses()
    for witness, times in ((replace(first, qualified="2026-11-01"), 1), (first, 0)):
        case = replace(sample_case(), witnesses=(witness,))
        text = text_of(render_exhibit_sheet(case, sample_pictures(), language)).replace("’", "'")
        assert text.replace(" ", "").count(words[language].replace(" ", "")) == times


def test_a_demonstration_decision_is_named_as_such_in_plain_sight() -> None:
    facts, pictures = sample_report(1, demonstration=True)
    pages = pypdf.PdfReader(io.BytesIO(render_report_pdf(facts, pictures, "en"))).pages
    assert "No person examined this case." in pages[0].extract_text()
    assert "Decided by a demonstration switch" in pages[1].extract_text()
    whole = text_of(render_report_pdf(facts, pictures, "en"))
    assert "believed unauthorised" not in whole


def test_an_open_case_says_that_nobody_has_decided() -> None:
    case = sample_case()
    undecided = replace(case, decision=replace(case.decision, decision="open", at=None, by="", reason=""))
    assert "Open: no person has decided" in text_of(render_exhibit_sheet(undecided, sample_pictures(), "en"))


@pytest.mark.parametrize(
    ("language", "covers", "words"),
    [
        ("en", "yes", "cover this use."),
        ("en", "some", "cover some of these sightings, not all."),
        ("en", "no", "cover no such use."),
        ("zh-Hans", "yes", "其中有许可涵盖此项使用"),
        ("zh-Hans", "some", "涵盖部分发现，并非全部"),
    ],
)
def test_the_licences_are_said_to_cover_all_some_or_none_of_it(language: str, covers: str, words: str) -> None:
    if language not in shown_languages():
        pytest.skip("no font for it is here")
    case = sample_case()
    reasons = ("Licence 7 (Prints): it covers 1 of 2 sightings.",)
    check = replace(case.licence_check, covered=covers == "yes", partly=covers == "some")
    check = replace(check, result="As it is sealed.", reasons=reasons)
    text = text_of(render_exhibit_sheet(replace(case, licence_check=check), sample_pictures(), language))
    assert words.replace(" ", "") in text.replace(" ", "")
    assert "As it is sealed" not in text  # the sheet says it in its own language, once
    assert load_phrases(language).say("label.licence_notes").replace(" ", "") in text.replace(" ", "")
    report, _ = sample_report(1)
    told = replace(report, cases=(replace(report.cases[0], facts=replace(case, licence_check=check)),))
    [line] = csv.DictReader(render_report_csv(told).decode("utf-8-sig").splitlines())
    assert line["licence_covers"] == covers


def test_what_is_missing_reads_not_stated_and_not_recorded() -> None:
    case = sample_case()
    work = replace(case.work, author="", registrations=(), registration=None)
    sighting = replace(case.sightings[0], captures=(), slice=None)
    text = text_of(render_exhibit_sheet(replace(case, work=work, sightings=(sighting,)), {}, "en"))
    assert "Author not stated" in text
    assert "not checked: no capture was made" in text
    assert "This picture is not part of this document." in text


def test_a_long_list_says_how_much_of_it_is_shown() -> None:
    case = sample_case()
    many = tuple(replace(sample_sighting(case.sightings[0].picture), number=n) for n in range(1, 51))
    text = text_of(render_exhibit_sheet(replace(case, sightings=many), sample_pictures(), "en"))
    assert "The first 40 of 50 are listed here; the attached data holds all." in text


def test_several_matches_are_numbered() -> None:
    case = sample_case()
    first = case.matches[0]
    second = replace(sample_match(case.work.pictures[0], case.sightings[0].picture), number=2)
    text = text_of(render_exhibit_sheet(replace(case, matches=(first, second)), sample_pictures(), "en"))
    assert "Match 1 of 2" in text
    assert "Match 2 of 2" in text


def test_a_report_tells_what_was_refused_in_words(report: str) -> None:
    assert "forbidden by robots.txt 24" in report
    assert "address in a private network 1" in report


def test_a_report_without_cases_claims_nothing_about_other_places() -> None:
    facts, _ = sample_report(0)
    text = text_of(render_report_pdf(facts, {}, "en"))
    assert "recorded no case in this period" in text


def test_local_times_are_left_out_without_a_zone() -> None:
    assert Wording(load_phrases("en"), zone_named("UTC")).both_times(NOON) == "2026-11-20 12:00:00 UTC"


def test_a_case_without_a_bundle_is_not_said_to_be_sealed() -> None:
    sealed = "sealed in the bundle. From them anyone can compute again"
    assert sealed in text_of(render_exhibit_sheet(sample_case(), sample_pictures(), "en"))
    assert sealed not in text_of(render_exhibit_sheet(replace(sample_case(), bundle=0), sample_pictures(), "en"))


def test_standing_sentences_stand_once_and_in_the_language_of_the_document() -> None:
    twice = (*standing_unchecked("en"), *standing_unchecked("zh-Hans"), "One of its own.")
    text = text_of(render_exhibit_sheet(replace(sample_case(), not_checked=twice), sample_pictures(), "en"))
    assert text.count("Who operates the site or the account: not checked.") == 1
    assert "One of its own." in text
    assert "未核查" not in text


REASONS = re.compile(
    r'reason="([a-z-]+)"|Refused\("([a-z-]+)"|_refusal\([^,]+, "([a-z-]+)"|return "([a-z-]+)", (?:f|Sentence\()?"'
    r'|\), "([a-z-]+)", (?:Sentence\()?"|\("([a-z-]+)", "The job'
)
"""How the crawler and what it stands on name the reason of a refusal."""


def test_every_reason_that_a_crawl_gives_has_its_words() -> None:
    root = Path(crawler.__file__).parents[1]
    sources = [*root.glob("crawler/**/*.py"), *root.glob("exhibit/**/*.py"), root / "registry/crawls/crawling.py"]
    found = {next(filter(None, match)) for path in sources for match in REASONS.findall(path.read_text("utf-8"))}
    assert {"incomplete", "redirects", "broke-off", "bad-encoding", "timeout", "robots", "budget"} <= found
    for language in languages():
        known = load_phrases(language).sentences
        assert {reason for reason in found if f"refused.{reason}" not in known} == set()
    assert {"incomplete", "redirects", "broke-off", "bad-encoding", "error", "timeout"} <= set(FAILED)


def test_a_report_tells_every_source_why_a_crawl_ended_and_what_did_not_come_whole(report: str) -> None:
    squeezed = report.replace(" ", "")
    assert "https://prints.example/ahttps://b.example/" in squeezed
    assert "ended:pagesofitsbudgetusedup" in squeezed
    assert "Tobevisited" in squeezed  # not all of them need have been
    _, _, failed = report.partition("Asked for, and not received whole")
    assert "broke off before all bytes had come 2" in failed


@pytest.mark.parametrize("language", languages())
def test_every_remark_of_a_comparison_has_its_words_in_documents_and_on_pages(language: str) -> None:
    known = load_phrases(language).sentences
    named = {key: text for key, text in known.items() if key.startswith("remark.")}
    assert set(named) == {key for key in load_phrases("en").sentences if key.startswith("remark.")}
    with translation.override(language.lower()):
        on_pages = remarks_of(key.removeprefix("remark.") for key in named)
    assert [one[1:-1] for one in on_pages] == [one[1:] for one in named.values()]
    assert {one[-1] for one in on_pages} <= {".", "。"}


def test_remarks_stand_in_words_and_are_no_reason_to_hold_anything_back() -> None:
    case = sample_case()
    [match] = case.matches
    noted = replace(match, verification=replace(match.verification, reasons=("same-bytes", "mark")))
    text = text_of(render_exhibit_sheet(replace(case, matches=(noted,)), sample_pictures(), "en"))
    assert "Remarks the two files have the same bytes" in text
    assert "same-bytes" not in text
    assert "Held back" not in text


def test_what_a_visit_met_is_told_in_the_words_of_its_record() -> None:
    case = sample_case()
    [sighting] = case.sightings
    sentence = "The site asks for a login (status 403), so the page wasn't seen; it may be there for others."
    wall = replace(sighting.captures[0], outcome="unreachable", sentence=sentence)
    shown = replace(case, sightings=(replace(sighting, captures=(wall,)),))
    assert sentence in text_of(render_exhibit_sheet(shown, sample_pictures(), "en")).replace("’", "'")
