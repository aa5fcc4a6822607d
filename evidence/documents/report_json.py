"""The report as JSON: everything that the report holds, for programs."""

from evidence.documents.report import ReportFacts
from exhibit.entries import canonical


def render_report_json(report: ReportFacts) -> bytes:
    """The report as canonical JSON (RFC 8785): UTF-8, sorted keys, no spaces; same input, same bytes.

    Each field is one of :class:`evidence.documents.report.ReportFacts` under its own name. Times are RFC 3339 in UTC,
    digests lower-case hexadecimal, shares numbers from 0 to 1. ``format`` changes when a field changes its meaning.
    """
    return canonical(report.to_plain())
