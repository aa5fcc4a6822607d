"""What every renderer of reports does."""

import pytest

from evidence.documents.renderers import RENDERERS
from evidence.documents.report import ReportFacts
from exhibit.ports import Renderer
from tests.unit.documents_sample import sample_report

ALL = pytest.mark.parametrize("renderer", RENDERERS, ids=lambda renderer: renderer.suffix)


@ALL
def test_the_same_facts_give_the_same_bytes(renderer: Renderer[ReportFacts]) -> None:
    facts, pictures = sample_report(2)
    assert renderer.render(facts, pictures, "en") == renderer.render(facts, pictures, "en")


@ALL
def test_other_facts_give_other_bytes(renderer: Renderer[ReportFacts]) -> None:
    one, pictures = sample_report(1)
    two, more = sample_report(2)
    assert renderer.render(one, pictures, "en") != renderer.render(two, more, "en")


@ALL
def test_a_report_without_cases_is_a_file_too(renderer: Renderer[ReportFacts]) -> None:
    facts, _ = sample_report(0)
    assert renderer.render(facts, {}, "en")


def test_each_format_has_its_own_suffix_and_media_type() -> None:
    assert sorted(renderer.suffix for renderer in RENDERERS) == ["csv", "json", "pdf", "xlsx"]
    assert len({renderer.media_type for renderer in RENDERERS}) == len(RENDERERS)
