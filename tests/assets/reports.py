"""A report of few cases in one file, made of the volumes of :class:`evidence.documents.report.volumes.ReportFolder`."""

from collections.abc import Mapping
from io import BytesIO

from evidence.documents.report.columns import build_csv_header, build_csv_lines, build_rows
from evidence.documents.report.facts import ReportFacts
from evidence.documents.report.pdf import prepare_report
from evidence.documents.report.xlsx import build_xlsx_rows, write_xlsx
from evidence.documents.typeset.pictures import Pictures


def render_report_pdf(report: ReportFacts, pictures: Mapping[str, Pictures], language: str) -> bytes:
    return prepare_report(report, pictures, language).render_pdf()


def render_report_csv(report: ReportFacts) -> bytes:
    return build_csv_header() + build_csv_lines(build_rows(report.cases))


def render_report_xlsx(report: ReportFacts) -> bytes:
    out = BytesIO()
    write_xlsx(out, [build_xlsx_rows(build_rows(report.cases))])
    return out.getvalue()
