"""A report of few cases in one file, made of the volumes of :class:`evidence.documents.report.volumes.ReportFolder`."""

from collections.abc import Mapping
from io import BytesIO

from evidence.documents.report.columns import csv_head, csv_lines, rows_of
from evidence.documents.report.facts import ReportFacts
from evidence.documents.report.pdf import unset_report
from evidence.documents.report.xlsx import write_xlsx, xlsx_rows
from evidence.documents.typeset.pictures import Pictures


def render_report_pdf(report: ReportFacts, pictures: Mapping[str, Pictures], language: str) -> bytes:
    return unset_report(report, pictures, language).pdf()


def render_report_csv(report: ReportFacts) -> bytes:
    return csv_head() + csv_lines(rows_of(report.cases))


def render_report_xlsx(report: ReportFacts) -> bytes:
    out = BytesIO()
    write_xlsx(out, [xlsx_rows(rows_of(report.cases))])
    return out.getvalue()
