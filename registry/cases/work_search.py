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
from registry.works.relations import living


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
class Piece:
    """A page of a list of works, with the numbers from which neighbouring pages are requested."""

    works: list[Work]
    before: int | None  # request works before this number, in list order; ``None`` on the first page
    after: int | None


def search(
    of: Owner, words: str = "", only: str = "", upload: int | None = None, collection: int | None = None
) -> QuerySet[Work]:
    """Return the owner's works, newest first, that match all words in their title, author, holder, file name or number.

    Parts of words match.

    Args:
        of: The owner.
        words: Search words.
        only: An :class:`Only` value, or empty.
        upload: Number of the upload that added the works.
        collection: Number of a collection that contains them.
    """
    rows = scoped.works(of).order_by("-number")
    for word in words.lower().split()[:10]:
        number = Q(number=int(word)) if word.isascii() and word.isdecimal() and len(word) < 10 else Q(pk__in=[])
        rows = rows.filter(Q(words__contains=word) | number)
    if only in set(Only):
        rows = rows.filter(_which(of, Only(only)))
    if collection is not None:
        within = Collection.works.through._default_manager.filter(collection__owner=of, collection__number=collection)
        rows = rows.filter(pk__in=within.values("work"))
    if upload is not None:
        brought = UploadFile.objects.filter(upload__owner=of, upload__number=upload, outcome="registered")
        rows = rows.filter(Exists(brought.filter(work=OuterRef("pk"))))
    return rows


def piece(rows: QuerySet[Work], sort: str, before: int | None, after: int | None, size: int) -> Piece:
    """Return a page of works in an order, before or after the work with a number, or the first page without one."""
    key, down = _KEYS.get(Sort(sort)), sort == Sort.NEWEST
    rows, back = rows.annotate(key=key) if key is not None else rows, before is not None
    edge = Work.objects.filter(owner__in=rows.values("owner")[:1], number=before if back else after)
    at = edge.annotate(key=key or F("number")).values_list("key", "number").first()
    if at is not None:
        way = "lt" if back != down else "gt"
        beyond = Q(**{f"number__{way}": at[1]})
        if key is not None:  # the first key alone determines where the index scan starts
            beyond = Q(**{f"key__{way}e": at[0]}) & (Q(**{f"key__{way}": at[0]}) | beyond)
        rows = rows.filter(beyond)
    order = ["number"] if key is None else ["key", "number"]
    works = list(rows.order_by(*(f"-{name}" if back != down else name for name in order))[: size + 1])
    more, works = len(works) > size, works[:size]
    works = works[::-1] if back else works
    if not works:
        return Piece(works, None, None)
    first, last = works[0].number, works[-1].number
    return Piece(works, first if (more if back else at) else None, last if back or more else None)


def counts(of: Owner) -> dict[str, int]:
    """Count the owner's works by :class:`Only` value; the empty string stands for all."""
    rows = scoped.works(of).order_by()
    totals = {"": rows.count()} | {only: rows.filter(_which(of, only)).count() for only in Only if only != Only.SEEN}
    removed = Work.objects.filter(owner=of).exclude(removed_at=None)  # few rows, so works with cases need no join
    cases = Case.objects.filter(owner=of, resembles=False).exclude(work__in=removed)
    return totals | cases.aggregate(seen=Count("work", distinct=True))


def _which(of: Owner, only: Only) -> Q:
    """Return the condition of a filter. Filters that match few rows are subqueries, which are evaluated first."""
    related = living().filter(work__owner=of)
    match only:
        case Only.DOUBTFUL:
            conflicts = RegistrationConflict.objects.filter(work__owner=of).values("work")
            return Q(pk__in=OwnershipRemark.objects.filter(answered_at=None).values("work").union(conflicts))
        case Only.UNSAFE:
            return ~Q(low_information=[])
        case Only.SEEN:
            return Q(pk__in=Case.objects.filter(owner=of, resembles=False).values("work"))
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


def seen_in(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Return cases, newest first, annotated with the times of the first and last sighting of their pictures."""
    sightings = Sighting.objects.filter(case_sightings__case=OuterRef("pk"))
    first = Subquery(sightings.order_by("first_seen").values("first_seen")[:1])
    last = Subquery(sightings.order_by(F("last_seen").desc(nulls_last=True)).values("last_seen")[:1])
    last_seen = Greatest(last, last_online(case=OuterRef("pk")))
    return cases.annotate(first_seen=first, last_seen=last_seen).order_by("-number")
