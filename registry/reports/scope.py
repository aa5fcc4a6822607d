"""The scope of a report, and the cases and crawls within it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from evidence.documents.report.facts import ReportScope
from evidence.documents.report.volumes import FORMATS
from evidence.facts.case import LANGUAGES
from evidence.formats.codec import from_plain, to_plain
from exhibit.errors import InvalidRequestError
from exhibit.types import CaseDecision
from registry.accounts.models import Owner
from registry.cases.models import Case, CaseSighting
from registry.cases.scoped import list_owner_cases
from registry.crawls.models import Crawl
from registry.crawls.scoped import get_watch, list_owner_crawls
from registry.works.models import Work
from registry.works.scoped import list_owner_works

DEFAULT_SCOPE = ReportScope()  # All watches, works and times, and all cases except dismissed ones.
MAX_DIGITS = 9
MAX_WORKS = 1_000  # Maximum number of works named in a report. Larger reports cover all works.


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """The requested content and format of a report."""

    scope: ReportScope = DEFAULT_SCOPE
    formats: tuple[str, ...] = tuple(FORMATS)  # Keys of :data:`evidence.documents.report.volumes.FORMATS`.
    languages: tuple[str, ...] = ()  # Of the PDFs. If empty, those of the installation.


def check_request(owner: Owner, request: ReportRequest) -> None:
    """Check a report's parameters.

    Raises:
        InvalidRequestError: A parameter is invalid.
        NotFoundError: A watch or work does not belong to the owner.
    """
    scope = request.scope
    if not scope.decisions or not set(scope.decisions) <= set(CaseDecision):
        raise InvalidRequestError(
            _("No decision was selected. A report lists the cases with the selected decisions."),
            hint=_("Select at least one option."),
        )
    if not request.formats or not set(request.formats) <= set(FORMATS):
        raise InvalidRequestError(_("No format was selected."), hint=_("Select at least one option."))
    if not set(request.languages) <= set(LANGUAGES):
        raise InvalidRequestError(_("No PDF is available in this language."), hint=_("Select English or Chinese."))
    days = [_parse_day(day) for day in (scope.first, scope.last) if day]
    if days != sorted(days):
        raise InvalidRequestError(_("The last day is before the first day."), hint=_("Swap the two dates."))
    if len(scope.works) > MAX_WORKS:
        raise _make_too_many_works_error()
    if scope.watch:
        get_watch(owner, scope.watch)
    numbers = set(list_owner_works(owner).filter(number__in=scope.works).values_list("number", flat=True))
    if missing_numbers := sorted(set(scope.works) - numbers):
        sentence = _("%(owner)s has no work with the number %(number)s.") % {
            "owner": owner.name,
            "number": missing_numbers[0],
        }
        raise InvalidRequestError(sentence, hint=_("The number of a work is shown on its page."))


def parse_request(parameters: Mapping[str, Any]) -> ReportRequest:
    """Parse the parameters stored in a report's row."""
    stored_request = {name: parameters[name] for name in ("scope", "formats", "languages") if name in parameters}
    return from_plain(ReportRequest, to_plain(ReportRequest()) | stored_request, location="a report's parameters")


def list_cases(owner: Owner, scope: ReportScope, zone: str) -> QuerySet[Case]:
    """Return the owner's cases in a report, by number. A case is included if any of its sightings is in scope.

    Days in the scope are in the given time zone (IANA name).
    """
    rows = list_cases_regardless_of_decision(owner, scope, zone)
    return rows.filter(decision__in=scope.decisions)


def list_cases_regardless_of_decision(owner: Owner, scope: ReportScope, zone: str) -> QuerySet[Case]:
    """Return the cases in scope regardless of their decision, without related pictures that no member has accepted."""
    rows = list_owner_cases(owner).filter(is_related=False)
    if scope.works:
        rows = rows.filter(work__number__in=scope.works)
    sighting_filter = build_sighting_filter(owner, scope, zone)
    return (
        rows.filter(Exists(CaseSighting.objects.filter(sighting_filter, case=OuterRef("pk"))))
        if sighting_filter
        else rows
    )


def build_sighting_filter(owner: Owner, scope: ReportScope, zone: str) -> Q:
    """Return a filter for case sightings by the watch and days of a scope; empty if it has neither."""
    sighting_filter = Q()
    if scope.watch:
        sighting_filter &= Q(sighting__crawl__watch__owner=owner, sighting__crawl__watch__name=scope.watch)
    if scope.first:
        sighting_filter &= Q(sighting__last_seen__gte=_get_start_of_day(scope.first, zone))
    if scope.last:
        sighting_filter &= Q(sighting__first_seen__lt=_get_end_of_day(scope.last, zone))
    return sighting_filter


def list_crawls(owner: Owner, scope: ReportScope, zone: str) -> QuerySet[Crawl]:
    """Return the crawls in a report's scope, oldest first."""
    rows = list_owner_crawls(owner).order_by("started_at", "pk")
    if scope.watch:
        rows = rows.filter(watch__name=scope.watch)
    if scope.first:
        rows = rows.filter(Q(finished_at=None) | Q(finished_at__gte=_get_start_of_day(scope.first, zone)))
    if scope.last:
        rows = rows.filter(started_at__lt=_get_end_of_day(scope.last, zone))
    return rows


def get_period(scope: ReportScope, zone: str) -> tuple[datetime | None, datetime | None]:
    """Return the start and end of a scope's days; None where the scope is open."""
    first = _get_start_of_day(scope.first, zone) if scope.first else None
    return first, _get_end_of_day(scope.last, zone) if scope.last else None


def list_works(owner: Owner, scope: ReportScope) -> QuerySet[Work]:
    """Return the works in a report's scope, by number."""
    rows = list_owner_works(owner).order_by("number")
    return rows.filter(number__in=scope.works) if scope.works else rows


def parse_work_numbers(text: str) -> tuple[int, ...]:
    """Parse work numbers such as ``3, 7-9`` into ascending order.

    Raises:
        InvalidRequestError: The text contains other words, or too many works.
    """
    numbers: set[int] = set()
    for part in filter(None, (word.strip() for word in text.replace("、", ",").replace("，", ",").split(","))):
        first, dash, last = (word.strip() for word in part.replace("–", "-").partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()) or max(len(first), len(last)) > MAX_DIGITS:
            sentence = _("“%(text)s” is not a work number.") % {"text": part[:40]}
            raise InvalidRequestError(sentence, hint=_("Enter numbers such as 3, 7-9."))
        if int(last or first) - int(first) >= MAX_WORKS:
            raise _make_too_many_works_error()
        numbers.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(numbers))


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        sentence = _("“%(text)s” is not a date.") % {"text": text[:40]}
        raise InvalidRequestError(sentence, hint=_("Enter a date such as 2026-11-30.")) from None


def _get_start_of_day(day: str, zone: str) -> datetime:
    return datetime.combine(_parse_day(day), time(), ZoneInfo(zone))


def _get_end_of_day(day: str, zone: str) -> datetime:
    return _get_start_of_day((_parse_day(day) + timedelta(days=1)).isoformat(), zone)


def _make_too_many_works_error() -> InvalidRequestError:
    sentence = _("A report covers at most %(most)s works.") % {"most": MAX_WORKS}
    return InvalidRequestError(sentence, hint=_("Leave the field empty to include all works."))
