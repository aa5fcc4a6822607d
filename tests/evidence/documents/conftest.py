"""The text of an exhibit sheet and of a report, created once."""

from collections.abc import Mapping

import pytest

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from tests.assets.documents_sample import (
    sample_case,
    sample_pictures,
    sample_report,
)
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_pdf


@pytest.fixture(scope="session")
def sheet() -> str:
    return text_of(render_exhibit_sheet(sample_case(), sample_pictures(), "en", time_zone="Asia/Shanghai"))


@pytest.fixture(scope="session")
def report() -> str:
    facts, pictures = sample_report(2)
    return text_of(render_report_pdf(facts, pictures, "en"))


@pytest.fixture(scope="session")
def pictures() -> Mapping[str, bytes]:
    return sample_pictures()
