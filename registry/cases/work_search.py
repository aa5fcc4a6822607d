"""Search of an owner's works, and the counts and dates shown in lists of works."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest, Lower

from registry.accounts.models import Owner
from registry.cases.models import Case, Flood
from registry.cases.recaptures import last_online
from registry.crawls.models import Sighting
from registry.pictures.models import BytesState
from registry.works import scoped
from registry.works.models import Collection, OwnershipRemark, RegistrationConflict, UploadFile, Work, WorkPicture
from registry.works.relations import list_active


class Only(StrEnum):
    """A filter for works."""

    DOUBTFUL = "doubtful"
    UNSAFE = "unsafe"
    SEEN = "seen"
    AUTHORLESS = "authorless"
    HELD = "held"
    RELATED = "related"


class Sort(StrEnum):
    """The order of works."""

    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"
    AUTHOR = "author"


_KEYS = {Sort.TITLE: Lower("title"), Sort.AUTHOR: F("author")}
"""Sort expressions that precede the work number; the database has indexes for them."""


@dataclass(frozen=True, slots=True)
class WorkListPage:
    """A page of a list of works, with the numbers from which neighbouring pages are requested."""

    works: list[Work]
    before: int | None  # request works before this number, in list order; ``None`` on the first page
    after: int | None


def search_works(
    owner: Owner, query: str = "", only: str = "", upload: int | None = None, collection: int | None = None
) -> QuerySet[Work]:
    """Return the owner's works, newest first, that match all words in their title, author, holder, file name or number.

    Parts of words match.

    Args:
        owner: The owner.
        query: Search words.
        only: An :class:`Only` value, or empty.
        upload: Number of the upload that added the works.
        collection: Number of a collection that contains them.
    """
    rows = scoped.works(owner).order_by("-number")
    for word in query.lower().split()[:10]:
        number = Q(number=int(word)) if word.isascii() and word.isdecimal() and len(word) < 10 else Q(pk__in=[])
        rows = rows.filter(Q(words__contains=word) | number)
    if only in set(Only):
        rows = rows.filter(_filter_condition(owner, Only(only)))
    if collection is not None:
        membership = Collection.works.through._default_manager.filter(
            collection__owner=owner, collection__number=collection
        )
        rows = rows.filter(pk__in=membership.values("work"))
    if upload is not None:
        upload_files = UploadFile.objects.filter(upload__owner=owner, upload__number=upload, outcome="registered")
        rows = rows.filter(Exists(upload_files.filter(work=OuterRef("pk"))))
    return rows


def list_page(rows: QuerySet[Work], sort: str, before: int | None, after: int | None, size: int) -> WorkListPage:
    """Return a page of works in an order, before or after the work with a number, or the first page without one."""
    key, is_descending = _KEYS.get(Sort(sort)), sort == Sort.NEWEST
    rows, is_backward = rows.annotate(key=key) if key is not None else rows, before is not None
    boundary_rows = Work.objects.filter(owner__in=rows.values("owner")[:1], number=before if is_backward else after)
    boundary = boundary_rows.annotate(key=key or F("number")).values_list("key", "number").first()
    if boundary is not None:
        comparison = "lt" if is_backward != is_descending else "gt"
        condition = Q(**{f"number__{comparison}": boundary[1]})
        if key is not None:  # the first key alone determines where the index scan starts
            condition = Q(**{f"key__{comparison}e": boundary[0]}) & (
                Q(**{f"key__{comparison}": boundary[0]}) | condition
            )
        rows = rows.filter(condition)
    order = ["number"] if key is None else ["key", "number"]
    works = list(rows.order_by(*(f"-{name}" if is_backward != is_descending else name for name in order))[: size + 1])
    has_more, works = len(works) > size, works[:size]
    works = works[::-1] if is_backward else works
    if not works:
        return WorkListPage(works, None, None)
    first, last = works[0].number, works[-1].number
    return WorkListPage(
        works, first if (has_more if is_backward else boundary) else None, last if is_backward or has_more else None
    )


def count_by_filter(owner: Owner) -> dict[str, int]:
    """Count the owner's works by :class:`Only` value; the empty string stands for all."""
    rows = scoped.works(owner).order_by()
    totals = {"": rows.count()} | {
        only: rows.filter(_filter_condition(owner, only)).count() for only in Only if only != Only.SEEN
    }
    removed = Work.objects.filter(owner=owner).exclude(removed_at=None)  # few rows, so works with cases need no join
    cases = Case.objects.filter(owner=owner, resembles=False).exclude(work__in=removed)
    return totals | cases.aggregate(seen=Count("work", distinct=True))


def _filter_condition(owner: Owner, only: Only) -> Q:
    """Return the condition of a filter. Filters that match few rows are subqueries, which are evaluated first."""
    related = list_active().filter(work__owner=owner)
    match only:
        case Only.DOUBTFUL:
            conflicts = RegistrationConflict.objects.filter(work__owner=owner).values("work")
            return Q(pk__in=OwnershipRemark.objects.filter(answered_at=None).values("work").union(conflicts))
        case Only.UNSAFE:
            return ~Q(low_information=[])
        case Only.SEEN:
            return Q(pk__in=Case.objects.filter(owner=owner, resembles=False).values("work"))
        case Only.AUTHORLESS:
            return Q(author="")
        case Only.HELD:
            return Q(pk__in=Flood.in_force().values("work"))
        case Only.RELATED:
            return Q(pk__in=related.values("work").union(related.values("other")))


def case_counts(works: Iterable[Work]) -> dict[int, int]:
    """Count the cases of each work, by primary key; works without cases are left out."""
    rows = Case.objects.filter(work__in=[work.pk for work in works], resembles=False).order_by().values_list("work")
    return dict(rows.annotate(count=Count("pk")))


def thumbnail(works: QuerySet[WorkPicture]) -> Subquery:
    """Return a subquery for the digest of the first stored picture among the works' pictures."""
    stored = works.exclude(picture__bytes_state__in=(BytesState.NEVER, BytesState.PURGED))
    return Subquery(stored.order_by("pk").values("picture__digest")[:1])


def annotate_seen_times(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Return cases, newest first, annotated with the times of the first and last sighting of their pictures."""
    sightings = Sighting.objects.filter(case_sightings__case=OuterRef("pk"))
    first = Subquery(sightings.order_by("first_seen").values("first_seen")[:1])
    last = Subquery(sightings.order_by(F("last_seen").desc(nulls_last=True)).values("last_seen")[:1])
    last_seen = Greatest(last, last_online(case=OuterRef("pk")))
    return cases.annotate(first_seen=first, last_seen=last_seen).order_by("-number")
