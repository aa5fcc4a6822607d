"""Template filters for database rows."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.core.paginator import Page
from django.template import Context
from django.template.defaulttags import querystring
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, gettext_lazy as _

from crawler.searches.mapping import SearchService, UsageConditions
from desk.texts.cases import decider_in_words, decision_in_words, describe_case_for_email, status_in_words
from desk.texts.evidence import service_kind, timestamp_subject
from desk.texts.numbers import counted, grouped, money
from desk.texts.ownership import bulk_edit_in_words
from desk.texts.sentences import in_words
from desk.web.downloads.reports import (
    day_in_words,
    package_heading,
    report_files,
    report_heading,
    report_limits,
    report_title,
)
from indexer.layout.information import COMPOSITION_REASONS
from registry.crawls.archive_captures import ARCHIVE_TITLES
from registry.crawls.crawling import ARCHIVE, MANUAL, MAX_COUNTED, SEARCH
from registry.crawls.revisits import is_revisit_watch
from registry.crawls.search_services import load_services
from registry.crawls.watch_settings import is_list_watch, is_manual_watch, is_unscheduled
from registry.models import Case, Work
from workers import wiring

register = template.Library()
_TEXT_FILTERS = (
    bulk_edit_in_words,
    counted,
    decision_in_words,
    grouped,
    in_words,
    describe_case_for_email,
    money,
    status_in_words,
)
_EVIDENCE_FILTERS = (
    package_heading,
    day_in_words,
    report_files,
    report_heading,
    report_limits,
    report_title,
    decider_in_words,
    service_kind,
    timestamp_subject,
)
for text_filter in (
    *_TEXT_FILTERS,
    *_EVIDENCE_FILTERS,
    is_revisit_watch,
    is_manual_watch,
    is_unscheduled,
    is_list_watch,
):
    register.filter(text_filter.__name__, text_filter)


@register.filter
def grouped_or_more(count: int) -> str:
    """Format a number of URLs, with a plus sign if it reached the counting limit."""
    return grouped(count) + ("+" if count >= MAX_COUNTED else "")


@register.filter
def parties_in_words(parties: Iterable[str]) -> str:
    """Format the sites of a package as a list, or state that no site is named."""
    return gettext(", ").join(filter(None, parties)) or gettext("no site specified")


@register.filter
def listed(values: Iterable[object]) -> str:
    """Format several values as a list in the reader's language."""
    return gettext(", ").join(map(str, values))


@register.filter
def works_in_words(works: Collection[Work], limit: int | None = None) -> str:
    """Format a licence's works as numbers, or as a count if there are more than ``limit``; "all" if it lists none."""
    if limit is not None and len(works) > limit:
        return counted(len(works), "works")
    return listed(work.number for work in works) or gettext("all")


@register.filter
def case_in_words(case: Case) -> str:
    """Format a case as its number and the title of its work."""
    return gettext("Case %(n)s: %(title)s") % {"n": case.number, "title": case.work.title}


@register.filter
def is_composed(reasons: Collection[str]) -> bool:
    """Return True if a work is on hold only because it looks like a collage or a page."""
    return bool(reasons) and COMPOSITION_REASONS.issuperset(reasons)


@register.filter
def service_description(service: SearchService) -> str:
    """Return a search service's description, in the reader's language if available."""
    return service.about_in.get(get_language() or "", service.about)


@register.filter
def service_conditions(service: SearchService) -> UsageConditions:
    """Return a search service's terms, in the reader's language if available."""
    return service.conditions_in.get(get_language() or "", service.conditions)


@register.filter
def search_title(service: str) -> str:
    """Return the name of a search service or archive, or its identifier if it is no longer offered."""
    search_service = load_services(wiring.services().config).get(service)
    return ARCHIVE_TITLES.get(service, service) if search_service is None else search_service.name


@register.filter
def source_title(source: Mapping[str, Any]) -> str:
    """Return the label of a watch's source: a URL or folder, or the name of a search service or archive."""
    if source["kind"] == MANUAL:
        return gettext("Pages requested individually")
    return search_title(source["url"]) if source["kind"] in (SEARCH, ARCHIVE) else str(source["url"])


@register.filter
def parse_time(text: str) -> datetime:
    """Parse a time that is stored as text (RFC 3339)."""
    return datetime.fromisoformat(text)


@register.inclusion_tag("web/list-paging.html", takes_context=True)
def paging_of(context: Context, page: Page[Any], name: str = "page", label: str = "") -> dict[str, object]:
    """Return the pagination links of a list. ``name`` is the query parameter; unless "page", also the section's ID."""

    def build_query(number: int) -> str:
        parameters: dict[str, Any] = {name: number}
        return querystring(context, **parameters) + ("" if name == "page" else f"#{name}")

    previous_query = build_query(page.previous_page_number()) if page.has_previous() else ""
    next_query = build_query(page.next_page_number()) if page.has_next() else ""
    return {"page": page, "label": label or gettext("Pages"), "before": previous_query, "after": next_query}


KIND_LABELS: dict[str, Promise] = {
    "site": _("site (links are followed)"),
    "sitemap": _("sitemap"),
    "feed": _("feed"),
    "list": _("page"),
    "folder": _("folder"),
    "warc": _("web archive"),
    "search": _("image search or marketplace, queried with your own key"),
    "archive": _("web archive, queried for domains"),
    "bulk": _("bulk URL lists"),
    "hand": _("one visit per page"),
}


@register.filter
def kind_in_words(kind: str) -> str:
    """Return the name of a type of watch source."""
    return str(KIND_LABELS.get(kind, kind))
