"""Search of an owner's works, and the counts and dates shown in lists of works."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest, Lower

from registry.accounts.models import Owner
from registry.cases.models import Case, Flood
from registry.cases.recaptures import build_last_online_subquery
from registry.crawls.models import Sighting
from registry.pictures.models import BytesState
from registry.works import scoped
from registry.works.models import Collection, OwnershipRemark, RegistrationConflict, UploadFile, Work, WorkPicture
from registry.works.relations import list_active_relations


class WorkListFilter(StrEnum):
    """Filter for works.

    `doubtful` (ownership warnings), `unsafe` (no match can be certain), `seen` (has cases), `authorless` (no author),
    `held` (on hold) or `related` (common content with another work).
    """

    WITH_OWNERSHIP_WARNINGS = "doubtful"
    LOW_INFORMATION = "unsafe"
    WITH_CASES = "seen"
    WITHOUT_AUTHOR = "authorless"
    ON_HOLD = "held"
    WITH_RELATED_WORKS = "related"


class WorkOrder(StrEnum):
    """The order of works."""

    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"
    AUTHOR = "author"


_SORT_EXPRESSIONS = {WorkOrder.TITLE: Lower("title"), WorkOrder.AUTHOR: F("author")}
"""Sort expressions that precede the work number; the database has indexes for them."""


@dataclass(frozen=True, slots=True)
class WorkListPage:
    """A page of a list of works, with the numbers from which neighbouring pages are requested."""

    works: list[Work]
    before: int | None  # request works before this number, in list order; ``None`` on the first page
    after: int | None


def search_works(
    owner: Owner, query: str = "", work_filter: str = "", upload: int | None = None, collection: int | None = None
) -> QuerySet[Work]:
    """Return the owner's works, newest first, that match all words in their title, author, holder, file name or number.

    Parts of words match.

    Args:
        owner: The owner.
        query: Search words.
        work_filter: A :class:`WorkListFilter` value, or empty.
        upload: Number of the upload that added the works.
        collection: Number of a collection that contains them.
    """
    rows = scoped.list_owner_works(owner).order_by("-number")
    for word in query.lower().split()[:10]:
        number = Q(number=int(word)) if word.isascii() and word.isdecimal() and len(word) < 10 else Q(pk__in=[])
        rows = rows.filter(Q(words__contains=word) | number)
    if work_filter in set(WorkListFilter):
        rows = rows.filter(_build_filter_condition(owner, WorkListFilter(work_filter)))
    if collection is not None:
        membership = Collection.works.through._default_manager.filter(
            collection__owner=owner, collection__number=collection
        )
        rows = rows.filter(pk__in=membership.values("work"))
    if upload is not None:
        upload_files = UploadFile.objects.filter(upload__owner=owner, upload__number=upload, outcome="registered")
        rows = rows.filter(Exists(upload_files.filter(work=OuterRef("pk"))))
    return rows


def list_works_page(rows: QuerySet[Work], sort: str, before: int | None, after: int | None, size: int) -> WorkListPage:
    """Return a page of sorted works.

    Args:
        rows: The works to list.
        sort: A :class:`WorkOrder` value.
        before: Return the page before the work with this number.
        after: Return the page after the work with this number; the first page if both are ``None``.
        size: Maximum number of works.
    """
    key, is_descending = _SORT_EXPRESSIONS.get(WorkOrder(sort)), sort == WorkOrder.NEWEST
    rows, is_backward = rows.annotate(key=key) if key is not None else rows, before is not None
    boundary_rows = Work.objects.filter(owner__in=rows.values("owner")[:1], number=before if is_backward else after)
    boundary = boundary_rows.annotate(key=key or F("number")).values_list("key", "number").first()
    if boundary is not None:
        comparison = "lt" if is_backward != is_descending else "gt"
        condition = Q(**{f"number__{comparison}": boundary[1]})
        if key is not None:  # redundant, but lets the index scan start at the first key
            condition = Q(**{f"key__{comparison}e": boundary[0]}) & (
                Q(**{f"key__{comparison}": boundary[0]}) | condition
            )
        rows = rows.filter(condition)
    order = ["number"] if key is None else ["key", "number"]
    works = list(rows.order_by(*(f"-{name}" if is_backward != is_descending else name for name in order))[: size + 1])
    has_more_works, works = len(works) > size, works[:size]
    works = works[::-1] if is_backward else works
    if not works:
        return WorkListPage(works, None, None)
    first_number, last_number = works[0].number, works[-1].number
    return WorkListPage(
        works,
        first_number if (has_more_works if is_backward else boundary) else None,
        last_number if is_backward or has_more_works else None,
    )


def count_by_filter(owner: Owner) -> dict[str, int]:
    """Count the owner's works by :class:`WorkListFilter` value; the empty string is the key for all works."""
    rows = scoped.list_owner_works(owner).order_by()
    totals = {"": rows.count()} | {
        work_filter: rows.filter(_build_filter_condition(owner, work_filter)).count()
        for work_filter in WorkListFilter
        if work_filter != WorkListFilter.WITH_CASES
    }
    removed_works = Work.objects.filter(owner=owner).exclude(removed_at=None)  # few rows, so this is faster than a join
    cases = Case.objects.filter(owner=owner, is_related=False).exclude(work__in=removed_works)
    return totals | cases.aggregate(seen=Count("work", distinct=True))


def _build_filter_condition(owner: Owner, work_filter: WorkListFilter) -> Q:
    """Build the condition of a filter. Filters that match few rows are subqueries, which are evaluated first."""
    related_rows = list_active_relations().filter(work__owner=owner)
    match work_filter:
        case WorkListFilter.WITH_OWNERSHIP_WARNINGS:
            conflicts = RegistrationConflict.objects.filter(work__owner=owner).values("work")
            return Q(pk__in=OwnershipRemark.objects.filter(answered_at=None).values("work").union(conflicts))
        case WorkListFilter.LOW_INFORMATION:
            return ~Q(low_information=[])
        case WorkListFilter.WITH_CASES:
            return Q(pk__in=Case.objects.filter(owner=owner, is_related=False).values("work"))
        case WorkListFilter.WITHOUT_AUTHOR:
            return Q(author="")
        case WorkListFilter.ON_HOLD:
            return Q(pk__in=Flood.list_active().values("work"))
        case WorkListFilter.WITH_RELATED_WORKS:
            return Q(pk__in=related_rows.values("work").union(related_rows.values("other")))


def count_cases_by_work(works: Iterable[Work]) -> dict[int, int]:
    """Count the cases of each work, by primary key; works without cases are omitted."""
    rows = Case.objects.filter(work__in=[work.pk for work in works], is_related=False).order_by().values_list("work")
    return dict(rows.annotate(count=Count("pk")))


def build_thumbnail_subquery(work_pictures: QuerySet[WorkPicture]) -> Subquery:
    """Build a subquery for the digest of the first stored picture of the given work pictures."""
    stored_pictures = work_pictures.exclude(picture__bytes_state__in=(BytesState.NEVER, BytesState.PURGED))
    return Subquery(stored_pictures.order_by("pk").values("picture__digest")[:1])


def annotate_seen_times(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Return cases, newest first, annotated with the times of the first and last sighting of their pictures."""
    sightings = Sighting.objects.filter(case_sightings__case=OuterRef("pk"))
    first_seen_query = Subquery(sightings.order_by("first_seen").values("first_seen")[:1])
    last_sighting_query = Subquery(sightings.order_by(F("last_seen").desc(nulls_last=True)).values("last_seen")[:1])
    last_seen = Greatest(last_sighting_query, build_last_online_subquery(case=OuterRef("pk")))
    return cases.annotate(first_seen=first_seen_query, last_seen=last_seen).order_by("-number")
