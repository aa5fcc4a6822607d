"""What a report was asked for, in words."""

from collections.abc import Iterator
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from desk.texts.cases import OFFERED
from exhibit.types import CaseDecision
from registry.models import Package, Report
from workers.reports import titles
from workers.reports.scope import EVERYTHING, wanted_of

FORMATS = {
    "pdf": gettext_lazy("PDF, to read and to print"),
    "xlsx": gettext_lazy("XLSX, for a spreadsheet"),
    "csv": gettext_lazy("CSV, for a spreadsheet or a program"),
    "json": gettext_lazy("JSON, everything, for a program"),
}
LANGUAGES = {"en": gettext_lazy("English"), "zh-Hans": gettext_lazy("Chinese")}

MAX_SHOWN = 8
"""Numbers of works that are shown of a report's limits."""


def title_of(report: Report) -> str:
    """Its title; one that nobody gave in the reader's language."""
    return titles.in_words(report.parameters["title"], report.number, report.owner.name)


def limits_of(report: Report) -> Iterator[str]:
    """What a report was limited to, a phrase for each limit; none for a report of all cases that weren't cleared."""
    scope = wanted_of(report.parameters).scope
    if scope.watch:
        yield _("watch “%(name)s”") % {"name": scope.watch}
    if scope.works:
        shown = ", ".join(map(str, scope.works[:MAX_SHOWN])) + (" …" if len(scope.works) > MAX_SHOWN else "")
        yield ngettext("work %(numbers)s", "works %(numbers)s", len(scope.works)) % {"numbers": shown}
    if scope.first:
        yield _("seen on %(day)s or later") % {"day": day_in_words(scope.first)}
    if scope.last:
        yield _("first seen on %(day)s or earlier") % {"day": day_in_words(scope.last)}
    if scope.decisions != EVERYTHING.decisions:
        yield ", ".join(str(OFFERED[CaseDecision(decision)]) for decision in scope.decisions)


def day_in_words(text: str) -> str:
    """A day in the reader's form, of one as ISO 8601 writes it."""
    return date_format(date.fromisoformat(text), "DATE_FORMAT")


def bundles_for(package: Package) -> str:
    """For whom bundles were put together."""
    return _("Bundles for the court") if package.recipient == "court" else _("Bundles for the other side")
