"""A report of few cases as one file, as :class:`evidence.documents.volumes.ReportFolder` makes it of volumes."""

from collections.abc import Mapping
from io import BytesIO

from evidence.documents import ReportFacts
from evidence.documents.fonts import FontSet, installed_fonts
from evidence.documents.pictures import Pictures
from evidence.documents.report_csv import csv_head, csv_lines
from evidence.documents.report_pdf import unset_report
from evidence.documents.report_xlsx import write_xlsx, xlsx_rows


def render_report_pdf(
    report: ReportFacts, pictures: Mapping[str, Pictures], language: str, *, fonts: FontSet | None = None
) -> bytes:
    return unset_report(report, pictures, language).pdf(fonts or installed_fonts())


def render_report_csv(report: ReportFacts) -> bytes:
    return csv_head() + csv_lines(report.cases)


def render_report_xlsx(report: ReportFacts) -> bytes:
    out = BytesIO()
    write_xlsx(out, [xlsx_rows(report.cases)])
    return out.getvalue()
