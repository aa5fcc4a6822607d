"""The formats in which a report can be had, each behind the port :class:`exhibit.ports.Renderer`."""

from collections.abc import Mapping

from evidence.documents.pictures import Pictures
from evidence.documents.report import ReportFacts
from evidence.documents.report_csv import render_report_csv
from evidence.documents.report_json import render_report_json
from evidence.documents.report_pdf import render_report_pdf
from evidence.documents.report_xlsx import render_report_xlsx
from exhibit.ports import Renderer


class PdfRenderer:
    """PDF/A-3b, for people and courts."""

    suffix = "pdf"
    media_type = "application/pdf"

    def render(self, report: ReportFacts, pictures: Mapping[str, Pictures], language: str) -> bytes:
        """The report's bytes; see :func:`evidence.documents.report_pdf.render_report_pdf`."""
        return render_report_pdf(report, pictures, language)


class CsvRenderer:
    """CSV, for spreadsheets: column names and words are the same in all languages."""

    suffix = "csv"
    media_type = "text/csv; charset=utf-8"

    def render(self, report: ReportFacts, pictures: Mapping[str, Pictures], language: str) -> bytes:  # noqa: ARG002 - port
        """The report's bytes; see :func:`evidence.documents.report_csv.render_report_csv`."""
        return render_report_csv(report)


class XlsxRenderer:
    """XLSX, for spreadsheets that are to reckon with dates and numbers."""

    suffix = "xlsx"
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def render(self, report: ReportFacts, pictures: Mapping[str, Pictures], language: str) -> bytes:  # noqa: ARG002 - port
        """The report's bytes; see :func:`evidence.documents.report_xlsx.render_report_xlsx`."""
        return render_report_xlsx(report)


class JsonRenderer:
    """JSON, for programs: the same in all languages."""

    suffix = "json"
    media_type = "application/json"

    def render(self, report: ReportFacts, pictures: Mapping[str, Pictures], language: str) -> bytes:  # noqa: ARG002 - port
        """The report's bytes; see :func:`evidence.documents.report_json.render_report_json`."""
        return render_report_json(report)


RENDERERS: tuple[Renderer[ReportFacts], ...] = (PdfRenderer(), CsvRenderer(), XlsxRenderer(), JsonRenderer())
