"""Witnesses in documents: each with its state and its weight."""

from dataclasses import replace

import pytest

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from tests.assets.documents_sample import (
    sample_case,
    sample_pictures,
    sample_witnesses,
)
from tests.assets.pdf_text import text_of
from tests.evidence.documents.phrases.test_wording import shown_languages


def test_the_report_names_each_witness_with_its_state_and_weight(report: str) -> None:
    assert "Example Time Authority" in report
    assert "development, without legal weight" in report
    assert "pending" in report
    assert "existed no later than" in report


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
