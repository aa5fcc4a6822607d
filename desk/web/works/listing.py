"""List of works: search, sorting, selection and bulk edits."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from desk.texts import ownership
from desk.texts.numbers import grouped
from desk.web.common.access import clean_text, parse_number
from desk.web.common.pages import ROWS_PER_PAGE, ErrorMessages, decider_post, get_page, member_page
from registry import scoped
from registry.cases import work_search
from registry.matches import proposals
from registry.models import Flood, Owner, OwnershipRemark, Work
from registry.works import bulk
from registry.works.collections import (
    ADD,
    REMOVE,
    get_collection,
    list_collections,
    remove_collection,
    rename_collection,
)
from workers import wiring

FILTERS = (
    ("", _("All")),
    (work_search.WorkListFilter.WITH_OWNERSHIP_WARNINGS, _("With ownership warnings")),
    (work_search.WorkListFilter.LOW_INFORMATION, _("Matches always need review")),
    (work_search.WorkListFilter.WITH_CASES, _("Seen on the web")),
    (work_search.WorkListFilter.WITHOUT_AUTHOR, _("No author")),
    (work_search.WorkListFilter.ON_HOLD, _("On hold")),
    (work_search.WorkListFilter.WITH_RELATED_WORKS, _("Related works")),
)
SORTS = (
    (work_search.WorkOrder.NEWEST, _("Newest first")),
    (work_search.WorkOrder.OLDEST, _("Oldest first")),
    (work_search.WorkOrder.TITLE, _("By title")),
    (work_search.WorkOrder.AUTHOR, _("By author")),
)
EDITS = (
    (ADD, _("Add to collection")),
    (REMOVE, _("Remove from collection")),
    *((name, ownership.FIELD_LABELS[name]) for name in bulk.FIELDS if name not in ("medium", "author_kind")),
)
"""Bulk edits that the list offers. Further ones are available through the API."""


@dataclass(frozen=True, slots=True)
class WorkCard:
    """Work as shown in a list."""

    work: Work
    cases: int
    on_hold: bool
    warnings: list[str]  # Unanswered ownership warnings.


def prefetch_cards(rows: QuerySet[Work]) -> QuerySet[Work]:
    """Prefetch the relations that the cards of works need, so that few queries are needed."""
    open_warnings = OwnershipRemark.objects.filter(answered_at=None)
    return rows.defer("metadata").prefetch_related(
        "pictures", "conflicts", Prefetch("remarks", open_warnings, to_attr="doubts")
    )


def build_cards(rows: Iterable[Work]) -> list[WorkCard]:
    """Return the cards of works fetched with :func:`prefetch_cards`."""
    works = list(rows)
    counts = work_search.count_cases_by_work(works)
    on_hold = set(Flood.list_active().filter(work__in=works).values_list("work", flat=True))
    return [WorkCard(row, counts.get(row.pk, 0), row.pk in on_hold, ownership.summarize_warnings(row)) for row in works]


@dataclass(frozen=True, slots=True)
class ListFilters:
    """Filters and order of the list."""

    words: str
    only: str
    upload: int | None
    collection: int | None
    sort: str

    @classmethod
    def from_query(cls, query: QueryDict) -> Self:
        """Parse a query string or hidden form fields."""
        sort, upload, collection = (query.get(name) for name in ("sort", "upload", "collection"))
        order = sort if sort in set(work_search.WorkOrder) else work_search.WorkOrder.NEWEST
        return cls(
            clean_text(query.get("q", "")), query.get("only", ""), parse_number(upload), parse_number(collection), order
        )

    def find_works(self, owner: Owner) -> QuerySet[Work]:
        """Return the matching works."""
        return work_search.search_works(owner, self.words, self.only, self.upload, self.collection)

    @property
    def has_filters(self) -> bool:
        """True if a filter is set."""
        return bool(self.words or self.only or self.upload or self.collection)


@member_page("web/works.html")
def works(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's works, filtered and sorted."""
    query, counts = request.GET, work_search.count_by_filter(owner)
    list_filters = ListFilters.from_query(query)
    rows = list_filters.find_works(owner)
    before, after = parse_number(query.get("before")), parse_number(query.get("after"))
    list_page = work_search.list_works_page(prefetch_cards(rows), list_filters.sort, before, after, ROWS_PER_PAGE)
    collections = list(list_collections(owner))
    return {
        "piece": list_page,
        "cards": build_cards(list_page.works),
        "list_filters": list_filters,
        "count": rows.count() if list_filters.has_filters else counts[""],
        "has_works": counts[""] > 0,
        "choices": [
            (value, f"{label} {grouped(counts[value])}")
            for value, label in FILTERS
            if counts[value] or value in ("", list_filters.only)
        ],
        "sorts": SORTS,
        "collections": [("", _("all collections")), *((row.number, row.name) for row in collections)],
        "collection": next((row for row in collections if row.number == list_filters.collection), None),
        "done": scoped.list_bulk_edits(owner).filter(number=parse_number(query.get("bulk")) or 0).first(),
        "whats": EDITS,
        "proposed": proposals.list_open_proposals(owner).count(),
    }


@decider_post()
def edit_works(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Edit the selected works, or all works that match the filters."""
    fields = request.POST
    numbers = [number for text in fields.getlist("work")[:ROWS_PER_PAGE] if (number := parse_number(text)) is not None]
    selected_works = (
        ListFilters.from_query(fields).find_works(owner)
        if "all" in fields
        else scoped.list_owner_works(owner).filter(number__in=numbers)
    )
    query = QueryDict(mutable=True)
    query.update({name: fields[name] for name in ("q", "only", "upload", "collection", "sort") if fields.get(name)})
    with ErrorMessages(request):
        field_name, value, reason = (clean_text(fields.get(name, "")) for name in ("what", "value", "reason"))
        by = request.user.get_username()
        new_edit = bulk.start_bulk_edit(
            wiring.services(), owner, selected_works, field_name, value, by=by, reason=reason
        )
        query["bulk"] = str(new_edit.number)
    return redirect(f"{reverse('works', args=[owner.slug])}?{query.urlencode()}")


@member_page("web/works-changes.html")
def bulk_edits(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show past bulk edits, newest first."""
    return {"page": get_page(request, scoped.list_bulk_edits(owner))}


@member_page("web/works-change.html")
def bulk_edit(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the progress of a bulk edit, as a fragment."""
    return {"done": scoped.get_bulk_edit(owner, number)}


@decider_post(back="bulk-edits")
def undo_bulk_edit(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Undo a bulk edit."""
    row = scoped.get_bulk_edit(owner, number)
    undo_edit = bulk.undo_bulk_edit(wiring.services(), row, by=request.user.get_username())
    return redirect(f"{reverse('works', args=[owner.slug])}?bulk={undo_edit.number}")


@decider_post()
def change_collection(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Rename or remove a collection. Its works are kept."""
    row, by = get_collection(owner, number), request.user.get_username()
    if request.POST.get("do") == "remove":
        remove_collection(row, by=by)
        messages.success(request, _("The collection was removed; its works are kept."))
        return redirect("works", slug=owner.slug)
    with ErrorMessages(request):
        rename_collection(row, clean_text(request.POST.get("name", "")), by=by)
    return redirect(f"{reverse('works', args=[owner.slug])}?collection={number}")
