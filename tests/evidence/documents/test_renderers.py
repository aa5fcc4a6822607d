"""Test the contract of every report format."""

from collections.abc import Callable

import pytest

from evidence.documents.report.facts import ReportFacts
from evidence.documents.report.volumes import FORMATS
from evidence.documents.typeset.pictures import Pictures
from tests.assets.documents_sample import sample_report
from tests.assets.reports import render_report_csv, render_report_pdf, render_report_xlsx

Render = Callable[[ReportFacts, dict[str, Pictures]], bytes]
RENDERERS: dict[str, Render] = {
    "pdf": lambda report, pictures: render_report_pdf(report, pictures, "en"),
    "csv": lambda report, _: render_report_csv(report),
    "xlsx": lambda report, _: render_report_xlsx(report),
    "json": lambda report, _: report.to_json(),
}
PARAMETRIZE_RENDERERS = pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)


@PARAMETRIZE_RENDERERS
def test_rendering_is_deterministic(render: Render) -> None:
    facts, pictures = sample_report(2)
    assert render(facts, dict(pictures)) == render(facts, dict(pictures))


@PARAMETRIZE_RENDERERS
def test_different_facts_give_different_bytes(render: Render) -> None:
    report, pictures = sample_report(1)
    two, more = sample_report(2)
    assert render(report, dict(pictures)) != render(two, dict(more))


@PARAMETRIZE_RENDERERS
def test_report_without_cases_is_not_empty(render: Render) -> None:
    facts, _ = sample_report(0)
    assert render(facts, {})


def test_each_format_is_tested_with_its_own_media_type() -> None:
    assert sorted(FORMATS) == sorted(RENDERERS)
    assert len(set(FORMATS.values())) == len(FORMATS)
