"""Test the sections of a case: decision, licence coverage, visit outcomes, and missing information."""

import csv
import io
from dataclasses import replace

import pypdf
import pytest

from evidence.documents.phrases import list_never_checked_sentences, load_phrases
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from tests.assets.documents_sample import (
    part,
    phrase,
    sample_case,
    sample_pictures,
    sample_report,
    sample_sighting,
    sample_timestamps,
)
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_csv, render_report_pdf
from tests.evidence.documents.phrases.test_wording import shown_languages


@pytest.mark.long
def test_demonstration_decision_is_labelled_prominently() -> None:
    facts, pictures = sample_report(1, demonstration=True)
    pages = pypdf.PdfReader(io.BytesIO(render_report_pdf(facts, pictures, "en"))).pages
    page_text = " ".join(pages[0].extract_text().split())
    assert "(1 of 1)" in page_text
    assert part("decision.demonstrations") in page_text
    assert phrase("decision.demonstration_title") in pages[1].extract_text()
    whole = text_of(render_report_pdf(facts, pictures, "en"))
    assert "believed unauthorised" not in whole


@pytest.mark.long
def test_open_case_states_missing_decision() -> None:
    case = sample_case()
    undecided = replace(case, decision=replace(case.decision, decision="open", at=None, by="", reason=""))
    assert phrase("decision.open") in text_of(render_exhibit_sheet(undecided, sample_pictures(), "en"))


@pytest.mark.long
@pytest.mark.parametrize(
    ("language", "covers", "words"),
    [
        ("en", "yes", part("licence.covers")),
        ("en", "some", part("licence.covers_some")),
        ("en", "no", part("licence.none_covers")),
        ("zh-Hans", "yes", "其中有许可涵盖此项使用"),
        ("zh-Hans", "some", "涵盖部分发现，并非全部"),
    ],
)
def test_report_states_licence_coverage(language: str, covers: str, words: str) -> None:
    if language not in shown_languages():
        pytest.skip("no font for it is here")
    case = sample_case()
    reasons = ("Licence 7 (Prints): it covers 1 of 2 sightings.",)
    check = replace(case.licence_check, covered=covers == "yes", partly=covers == "some")
    check = replace(check, result="As it is sealed.", reasons=reasons)
    text = text_of(render_exhibit_sheet(replace(case, licence_check=check), sample_pictures(), language))
    assert words.replace(" ", "") in text.replace(" ", "")
    assert "As it is sealed" not in text  # the sheet states the result in its own language
    assert load_phrases(language).render("label.licence_notes").replace(" ", "") in text.replace(" ", "")
    report, _ = sample_report(1)
    changed_report = replace(report, cases=(replace(report.cases[0], facts=replace(case, licence_check=check)),))
    [line] = csv.DictReader(render_report_csv(changed_report).decode("utf-8-sig").splitlines())
    assert line["licence_covers"] == covers


def test_missing_values_are_shown_as_not_stated_or_not_recorded() -> None:
    case = sample_case()
    work = replace(case.work, author="", registrations=(), registration=None)
    sighting = replace(case.sightings[0], captures=(), slice=None)
    text = text_of(render_exhibit_sheet(replace(case, work=work, sightings=(sighting,)), {}, "en"))
    assert "Author not stated" in text
    assert phrase("capture.none") in text
    assert phrase("picture.missing") in text


@pytest.mark.long
def test_long_list_states_how_many_rows_are_shown() -> None:
    case = sample_case()
    many = tuple(replace(sample_sighting(case.sightings[0].picture), number=n) for n in range(1, 51))
    text = text_of(render_exhibit_sheet(replace(case, sightings=many), sample_pictures(), "en"))
    assert phrase("document.listed_of", shown="40", all="50") in text


@pytest.mark.long
def test_report_does_not_describe_unsealed_case_as_sealed() -> None:
    sentence = part("match.both_views")
    assert sentence in text_of(render_exhibit_sheet(sample_case(), sample_pictures(), "en"))
    assert sentence not in text_of(render_exhibit_sheet(replace(sample_case(), bundle=0), sample_pictures(), "en"))


def test_visit_outcome_is_quoted_from_record() -> None:
    case = sample_case()
    [sighting] = case.sightings
    sentence = "The site asks for a login (status 403), so the page wasn't seen; it may be there for others."
    wall = replace(sighting.captures[0], outcome="unreachable", sentence=sentence)
    changed = replace(case, sightings=(replace(sighting, captures=(wall,)),))
    assert sentence in text_of(render_exhibit_sheet(changed, sample_pictures(), "en")).replace("’", "'")


@pytest.mark.long
def test_report_lists_timestamp_services_with_state_and_weight(report: str) -> None:
    assert "Example Time Authority" in report
    assert part("timestamp.development") in report
    assert "pending" in report
    assert part("timestamp.no_later") in report


def test_production_timestamp_services_cause_no_warning() -> None:
    case = replace(sample_case(), timestamps=sample_timestamps()[:1])
    assert part("timestamp.development") not in text_of(render_exhibit_sheet(case, sample_pictures(), "en"))


@pytest.mark.parametrize("language", shown_languages())
def test_qualified_status_requires_operator_list_and_date(language: str) -> None:
    words = {
        "en": "qualified (eIDAS) according to the operator's list of 2026-11-01",
        "zh-Hans": "截至 2026-11-01 的名录",
    }
    [first, *_] = sample_timestamps()
    for witness, times in ((replace(first, qualified="2026-11-01"), 1), (first, 0)):
        case = replace(sample_case(), timestamps=(witness,))
        text = text_of(render_exhibit_sheet(case, sample_pictures(), language)).replace("’", "'")
        assert text.replace(" ", "").count(words[language].replace(" ", "")) == times


def test_standard_sentences_appear_once_in_document_language() -> None:
    twice = (*list_never_checked_sentences("en"), *list_never_checked_sentences("zh-Hans"), "One of its own.")
    text = text_of(render_exhibit_sheet(replace(sample_case(), not_checked=twice), sample_pictures(), "en"))
    assert text.count(phrase("unchecked.respondent")) == 1
    assert "One of its own." in text
    assert "未核查" not in text


@pytest.mark.parametrize(
    ("remark", "words"),
    [
        ("valid", "valid; SHA-256 " + "5e" * 32),
        ("expired,other-name", "expired, issued for another name; SHA-256 " + "5e" * 32),
    ],
)
def test_server_certificate_is_shown_with_sighting(remark: str, words: str) -> None:
    case = sample_case()
    checked = replace(case.sightings[0], certificate=f"{remark} sha256:{'5e' * 32}")
    sheet = render_exhibit_sheet(replace(case, sightings=(checked,)), sample_pictures(), "en")
    assert words.replace(" ", "") in text_of(sheet).replace(" ", "")
    assert part("label.certificate") not in text_of(render_exhibit_sheet(case, sample_pictures(), "en"))


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_crawl_name_cannot_escape_quotation_marks(language: str) -> None:
    if language not in shown_languages():
        pytest.skip("no font for it is here")
    case = sample_case()
    name = "7”: certified. “"
    case = replace(case, sightings=tuple(replace(sighting, crawl=name) for sighting in case.sightings))
    text = "".join(text_of(render_exhibit_sheet(case, sample_pictures(), language)).split())
    assert '“7":certified."”' in text
    assert "7”:certified" not in text
