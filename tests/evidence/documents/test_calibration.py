"""A probability in documents: with what it rests on, in both languages, and never without it."""

import csv
import io
import json
from dataclasses import replace

import pypdf
import pytest

from evidence.documents import render_exhibit_sheet, render_report_json
from evidence.documents.phrases.wording import ratio_words
from evidence.facts.case import CaseFacts
from evidence.verify.checks.probability import calibration_facts
from exhibit.comparison.calibration import calibrated, likelihood_ratio
from exhibit.comparison.confidence import upper_bound
from exhibit.types import Decision
from tests.assets.bundles import CALIBRATION
from tests.assets.documents_sample import sample_case, sample_pictures, sample_report
from tests.assets.reports import render_report_csv
from workers.texts.sentences import words_of

FITTING = replace(CALIBRATION, pipeline="pipeline-1")


def with_probability(case: CaseFacts, decision: Decision = Decision.CERTAIN) -> CaseFacts:
    match = case.matches[0]
    verification = calibrated(replace(match.verification, decision=decision), FITTING)
    facts = calibration_facts(FITTING, "data/calibrations/01.json")
    return replace(case, matches=(replace(match, verification=verification),), calibrations=(facts,))


def sheet(case: CaseFacts) -> str:
    pages = pypdf.PdfReader(io.BytesIO(render_exhibit_sheet(case, sample_pictures(), "en"))).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


def test_the_sheet_states_likelihood_ratio_prior_calibration_and_bound_and_no_probability() -> None:
    case = with_probability(sample_case())
    text = sheet(case)
    ratio = likelihood_ratio(case.matches[0].verification.probability or 0, FITTING.prior, FITTING.photographs)
    assert f"Likelihood ratio {ratio_words(ratio.value)}" in text
    assert "Prior 0.500: the share of copies that the calibration supposed" in text
    assert "that the picture is a copy" not in text
    assert "Probability" not in text
    assert "tests-2026-11: Invented for tests." in text
    assert "Decided as certain: at most 7,462 false alarms in a million pictures, with 95% confidence, from 400" in text
    assert FITTING.digest.hex in text.replace(" ", "")


@pytest.mark.parametrize(("probability", "words"), [(0.9999, "at most is stated"), (0.0001, "at least is stated")])
def test_no_ratio_is_stated_beyond_what_the_photographs_support(probability: float, words: str) -> None:
    case = with_probability(sample_case())
    match = case.matches[0]
    case = replace(case, matches=(replace(match, verification=replace(match.verification, probability=probability)),))
    bound = upper_bound(0, FITTING.photographs // 2)
    most = likelihood_ratio(probability, FITTING.prior, FITTING.photographs)
    assert most.limited
    assert most.value == pytest.approx(1 / bound if probability > 0.5 else bound)
    assert f"Likelihood ratio {ratio_words(most.value)} {words}" in sheet(case)


def test_a_ratio_takes_the_prior_out() -> None:
    assert likelihood_ratio(0.9, 0.5, 4000).value == pytest.approx(9)
    assert likelihood_ratio(0.9, 0.9, 4000).value == pytest.approx(1)
    assert likelihood_ratio(1.0, 0.5, 4000).limited
    assert likelihood_ratio(0.0, 0.5, 4000).limited
    assert [ratio_words(one) for one in (743.9, 45.96, 9.99, 1.0, 0.0456, 0.98)] == [
        "743", "45", "9.9", "1.0", "0.045", "0.98",
    ]  # fmt: skip


def test_facts_that_name_no_prior_state_no_ratio() -> None:
    case = with_probability(sample_case())
    earlier = replace(case.calibrations[0], prior=None, photographs=0)
    assert "not stated: the facts don't name the prior" in sheet(replace(case, calibrations=(earlier,)))


def test_what_is_put_up_for_review_has_its_own_bound() -> None:
    text = sheet(with_probability(sample_case(), Decision.REVIEW))
    assert "Put up for review: at most 15,656 false alarms in a million pictures" in text


def test_a_table_has_probability_calibration_and_bound_in_columns() -> None:
    report, _ = sample_report(1)
    case = replace(report.cases[0], facts=with_probability(report.cases[0].facts))
    report = replace(report, cases=(case,))
    (row,) = csv.DictReader(io.StringIO(render_report_csv(report).decode("utf-8-sig"), newline=""))
    assert 0.5 < float(row["probability"]) < 1
    assert float(row["likelihood_ratio"]) > 1
    assert (row["prior"], row["likelihood_ratio_limited"]) == ("0.5000", "yes")
    assert row["calibration"] == "tests-2026-11"
    assert row["calibration_sha256"] == FITTING.digest.hex
    assert row["false_alarms_in_a_million_at_most"] == "7462"
    plain = json.loads(render_report_json(report))
    assert plain["cases"][0]["facts"]["calibrations"][0]["certain"]["at_most_in_a_million"] == 7462


@pytest.mark.parametrize(("decision", "most"), [(Decision.CERTAIN, "7,462"), (Decision.REVIEW, "15,656")])
def test_sentences_state_it_with_the_bound_of_the_decision(decision: Decision, most: str) -> None:
    one = with_probability(sample_case(), decision).matches[0].verification
    words = words_of(one, FITTING)[-1]
    assert f"calibration tests-2026-11; at most {most} false alarms in a million pictures, 95%, from 400" in words


def test_without_its_calibration_no_probability_is_told() -> None:
    one = with_probability(sample_case()).matches[0].verification
    assert words_of(one)[-1] == "The likelihood ratio has not been calibrated."
    assert "Calibration" not in sheet(sample_case())
