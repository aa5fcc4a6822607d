"""Test the machine's fonts, and the message about a missing one."""

from collections.abc import Mapping

import pytest

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.fonts import load_fonts
from exhibit.errors import ServiceMissingError
from tests.assets.documents_sample import sample_case, sample_report
from tests.assets.fonts import only_embedded_fonts
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_pdf


def test_missing_chinese_font_error_explains_installation(pictures: Mapping[str, bytes]) -> None:
    with only_embedded_fonts(), pytest.raises(ServiceMissingError, match="apt-get install fonts-noto-cjk"):
        render_exhibit_sheet(sample_case(), pictures, "zh-Hans")


@pytest.mark.long
@pytest.mark.skipif(not load_fonts().chinese_families, reason="no font with Chinese characters is installed")
def test_chinese_documents_are_in_chinese(pictures: Mapping[str, bytes]) -> None:
    facts, by_case = sample_report(1)
    sheet = text_of(render_exhibit_sheet(sample_case(), pictures, "zh-Hans"))
    report = text_of(render_report_pdf(facts, by_case, "zh-Hans"))
    assert "未核查的事项" in sheet
    assert "未获许可：认为未经许可使用" in sheet
    assert "开发用，不具法律效力" in "".join(report.split())
    assert "[U+" not in sheet + report
