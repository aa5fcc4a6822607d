"""Test that a probability in documents always comes with its basis, in both languages."""

import io
from dataclasses import replace

import pypdf
import pytest

from evidence.documents.phrases.wording import format_ratio
from evidence.documents.report.facts import MAX_DETAILED_CASES
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import CaseFacts
from evidence.verify.checks.probability import build_calibration_facts
from exhibit.comparison.calibration import add_probability, compute_likelihood_ratio
from exhibit.comparison.rate_bounds import compute_upper_bound
from exhibit.types import Decision
from registry.bundles.sentences import format_measurements
from tests.assets.bundles import CALIBRATION
from tests.assets.documents_sample import (
    part,
    phrase,
    sample_case,
    sample_match,
    sample_pictures,
    sample_report,
)
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_pdf

MATCHING_CALIBRATION = replace(CALIBRATION, pipeline="pipeline-1")


def with_probability(case: CaseFacts, decision: Decision = Decision.CERTAIN) -> CaseFacts:
    match = case.matches[0]
    verification = add_probability(replace(match.verification, decision=decision), MATCHING_CALIBRATION)
    facts = build_calibration_facts(MATCHING_CALIBRATION, "data/calibrations/01.json")
    return replace(case, matches=(replace(match, verification=verification),), calibrations=(facts,))


def render_sheet_text(case: CaseFacts) -> str:
    pages = pypdf.PdfReader(io.BytesIO(render_exhibit_sheet(case, sample_pictures(), "en"))).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


@pytest.mark.long
def test_sheet_states_likelihood_ratio_but_no_probability() -> None:
    case = with_probability(sample_case())
    text = render_sheet_text(case)
    ratio = compute_likelihood_ratio(
        case.matches[0].verification.probability or 0, MATCHING_CALIBRATION.prior, MATCHING_CALIBRATION.photographs
    )
    assert f"Likelihood ratio at most {format_ratio(ratio.value)}." in text
    assert f"Prior probability 0.500{part('match.prior')}"[:60] in text
    assert "that the picture is a copy" not in text
    assert "Probability" not in text
    assert "tests-2026-11: Invented for tests." in text
    assert (
        phrase("match.bound_certain", at_most_in_a_million="7,462", photographs="400", others="399", failed="0") in text
    )
    assert MATCHING_CALIBRATION.digest.hex in text.replace(" ", "")


@pytest.mark.long
def test_sheet_explains_related_pictures_and_odds() -> None:
    case = sample_case()
    [match] = case.matches
    verification = replace(match.verification, decision=Decision.RELATED, related=8.99, exposure=-5.48)
    text = render_sheet_text(replace(case, matches=(replace(match, verification=verification),)))
    assert phrase("match.related_only") in text
    assert phrase("match.related", odds="> 1,000 : 1") in text
    assert "odds of 1 : 240 " in text
    assert phrase("label.odds") not in render_sheet_text(case)


@pytest.mark.parametrize(("probability", "key"), [(0.9999, "match.ratio_most"), (0.0001, "match.ratio_least")])
def test_likelihood_ratio_is_limited_by_number_of_photographs(probability: float, key: str) -> None:
    case = with_probability(sample_case())
    match = case.matches[0]
    case = replace(case, matches=(replace(match, verification=replace(match.verification, probability=probability)),))
    bound = compute_upper_bound(0, MATCHING_CALIBRATION.photographs // 2)
    most = compute_likelihood_ratio(probability, MATCHING_CALIBRATION.prior, MATCHING_CALIBRATION.photographs)
    assert most.limited
    assert most.value == pytest.approx(1 / bound if probability > 0.5 else bound)
    assert phrase(key, ratio=format_ratio(most.value), photographs="400") in render_sheet_text(case)


def test_likelihood_ratio_excludes_the_prior() -> None:
    assert compute_likelihood_ratio(0.9, 0.5, 4000).value == pytest.approx(9)
    assert compute_likelihood_ratio(0.9, 0.9, 4000).value == pytest.approx(1)
    assert compute_likelihood_ratio(1.0, 0.5, 4000).limited
    assert compute_likelihood_ratio(0.0, 0.5, 4000).limited
    assert [format_ratio(ratio) for ratio in (743.9, 45.96, 9.99, 1.0, 0.0456, 0.98)] == [
        "743", "45", "9.9", "1.0", "0.045", "0.98",
    ]  # fmt: skip


def test_review_decision_states_its_own_bound() -> None:
    text = render_sheet_text(with_probability(sample_case(), Decision.REVIEW))
    assert (
        phrase("match.bound_review", at_most_in_a_million="15,656", photographs="400", others="399", failed="2") in text
    )


@pytest.mark.parametrize(("decision", "most"), [(Decision.CERTAIN, "7,462"), (Decision.REVIEW, "15,656")])
def test_sentences_state_bound_of_decision(decision: Decision, most: str) -> None:
    verification = with_probability(sample_case(), decision).matches[0].verification
    words = format_measurements(verification, MATCHING_CALIBRATION)[-1]
    bound = f"calibration tests-2026-11; at most {most} false alarms per million pictures at 95% confidence"
    assert f"{bound}, measured with 400 photographs" in words


def test_uncalibrated_match_states_no_probability() -> None:
    verification = with_probability(sample_case()).matches[0].verification
    assert format_measurements(verification)[-1] == "The likelihood ratio has not been calibrated."
    assert "Calibration" not in render_sheet_text(sample_case())


def test_matches_of_a_case_are_numbered() -> None:
    case = sample_case()
    first = case.matches[0]
    second = replace(sample_match(case.work.pictures[0], case.sightings[0].picture), number=2)
    text = text_of(render_exhibit_sheet(replace(case, matches=(first, second)), sample_pictures(), "en"))
    assert "Match 1 of 2" in text
    assert "Match 2 of 2" in text


def test_remarks_are_shown_in_words() -> None:
    case = sample_case()
    [match] = case.matches
    with_remarks = replace(match, verification=replace(match.verification, reasons=("same-bytes", "mark")))
    text = text_of(render_exhibit_sheet(replace(case, matches=(with_remarks,)), sample_pictures(), "en"))
    assert f"Remarks {phrase('remark.same-bytes')}" in text
    assert "same-bytes" not in text
    assert "On hold" not in text


@pytest.mark.long
@pytest.mark.parametrize("cases", [1, MAX_DETAILED_CASES + 1])
def test_report_explains_measurements_without_internal_values(cases: int) -> None:
    report, pictures = sample_report(cases)
    case_facts = tuple(replace(case, facts=add_odds(with_probability(case.facts))) for case in report.cases)
    text = text_of(render_report_pdf(replace(report, cases=case_facts), pictures, "en"))
    assert part("match.ratio_most") in text or cases > 1
    assert [
        words
        for words in (
            "Prior",
            part("match.both_views"),
            "Matching points",
            "> 1,000 : 1",
            MATCHING_CALIBRATION.name,
            "0.500",
        )
        if words in text
    ] == []
    assert "7,462 false alarms" in text or cases > 1


def add_odds(case: CaseFacts) -> CaseFacts:
    [match] = case.matches
    return replace(case, matches=(replace(match, verification=replace(match.verification, related=8.99)),))


@pytest.mark.long
def test_report_of_unsealed_case_refers_to_no_checks() -> None:
    report, pictures = sample_report(1)
    [case] = report.cases
    unsealed = replace(report, cases=(replace(case, facts=replace(case.facts, bundle=0), seal=None),))
    assert "check: pictures" in extract_text_line(render_report_pdf(report, pictures, "en"))
    assert "check:" not in extract_text_line(render_report_pdf(unsealed, pictures, "en"))


def extract_text_line(pdf: bytes) -> str:
    return " ".join(text_of(pdf).split())
