"""What pages ask of rows."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.core.paginator import Page
from django.template import Context
from django.template.defaulttags import querystring
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, gettext_lazy as _

from crawler.searches.mapping import Conditions, Service
from desk.texts.cases import decision_in_words, mailed, standing_in_words, who_in_words
from desk.texts.evidence import witness_kind, witness_subject
from desk.texts.numbers import counted, grouped, money
from desk.texts.ownership import bulk_in_words
from desk.texts.sentences import in_words
from desk.web.downloads.reports import bundles_for, day_in_words, files_of, heading_of, limits_of, title_of
from indexer.layout.information import COMPOSED
from registry.crawls.captures import TITLES
from registry.crawls.crawling import ARCHIVE, HAND, MAX_COUNTED, SEARCH
from registry.crawls.revisits import is_past
from registry.crawls.search_services import services
from registry.crawls.watching import looks_by_hand, runs_once, takes_lists
from registry.models import Case, Work
from workers import wiring

register = template.Library()
_WORDS = (
    bulk_in_words,
    counted,
    decision_in_words,
    grouped,
    in_words,
    mailed,
    money,
    standing_in_words,
)
_WORDS_OF_EVIDENCE = (
    bundles_for,
    day_in_words,
    files_of,
    heading_of,
    limits_of,
    title_of,
    who_in_words,
    witness_kind,
    witness_subject,
)
for said in (*_WORDS, *_WORDS_OF_EVIDENCE, is_past, looks_by_hand, runs_once, takes_lists):
    register.filter(said.__name__, said)


@register.filter
def grouped_or_more(count: int) -> str:
    """A number of addresses, which aren't counted any further than to a limit."""
    return grouped(count) + ("+" if count >= MAX_COUNTED else "")


@register.filter
def parties_in_words(parties: Iterable[str]) -> str:
    """The parties of what was put together; that there is none where no case names one."""
    return gettext(", ").join(filter(None, parties)) or gettext("no party named")


@register.filter
def listed(values: Iterable[object]) -> str:
    """Several things as a list in the reader's language."""
    return gettext(", ").join(map(str, values))


@register.filter
def works_in_words(works: Collection[Work], most: int | None = None) -> str:
    """The works of a licence by their numbers, or how many where there are more than ``most``; none stand for all."""
    if most is not None and len(works) > most:
        return counted(len(works), "works")
    return listed(work.number for work in works) or gettext("all")


@register.filter
def case_in_words(case: Case) -> str:
    """A case by its number, and the title of its work."""
    return gettext("Case %(n)s: %(title)s") % {"n": case.number, "title": case.work.title}


@register.filter
def is_composed(reasons: Collection[str]) -> bool:
    """Whether a work is held back only because it was taken for a collage or a page."""
    return bool(reasons) and COMPOSED.issuperset(reasons)


@register.filter
def about(service: Service) -> str:
    """What a search says of itself in the reader's language, if it speaks it."""
    return service.about_in.get(get_language() or "", service.about)


@register.filter
def conditions(service: Service) -> Conditions:
    """What asking a search means, in the reader's language, if it speaks it."""
    return service.conditions_in.get(get_language() or "", service.conditions)


@register.filter
def search_title(service: str) -> str:
    """What people call a search or an archive; its short name where the operator no longer offers it."""
    found = services(wiring.services().config).get(service)
    return TITLES.get(service, service) if found is None else found.name


@register.filter
def source_title(source: Mapping[str, Any]) -> str:
    """What a watch looks at: an address or a folder as it is, a search or an archive by its name."""
    if source["kind"] == HAND:
        return gettext("Pages that somebody asked for")
    return search_title(source["url"]) if source["kind"] in (SEARCH, ARCHIVE) else str(source["url"])


@register.filter
def moment(text: str) -> datetime:
    """A time that a row keeps as text (RFC 3339)."""
    return datetime.fromisoformat(text)


@register.inclusion_tag("web/list-paging.html", takes_context=True)
def paging_of(context: Context, page: Page[Any], name: str = "page", label: str = "") -> dict[str, object]:
    """The way through a list; of one among several, name is that of its section, and of its part in the address."""

    def part(number: int) -> str:
        asked: dict[str, Any] = {name: number}
        return querystring(context, **asked) + ("" if name == "page" else f"#{name}")

    before = part(page.previous_page_number()) if page.has_previous() else ""
    after = part(page.next_page_number()) if page.has_next() else ""
    return {"page": page, "label": label or gettext("Pages"), "before": before, "after": after}


KINDS: dict[str, Promise] = {
    "site": _("site, followed from here"),
    "sitemap": _("sitemap"),
    "feed": _("feed"),
    "list": _("page"),
    "folder": _("folder"),
    "warc": _("web archive"),
    "search": _("image search or marketplace, asked with your own key"),
    "archive": _("web archive, asked what it holds of domains"),
    "bulk": _("lists of addresses in bulk"),
    "hand": _("each once"),
}


@register.filter
def kind_in_words(kind: str) -> str:
    """What a source of a watch is."""
    return str(KINDS.get(kind, kind))
