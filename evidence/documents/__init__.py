"""Documents: the exhibit sheet of a case and the report of many, as PDF/A-3b, CSV and JSON.

They state what was observed, when, how sure the comparison is and what was not checked, each sentence with its speaker:
recorded by the software, declared by the owner, stated by a third party. Addresses are shown, never linked.
"""

from evidence.documents.phrases.standing import standing_unchecked
from evidence.documents.report.facts import (
    CrawlCoverage,
    RefusalCount,
    ReportCase,
    ReportFacts,
    ReportScope,
    ReportSummary,
)
from evidence.documents.report.json import render_report_json
from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
from evidence.documents.sheets.exhibit import render_exhibit_sheet

__all__ = [
    "DEPOSIT_PARTY",
    "CrawlCoverage",
    "RefusalCount",
    "ReportCase",
    "ReportFacts",
    "ReportScope",
    "ReportSummary",
    "render_deposit_record",
    "render_exhibit_sheet",
    "render_report_json",
    "standing_unchecked",
]
